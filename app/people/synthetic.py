"""The account of the synthetic viewer, with which the gate of a deploy signs in.

It exists only meanwhile, nobody knows its password, and no list shows it.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import delete

from app.db import session
from app.models import User
from app.people import groups, passwords
from app.probe import PROBE


@contextmanager
def viewer() -> Iterator[str]:
    """Have the user `PROBE`, in every group, and yield its password."""
    _remove()  # of a run that was interrupted
    password = secrets.token_urlsafe(32)
    hashed = passwords.hashed(password, PROBE)
    session().add(User(name=PROBE, password_hash=hashed, groups=groups.everything()))
    session().commit()
    try:
        yield password
    finally:
        _remove()


def _remove() -> None:
    session().execute(delete(User).where(User.name == PROBE))
    session().commit()
