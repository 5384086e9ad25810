"""The page with which administrators see which plots are open, and end that."""

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app.auth import admins
from app.people import live
from app.people.errors import AccountError

bp = Blueprint("sessions", __name__, url_prefix="/admin/sessions")


@bp.get("")
@admins
def overview() -> str:
    """List the live sessions of all hosts."""
    return _page()


@bp.post("/<session_id>/end")
@admins
def end(session_id: str) -> Response | tuple[str, int]:
    """End one session."""
    try:
        ended = live.end(session_id)
    except AccountError as error:
        return _page(error.sentence), 409
    return _done(f"The session of {ended.user} at {ended.plot} is ended.")


@bp.post("/of/<user>/end")
@admins
def end_all(user: str) -> Response:
    """End all sessions of a user."""
    return _done(f"Sessions of {user} that are ended: {live.end_all(user)}.")


def _done(sentence: str) -> Response:
    flash(sentence)
    return redirect(url_for("sessions.overview"), 303)


def _page(message: str | None = None) -> str:
    found = live.everything()
    return render_template(
        "admin/sessions.html",
        sessions=found,
        users=len({one.session.user for one in found}),
        slots=len({one.session.slot for one in found}),
        message=message,
    )
