"""The pages with which administrators look after the users."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.auth import admins
from app.db import session
from app.models import User
from app.people import accounts, groups, links, logins
from app.people.errors import AccountError

bp = Blueprint("users", __name__, url_prefix="/admin/users")


@bp.get("")
@admins
def overview() -> str:
    """List the users."""
    return _overview()


@bp.post("")
@admins
def add() -> Response | str:
    """Create a user with a password, or with a link to choose one."""
    name, password = request.form.get("name", ""), request.form.get("password", "")
    found = groups.existing(set(request.form.getlist("group")))
    user = accounts.add(name, password or None, found)
    if not password:
        return _page(user, password_link=links.make(name))
    return _done(name, f"The user {name} is created.")


@bp.get("/<name>")
@admins
def show(name: str) -> str:
    """Show one user."""
    return _page(accounts.find(name) or abort(404))


@bp.post("/<name>/active")
@admins
def set_active(name: str) -> Response:
    """Enable or disable a user."""
    active = request.form.get("active") == "yes"
    accounts.set_active(name, active)
    return _done(name, f"The user {name} is {'enabled' if active else 'disabled'}.")


@bp.post("/<name>/groups")
@admins
def set_groups(name: str) -> Response:
    """Put a user into the groups that are checked."""
    groups.set_of(name, set(request.form.getlist("group")))
    return _done(name, f"The groups of {name} are changed.")


@bp.post("/<name>/link")
@admins
def make_link(name: str) -> str:
    """Make a link with which the user chooses a password, and show it this once."""
    link = links.make(name)
    return _page(accounts.get(name), password_link=link)


@bp.post("/<name>/sign-out")
@admins
def sign_out(name: str) -> Response:
    """Sign a user out everywhere."""
    logins.sign_out_everywhere(accounts.get(name))
    return _done(name, f"The user {name} is signed out everywhere.")


@bp.post("/<name>/remove")
@admins
def remove(name: str) -> Response:
    """Delete a user."""
    accounts.remove(name)
    flash(f"The user {name} is removed.")
    return redirect(url_for("users.overview"), 303)


@bp.errorhandler(AccountError)
def _refused(error: AccountError) -> tuple[str, int]:
    session().rollback()
    user = accounts.find((request.view_args or {}).get("name", ""))
    return _page(user, error.sentence) if user else _overview(error.sentence), 400


def _done(name: str, said: str) -> Response:
    flash(said)
    return redirect(url_for("users.show", name=name), 303)


def _overview(message: str | None = None) -> str:
    return render_template(
        "admin/users.html",
        message=message,
        users=accounts.everyone(),
        groups=groups.everything(),
        chosen=request.form.getlist("group"),
    )


def _page(user: User, message: str | None = None, password_link: str | None = None) -> str:
    return render_template(
        "admin/user.html",
        message=message,
        user=user,
        password_link=password_link,
        link_hours=links.HOURS,
        groups=groups.everything(),
        logins=logins.live_of(user),
    )
