"""Connections: who opens them, who sends over them, and that they end when they should."""

import asyncio
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from bokeh.protocol import Protocol
from bokeh.server.connection import ServerConnection
from bokeh.server.contexts import ApplicationContext
from bokeh.server.session import ServerSession
from bokeh.server.tornado import BokehTornado
from bokeh.server.views.ws import WSHandler
from tornado.web import RequestHandler

from app.slot.discarding import discard_now
from app.slot.presences import Presences
from app.slot.receiving import POLICY_VIOLATION, Allowance, ViewersReceiver
from app.wire import SESSIONS_PATH


class Tornado(BokehTornado):
    """Bokeh's application, which knows who is present and can end that.

    It also notices when a viewer left while the session was made. Bokeh tells a session of a closed
    websocket only if that has become a connection by then. One that comes into being later would be
    open for good: the session would never be discarded, and the slot would never have drained.
    """

    def __init__(self, *args: Any, message_bytes: int, **kwargs: Any) -> None:
        self.presences = Presences()
        self._message_bytes = message_bytes
        self._allowances: WeakKeyDictionary[ServerSession, Allowance] = WeakKeyDictionary()
        self._discards: set[asyncio.Task[None]] = set()
        super().__init__(*args, websocket_max_message_size_bytes=message_bytes, **kwargs)

    def new_connection(
        self,
        protocol: Protocol,
        socket: WSHandler,
        application_context: ApplicationContext,
        session: ServerSession,
    ) -> ServerConnection:
        """Make a connection, and lose it at once if its websocket has gone."""
        connection = super().new_connection(protocol, socket, application_context, session)
        present = self.presences.opened(connection, socket)
        if present:
            allowance = self._allowances.setdefault(session, Allowance(self._message_bytes))
            receiver = ViewersReceiver(self.presences, present, socket, allowance)
            # Bokeh declares it by its first value, None.
            socket.receiver = receiver  # type: ignore[assignment]
            # Tornado answers each ping, and takes pongs that nobody asked for.
            socket.on_ping = socket.on_pong = (  # type: ignore[method-assign]
                lambda data: receiver.spend(len(data))
            )
        if socket.ws_connection is None:
            self.client_lost(connection)
        return connection

    def client_lost(self, connection: ServerConnection) -> None:
        """Note that a viewer is gone, and let go of the connection."""
        self.presences.lost(connection)
        super().client_lost(connection)

    def end(self, reasons: Mapping[str, str]) -> None:
        """Close the websockets of sessions, and discard those, so that nothing of them stays.

        Args:
            reasons: Why, by the digest of the session's id.
        """
        for present in self.presences.to_end(reasons):
            for connection, socket in list(present.sockets.items()):
                # The websocket may take its time to close, and has no part in the session by now.
                socket.connection = None
                self.client_lost(connection)
                socket.close(POLICY_VIOLATION, reasons[present.told["id"]])
            discard = discard_now(present.context, present.session)
            task = asyncio.get_running_loop().create_task(discard)
            self._discards.add(task)
            task.add_done_callback(self._discards.discard)

    def log_request(self, handler: RequestHandler) -> None:
        """Log a request, unless it comes all the time."""
        if not handler.request.path.endswith(SESSIONS_PATH):
            super().log_request(handler)
