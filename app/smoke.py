"""A synthetic viewer: goes the whole way that a person goes, before any person has to.

Through nginx, over TLS: signs in, opens every plot, moves a control and sees new data.
"""

import asyncio
import html
import http.client
import json
import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from websockets.asyncio.client import unix_connect
from websockets.exceptions import WebSocketException
from websockets.typing import Origin, Subprotocol

from app.config import Variables, full_path, read_variables
from app.controls import controls, is_driven_otherwise
from app.people import synthetic
from app.plots import discover
from app.probe import PROBE, ProbeError, Session
from app.unix_http import UnixConnection

_SECONDS = 20.0


@dataclass(frozen=True)
class Gate:
    """The way in for the one who tries a deployment out.

    Attributes:
        socket: nginx's socket for it.
        chain: The site's certificate chain.
    """

    socket: Path
    chain: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Gate":
        """Read the ``SITE_*`` variables.

        Raises:
            ConfigError: Naming every variable that is missing or wrong.
        """
        return cls(**read_variables(environ, _VARIABLES))


_VARIABLES: Variables = {
    "socket": ("SITE_GATE_SOCKET", full_path, ""),
    "chain": ("SITE_CERTIFICATE_CHAIN", full_path, ""),
}


def try_out(gate: Gate, origin: str) -> Iterator[str]:
    """Use the site as a viewer does.

    Args:
        gate: The way in.
        origin: The site's origin, such as ``https://plots.example.com``.

    Yields:
        What was seen of each plot.

    Raises:
        ProbeError: At the first thing that does not work.
    """
    with synthetic.viewer() as password:
        browser = _Browser(gate, origin)
        browser.sign_in(password)
        browser.get("/")
        for name in discover():
            yield asyncio.run(browser.use(name))


class _Browser:
    def __init__(self, gate: Gate, origin: str) -> None:
        self._gate = gate
        self._origin = origin
        self._cookies: dict[str, str] = {}
        # This very chain, whether its authority is known to this host or not.
        self._trust = ssl.create_default_context(cafile=str(gate.chain))
        self._trust.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN

    def sign_in(self, password: str) -> None:
        token = self._find(r'name="csrf_token" value="([^"]+)"', "/login")
        form = urlencode({"csrf_token": token, "name": PROBE, "password": password})
        self._ask("POST", "/login", http.HTTPStatus.SEE_OTHER, form)

    def get(self, path: str) -> str:
        return self._ask("GET", path, http.HTTPStatus.OK)

    async def use(self, plot: str) -> str:
        """Open a plot and move its controls, one after the other, until one shows new data."""
        opened = json.loads(html.unescape(self._find(r'id="session">(.+?)</script>', f"/{plot}")))
        try:
            async with unix_connect(
                str(self._gate.socket),
                uri=f"wss://{urlsplit(self._origin).netloc}{opened['path']}/ws",
                ssl=self._trust,
                server_hostname=urlsplit(self._origin).hostname,
                subprotocols=[Subprotocol("bokeh"), Subprotocol(opened["token"])],
                origin=Origin(self._origin),
                additional_headers={"Cookie": self._cookie_header},
                open_timeout=_SECONDS,
                max_size=None,
            ) as websocket:
                return await _move_controls(plot, Session(websocket))
        except (OSError, asyncio.TimeoutError, WebSocketException, ValueError) as error:
            raise ProbeError(f"plot {plot} does not work for a viewer: {error!r}") from error

    def _find(self, pattern: str, path: str) -> str:
        found = re.search(pattern, self.get(path))
        if not found:
            raise ProbeError(f"the page {path} is not what it should be")
        return found[1]

    def _ask(self, method: str, path: str, wanted: int, body: str | None = None) -> str:
        connection = UnixConnection(self._gate.socket, _SECONDS)
        try:
            connection.connect()
            hostname = urlsplit(self._origin).hostname
            connection.sock = self._trust.wrap_socket(connection.sock, server_hostname=hostname)
            connection.request(method, path, body, self._headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise ProbeError(f"{method} {path} has no answer: {error}") from error
        finally:
            connection.close()
        if answer.status != wanted:
            raise ProbeError(f"{method} {path} answers {answer.status}, not {wanted}")
        for header in answer.headers.get_all("Set-Cookie", []):
            self._cookies.update({name: m.value for name, m in SimpleCookie(header).items()})
        return text

    @property
    def _headers(self) -> dict[str, str]:
        return {
            "Host": urlsplit(self._origin).netloc,
            "Origin": self._origin,
            "Referer": f"{self._origin}/",
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": self._cookie_header,
        }

    @property
    def _cookie_header(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())


async def _move_controls(plot: str, session: Session) -> str:
    document = await session.document(plot)
    tried = list(controls(document))
    for control in tried:
        try:
            answered = await session.move(control)
        except ProbeError as error:
            raise ProbeError(f"plot {plot}: moving {control.label} fails: {error}") from error
        if answered:
            return f"{plot}: {control.label} shows new data"
    if tried and not is_driven_otherwise(document):
        names = ", ".join(control.label for control in tried)
        raise ProbeError(f"plot {plot}: moving {names} shows no new data")
    return f"{plot}: opens"
