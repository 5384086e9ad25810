"""The audit log: who did what, and when. The application only ever adds to it."""

import time
from enum import Enum
from ipaddress import ip_address
from typing import Any, NoReturn, cast

from flask import g, has_request_context, request
from sqlalchemy import ColumnElement, String, select
from sqlalchemy import event as database_event
from sqlalchemy.orm import Mapper

from app.db import session
from app.models import AuditEntry
from app.wire import PROBE

COMMAND_LINE = "(command line)"
"""Stands for whoever acts without a login; no user can have this name."""
_DETAIL_LENGTH = cast("String", AuditEntry.__table__.c.detail.type).length


class Event(str, Enum):
    """What happened."""

    SIGN_IN = "signed in"
    SIGN_IN_REFUSED = "sign-in refused"
    TOO_MANY_FAILURES = "too many failures"
    SIGN_ON_REFUSED = "single sign-on refused"
    SIGN_OUT = "signed out"
    SIGNED_OUT_EVERYWHERE = "signed out everywhere"
    USER_CREATED = "user created"
    USER_DISABLED = "user disabled"
    USER_ENABLED = "user enabled"
    USER_REMOVED = "user removed"
    NEW_PASSWORD = "password changed"  # noqa: S105 # nosec B105 # names an event
    IDENTITY_LINKED = "identity linked"
    LINK_MADE = "password link made"
    LINK_USED = "password link used"
    GROUP_CREATED = "group created"
    GROUP_REMOVED = "group removed"
    GROUPS_CHANGED = "groups changed"
    PLOT_OPENED = "plot opened"
    PLOT_CLOSED = "plot closed"
    PLOT_ENDED = "plot ended"
    REFUSED = "refused"


def record(
    event: Event, *, user: str | None = None, detail: str | None = None, **details: Any
) -> None:
    """Add an entry, which is kept once the caller commits.

    What the gate of a deploy does is in that deploy's own output, and not here.

    Args:
        event: What happened.
        user: Name of the user to whom it happened.
        detail: What else there is to say; as much of it as the column takes is kept.
        **details: Other columns of `AuditEntry`; those of the current request are known.
    """
    if user == PROBE:
        return
    session().add(
        AuditEntry(
            event=event.value,
            user=user,
            detail=detail[:_DETAIL_LENGTH] if detail else None,
            **{"at": int(time.time()), "actor": _actor(), "address": address(), **details},
        )
    )


def has_happened(event: Event, seconds: int, *where: ColumnElement[bool]) -> bool:
    """Whether an event was written down lately.

    Args:
        event: What happened.
        seconds: How long ago at most.
        *where: What else is true of the entry.
    """
    lately = (AuditEntry.event == event.value, AuditEntry.at > int(time.time()) - seconds)
    return session().scalar(select(AuditEntry.id).where(*lately, *where).limit(1)) is not None


def _refuse(_mapper: Mapper[AuditEntry], _connection: Any, entry: AuditEntry) -> NoReturn:
    raise RuntimeError(f"entry {entry.id} of the audit log can be neither changed nor deleted")


for _attempt in ("before_update", "before_delete"):
    database_event.listen(AuditEntry, _attempt, _refuse)


def _actor() -> str | None:
    if not has_request_context():
        return COMMAND_LINE
    login = g.get("login")
    return login.user if login else None


def address() -> str | None:
    """From where the current request comes; IPv6 in full, so that networks can be compared."""
    given = request.remote_addr if has_request_context() else None
    try:
        # Some proxies write IPv4 as IPv6.
        return ip_address((given or "").removeprefix("::ffff:")).exploded
    except ValueError:
        return given
