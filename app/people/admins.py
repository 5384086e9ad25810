"""The one rule about administrators: there is always one left to administer the site."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select

from app.db import session
from app.models import Group, User
from app.people.errors import AccountError
from app.probe import PROBE

ADMIN = "admin"
"""The group whose members administer the site; it always exists."""


def active() -> list[str]:
    """Names of the users who can administer the site at this moment."""
    able = select(User.name).where(User.active, User.groups.any(Group.name == ADMIN))
    return list(session().scalars(able.where(User.name != PROBE)))


@contextmanager
def one_is_left() -> Iterator[None]:
    """Let the block change users and groups, unless it takes away the last administrator.

    Raises:
        AccountError: If it does; nothing of the change is kept.
    """
    before = active()
    yield
    # Looked at within the change's own transaction: two who disable each other both come here.
    session().flush()
    if before and not active():
        session().rollback()
        raise AccountError(
            f"the last active member of the group {ADMIN} is {', '.join(before)}: put another "
            f"active user into it first, or nobody could administer the site"
        )
