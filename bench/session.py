"""A live session over a blocking socket: a viewer that costs next to nothing itself.

What measures a server on the server's own cores has to leave them to it: a move costs this client
a tenth of what it costs one that decodes everything.
"""

import http.client
import itertools
import socket
import ssl
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.live import CONTROL, named
from bench.messages import Assembler, frames
from bench.web import Answer

_SECONDS = 20.0
_CHUNK = 65536
_OPENS = b"HTTP/1.1 101 "
_TEXT, _PING, _PONG = 0x81, 0x89, 0x8A
_MASKED = 0x80
_SHORT, _MEDIUM = 126, 127  # lengths that say that the length follows, in 2 or 8 bytes


class SessionError(RuntimeError):
    """The session did not open, or its data did not follow; the text says what happened."""


@dataclass(frozen=True)
class Server:
    """A server as this machine reaches it.

    Attributes:
        port: Its port on loopback.
        host: Name, and port where it is not the usual one, as a browser sends them.
        tls: How to speak TLS; None for plain HTTP.
        name: The name in the TLS handshake.
    """

    port: int
    host: str
    tls: ssl.SSLContext | None = None
    name: str | None = None

    def connect(self) -> socket.socket:
        """A new connection."""
        plain = socket.create_connection(("127.0.0.1", self.port), _SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.tls.wrap_socket(plain, server_hostname=self.name) if self.tls else plain

    def get(self, path: str, headers: dict[str, str]) -> Answer:
        """Ask for a path, over a new connection."""
        connection = http.client.HTTPConnection("127.0.0.1")
        connection.sock = self.connect()
        try:
            connection.request("GET", path, headers={"Host": self.host, **headers})
            answer = connection.getresponse()
            if answer.status != http.HTTPStatus.OK:
                raise SessionError(f"{path}: {answer.status}")
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()


@dataclass(frozen=True)
class Ticket:
    """What opens a session's websocket.

    Attributes:
        path: Path of the plot.
        token: The token of the page.
        headers: More headers of the handshake.
    """

    path: str
    token: str = field(repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)


class Session:
    """An open session, whose document was fetched.

    Args:
        server: The server.
        ticket: What opens it.
        prompt: Whether to acknowledge at once what comes. Bokeh writes a message in several small
            packets, and TCP holds the second back until the first is acknowledged, which takes
            a usual client 40 ms.

    Raises:
        SessionError: If it does not open.
    """

    def __init__(self, server: Server, ticket: Ticket, *, prompt: bool = True) -> None:
        self.socket = server.connect()
        self.received = 0  # bytes of websocket frames
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._prompt = prompt
        # From 0.1, for it stands at 0.
        self._places = itertools.cycle(number / 10 for number in range(1, 50))
        self._wanted = b""
        self._followed = False
        self._shake_hands(server, ticket)
        assembler = Assembler()
        answers = (message for frame in self._frames() if (message := assembler.add(frame)))
        next(answers)  # ACK: the session exists
        self.socket.sendall(b"".join(_text(one) for one in frames("PULL-DOC-REQ")))
        self.document = next(answers).content
        model = dict(named(self.document))[CONTROL]
        change = {"kind": "ModelChanged", "model": {"id": model}, "attr": "value", "new": None}
        first, second, third = frames("PATCH-DOC", {"events": [change]})
        self._head = _text(first) + _text(second)
        self._change = third

    def begin(self) -> None:
        """Move the slider to another place."""
        value = next(self._places)
        self._wanted = f'["y",[{value!r},'.encode()
        self._followed = False
        self.socket.sendall(self._head + _text(self._change.replace("null", repr(value))))

    def proceed(self) -> bool:
        """Read what has come, and return whether the move is answered.

        Raises:
            SessionError: If it is answered without the wave at its new place.
            OSError: If nothing can be read now.
        """
        self._read()
        while (frame := self._next_frame()) is not None:
            self._parts.append(frame)
            if len(self._parts) == len(frames("")):
                header, _, content = self._parts
                self._parts = []
                self._followed = self._followed or self._wanted in content
                if b'"OK"' in header:
                    if not self._followed:
                        raise SessionError(f"no {self._wanted!r} before the answer to the move")
                    return True
        return False

    def move(self) -> None:
        """Move the slider to another place, and wait for the wave to follow."""
        self.begin()
        while not self.proceed():
            pass

    def close(self) -> None:
        """Leave."""
        self.socket.close()

    def _shake_hands(self, server: Server, ticket: Ticket) -> None:
        headers = {
            "Host": server.host,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            "Sec-WebSocket-Protocol": f"bokeh, {ticket.token}",
            **ticket.headers,
        }
        lines = [f"GET {ticket.path}/ws HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._read()
        if not self._buffer.startswith(_OPENS):
            raise SessionError(self._buffer[: self._buffer.find(b"\r")].decode())
        del self._buffer[: end + 4]
        self.received = len(self._buffer)

    def _read(self) -> None:
        data = self.socket.recv(_CHUNK)
        if self._prompt:
            # Linux forgets it with every answer.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        if not data:
            raise SessionError("the connection was closed")
        self.received += len(data)
        self._buffer += data

    def _frames(self) -> Iterator[bytes]:
        while True:
            while (frame := self._next_frame()) is None:
                self._read()
            yield frame

    def _next_frame(self) -> bytes | None:
        buffer = self._buffer
        if len(buffer) < 2:  # noqa: PLR2004 # the smallest head
            return None
        length, start = buffer[1], 2
        if length >= _SHORT:
            layout = "!H" if length == _SHORT else "!Q"
            start += struct.calcsize(layout)
            if len(buffer) < start:
                return None
            (length,) = struct.unpack_from(layout, buffer, 2)
        end = start + length
        if len(buffer) < end:
            return None
        payload, opcode = bytes(buffer[start:end]), buffer[0]
        del buffer[:end]
        if opcode == _TEXT:
            return payload
        if opcode == _PING:
            self.socket.sendall(_frame(payload, _PONG))
        return self._next_frame()


def _text(text: str) -> bytes:
    return _frame(text.encode(), _TEXT)


def _frame(data: bytes, opcode: int) -> bytes:
    """A frame of a client, with a mask of zeros, which leaves the data as it is."""
    if len(data) < _SHORT:
        head = struct.pack("!BB", opcode, _MASKED | len(data))
    else:
        head = struct.pack("!BBH", opcode, _MASKED | _SHORT, len(data))
    return head + b"\0\0\0\0" + data
