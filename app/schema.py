"""Bringing the database's tables to what the code needs.

Apart from `app.db`, because Alembic takes as long to import as the rest of the site, and only
commands need it.
"""

import logging
from typing import cast

from flask import Flask, current_app
from flask_alembic import Alembic

from app.db import Base, engine


def install(app: Flask) -> None:
    """Give an application its migrations."""
    with app.app_context():
        Alembic(app, run_mkdir=False, metadatas=Base.metadata, engines=engine())
    logging.getLogger("alembic").setLevel(logging.WARNING)


def migrations() -> Alembic:
    """The current application's migrations."""
    return cast("Alembic", current_app.extensions["alembic"])
