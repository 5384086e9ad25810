"""Connections that end before they have begun."""

from bokeh.protocol import Protocol
from bokeh.server.connection import ServerConnection
from bokeh.server.contexts import ApplicationContext
from bokeh.server.session import ServerSession
from bokeh.server.tornado import BokehTornado
from bokeh.server.views.ws import WSHandler


class Tornado(BokehTornado):
    """Bokeh's application, which notices when a viewer left while the session was made.

    Bokeh tells a session of a closed websocket only if that has become a connection by then. One
    that comes into being later would be open for good: the session would never be discarded, and
    the slot would never have drained.
    """

    def new_connection(
        self,
        protocol: Protocol,
        socket: WSHandler,
        application_context: ApplicationContext,
        session: ServerSession,
    ) -> ServerConnection:
        """Make a connection, and lose it at once if its websocket has gone."""
        connection = super().new_connection(protocol, socket, application_context, session)
        if socket.ws_connection is None:
            self.client_lost(connection)
        return connection
