"""The page of one's own account: its password, and where it is signed in."""

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.auth import signed_in
from app.db import session
from app.people import accounts, logins, passwords
from app.people.errors import AccountError
from app.people.throttle import TooManyFailuresError

bp = Blueprint("account", __name__, url_prefix="/account")


def install(app: Flask) -> None:
    """Serve the page."""
    app.register_blueprint(bp)


@bp.get("")
def show() -> str:
    """Show the account."""
    return _page()


@bp.post("/password")
def change_password() -> Response | tuple[str, int] | tuple[str, int, dict[str, str]]:
    """Change the password, which the current one allows, and end every other login."""
    login = signed_in()
    password = request.form.get("password", "")
    try:
        if password != request.form.get("again"):
            raise AccountError("the two new passwords differ")
        if not logins.verified(login.user, request.form.get("current", "")):
            raise AccountError("that is not your current password")
        accounts.set_password(login.user, password, keep=login.id)
    except TooManyFailuresError as error:
        return _page(str(error)), 429, {"Retry-After": str(error.seconds)}
    return _done("Your password is changed, and you are signed out everywhere else.")


@bp.post("/end")
def end() -> Response:
    """End one login."""
    logins.end(accounts.get(signed_in().user), request.form.get("login", ""))
    return _done("That sign-in has ended.")


@bp.post("/sign-out-elsewhere")
def sign_out_elsewhere() -> Response:
    """End every login but this one."""
    login = signed_in()
    logins.sign_out_everywhere(accounts.get(login.user), keep=login.id)
    return _done("You are signed out everywhere else.")


@bp.errorhandler(AccountError)
def _refused(error: AccountError) -> tuple[str, int]:
    session().rollback()
    return _page(error.sentence), 400


def _done(said: str) -> Response:
    flash(said)
    return redirect(url_for("account.show"), 303)


def _page(message: str | None = None) -> str:
    user = accounts.get(signed_in().user)
    return render_template(
        "account.html",
        message=message,
        user=user,
        logins=logins.live_of(user),
        own=signed_in().id,
        has_password=user.password_hash != passwords.NONE,
    )
