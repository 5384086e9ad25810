"""The database: its engine and sessions. Its URL is the one setting that names it."""

from typing import Any, cast

from flask import Flask, current_app, g
from sqlalchemy import Engine, Pool, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Session

from app.flask_config import config_of


class Base(DeclarativeBase):
    """What every model inherits."""


def install(app: Flask) -> None:
    """Connect the application to its database; nothing is opened before the first use."""
    app.extensions["engine"] = connect_to(config_of(app).database_url)
    app.teardown_appcontext(_close)


def connect_to(url: str, poolclass: type[Pool] | None = None) -> Engine:
    """Prepare connections to a database.

    Args:
        url: Where it is.
        poolclass: How connections are kept; by default as the database's driver likes it.
    """
    # Parameters are login ids and password hashes, which have no place in a log.
    made = create_engine(url, hide_parameters=True, poolclass=poolclass)
    if made.dialect.name == "sqlite":
        event.listen(made, "connect", _configure_sqlite)
    return made


def engine() -> Engine:
    """The database of the current application."""
    return cast("Engine", current_app.extensions["engine"])


def session() -> Session:
    """The database session of the current request or command."""
    if "database" not in g:
        g.database = Session(engine())
    return cast("Session", g.database)


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
