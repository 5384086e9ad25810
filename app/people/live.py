"""Live sessions: which plots are open, on all hosts, and ending them.

The hosts' wardens write them down, and close the websockets of those that are ended here.
"""

import time
from typing import NamedTuple

from sqlalchemy import bindparam, false, func, select, true, update

from app.db import engine, session
from app.models import LiveSession, SlotReport
from app.people import audit
from app.people.audit import Event
from app.people.errors import AccountError

BY_ADMINISTRATOR = "by an administrator"
"""Why a session ended that was ended here."""

_SESSIONS = LiveSession.__table__.c
_ENDED = select(_SESSIONS.id).where(_SESSIONS.ended == true())
_OTHERS = select(func.count()).where(
    _SESSIONS.user == bindparam("user"),
    _SESSIONS.id != bindparam("id"),
    _SESSIONS.closed_at.is_(None),
    _SESSIONS.ended == false(),
    # Those of a host that is gone are never closed.
    _SESSIONS.expires_at > bindparam("now"),
)
_OPEN = (LiveSession.closed_at.is_(None), LiveSession.ended == false())


class Open(NamedTuple):
    """A plot that is open.

    Attributes:
        session: Whose it is, and since when.
        slot: What the slot that holds it told last of itself; None before it told anything.
    """

    session: LiveSession
    slot: SlotReport | None


def everything() -> list[Open]:
    """All plots that are open, the newest first."""
    query = (
        select(LiveSession, SlotReport)
        .outerjoin(SlotReport, SlotReport.name == LiveSession.slot)
        .where(*_OPEN)
        .order_by(LiveSession.opened_at.desc(), LiveSession.id)
    )
    return [Open(found, slot) for found, slot in session().execute(query)]


def is_ended(session_id: str) -> bool:
    """Whether an administrator ended a session.

    Args:
        session_id: The digest of its id.
    """
    with engine().connect() as connection:
        return connection.execute(_ENDED.where(_SESSIONS.id == session_id)).first() is not None


def count_others(user: str, session_id: str) -> int:
    """How many plots a user has open, on all hosts, but for one session.

    Args:
        user: Name of the user.
        session_id: The digest of that session's id.
    """
    wanted = {"user": user, "id": session_id, "now": int(time.time())}
    with engine().connect() as connection:
        return connection.execute(_OTHERS, wanted).scalar_one()


def end(session_id: str) -> LiveSession:
    """End a session, at once; its viewer may open the plot anew.

    Args:
        session_id: The digest of its id.

    Raises:
        AccountError: If there is no such session, or it is over.
    """
    found = session().scalar(select(LiveSession).where(LiveSession.id == session_id, *_OPEN))
    if not found:
        raise AccountError("that session is over already")
    _end(found)
    session().commit()
    return found


def end_all(user: str) -> int:
    """End all sessions of a user, at once.

    Args:
        user: Name of the user.

    Returns:
        How many there were.
    """
    found = session().scalars(select(LiveSession).where(LiveSession.user == user, *_OPEN)).all()
    for one in found:
        _end(one)
    session().commit()
    return len(found)


def _end(found: LiveSession) -> None:
    # As SQL: the warden may delete the row in the meantime.
    session().execute(update(LiveSession).where(LiveSession.id == found.id).values(ended=True))
    audit.record(
        Event.PLOT_ENDED,
        user=found.user,
        plot=found.plot,
        slot=found.slot,
        release=found.release,
        detail=BY_ADMINISTRATOR,
    )
