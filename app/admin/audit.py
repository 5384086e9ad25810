"""The audit log: a page to look things up, and a download for other programs."""

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint, render_template, request, stream_with_context
from werkzeug.wrappers import Response

from app.auth import admins
from app.config import a_number
from app.people import audit_log
from app.people.audit import Event
from app.people.audit_log import Filter, FilterError
from app.plots import discover

bp = Blueprint("audit", __name__, url_prefix="/admin")
_FIELDS = ("user", "plot", "event", "since", "until")


@bp.get("/audit")
@admins
def show() -> str | tuple[str, int]:
    """Show a page of the log, newest first."""
    try:
        wanted = Filter.of(_asked())
        before, after = _entry_id("before"), _entry_id("after")
    except FilterError as error:
        return _page([], message=str(error)), 400
    # One more than is shown tells whether the log goes on.
    found = audit_log.entries(wanted, before=before, after=after, limit=audit_log.PAGE + 1)
    goes_on = len(found) > audit_log.PAGE
    shown = found[1:] if goes_on and after else found[: audit_log.PAGE]
    return _page(shown, newer=goes_on if after else bool(before), older=goes_on or bool(after))


@bp.get("/audit.jsonl")
@admins
def download() -> Response | tuple[str, int]:
    """Send the entries that the filter asks for, oldest first, one JSON object a line."""
    try:
        wanted = Filter.of(_asked())
    except FilterError as error:
        return _page([], message=str(error)), 400
    answer = Response(stream_with_context(_lines(wanted)), mimetype="application/x-ndjson")
    answer.headers["Content-Disposition"] = "attachment; filename=audit.jsonl"
    return answer


def _lines(wanted: Filter) -> Iterator[str]:
    for entry in audit_log.export(wanted):
        yield json.dumps(audit_log.as_record(entry)) + "\n"


def _page(
    shown: Sequence[Any],
    *,
    newer: bool = False,
    older: bool = False,
    message: str | None = None,
) -> str:
    asked = _asked()
    return render_template(
        "admin/audit.html",
        entries=shown,
        asked=asked,
        given={name: text for name, text in asked.items() if text},
        newer=shown[0].id if shown and newer else None,
        older=shown[-1].id if shown and older else None,
        message=message,
        events=[event.value for event in Event],
        plots=list(discover()),
        iso=audit_log.iso,
        duration=lambda seconds: timedelta(seconds=seconds),
    )


def _asked() -> dict[str, str]:
    return {name: request.args.get(name, "") for name in _FIELDS}


def _entry_id(name: str) -> int | None:
    text = request.args.get(name)
    try:
        return a_number(text) if text else None
    except ValueError as error:
        raise FilterError(f"{name} is the id of an entry: {error}") from error
