"""A signed-in visitor of the site, on an event loop."""

import html
import json
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from websockets.asyncio.client import connect
from websockets.typing import Origin, Subprotocol

from bench.live import PLOT, Live
from bench.web import Address, Answer, exchange

_SECONDS = 20.0  # how long a websocket may take to open


class RefusedError(RuntimeError):
    """The site did not answer a request as it should.

    Attributes:
        path: What was asked for.
        status: The status of the answer.
    """

    def __init__(self, path: str, status: int) -> None:
        super().__init__(f"{path}: {status}")
        self.path = path
        self.status = status


@dataclass(frozen=True)
class Page:
    """The page of a plot.

    Attributes:
        token: What opens the websocket.
        path: The plot in its slot.
        files: Paths of the static files that the page needs.
    """

    token: str = field(repr=False)
    path: str
    files: tuple[str, ...]

    @property
    def slot(self) -> str:
        """Name of the slot that it was sent to."""
        return self.path.split("/")[2]

    @property
    def release(self) -> str:
        """The release whose static files it needs."""
        return next(file.split("/")[3] for file in self.files if file.startswith("/static/app/"))


@dataclass
class Visitor:
    """Somebody's browser.

    Attributes:
        address: Where the site is reached.
        origin: Scheme, name and port of the site, as in the address bar.
        cookies: The cookies it keeps, by name.
    """

    address: Address
    origin: str
    cookies: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of_site(cls, origin: str, connect_to: str, trusted: Path | None) -> "Visitor":
        """A visitor of the site with this origin.

        Args:
            origin: Such as ``https://plots.example.com``.
            connect_to: Host and port where it is reached.
            trusted: File with the certificates to trust in place of the system's.

        Raises:
            OSError: If there is no such file.
        """
        host, _, port = connect_to.rpartition(":")
        tls = ssl.create_default_context(cafile=trusted)
        tls.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return cls(Address(host, int(port), tls, urlsplit(origin).hostname), origin)

    async def sign_in(self, name: str, password: str) -> None:
        """Sign in through the form.

        Raises:
            RefusedError: If that fails.
        """
        form = (await self.get("/login")).body.decode()
        token = re.search(r'name="csrf_token" value="([^"]+)"', form)
        fields = {"csrf_token": token[1] if token else "", "name": name, "password": password}
        await self.request("POST", "/login", urlencode(fields).encode(), wanted=303)

    async def get(self, path: str, encodings: str = "identity") -> Answer:
        """Ask for a path, and take no answer but 200.

        Args:
            path: Path and query.
            encodings: What the body may be compressed with.
        """
        return await self.request("GET", path, encodings=encodings)

    async def request(
        self,
        method: str,
        path: str,
        form: bytes = b"",
        *,
        encodings: str = "identity",
        wanted: int = 200,
    ) -> Answer:
        """Send a request as the browser would.

        Args:
            method: GET or POST.
            path: Path and query.
            form: A form, URL-encoded.
            encodings: What the body may be compressed with.
            wanted: The status that is expected.

        Raises:
            RefusedError: If another status answers; whatever `exchange` raises.
        """
        headers = {
            "Host": urlsplit(self.origin).netloc,
            "Cookie": self._cookie_header,
            "Accept-Encoding": encodings,
        }
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers |= {"Origin": self.origin, "Referer": f"{self.origin}/"}
        answer = await exchange(self.address, method, path, headers, form)
        for header in answer.headers.get_all("Set-Cookie", []):
            self.cookies |= {name: one.value for name, one in SimpleCookie(header).items()}
        if answer.status != wanted:
            raise RefusedError(path, answer.status)
        return answer

    async def get_file(self, path: str) -> Answer:
        """Ask for a static file."""
        return await self.get(path, encodings="br, gzip")

    async def open_page(self) -> Page:
        """Open the page of the plot."""
        return read_page((await self.get(f"/{PLOT}")).body.decode())

    @asynccontextmanager
    async def session(self, page: Page) -> AsyncIterator[Live]:
        """Open the session of a page, as its script does."""
        async with connect(
            f"wss://{urlsplit(self.origin).netloc}{page.path}/ws",
            origin=Origin(self.origin),
            subprotocols=[Subprotocol("bokeh"), Subprotocol(page.token)],
            additional_headers={"Cookie": self._cookie_header},
            open_timeout=_SECONDS,
            compression=None,
            ping_interval=None,
            max_size=None,
            proxy=None,
            **self.address.arguments,
        ) as websocket:
            live = Live(websocket)
            await live.pull()
            yield live

    @property
    def _cookie_header(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())


def read_page(text: str) -> Page:
    """Find in a plot's page what its script uses, and the files that it needs."""
    told = re.search(r'id="session">(.+?)</script>', text)
    if not told:
        raise RefusedError(f"/{PLOT}", 200)
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', text)
    session = json.loads(html.unescape(told[1]))
    return Page(session["token"], session["path"], files=tuple(files))
