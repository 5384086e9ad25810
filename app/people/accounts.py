"""Accounts: who may sign in."""

import re
from collections.abc import Iterable

from sqlalchemy import delete, func, select

from app.db import session
from app.models import Group, PasswordLink, User
from app.people import admins, audit, logins, passwords, rows
from app.people.audit import Event
from app.people.errors import AccountError
from app.wire import PROBE

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")


def add(name: str, password: str | None = None, groups: Iterable[Group] = ()) -> User:
    """Create an active user.

    Args:
        name: The user's name.
        password: The password; None for a user who cannot sign in with one yet.
        groups: The groups that the user is in.

    Raises:
        AccountError: If the name is malformed, taken or reserved, or the password is not good
            enough.
    """
    known = passwords.NONE if password is None else passwords.hashed(password, name)
    user = new(name, known, groups)
    session().commit()
    return user


def new(name: str, password_hash: str = passwords.NONE, groups: Iterable[Group] = ()) -> User:
    """Create an active user, once the caller commits.

    Args:
        name: The user's name.
        password_hash: Hash of the password; without one nobody signs in by password.
        groups: The groups that the user is in.

    Raises:
        AccountError: If the name is malformed, taken or reserved.
    """
    if not _NAME.fullmatch(name):
        raise AccountError(
            f"a user name is up to 64 letters, digits and . _ @ + - and starts with a letter or "
            f"digit, not {name!r}"
        )
    if name.lower() == PROBE:
        raise AccountError(f"the name {PROBE} belongs to the site itself: take another")
    taken = like(name)
    if taken:
        raise AccountError(f"a user named {taken} exists already")
    user = User(name=name, password_hash=password_hash)
    rows.insert(user, f"a user named {name} exists already")
    user.groups = list(groups)
    names = ", ".join(sorted(group.name for group in user.groups))
    audit.record(Event.USER_CREATED, user=name, detail=f"in {names}" if names else None)
    return user


def remove(name: str) -> None:
    """Delete a user with all of the user's logins.

    Raises:
        AccountError: If there is no such user, or it is the last administrator.
    """
    user = get(name)
    with admins.one_is_left():
        session().execute(delete(User).where(User.id == user.id))
        audit.record(Event.USER_REMOVED, user=name)
    session().commit()


def find(name: str) -> User | None:
    """The user of that name, active or not."""
    return session().scalar(select(User).where(User.name == name, User.name != PROBE))


def like(name: str) -> str | None:
    """The name that a user has already, perhaps in other letters: people would mix the two up."""
    same = func.lower(User.name) == name.lower()
    return session().scalar(select(User.name).where(same, User.name != PROBE))


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
    return list(session().scalars(select(User).where(User.name != PROBE).order_by(User.name)))


def set_password(
    name: str, password: str, keep: str | None = None, *, keep_logins: bool = False
) -> None:
    """Replace a user's password, and end the user's logins and password links.

    Args:
        name: The user's name.
        password: The new password.
        keep: Id of the one login that lives on.
        keep_logins: Whether all of them live on.

    Raises:
        AccountError: If there is no such user, or the password is not good enough.
    """
    replace_hash(get(name), passwords.hashed(password, name), keep, keep_logins=keep_logins)


def replace_hash(
    user: User, known: str, keep: str | None = None, *, keep_logins: bool = False
) -> None:
    """Do what `set_password` does, with the hash of a password that is good enough.

    Args:
        user: The user.
        known: The hash.
        keep: Id of the one login that lives on.
        keep_logins: Whether all of them live on.
    """
    user.password_hash = known
    session().execute(delete(PasswordLink).where(PasswordLink.user_id == user.id))
    if not keep_logins:
        logins.revoke_all(user, keep)
    audit.record(Event.NEW_PASSWORD, user=user.name, detail="kept logins" if keep_logins else None)
    session().commit()


def set_active(name: str, active: bool) -> None:
    """Let a user in, or keep the user out at once; logins live on and count again later.

    Raises:
        AccountError: If there is no such user, or it is the last administrator.
    """
    user = get(name)
    with admins.one_is_left():
        user.active = active
        audit.record(Event.USER_ENABLED if active else Event.USER_DISABLED, user=name)
    session().commit()
