"""A visitor of the site: a browser's side of HTTP, cookies and websockets, sent exactly as told."""

import html
import http.client
import json
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from bokeh.util.token import get_session_id
from bokeh_session import Session
from cryptography import x509
from provisioned import Site
from websocket import RefusedError, Websocket, open_websocket

SECONDS = 20.0
OPENS = 101


@dataclass(frozen=True)
class Answer:
    """An answer of the site."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


@dataclass(frozen=True)
class Ticket:
    """What a plot's page opens its websocket with."""

    token: str = field(repr=False)
    path: str

    @classmethod
    def of_page(cls, page: Answer) -> "Ticket":
        """What a plot's page holds."""
        found = re.search(r'id="session">(.+?)</script>', page.text)
        assert found, page.text
        told = json.loads(html.unescape(found[1]))
        return cls(told["token"], told["path"])

    @property
    def websocket(self) -> str:
        """Path of the websocket."""
        return f"{self.path}/ws"

    @property
    def slot(self) -> str:
        """Name of the slot."""
        return self.path.split("/")[2]

    @property
    def session_id(self) -> str:
        """The Bokeh session id within the token."""
        return str(get_session_id(self.token))


@dataclass(frozen=True)
class Line:
    """A way to a host.

    Attributes:
        address: Host and port.
        tls: How to speak TLS; None for plain HTTP.
        name: The name in the TLS handshake.
    """

    address: tuple[str, int]
    tls: ssl.SSLContext | None = None
    name: str | None = None

    def connect(self) -> socket.socket:
        """A new connection."""
        plain = socket.create_connection(self.address, SECONDS)
        if not self.tls:
            return plain
        try:
            return self.tls.wrap_socket(plain, server_hostname=self.name)
        except BaseException:
            plain.close()
            raise

    def exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: str = ""
    ) -> Answer:
        """Send one request, with these headers and no others, and return the answer.

        Args:
            method: GET, POST or another.
            path: Path and query, as they stand.
            headers: All headers.
            body: The body.
        """
        connection = http.client.HTTPConnection(*self.address)
        connection.sock = self.connect()
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for header, value in headers.items():
                connection.putheader(header, value)
            connection.endheaders(body.encode() or None)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()


@dataclass
class Visitor:
    """Somebody's browser.

    Attributes:
        site: The site that it visits.
        cookies: The cookies it keeps, by name.
    """

    site: Site
    cookies: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def line(self) -> Line:
        """Its way to the site."""
        return Line(self.site.address, self.site.trust, self.site.domain)

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str | None] | None = None,
        body: str = "",
    ) -> Answer:
        """Send a request, its path as it stands.

        Args:
            method: GET, POST or another.
            path: Path and query; nothing is normalised.
            headers: Added to the browser's own, or in their place; without one that is None.
            body: A form, URL-encoded.
        """
        own = {"Host": self.site.netloc, "Cookie": self.cookie_header}
        if body:
            own |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Content-Length": str(len(body)),
                "Origin": self.site.origin,
                "Referer": f"{self.site.origin}/",
            }
        sent = {name: value for name, value in {**own, **(headers or {})}.items() if value}
        answer = self.line.exchange(method, path, sent, body)
        for header in answer.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name] = morsel.value
                self.site.sensitive.add(morsel.value)
        return answer

    def get(self, path: str, **headers: str | None) -> Answer:
        """Ask for a path; ``X_Name="value"`` adds a header."""
        return self.request("GET", path, {k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, page: str, path: str, **form: str) -> Answer:
        """Send the form of a page, as the page would."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page).text)
        assert token, f"{page} has no form"
        return self.request("POST", path, body=urlencode({"csrf_token": token[1], **form}))

    def sign_in(self, name: str, password: str, **form: str) -> Answer:
        """Sign in through the form."""
        return self.post("/login", "/login", name=name, password=password, **form)

    def sign_out(self) -> None:
        """Sign out; the cookies of before stay, to be tried again."""
        before = dict(self.cookies)
        assert self.post("/", "/logout").status == 303
        self.cookies = before

    def ticket(self, plot: str) -> Ticket:
        """Open a plot's page."""
        page = self.get(f"/{plot}")
        assert page.status == 200, f"/{plot}: {page.status}"
        return Ticket.of_page(page)

    @contextmanager
    def websocket(
        self,
        path: str,
        *protocols: str,
        origin: str | None = "",
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Websocket]:
        """Open a websocket.

        Args:
            path: Path and query.
            *protocols: What it asks for, ``bokeh`` and a token if all is well.
            origin: The page that opens it, by default of this site; None sends no such header.
            headers: More headers.
        """
        self.site.sensitive.update(protocols[1:])
        cookie = {"Cookie": self.cookie_header} if self.cookies else {}
        with open_websocket(
            self.line.connect(),
            f"wss://{self.site.netloc}{path}",
            protocols=protocols,
            origin=self.site.origin if origin == "" else origin,
            headers={**cookie, **(headers or {})},
        ) as opened:
            yield opened

    @contextmanager
    def session(
        self, ticket: Ticket, headers: Mapping[str, str] | None = None
    ) -> Iterator[Session]:
        """Open a plot's session."""
        self.site.sensitive.add(ticket.session_id)
        with self.websocket(ticket.websocket, "bokeh", ticket.token, headers=headers) as opened:
            yield Session(opened)

    def knock(
        self,
        path: str,
        *protocols: str,
        origin: str | None = "",
        headers: Mapping[str, str] | None = None,
    ) -> int:
        """Try to open a websocket, and return the status of the answer.

        `OPENS` is returned only when the session behind it sent its document.
        """
        try:
            with self.websocket(path, *protocols, origin=origin, headers=headers) as opened:
                assert Session(opened).document.roots
        except RefusedError as refusal:
            answer = refusal.status
        else:
            answer = OPENS
        self.site.observed.append(str(answer))
        return answer

    @property
    def cookie_header(self) -> str:
        """The cookies as they are sent."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())


def careless() -> ssl.SSLContext:
    """TLS that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def shown(site: Site) -> x509.Certificate:
    """The certificate that the site shows to anybody."""
    with Line(site.address, careless(), site.domain).connect() as connection:
        return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True))
