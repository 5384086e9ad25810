"""Accounts: who may sign in."""

import re

from sqlalchemy import delete, select

from app.db import session
from app.models import User
from app.people import audit, logins
from app.people.audit import Event
from app.people.errors import AccountError
from app.people.passwords import NONE, hashed

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")


def add(name: str, password: str) -> User:
    """Create an active user.

    Raises:
        AccountError: If the name is malformed or taken, or the password is not good enough.
    """
    user = new(name, hashed(password))
    session().commit()
    return user


def new(name: str, password_hash: str = NONE) -> User:
    """Create an active user, once the caller commits.

    Args:
        name: The user's name.
        password_hash: Hash of the password; without one nobody signs in by password.

    Raises:
        AccountError: If the name is malformed or taken.
    """
    if not _NAME.fullmatch(name):
        raise AccountError(
            f"a user name is up to 64 letters, digits and . _ @ + - and starts with a letter or "
            f"digit, not {name!r}"
        )
    if find(name):
        raise AccountError(f"a user named {name} exists already")
    user = User(name=name, password_hash=password_hash)
    session().add(user)
    audit.record(Event.USER_CREATED, user=name)
    return user


def remove(name: str) -> None:
    """Delete a user, if there is one of that name, with all of the user's logins."""
    session().execute(delete(User).where(User.name == name))
    session().commit()


def find(name: str) -> User | None:
    """The user of that name, active or not."""
    return session().scalar(select(User).where(User.name == name))


def get(name: str) -> User:
    """The user of that name.

    Raises:
        AccountError: If there is none.
    """
    user = find(name)
    if not user:
        raise AccountError(f"there is no user named {name}")
    return user


def everyone() -> list[User]:
    """All users, by name."""
    return list(session().scalars(select(User).order_by(User.name)))


def set_password(name: str, password: str) -> None:
    """Replace a user's password and end all of the user's logins.

    Raises:
        AccountError: If there is no such user, or the password is not good enough.
    """
    user = get(name)
    user.password_hash = hashed(password)
    logins.revoke_all(user)
    audit.record(Event.NEW_PASSWORD, user=name)
    session().commit()


def set_active(name: str, active: bool) -> None:
    """Let a user in, or keep the user out at once; logins live on and count again later.

    Raises:
        AccountError: If there is no such user.
    """
    get(name).active = active
    audit.record(Event.USER_ENABLED if active else Event.USER_DISABLED, user=name)
    session().commit()
