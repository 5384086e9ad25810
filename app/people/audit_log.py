"""Reading the audit log, and forgetting what has become too old. Nothing here changes an entry."""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any

from sqlalchemy import Select, delete, select, tuple_
from sqlalchemy.orm import Session

from app.db import engine, session
from app.models import AuditEntry
from app.people.audit import Event

PAGE = 100
"""Entries on a page, unless somebody asks for another number."""
_CHUNK = 1000
_COLUMNS = tuple(column.key for column in AuditEntry.__table__.columns)
_NEWEST_FIRST = (AuditEntry.at.desc(), AuditEntry.id.desc())
_OLDEST_FIRST = (AuditEntry.at, AuditEntry.id)
_DAY_SECONDS = 24 * 60 * 60


class FilterError(ValueError):
    """What was asked of the log cannot be asked; the text says why, in a sentence."""


@dataclass(frozen=True)
class Filter:
    """Which entries to read; what is None does not matter.

    Attributes:
        user: Name of the user to whom it happened.
        plot: Name of the plot.
        event: What happened.
        since: The first second, counted from the epoch.
        until: The last second, likewise.
    """

    user: str | None = None
    plot: str | None = None
    event: Event | None = None
    since: int | None = None
    until: int | None = None

    @classmethod
    def of(cls, texts: Mapping[str, str | None]) -> "Filter":
        """Read what a person typed.

        Args:
            texts: By attribute; empty texts do not matter. Times are ISO 8601, UTC unless they
                name another offset. A day alone is the whole day, also as ``until``.

        Raises:
            FilterError: If a text cannot be read.
        """
        given = {name: (text or "").strip() or None for name, text in texts.items()}
        event, since, until = given.get("event"), given.get("since"), given.get("until")
        return cls(
            user=given.get("user"),
            plot=given.get("plot"),
            event=_event(event) if event else None,
            since=_seconds("since", since)[0] if since else None,
            until=_seconds("until", until)[1] if until else None,
        )


def entries(
    wanted: Filter = Filter(),
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int = PAGE,
) -> list[AuditEntry]:
    """Read a page of the log.

    Args:
        wanted: Which entries.
        before: Id of an entry: those older than it, from the newest of them on.
        after: Id of an entry: those newer than it, up to the oldest ones.
        limit: How many at most.

    Returns:
        The entries, newest first; none where ``before`` or ``after`` names no entry.
    """
    query = _matching(wanted).limit(limit)
    if after is not None:
        return _read(query.where(_place() > _place_of(after)).order_by(*_OLDEST_FIRST))[::-1]
    if before is not None:
        query = query.where(_place() < _place_of(before))
    return _read(query.order_by(*_NEWEST_FIRST))


def export(wanted: Filter = Filter()) -> Iterator[AuditEntry]:
    """Read the log from its oldest entry on, a part at a time, however long it is."""
    query = _matching(wanted).order_by(*_OLDEST_FIRST).limit(_CHUNK)
    found = _read(query)
    while found:
        yield from found
        found = _read(query.where(_place() > (found[-1].at, found[-1].id)))


def as_record(entry: AuditEntry) -> dict[str, Any]:
    """An entry for other programs: all columns but those without a value, ``at`` as ``time``."""
    values = {name: getattr(entry, name) for name in _COLUMNS if name != "at"}
    told = {"time": iso(entry.at), **values}
    return {name: value for name, value in told.items() if value is not None}


def iso(seconds: int) -> str:
    """A time of the log as ISO 8601 writes it, in UTC."""
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def prune(days: float) -> int:
    """Forget entries that are older, the only way in which the log loses any.

    Args:
        days: How long entries are kept.

    Returns:
        How many were forgotten.
    """
    oldest = int(time.time() - days * _DAY_SECONDS)
    forgotten = session().execute(delete(AuditEntry).where(AuditEntry.at < oldest))
    session().commit()
    return int(forgotten.rowcount)  # type: ignore[attr-defined]


def _matching(wanted: Filter) -> Select[AuditEntry]:
    query = select(AuditEntry)
    if wanted.user is not None:
        query = query.where(AuditEntry.user == wanted.user)
    if wanted.plot is not None:
        query = query.where(AuditEntry.plot == wanted.plot)
    if wanted.event is not None:
        query = query.where(AuditEntry.event == wanted.event.value)
    if wanted.since is not None:
        query = query.where(AuditEntry.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEntry.at <= wanted.until)
    return query


def _place() -> Any:
    return tuple_(AuditEntry.at, AuditEntry.id)


def _place_of(entry_id: int) -> Any:
    named = AuditEntry.__table__.alias()
    return select(named.c.at, named.c.id).where(named.c.id == entry_id).scalar_subquery()


def _read(query: Select[AuditEntry]) -> list[AuditEntry]:
    # A session of its own: a reader may take its time, and must hold no snapshot meanwhile.
    with Session(engine()) as reading:
        return list(reading.scalars(query))


def _event(text: str) -> Event:
    try:
        return Event(text)
    except ValueError as error:
        known = ", ".join(event.value for event in Event)
        raise FilterError(f"there is no event {text!r}; there are {known}") from error


def _seconds(name: str, text: str) -> tuple[int, int]:
    """The first and the last second that a text means."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            day = date.fromisoformat(text)
            midnight = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
            first = int(midnight.timestamp())
            return first, first + _DAY_SECONDS - 1
        # Python 3.10 does not know the Z.
        moment = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text))
    except ValueError as error:
        raise FilterError(
            f"{name} is a day such as 2026-01-31 or a time such as 2026-01-31T12:00, not {text!r}"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    second = int(moment.timestamp())
    return second, second
