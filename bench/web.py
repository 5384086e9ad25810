"""HTTPS requests on an event loop, each over a connection of its own: none can be a stale one."""

import asyncio
import http.client
import io
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SECONDS = 20.0  # how long a whole request may take


@dataclass(frozen=True)
class Answer:
    """An answer of a server.

    Attributes:
        status: Its status.
        headers: Its headers.
        body: Its body, complete.
    """

    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass(frozen=True)
class Address:
    """Where a server is.

    Attributes:
        host: Where to connect to.
        port: The port there.
        tls: How to speak TLS; None for plain HTTP.
        name: The name in the TLS handshake and certificate.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    name: str | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The address as asyncio's connections take it."""
        secure = {"ssl": self.tls, "server_hostname": self.name} if self.tls else {}
        return {"host": self.host, "port": self.port, **secure}


async def exchange(
    address: Address, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
) -> Answer:
    """Send one request and read the whole answer.

    Args:
        address: The server.
        method: GET or POST.
        path: Path and query.
        headers: All headers but those of the connection.
        body: What is posted.

    Raises:
        OSError: If the server cannot be reached, or cuts the connection.
        http.client.HTTPException: If the answer is incomplete or no HTTP.
        TimeoutError: If it takes too long.
    """
    sent = {**headers, "Content-Length": str(len(body)), "Connection": "close"}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    async with asyncio.timeout(_SECONDS):
        reader, writer = await asyncio.open_connection(**address.arguments)
        try:
            writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            raw = await reader.read()
        finally:
            writer.close()
    response = http.client.HTTPResponse(_Received(raw))  # type: ignore[arg-type]
    response.begin()
    return Answer(response.status, response.headers, response.read())


class _Received:
    """What http.client takes for a socket: everything that came through one."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)
