"""Connections: who opens them, who sends over them, and that they end when they should."""

import asyncio
from collections.abc import Mapping
from typing import Any

from bokeh.protocol import Protocol
from bokeh.protocol.message import Message
from bokeh.protocol.receiver import Receiver
from bokeh.server.connection import ServerConnection
from bokeh.server.contexts import ApplicationContext
from bokeh.server.session import ServerSession
from bokeh.server.tornado import BokehTornado
from bokeh.server.views.ws import WSHandler
from tornado.web import RequestHandler

from app.slot.discarding import discard_now
from app.slot.presences import Presences, Present
from app.wire import SESSIONS_PATH

# "Policy violation": the server may not go on with this client (RFC 6455, 7.4.1).
_NO_RIGHT = 1008


class Tornado(BokehTornado):
    """Bokeh's application, which knows who is present and can end that.

    It also notices when a viewer left while the session was made. Bokeh tells a session of a closed
    websocket only if that has become a connection by then. One that comes into being later would be
    open for good: the session would never be discarded, and the slot would never have drained.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.presences = Presences()
        self._discards: set[asyncio.Task[None]] = set()
        super().__init__(*args, **kwargs)

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
            # Bokeh declares it by its first value, None.
            socket.receiver = _Receiver(  # type: ignore[assignment]
                protocol, self.presences, present
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
                socket.close(_NO_RIGHT, reasons[present.told["id"]])
            discard = discard_now(present.context, present.session)
            task = asyncio.get_running_loop().create_task(discard)
            self._discards.add(task)
            task.add_done_callback(self._discards.discard)

    def log_request(self, handler: RequestHandler) -> None:
        """Log a request, unless it comes all the time."""
        if not handler.request.path.endswith(SESSIONS_PATH):
            super().log_request(handler)


class _Receiver(Receiver):
    """Notes each message of a viewer, and drops what comes after the end."""

    def __init__(self, protocol: Protocol, presences: Presences, present: Present) -> None:
        super().__init__(protocol)
        self._presences = presences
        self._present = present

    async def consume(self, fragment: str | bytes) -> Message[Any] | None:
        if self._present.ended:
            return None
        self._presences.heard(self._present)
        return await super().consume(fragment)
