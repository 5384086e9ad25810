"""The site on this host, as a browser on this host reaches it."""

import asyncio
import json
import ssl
import sys
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.live import PLOT
from bench.running import nginx_value
from bench.session import Server, Ticket
from bench.visitor import Page, Visitor, read_page
from bench.web import Address, Answer


@dataclass(frozen=True)
class Site:
    """The site, with somebody signed in.

    Attributes:
        server: Where it is.
        headers: The headers of a browser that has signed in.
    """

    server: Server
    headers: dict[str, str]

    def get(self, path: str, encodings: str = "identity") -> Answer:
        """Ask for a path.

        Args:
            path: Path and query.
            encodings: What the body may be compressed with.
        """
        return self.server.get(path, {**self.headers, "Accept-Encoding": encodings})

    def page(self) -> Page:
        """Open the page of the plot."""
        return read_page(self.get(f"/{PLOT}").body.decode())

    def ticket(self) -> Ticket:
        """Open the page of the plot, for what opens its session."""
        page = self.page()
        return Ticket(page.path, page.token, self.headers)


def signed_in() -> Site:
    """Sign in, as standard input says: url, user and password in JSON."""
    told = json.load(sys.stdin)
    tls = ssl.create_default_context(cafile=nginx_value("ssl_certificate"))
    tls.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    url = urlsplit(told["url"])
    visitor = Visitor(Address("127.0.0.1", 443, tls, url.hostname), told["url"])
    asyncio.run(visitor.sign_in(told["user"], told["password"]))
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    server = Server(443, url.netloc, tls, url.hostname)
    return Site(server, {"Origin": told["url"], "Cookie": cookies})
