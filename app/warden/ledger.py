"""Writing down what the slots told: live sessions, how the slots are, and the audit log.

A row of a live session stays for as long as its slot tells of the session, also after it was over.
So it says what was written already, and nothing is written twice, whoever died in between. All that
belongs to one look is kept, or nothing of it.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute

from app.db import session
from app.models import LiveSession, SlotReport
from app.people import audit
from app.people.audit import Event
from app.wire import Presence, SlotAnswer

# A row costs a write each time: nobody needs to know it better.
_EVENT_SECONDS = 10
_REPORT_SECONDS = 5


@dataclass(frozen=True)
class Known:
    """What was written of a host before.

    Attributes:
        sessions: Its live sessions, by the digests of their ids.
        slots: How its slots are, by name.
    """

    sessions: dict[str, LiveSession]
    slots: dict[str, SlotReport]

    @classmethod
    def of(cls, host: str) -> "Known":
        """Read it.

        Args:
            host: The host's label, with which the names of its slots start.
        """
        sessions = session().scalars(select(LiveSession).where(_is_on(host, LiveSession.slot)))
        slots = session().scalars(select(SlotReport).where(_is_on(host, SlotReport.name)))
        return cls(
            {row.id: row for row in sessions if host_of(row.slot) == host},
            {row.name: row for row in slots if host_of(row.name) == host},
        )

    @property
    def names(self) -> set[str]:
        """Names of all slots that something is known of."""
        return set(self.slots) | {row.slot for row in self.sessions.values()}

    @property
    def ended(self) -> set[str]:
        """The sessions that an administrator ended."""
        return {row.id for row in self.sessions.values() if row.ended}


def host_of(slot: str) -> str:
    """The label of the host that a slot is on."""
    return slot.rsplit("-", 2)[0]


def write(known: Known, answers: Mapping[str, SlotAnswer | None]) -> None:
    """Write down what is new.

    Args:
        known: What was written before.
        answers: What slots told, or None for those that are gone; nothing for silent ones.
    """
    told = set()
    for slot, answer in answers.items():
        for presence in answer["sessions"] if answer else ():
            told.add(presence["id"])
            _follow(known.sessions, presence, slot, answer["release"] if answer else "")
    for row in list(known.sessions.values()):
        if row.slot in answers and row.id not in told:
            _drop(row, known.slots.get(row.slot))
    for slot, answer in answers.items():
        _report(known.slots.get(slot), slot, answer)
    session().commit()


def _is_on(host: str, slot: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    return slot.startswith(f"{host}-", autoescape=True)


def _follow(rows: dict[str, LiveSession], presence: Presence, slot: str, release: str) -> None:
    """Bring a session's row up to what a slot told; an earlier presence is in it already."""
    row = rows.get(presence["id"])
    if row is None or row.opened_at < presence["opened_at"]:
        if row and row.closed_at is None:
            _close(row, row.last_event_at)
        if row is None:
            row = rows[presence["id"]] = LiveSession(id=presence["id"], ended=False)
            session().add(row)
        _open(row, presence, slot, release)
    if row.opened_at != presence["opened_at"] or row.closed_at is not None:
        return
    if presence["closed_at"] is not None:
        row.last_event_at = presence["last_event_at"]
        # Who ended it has written that down.
        if presence["ended"] and not row.ended:
            _record(Event.PLOT_ENDED, row, actor=None, detail=presence["ended"])
        _close(row, presence["closed_at"])
    elif presence["last_event_at"] - row.last_event_at >= _EVENT_SECONDS:
        row.last_event_at = presence["last_event_at"]


def _open(row: LiveSession, presence: Presence, slot: str, release: str) -> None:
    row.login_id = presence["login"]
    row.user = presence["user"]
    row.plot = presence["plot"]
    row.slot = slot
    row.release = release
    row.address = presence["address"]
    row.opened_at = presence["opened_at"]
    row.last_event_at = presence["last_event_at"]
    row.expires_at = presence["expires"]
    row.closed_at = None
    _record(Event.PLOT_OPENED, row, at=row.opened_at)


def _close(row: LiveSession, at: int) -> None:
    row.closed_at = at
    _record(Event.PLOT_CLOSED, row, at=at, seconds=at - row.opened_at)


def _drop(row: LiveSession, report: SlotReport | None) -> None:
    """Let go of a session that its slot does not know any more: it has restarted, or ended."""
    if row.closed_at is None:
        _close(row, max(row.last_event_at, report.told_at if report else 0))
    # Until then its token would open it again.
    if not row.ended or row.expires_at <= time.time():
        session().delete(row)


def _report(row: SlotReport | None, slot: str, answer: SlotAnswer | None) -> None:
    now = int(time.time())
    if answer is None:
        if row:
            session().delete(row)
        return
    if row and 0 <= now - row.told_at < _REPORT_SECONDS:
        return
    if row is None:
        row = SlotReport(name=slot)
        session().add(row)
    row.release = answer["release"]
    row.status = answer["status"]
    row.sessions = sum(presence["closed_at"] is None for presence in answer["sessions"])
    row.resident_bytes = answer["resident_bytes"]
    row.told_at = now


def _record(event: Event, row: LiveSession, **details: Any) -> None:
    known = {
        "user": row.user,
        "actor": row.user,
        "address": row.address,
        "plot": row.plot,
        "slot": row.slot,
        "release": row.release,
    }
    audit.record(event, **{**known, **details})
