"""The way through the provider: out at the start of a sign-in, and back in."""

import logging
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, abort, redirect, request, url_for
from werkzeug.wrappers import Response

from app import auth
from app import db as database
from app.auth import public
from app.flask_config import current_config
from app.headers import request_id
from app.models import User
from app.oidc import client
from app.oidc.refusal import RefusalError
from app.oidc.settings import Provider
from app.people import accounts, audit, identities, logins, throttle
from app.people.audit import Event
from app.people.errors import AccountError

_log = logging.getLogger(__name__)
_SUBJECT_LENGTH = 255  # as OpenID Connect has it

bp = Blueprint("oidc", __name__)


def install(app: Flask) -> None:
    """Serve the way out and the way back."""
    app.register_blueprint(bp)
    app.add_template_global(lambda: current_config().oidc, "sign_on_provider")


@bp.get("/login/oidc")
@public
def start() -> Response:
    """Send the visitor to the provider."""
    provider = _provider()
    if auth.current_login():
        return redirect(auth.local_target())
    back = f"{_origin()}{url_for('oidc.callback')}"
    return redirect(client.start(provider, back, auth.local_target()), 303)


@bp.get("/login/oidc/callback")
@public
def callback() -> Response:
    """Let the visitor in whom the provider sends back."""
    provider = _provider()
    arrival = client.finish(provider)
    user = _user(provider, arrival.claims)
    if provider.groups:
        _set_groups(user, provider, arrival.claims)
    auth.keep(logins.open_login(user, "oidc"))
    return redirect(arrival.target, 303)


@bp.errorhandler(RefusalError)
def _refused(error: RefusalError) -> tuple[str, int]:
    database.session().rollback()
    _log.warning("request %s single sign-on refused: %s", request_id(), error.reason)
    # Its own event: a provider that is down must not keep people from signing in by password.
    if not throttle.has_failed_often(Event.SIGN_ON_REFUSED):
        audit.record(Event.SIGN_ON_REFUSED, user=error.user, detail=error.reason)
        database.session().commit()
    return auth.form(error.sentence), error.status


def _provider() -> Provider:
    return current_config().oidc or abort(404)


def _origin() -> str:
    """The origin of this site that the visitor is on: the one that has the visitor's cookie."""
    origins = current_config().origins
    return next((each for each in origins if urlsplit(each).netloc == request.host), origins[0])


def _user(provider: Provider, claims: dict[str, Any]) -> User:
    subject = claims["sub"]
    user = identities.find(provider.issuer, subject)
    if not user:
        try:
            user = _newcomer(provider, claims)
        except RefusalError:
            # Who comes twice at the same moment has the account by now.
            user = identities.find(provider.issuer, subject)
            if not user:
                raise
    if not user.active:
        raise RefusalError(403, "Your account here is disabled.", "disabled", user.name)
    return user


def _newcomer(provider: Provider, claims: dict[str, Any]) -> User:
    name, subject = claims.get(provider.name_claim), claims["sub"]
    if not isinstance(name, str) or not 0 < len(subject) <= _SUBJECT_LENGTH:
        raise RefusalError(
            403,
            f"{provider.name} does not tell your name. An administrator can let it, or choose "
            "another claim for it.",
            f"no account: no text in claim {provider.name_claim}",
        )
    if provider.name_claim == "email" and claims.get("email_verified") is False:
        raise RefusalError(
            403,
            f"Your address is not verified. Have {provider.name} verify it, and sign in again.",
            "no account: address not verified",
        )
    taken = accounts.like(name)
    if taken:
        raise RefusalError(
            403,
            f"An account named {taken} exists here, and may be somebody else's. An administrator "
            "can link it to you.",
            f"no account: {taken} exists; to link it: user link-oidc {taken} {subject}",
            taken,
        )
    try:
        return identities.found(provider.issuer, subject, name)
    except AccountError as error:
        raise RefusalError(
            403, f"You cannot have an account here: {error}.", f"no account: {error}"
        ) from error


def _set_groups(user: User, provider: Provider, claims: dict[str, Any]) -> None:
    try:
        identities.set_groups(user, _claimed(provider, claims), provider.groups)
    except AccountError as error:
        raise RefusalError(
            503, f"Your groups have just changed here: {error}. Sign in again.", f"groups: {error}"
        ) from error


def _claimed(provider: Provider, claims: dict[str, Any]) -> set[str]:
    """The groups that the provider lists; a single one may stand without a list."""
    groups = claims.get(provider.groups_claim, [])
    listed = groups if isinstance(groups, list) else [groups]
    return {group for group in listed if isinstance(group, str)}
