"""Links with which a user chooses a password, once.

The token is in the part of the address after ``#``, which no browser sends: it is in no log, and
whoever only looks at the link, such as a chat that shows a preview, does not use it up.
"""

import hashlib
import secrets
import time

from sqlalchemy import delete, select

from app.db import session
from app.flask_config import current_config
from app.models import PasswordLink, User
from app.people import accounts, audit, passwords
from app.people.audit import Event
from app.people.errors import AccountError

HOURS = 24
PATH = "/password"
_UNUSABLE = (
    "this link cannot be used: it was used already, has expired, or a newer one was made. "
    "Ask whoever sent it for another"
)


class LinkError(AccountError):
    """A link cannot be used, whatever is typed beside it."""


def make(name: str) -> str:
    """Make a link for a user; an earlier one is worth nothing any more.

    Raises:
        AccountError: If there is no such user, or the user is disabled.
    """
    user = accounts.get(name)
    if not user.active:
        raise AccountError(f"the user {name} is disabled: enable the user first")
    token = secrets.token_urlsafe(32)
    now = int(time.time())
    superseded = (PasswordLink.user_id == user.id) | (PasswordLink.expires_at <= now)
    session().execute(delete(PasswordLink).where(superseded))
    link = PasswordLink(digest=_digest(token), user_id=user.id, expires_at=now + HOURS * 3600)
    session().add(link)
    audit.record(Event.LINK_MADE, user=name)
    session().commit()
    return f"{current_config().origins[0]}{PATH}#{token}"


def use(token: str, password: str) -> User:
    """Give the link's user a password, and end all of the user's logins.

    Raises:
        LinkError: If the link is none, was used, has expired, or its user is disabled.
        AccountError: If the password is not good enough; the link can still be used.
    """
    usable = (PasswordLink.digest == _digest(token), PasswordLink.expires_at > int(time.time()))
    owner = select(User).join(PasswordLink, PasswordLink.user_id == User.id)
    user = session().scalar(owner.where(*usable))
    if not user or not user.active:
        raise LinkError(_UNUSABLE)
    # Before anything is written: it takes long, and others who write would wait meanwhile.
    known = passwords.hashed(password, user.name)
    # Of two who use the link at the same moment, one gets it.
    used = delete(PasswordLink).where(*usable).returning(PasswordLink.user_id)
    if session().scalar(used) is None:
        session().rollback()
        raise LinkError(_UNUSABLE)
    audit.record(Event.LINK_USED, user=user.name)
    accounts.replace_hash(user, known)
    return user


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
