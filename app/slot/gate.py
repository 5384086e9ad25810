"""The second gate, inside the Bokeh server.

The first is nginx with `app.access`. This one holds even for somebody who reaches the slot's
socket: the verified name that nginx passes on must be the one that the session id is signed for.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from bokeh.server.auth_provider import AuthProvider
from bokeh.server.views.ws import WSHandler
from tornado.web import HTTPError, RequestHandler

from app.session_ids import InvalidTokenError, read_token, token_of_protocols
from app.wire import VIEWER_HEADER


class Gate(AuthProvider):
    """Lets websockets in that bring their own user's session id, and nothing else.

    Args:
        slot: Name of this slot.
        key: Bokeh's secret key.
        admits: Whether the slot takes the session of this id now.
    """

    def __init__(self, slot: str, key: bytes, admits: Callable[[str], bool]) -> None:
        self._slot = slot
        self._key = key
        self._admits = admits
        super().__init__()

    @property
    def get_login_url(self) -> Callable[[Any], str]:
        """Required by Bokeh, and never used: `_verify` raises instead of sending anyone there."""
        return lambda _request: "/login"

    @property
    def get_user_async(self) -> Callable[[Any], Awaitable[Any]]:
        """Bokeh awaits this before it handles any request of a plot."""
        return self._verify

    async def _verify(self, handler: RequestHandler) -> str:
        # Raised, because a user of None would be redirected, or aborted after a 101.
        if not isinstance(handler, WSHandler):
            raise HTTPError(404)
        headers = handler.request.headers
        viewer = headers.get(VIEWER_HEADER)
        if not viewer:
            raise HTTPError(401)
        try:
            token = token_of_protocols(headers.get("Sec-WebSocket-Protocol"))
            session_id, visit = read_token(token, self._key)
        except InvalidTokenError as error:
            raise HTTPError(403) from error
        plot = str(handler.application_context.url).strip("/")
        if (visit.slot, visit.plot, visit.user) != (self._slot, plot, viewer):
            raise HTTPError(403)
        if not self._admits(session_id):
            raise HTTPError(503)
        return viewer
