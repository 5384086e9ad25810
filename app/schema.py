"""Bringing the database's tables to what the code needs.

Apart from `app.db`, because Alembic takes as long to import as the rest of the site, and only
commands need it.
"""

import logging
import traceback
from enum import Enum
from pathlib import Path
from typing import Any, cast

from alembic.runtime.migration import MigrationContext, MigrationInfo
from flask import Flask, current_app
from flask_alembic import Alembic
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, StaticPool

from app import db, tables
from app.fit import misfits
from app.flask_config import config_of
from app.models import User
from app.tables import Tables

METADATA = User.metadata
MIGRATIONS = Path(__file__).parent / "migrations"
_log = logging.getLogger(__name__)


class MigrationError(RuntimeError):
    """The tables could not be brought to what the code needs, and are as they were."""


class State(Enum):
    """How the tables compare to what this release's migrations make."""

    CURRENT = "up to date"
    BEHIND = "behind"
    NEWER = "newer than this release needs"


def install(app: Flask) -> None:
    """Give an application its migrations; nothing is opened before the first use."""
    _install(app, _migrating(db.connect_to(config_of(app).database_url, poolclass=NullPool)))


def state() -> State:
    """Compare the tables of the current application to this release's migrations."""
    with db.engine().connect() as connection:
        recorded = set(MigrationContext.configure(connection).get_current_heads())
    scripts = _alembic().script_directory
    if recorded - {script.revision for script in scripts.walk_revisions()}:
        return State.NEWER
    return State.CURRENT if recorded == set(scripts.get_heads()) else State.BEHIND


def upgrade() -> str:
    """Run the migrations that are missing: all of them, or none.

    Returns:
        The revision that the tables have now.

    Raises:
        MigrationError: If a migration fails; the text says which, where and why.
    """
    try:
        _alembic().upgrade()
    except MigrationError:
        raise
    except Exception as error:
        _log.debug("a migration failed", exc_info=error)
        raise MigrationError(f"{_place(error)}: {_cause(error)}") from error
    return ", ".join(_alembic().script_directory.get_heads())


def made() -> Tables:
    """Describe the tables that this release's migrations make, without touching the database."""
    scratch = Flask(__name__)
    engine = _migrating(db.connect_to("sqlite://", poolclass=StaticPool))
    _install(scratch, engine)
    with scratch.app_context():
        upgrade()
        return tables.describe(engine)


def needed() -> Tables:
    """Describe the tables that this release's code works with, without touching the database."""
    engine = db.connect_to("sqlite://", poolclass=StaticPool)
    METADATA.create_all(engine)
    described = tables.describe(engine)
    engine.dispose()
    return described


def misfits_here() -> list[str]:
    """Say what would break this release on the tables as they are, maybe left by a newer one."""
    return misfits(needed(), tables.describe(db.engine()))


def _install(app: Flask, engine: Engine) -> None:
    app.config["ALEMBIC"] = {"script_location": str(MIGRATIONS)}
    app.config["ALEMBIC_CONTEXT"] = {
        "transactional_ddl": True,
        "on_version_apply": _check_references,
    }
    Alembic(app, run_mkdir=False, command_name="", metadatas=METADATA, engines=engine)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _alembic() -> Alembic:
    return cast("Alembic", current_app.extensions["alembic"])


def _migrating(engine: Engine) -> Engine:
    """Make an engine's transactions hold changes of tables, too.

    Python begins SQLite's transactions only before it writes rows, so changes of tables would be
    outside. Requests are better off that way: they hold no snapshot between reading and writing,
    and so can always wait for a writer. Hence an engine for migrations only.
    """
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _ignore_references)
        event.listen(engine, "begin", _begin)
    return engine


def _ignore_references(connection: Any, _record: Any) -> None:
    # Changing a table may mean copying it and dropping the original, which would delete the rows
    # that refer to it. They are checked afterwards instead.
    connection.execute("PRAGMA foreign_keys = OFF")


def _begin(connection: Connection) -> None:
    # At once, so that a second migration waits for the first before it looks what is missing.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _check_references(ctx: MigrationContext, step: MigrationInfo, **_: Any) -> None:
    connection = ctx.connection
    if connection is None or connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken:
        raise MigrationError(
            f"migration {step.up_revision_id}: it leaves rows of {broken[0]} that refer to missing "
            f"rows of {broken[2]}"
        )


def _place(error: Exception) -> str:
    """The line of a migration that an error came from."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).parent == MIGRATIONS:
            return f"migration {Path(frame.filename).name}, line {frame.lineno}"
    return "migrations"


def _cause(error: Exception) -> str:
    """What the database said, or else what Python did."""
    if isinstance(error, DBAPIError):
        return str(error.orig)
    return f"{type(error).__name__}: {error}"
