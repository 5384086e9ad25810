"""The page on which whoever holds a link chooses a password."""

from flask import Blueprint, Flask, redirect, render_template, request
from werkzeug.wrappers import Response

from app.auth import keep, public
from app.people import links, logins
from app.people.errors import AccountError
from app.people.links import LinkError

bp = Blueprint("password", __name__)


def install(app: Flask) -> None:
    """Serve the page."""
    app.register_blueprint(bp)


@bp.get(links.PATH)
@public
def ask() -> str:
    """Ask for a new password; the browser keeps the link's token to itself until it is sent."""
    return _page(None)


@bp.post(links.PATH)
@public
def choose() -> Response | tuple[str, int]:
    """Set the password and sign in; every other login of the user ends."""
    password = request.form.get("password", "")
    if password != request.form.get("again"):
        return _page("The two passwords differ."), 400
    try:
        user = links.use(request.form.get("token", "").strip(), password)
    except LinkError as error:
        return _page(error.sentence), 410
    except AccountError as error:
        return _page(error.sentence), 400
    keep(logins.open_login(user, "password link"))
    return redirect("/", 303)


def _page(message: str | None) -> str:
    return render_template("password.html", message=message)
