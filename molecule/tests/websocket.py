"""A websocket's client in one thread.

The client of ``websockets`` reads in a thread of its own, and a TLS connection of Python 3.11 must
not be read and written at once: now and then the request was lost.
"""

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.frames import Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Origin, Subprotocol
from websockets.uri import parse_uri

_CHUNK = 65536


class RefusedError(RuntimeError):
    """The server did not open the websocket.

    Attributes:
        status: The status of its answer.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"refused: {status}")
        self.status = status


class Websocket:
    """An open websocket.

    Args:
        connection: The connection, just made.
        protocol: The client's side of the protocol.
    """

    def __init__(self, connection: socket.socket, protocol: ClientProtocol) -> None:
        self._connection = connection
        self._protocol = protocol
        self._events = self._receive()

    def handshake(self, headers: Mapping[str, str]) -> None:
        """Ask the server to open the websocket.

        Args:
            headers: More headers.

        Raises:
            RefusedError: If it does not.
        """
        request = self._protocol.connect()
        request.headers.update(Headers(headers))
        self._protocol.send_request(request)
        self._flush()
        response = next(self._events)
        if not isinstance(response, Response):
            raise TypeError(f"no answer but {response}")
        if self._protocol.handshake_exc:
            raise RefusedError(response.status_code)

    def send(self, message: str | bytes) -> None:
        """Send a message."""
        if isinstance(message, str):
            self._protocol.send_text(message.encode())
        else:
            self._protocol.send_binary(message)
        self._flush()

    def receive(self) -> bytes:
        """The next message."""
        message = b""
        for frame in self._events:
            if frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
                message += frame.data
                if frame.fin:
                    break
        return message

    def close(self) -> None:
        """Say goodbye, unless the other side has done that."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close()
            self._flush()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._connection.sendall(data)

    def _receive(self) -> Iterator[object]:
        while True:
            yield from self._protocol.events_received()
            data = self._connection.recv(_CHUNK)
            if data:
                self._protocol.receive_data(data)
            else:
                self._protocol.receive_eof()
            self._flush()
            if not data:
                yield from self._protocol.events_received()
                raise self._protocol.handshake_exc or ConnectionError("the websocket was closed")


@contextmanager
def open_websocket(
    connection: socket.socket,
    uri: str,
    *,
    protocols: Sequence[str],
    origin: str | None,
    headers: Mapping[str, str],
) -> Iterator[Websocket]:
    """Open a websocket over a connection, and close both.

    Args:
        connection: The connection, just made.
        uri: The address; its path and query are sent as they stand.
        protocols: What is asked for.
        origin: The page that asks; None sends no such header.
        headers: More headers.

    Raises:
        RefusedError: If the server does not open it.
    """
    with connection:
        protocol = ClientProtocol(
            parse_uri(uri),
            origin=Origin(origin) if origin else None,
            subprotocols=[Subprotocol(name) for name in protocols] or None,
            max_size=None,
        )
        websocket = Websocket(connection, protocol)
        websocket.handshake(headers)
        yield websocket
        websocket.close()
