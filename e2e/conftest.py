"""A real browser against a provisioned host."""

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Page, Request, Response, expect
from provisioned import Inventory, Site

# Debian's own Chromium; without these switches it calls home at every start.
CHROMIUM = "/usr/bin/chromium"
SWITCHES = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
VIEWER = "e2e-viewer"


@pytest.fixture(scope="session")
def site(pytestconfig: pytest.Config) -> Site:
    """The site of the inventory's first host."""
    return next(iter(Inventory(pytestconfig.getoption("ansible_inventory")).sites().values()))


@pytest.fixture(scope="session")
def password(site: Site) -> Iterator[str]:
    """The password of `VIEWER`, who exists while the tests run."""
    chosen = secrets.token_urlsafe(16)
    site.keep_user(VIEWER, chosen)
    yield chosen
    site.cli("user", "disable", VIEWER)


@pytest.fixture(scope="session")
def screenshots(site: Site) -> Path:
    """Where pictures of the pages are kept."""
    folder = Path(site.environment["STATE"]) / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def browser_type_launch_args(
    browser_type_launch_args: dict[str, Any], site: Site
) -> dict[str, Any]:
    """Start Debian's Chromium, and let the site's name lead to the host."""
    host, port = site.address
    mapped = f"--host-resolver-rules=MAP {site.netloc} {host}:{port}"
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's own has no root user
    return {
        **browser_type_launch_args,
        "executable_path": CHROMIUM,
        "args": [*SWITCHES, *sandbox, mapped],
    }


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any], site: Site) -> dict[str, Any]:
    """Trust the host's certificate, which other tests check, and start at the site."""
    return {**browser_context_args, "base_url": site.origin, "ignore_https_errors": True}


@dataclass
class Complaints:
    """What a browser had to complain about on the pages it was shown."""

    site: Site
    seen: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        """Hear a page's complaints."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.seen.append(f"error: {error}"))
        page.on("requestfailed", lambda request: self.seen.append(f"failed: {request.url}"))
        page.on("request", self._request)
        page.on("response", self._response)

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


@pytest.fixture
def complaints(page: Page, site: Site) -> Complaints:
    """What the page complains about."""
    complaints = Complaints(site)
    complaints.listen(page)
    return complaints


def sign_in(page: Page, password: str, at: str = "/") -> None:
    """Sign in as `VIEWER` through the form, on the way to a page."""
    page.goto(at)
    page.get_by_label("Name").fill(VIEWER)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


@pytest.fixture
def viewer(page: Page, password: str) -> Page:
    """A page of a viewer who has signed in."""
    sign_in(page, password)
    expect(page.get_by_role("heading", name="Plots")).to_be_visible()
    return page
