"""The page with which administrators look after the groups."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app import rights
from app.auth import admins
from app.db import session
from app.people import groups
from app.people.errors import AccountError

bp = Blueprint("groups", __name__, url_prefix="/admin/groups")


@bp.get("")
@admins
def overview() -> str:
    """List the groups, their members, and what each lets them open."""
    return _page()


@bp.post("")
@admins
def add() -> Response:
    """Create a group."""
    name = request.form.get("name", "")
    groups.add(name)
    return _done(f"The group {name} is created.")


@bp.post("/<name>/remove")
@admins
def remove(name: str) -> Response:
    """Delete a group."""
    groups.remove(name)
    return _done(f"The group {name} is removed.")


@bp.errorhandler(AccountError)
def _refused(error: AccountError) -> tuple[str, int]:
    session().rollback()
    return _page(error.sentence), 400


def _done(said: str) -> Response:
    flash(said)
    return redirect(url_for("groups.overview"), 303)


def _page(message: str | None = None) -> str:
    names = [group.name for group in groups.everything()]
    listed = [(name, groups.members(name), rights.plots_of(name)) for name in names]
    return render_template("admin/groups.html", message=message, groups=listed, fixed=groups.ADMIN)
