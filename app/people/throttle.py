"""Failed sign-ins are limited, by account and by address.

They are counted where all hosts and processes count together: in the audit log. What is turned away
here is not counted, so nobody is kept out for longer by trying on.
"""

import hashlib
import hmac
import math
import time

from sqlalchemy import ColumnElement, select

from app.db import session
from app.flask_config import current_config
from app.models import AuditEntry, User
from app.people import audit
from app.people.audit import Event
from app.wire import PROBE

WINDOW_SECONDS = 15 * 60
ACCOUNT_LIMIT = 10
ADDRESS_LIMIT = 30
_IPV6_GROUPS = 8


class TooManyFailuresError(RuntimeError):
    """Too many sign-ins have failed to try another one now.

    Attributes:
        seconds: How long to wait.
    """

    def __init__(self, seconds: int) -> None:
        minutes = math.ceil(seconds / 60)
        super().__init__(
            f"Too many sign-ins have failed for this name or from this address: try again in "
            f"{minutes} minute{'' if minutes == 1 else 's'}."
        )
        self.seconds = seconds


def account_of(name: str, user: User | None) -> str:
    """How failures for a name are counted and written down.

    People type passwords into the field for the name, so one that nobody has is not written down.

    Args:
        name: What somebody typed.
        user: The user of that name, if there is one.
    """
    if user:
        return user.name
    key = current_config().secret_key.encode()
    return f"unknown:{hmac.new(key, name.encode(), hashlib.sha256).hexdigest()[:12]}"


def check(account: str, counted: int = 0) -> None:
    """Refuse a sign-in after too many failures.

    Args:
        account: What `account_of` says.
        counted: How many failures of this very sign-in are written down already.

    Raises:
        TooManyFailuresError: If there were too many for this account or from this address.
    """
    limits = {"from the address": (_same_address(), ADDRESS_LIMIT)}
    # Strangers could keep a deploy's gate out, and it has a password that nobody can guess.
    if account != PROBE:
        limits["of the account"] = (AuditEntry.user == account, ACCOUNT_LIMIT)
    waits = {which: _wait(same, limit + counted) for which, (same, limit) in limits.items()}
    if any(waits.values()):
        session().rollback()
        for which, (same, _) in limits.items():
            if waits[which]:
                _remember(account, which, same)
        raise TooManyFailuresError(max(waits.values()))


def _remember(account: str, which: str, same: ColumnElement[bool]) -> None:
    """Write down that attempts are turned away, once within the window."""
    told = AuditEntry.detail == which
    if not audit.has_happened(Event.TOO_MANY_FAILURES, WINDOW_SECONDS, same, told):
        audit.record(Event.TOO_MANY_FAILURES, user=account, detail=which)
        session().commit()


def has_failed_often(event: Event) -> bool:
    """Whether an event was written down so often for this address that another tells nothing."""
    return _wait(_same_address(), ADDRESS_LIMIT, event) > 0


def _wait(same: ColumnElement[bool], limit: int, event: Event = Event.SIGN_IN_REFUSED) -> int:
    """Seconds until fewer than the limit have failed within the window."""
    now = int(time.time())
    failed: tuple[ColumnElement[bool], ...] = (
        same,
        AuditEntry.event == event.value,
        AuditEntry.at > now - WINDOW_SECONDS,
    )
    newest_first = select(AuditEntry.at).where(*failed).order_by(AuditEntry.at.desc())
    oldest = session().scalar(newest_first.offset(limit - 1).limit(1))
    return oldest + WINDOW_SECONDS - now if oldest is not None else 0


def _same_address() -> ColumnElement[bool]:
    """Entries from where this request comes; in IPv6, where each has very many, the /64 network."""
    address = audit.address()
    groups = (address or "").split(":")
    if len(groups) == _IPV6_GROUPS:
        return AuditEntry.address.startswith(":".join(groups[: _IPV6_GROUPS // 2]) + ":")
    return AuditEntry.address == address
