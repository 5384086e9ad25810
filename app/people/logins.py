"""Logins: each is one sign-in in one browser, which can be ended at any time."""

import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from flask import has_request_context, request
from sqlalchemy import Select, bindparam, delete, false, select, true, update

from app.db import engine, session
from app.flask_config import current_config
from app.models import Group, Login, Membership, User
from app.people import audit, passwords, throttle
from app.people.audit import Event
from app.people.errors import AccountError

_BROWSER_LENGTH = 255

# Asked for with every page, and so in plain columns: making objects of them takes twice as long.
_LOGINS, _USERS = Login.__table__.c, User.__table__.c
_MEMBERSHIPS, _GROUPS = Membership.__table__.c, Group.__table__.c
_LIVE = (
    select(_LOGINS.id, _USERS.name, _LOGINS.expires_at, _GROUPS.name)
    .join_from(Login.__table__, User.__table__, _LOGINS.user_id == _USERS.id)
    .outerjoin(Membership.__table__, _MEMBERSHIPS.user_id == _USERS.id)
    .outerjoin(Group.__table__, _MEMBERSHIPS.group_id == _GROUPS.id)
    .where(_LOGINS.revoked == false(), _USERS.active == true())
    .where(_LOGINS.expires_at > bindparam("now"))
)
_ONE = _LIVE.where(_LOGINS.id == bindparam("id"))
_MANY = _LIVE.where(_LOGINS.id.in_(bindparam("ids", expanding=True)))


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
    return _live(_ONE, id=login_id).get(login_id)


def live_logins(login_ids: Iterable[str]) -> dict[str, LiveLogin]:
    """Those of the logins that let their users in, by their ids."""
    return _live(_MANY, ids=sorted(set(login_ids)))


def _live(query: Select[Any], **wanted: Any) -> dict[str, LiveLogin]:
    found: dict[str, LiveLogin] = {}
    with engine().connect() as connection:
        rows = connection.execute(query, {**wanted, "now": int(time.time())})
        for login_id, user, expires_at, group in rows:
            login = found.setdefault(login_id, LiveLogin(login_id, user, expires_at, frozenset()))
            if group:
                found[login_id] = login._replace(groups=login.groups | {group})
    return found


def sign_in(name: str, password: str) -> Login | None:
    """Open a login, or return None without telling what was wrong.

    Raises:
        TooManyFailuresError: If this name or this address has failed too often.
    """
    user = verified(name, password)
    return open_login(user) if user else None


def verified(name: str, password: str) -> User | None:
    """The active user of that name and password; whatever is wrong, it takes the same time.

    Raises:
        TooManyFailuresError: If this name or this address has failed too often.
    """
    user = session().scalar(select(User).where(User.name == name))
    account = throttle.account_of(name, user)
    throttle.check(account)
    matched = passwords.matches(password, user.password_hash if user else None)
    if user and matched and user.active:
        # Guesses that are sent all at once pass the first check together, and not this one.
        throttle.check(account)
        user.password_hash = passwords.fresh(password, user.password_hash)
        return user
    audit.record(Event.SIGN_IN_REFUSED, user=account, detail=_reason(user, matched))
    session().flush()
    throttle.check(account, counted=1)
    session().commit()
    return None


def _reason(user: User | None, matched: bool) -> str:
    if not user:
        return "unknown name"
    if user.password_hash == passwords.NONE:
        return "no password"
    return "disabled" if matched else "wrong password"


def open_login(user: User, how: str | None = None) -> Login:
    """Open a login of a user who has shown who it is; forget expired logins.

    Args:
        user: The user.
        how: In what way, for the audit log, unless it was by password.
    """
    now = int(time.time())
    session().execute(delete(Login).where(Login.expires_at <= now))
    login = Login(
        user=user,
        expires_at=now + current_config().login_seconds,
        address=request.remote_addr if has_request_context() else None,
        browser=_browser(),
    )
    session().add(login)
    audit.record(Event.SIGN_IN, user=user.name, detail=how)
    session().commit()
    return login


def _browser() -> str | None:
    """What the visitor's browser calls itself, fit to be shown."""
    if not has_request_context():
        return None
    given = request.headers.get("User-Agent", "")
    return "".join(filter(str.isprintable, given))[:_BROWSER_LENGTH] or None


def sign_out(login: LiveLogin) -> None:
    """End a login, everywhere and at once."""
    session().execute(update(Login).where(Login.id == login.id).values(revoked=True))
    audit.record(Event.SIGN_OUT, user=login.user)
    session().commit()


def live_of(user: User) -> list[Login]:
    """The logins of a user that have neither ended nor expired, the newest first."""
    live = (Login.user_id == user.id, Login.revoked == false(), Login.expires_at > int(time.time()))
    return list(session().scalars(select(Login).where(*live).order_by(Login.created_at.desc())))


def end(user: User, login_id: str) -> None:
    """End one login of a user, at once.

    Raises:
        AccountError: If the user has no such login.
    """
    login = session().get(Login, login_id)
    if not login or login.user_id != user.id:
        raise AccountError("that sign-in has ended already")
    login.revoked = True
    audit.record(Event.SIGN_OUT, user=user.name, detail=f"since {login.created_at}, from afar")
    session().commit()


def sign_out_everywhere(user: User, keep: str | None = None) -> None:
    """End all logins of a user, at once.

    Args:
        user: The user.
        keep: Id of the one login that lives on.
    """
    revoke_all(user, keep)
    detail = "but for the own browser" if keep else None
    audit.record(Event.SIGNED_OUT_EVERYWHERE, user=user.name, detail=detail)
    session().commit()


def revoke_all(user: User, keep: str | None = None) -> None:
    """End all logins of a user but the one to keep, once the caller commits."""
    ended = (Login.user_id == user.id, Login.id != (keep or ""))
    session().execute(update(Login).where(*ended).values(revoked=True))
