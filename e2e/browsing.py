"""What the browser tests do over and over: signing in, and listening for complaints."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request, Response
from provisioned import Site

VIEWER = "e2e-viewer"
ADMINISTRATOR = "e2e-administrator"
PATIENCE = 20  # seconds, on a machine that does other things too


@dataclass
class Complaints:
    """What a browser had to complain about on the pages it was shown."""

    site: Site
    seen: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        """Hear a page's complaints."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.seen.append(f"error: {error}"))
        page.on("requestfailed", self._failed)
        page.on("request", self._request)
        page.on("response", self._response)

    def _failed(self, request: Request) -> None:
        # The browser itself gives up what a page that is left has not loaded yet, such as its icon.
        if request.failure != "net::ERR_ABORTED":
            self.seen.append(f"failed: {request.url}: {request.failure}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.seen.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme != "data" and url.netloc != self.site.netloc:
            self.seen.append(f"foreign: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.seen.append(f"{response.status}: {response.url}")


def sign_in(page: Page, password: str, at: str = "/", name: str = VIEWER) -> None:
    """Sign in through the form, on the way to a page."""
    page.goto(at)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def wait_until(page: Page, look: Callable[[], bool]) -> None:
    """Look until it is so; the page's own wait for a function would break its content policy."""
    ends = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < ends, page.get_by_role("main").inner_text()
        page.wait_for_timeout(50)
