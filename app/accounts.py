"""Users and logins: the one layer beneath the command line and the pages."""

import re
import time
from functools import cache
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import bindparam, delete, false, select, true, update

from app.db import engine, session
from app.flask_config import current_config
from app.models import Login, User

MINIMUM_PASSWORD_LENGTH = 12
MAXIMUM_PASSWORD_LENGTH = 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
# Asked for with every page, and so in plain columns: making objects of them takes twice as long.
_LOGINS, _USERS = Login.__table__.c, User.__table__.c
_LIVE = (
    select(_LOGINS.id, _USERS.name, _LOGINS.expires_at)
    .where(_LOGINS.user_id == _USERS.id)
    .where(_LOGINS.id == bindparam("id"), _LOGINS.expires_at > bindparam("now"))
    .where(_LOGINS.revoked == false(), _USERS.active == true())
)
_hasher = PasswordHasher()  # argon2id, with the library's current parameters


class AccountError(ValueError):
    """What was asked of an account cannot be done; the text says why, in a sentence."""


def add(name: str, password: str) -> User:
    """Create an active user.

    Raises:
        AccountError: If the name is malformed or taken, or the password too short or too long.
    """
    if not _NAME.fullmatch(name):
        raise AccountError(
            f"a user name is up to 64 letters, digits and . _ @ + - and starts with a letter or "
            f"digit, not {name!r}"
        )
    if find(name):
        raise AccountError(f"a user named {name} exists already")
    user = User(name=name, password_hash=_hash(password))
    session().add(user)
    session().commit()
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
        AccountError: If there is no such user, or the password is too short or too long.
    """
    user = get(name)
    user.password_hash = _hash(password)
    session().execute(update(Login).where(Login.user_id == user.id).values(revoked=True))
    session().commit()


def set_active(name: str, active: bool) -> None:
    """Let a user in, or keep the user out at once; logins live on and count again later.

    Raises:
        AccountError: If there is no such user.
    """
    get(name).active = active
    session().commit()


def sign_in(name: str, password: str) -> Login | None:
    """Open a login, or return None without telling what was wrong; forget expired logins."""
    user = find(name)
    try:
        _hasher.verify(user.password_hash if user else _nobody(), password)
    except VerifyMismatchError:
        return None
    if not user or not user.active:
        return None
    if _hasher.check_needs_rehash(user.password_hash):
        user.password_hash = _hasher.hash(password)
    now = int(time.time())
    session().execute(delete(Login).where(Login.expires_at <= now))
    login = Login(user=user, expires_at=now + current_config().login_seconds)
    session().add(login)
    session().commit()
    return login


class LiveLogin(NamedTuple):
    """A login that lets its user in, at this moment.

    Attributes:
        id: Its id.
        user: Name of its user.
        expires_at: When it ends, in seconds since the epoch.
    """

    id: str
    user: str
    expires_at: int


def live_login(login_id: str) -> LiveLogin | None:
    """The login of that id, unless it was revoked, has expired, or its user is disabled."""
    with engine().connect() as connection:
        row = connection.execute(_LIVE, {"id": login_id, "now": int(time.time())}).first()
    return LiveLogin(*row) if row else None


def sign_out(login: LiveLogin) -> None:
    """End a login, everywhere and at once."""
    session().execute(update(Login).where(Login.id == login.id).values(revoked=True))
    session().commit()


@cache
def _nobody() -> str:
    """Verified where no user has the name, so that the answer takes as long as for one."""
    return _hasher.hash("nobody has this password")


def _hash(password: str) -> str:
    if not MINIMUM_PASSWORD_LENGTH <= len(password) <= MAXIMUM_PASSWORD_LENGTH:
        raise AccountError(
            f"a password has {MINIMUM_PASSWORD_LENGTH} to {MAXIMUM_PASSWORD_LENGTH} characters, "
            f"this one has {len(password)}"
        )
    return _hasher.hash(password)
