"""Groups: they decide who may open which plot, and who administers the site."""

import re

from sqlalchemy import select

from app.db import session
from app.models import Group
from app.people import audit
from app.people.accounts import get
from app.people.audit import Event
from app.people.errors import AccountError

ADMIN = "admin"
"""The group whose members administer the site; it always exists."""
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def everything() -> list[Group]:
    """All groups, by name."""
    return list(session().scalars(select(Group).order_by(Group.name)))


def add(name: str) -> Group:
    """Create a group.

    Raises:
        AccountError: If the name is malformed or taken.
    """
    if not NAME.fullmatch(name):
        raise AccountError(
            f"a group name is up to 64 lower-case letters, digits, _ and - and starts with a "
            f"letter or digit, not {name!r}"
        )
    if session().scalar(select(Group).where(Group.name == name)):
        raise AccountError(f"a group named {name} exists already")
    group = Group(name=name)
    session().add(group)
    session().commit()
    return group


def set_of(user_name: str, names: set[str]) -> None:
    """Put a user into these groups, and out of all others.

    Raises:
        AccountError: If there is no such user or group.
    """
    user = get(user_name)
    found = _existing(names)
    user.groups = found
    audit.record(Event.GROUPS_CHANGED, user=user.name, detail=", ".join(sorted(names)) or "none")
    session().commit()


def _existing(names: set[str]) -> list[Group]:
    found = list(session().scalars(select(Group).where(Group.name.in_(names))))
    missing = names - {group.name for group in found}
    if missing:
        known = ", ".join(group.name for group in everything())
        raise AccountError(
            f"there is no group named {', '.join(sorted(missing))}; there are {known}"
        )
    return found
