"""The one place that decides who may open a plot's websocket.

nginx asks here before it lets a websocket through to a slot: 204 with the verified user's name, 401
without a live login, 403 if anything about the request is not this login's own visit, or if the
visit is one too many.
"""

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl

from flask import Blueprint, Flask, Response, request

from app import admission
from app.auth import current_login, public
from app.config import SLOT
from app.db import session
from app.flask_config import current_config
from app.models import AuditEntry
from app.people import audit, live
from app.people.audit import Event
from app.people.logins import LiveLogin
from app.plots import NAME
from app.rights import may_open
from app.session_ids import InvalidTokenError, Visit, digest, read_token, token_of_protocols
from app.slots import named
from app.wire import PREFIX, VIEWER_HEADER

bp = Blueprint("access", __name__)
_WEBSOCKET = re.compile(rf"{PREFIX}/(?P<slot>{SLOT.pattern})/(?P<plot>{NAME.pattern})/ws")
# Where Bokeh itself would look for an id or a token outside the protocol header.
_QUERY_NAMES = {"bokeh-session-id", "bokeh-token"}
_REFUSAL_SECONDS = 60


def install(app: Flask) -> None:
    """Serve the endpoint that nginx asks."""
    app.register_blueprint(bp)


@bp.get("/-/access")
@public  # A redirect to the login page would mean nothing to nginx.
def decide() -> Response:
    """Answer nginx's question about one websocket."""
    login = current_login()
    if not login:
        return Response(status=401)
    if not _is_own_visit(login):
        return Response(status=403)
    return Response(status=204, headers={VIEWER_HEADER: login.user})


def _is_own_visit(login: LiveLogin) -> bool:
    config = current_config()
    # Not split as a URL: what begins with two slashes, as a path may, would be read as a host.
    asked, _, arguments = request.headers.get("X-Original-URI", "").partition("?")
    path = _WEBSOCKET.fullmatch(asked)
    query = {name.lower() for name, _ in parse_qsl(arguments, keep_blank_values=True)}
    # Browsers always send an Origin with a websocket, so its absence is no excuse.
    if not path or query & _QUERY_NAMES or request.headers.get("Origin") not in config.origins:
        return False
    try:
        token = token_of_protocols(request.headers.get("Sec-WebSocket-Protocol"))
        session_id, visit = read_token(token, *_keys_of(path["slot"]))
    except InvalidTokenError:
        return False
    wanted = (path["slot"], path["plot"], login.id, login.user)
    if (visit.slot, visit.plot, visit.login, visit.user) != wanted:
        return False
    if not may_open(visit.plot, login.groups):
        _remember_refusal(visit)
        return False
    # A page may outlive its slot, and nginx could only answer that with an error of its own.
    if not named(visit.slot).socket.exists():
        return False
    key = digest(session_id)
    return not live.is_ended(key) and admission.admits(login, key)


def _keys_of(slot: str) -> Iterator[bytes]:
    """The keys that a slot may know: one of a deployment before this may know one before ours."""
    config = current_config()
    yield config.bokeh_secret_key
    if slot not in config.slots:
        yield from (key.encode() for key in config.bokeh_secret_key_fallbacks)


def _remember_refusal(visit: Visit) -> None:
    """Write down that somebody may not open a plot; a page that tries on and on, now and then."""
    same = (AuditEntry.user == visit.user, AuditEntry.plot == visit.plot)
    if not audit.has_happened(Event.REFUSED, _REFUSAL_SECONDS, *same):
        told = {"plot": visit.plot, "slot": visit.slot, "detail": "websocket"}
        audit.record(Event.REFUSED, user=visit.user, **told)
        session().commit()
