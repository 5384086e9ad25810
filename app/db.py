"""The database: engine, sessions and migrations. Its URL is the one setting that names it."""

import logging
from typing import Any, cast

from flask import Flask, current_app, g
from flask_alembic import Alembic
from sqlalchemy import create_engine, event
from sqlalchemy.orm import DeclarativeBase, Session

from app.flask_config import config_of


class Base(DeclarativeBase):
    """What every model inherits."""


def install(app: Flask) -> None:
    """Connect the application to its database; nothing is opened before the first use."""
    engine = create_engine(config_of(app).database_url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
    app.extensions["engine"] = engine
    Alembic(app, run_mkdir=False, metadatas=Base.metadata, engines=engine)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    app.teardown_appcontext(_close)


def session() -> Session:
    """The database session of the current request or command."""
    if "database" not in g:
        g.database = Session(current_app.extensions["engine"])
    return cast("Session", g.database)


def migrations() -> Alembic:
    """The current application's migrations."""
    return cast("Alembic", current_app.extensions["alembic"])


def _close(_error: BaseException | None) -> None:
    if "database" in g:
        g.pop("database").close()


def _configure_sqlite(connection: Any, _record: Any) -> None:
    """Let SQLite readers and a writer work at once, wait for locks, and keep references true."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA busy_timeout = 5000")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
