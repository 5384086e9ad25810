"""Logins: each is one sign-in in one browser, which can be ended at any time."""

import time
from typing import NamedTuple

from sqlalchemy import bindparam, delete, false, select, true, update

from app.db import engine, session
from app.flask_config import current_config
from app.models import Group, Login, Membership, User
from app.people import audit, passwords
from app.people.audit import Event

# Asked for with every page, and so in plain columns: making objects of them takes twice as long.
_LOGINS, _USERS = Login.__table__.c, User.__table__.c
_MEMBERSHIPS, _GROUPS = Membership.__table__.c, Group.__table__.c
_LIVE = (
    select(_LOGINS.id, _USERS.name, _LOGINS.expires_at, _GROUPS.name)
    .join_from(Login.__table__, User.__table__, _LOGINS.user_id == _USERS.id)
    .outerjoin(Membership.__table__, _MEMBERSHIPS.user_id == _USERS.id)
    .outerjoin(Group.__table__, _MEMBERSHIPS.group_id == _GROUPS.id)
    .where(_LOGINS.id == bindparam("id"), _LOGINS.expires_at > bindparam("now"))
    .where(_LOGINS.revoked == false(), _USERS.active == true())
)


class LiveLogin(NamedTuple):
    """A login that lets its user in, at this moment.

    Attributes:
        id: Its id.
        user: Name of its user.
        expires_at: When it ends, in seconds since the epoch.
        groups: Names of the groups that its user is in.
    """

    id: str
    user: str
    expires_at: int
    groups: frozenset[str]


def live_login(login_id: str) -> LiveLogin | None:
    """The login of that id, unless it was revoked, has expired, or its user is disabled."""
    with engine().connect() as connection:
        rows = connection.execute(_LIVE, {"id": login_id, "now": int(time.time())}).all()
    if not rows:
        return None
    found, user, expires_at, _ = rows[0]
    return LiveLogin(found, user, expires_at, frozenset(row[3] for row in rows if row[3]))


def sign_in(name: str, password: str) -> Login | None:
    """Open a login, or return None without telling what was wrong; forget expired logins."""
    user = session().scalar(select(User).where(User.name == name))
    matched = passwords.matches(password, user.password_hash if user else None)
    if not (user and matched and user.active):
        return None
    user.password_hash = passwords.fresh(password, user.password_hash)
    return open_login(user)


def open_login(user: User, how: str | None = None) -> Login:
    """Open a login of a user who has shown who it is; forget expired logins.

    Args:
        user: The user.
        how: In what way, for the audit log, unless it was by password.
    """
    now = int(time.time())
    session().execute(delete(Login).where(Login.expires_at <= now))
    login = Login(user=user, expires_at=now + current_config().login_seconds)
    session().add(login)
    audit.record(Event.SIGN_IN, user=user.name, detail=how)
    session().commit()
    return login


def sign_out(login: LiveLogin) -> None:
    """End a login, everywhere and at once."""
    session().execute(update(Login).where(Login.id == login.id).values(revoked=True))
    audit.record(Event.SIGN_OUT, user=login.user)
    session().commit()


def revoke_all(user: User) -> None:
    """End all logins of a user, once the caller commits."""
    session().execute(update(Login).where(Login.user_id == user.id).values(revoked=True))
