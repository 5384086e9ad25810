"""Signing in and out. Every view needs a login, unless it says ``@public``."""

from typing import Any, NoReturn, TypeVar

from flask import (
    Blueprint,
    Flask,
    abort,
    current_app,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from werkzeug.wrappers import Response

from app import db as database
from app.models import Login
from app.people import audit, logins
from app.people.audit import Event
from app.people.groups import ADMIN
from app.people.logins import LiveLogin
from app.people.throttle import TooManyFailuresError
from app.wire import VIEWER_HEADER

View = TypeVar("View")

bp = Blueprint("auth", __name__)
_SESSION_KEY = "login"


def public(view: View) -> View:
    """Mark a view as open to anyone."""
    view.public = True  # type: ignore[attr-defined]
    return view


def admins(view: View) -> View:
    """Mark a view as open to administrators only."""
    view.admins = True  # type: ignore[attr-defined]
    return view


def current_login() -> LiveLogin | None:
    """The live login of this request's visitor."""
    if "login" not in g:
        login_id = session.get(_SESSION_KEY)
        g.login = logins.live_login(login_id) if isinstance(login_id, str) else None
    return g.login  # type: ignore[no-any-return]


def signed_in() -> LiveLogin:
    """The visitor's login, in a view that is not public."""
    login = current_login()
    if login is None:
        raise RuntimeError("a public view asked who is signed in")
    return login


def install(app: Flask) -> None:
    """Put the login in front of every route, and serve its pages."""
    app.before_request(_require_login)
    app.after_request(_name_viewer)
    app.register_blueprint(bp)
    app.add_template_global(current_login)


@bp.get("/login")
@public
def login_form() -> str | Response:
    """Ask for name and password."""
    if current_login():
        return redirect(local_target())
    return form()


@bp.post("/login")
@public
def login() -> Response | tuple[str, int] | tuple[str, int, dict[str, str]]:
    """Check name and password and open a login."""
    try:
        opened = logins.sign_in(request.form.get("name", ""), request.form.get("password", ""))
    except TooManyFailuresError as error:
        return form(str(error)), 429, {"Retry-After": str(error.seconds)}
    if not opened:
        message = "That name and password do not match an account that may sign in."
        return form(message), 401
    keep(opened)
    return redirect(local_target(), 303)


@bp.post("/logout")
def logout() -> Response:
    """End the visitor's login."""
    logins.sign_out(signed_in())
    session.clear()
    return redirect(url_for("auth.login_form"), 303)


def form(message: str | None = None) -> str:
    """The page to sign in on.

    Args:
        message: A sentence about what has just been tried.
    """
    return render_template("login.html", next=local_target(), message=message)


def keep(opened: Login) -> None:
    """Have this browser signed in, with nothing left of what it was before."""
    before = current_login()
    if before:
        logins.sign_out(before)
    g.pop("login")
    session.clear()
    session.permanent = True
    session[_SESSION_KEY] = opened.id


def _require_login() -> Any:
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or getattr(view, "public", False):
        return None
    login = current_login()
    if login:
        if getattr(view, "admins", False) and ADMIN not in login.groups:
            refuse(request.path)
        return None
    came_for = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(url_for("auth.login_form", next=came_for), 303)


def refuse(what: str) -> NoReturn:
    """Answer 403, and remember that the visitor asked for something that is not theirs.

    Args:
        what: What was asked for.
    """
    audit.record(Event.REFUSED, user=signed_in().user, detail=what)
    database.session().commit()
    abort(403)


def _name_viewer(response: Any) -> Any:
    # Not where g.login was never asked for: /healthz must answer without the database.
    if g.get("login"):
        response.headers[VIEWER_HEADER] = g.login.user
    return response


def local_target() -> str:
    """Where to go after signing in: a path of this site, whatever the link said."""
    target = request.values.get("next", "/")
    local = target.startswith("/") and not target.startswith("//")
    # Browsers read a backslash as a slash, and drop control characters before they read.
    return target if local and target.isprintable() and "\\" not in target else "/"
