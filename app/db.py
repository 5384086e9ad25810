"""The database: engine, sessions and migrations. Its URL is the one setting that names it."""

import logging
from typing import Any

from flask import Flask
from flask_alembic import Alembic
from flask_sqlalchemy_lite import SQLAlchemy
from sqlalchemy import Engine, event
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """What every model inherits."""


db = SQLAlchemy()
alembic = Alembic(metadatas=Base.metadata, run_mkdir=False)


def install(app: Flask) -> None:
    """Connect the application to its database; nothing is opened before the first use."""
    db.init_app(app)
    alembic.init_app(app)
    logging.getLogger("alembic").setLevel(logging.WARNING)


@event.listens_for(Engine, "connect")
def _configure_sqlite(connection: Any, _record: Any) -> None:
    """Let SQLite readers and a writer work at once, wait for locks, and keep references true."""
    if type(connection).__module__.startswith("sqlite3"):
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA busy_timeout = 5000")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()
