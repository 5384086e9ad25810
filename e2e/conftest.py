"""A real browser against a provisioned host."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import ADMINISTRATOR, VIEWER, Complaints, sign_in
from playwright.sync_api import Browser, Page, expect
from provisioned import Inventory, Site

# Debian's own Chromium; without these switches it calls home at every start.
CHROMIUM = "/usr/bin/chromium"
SWITCHES = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="session")
def site(pytestconfig: pytest.Config) -> Site:
    """The site of the inventory's first host."""
    return next(iter(Inventory(pytestconfig.getoption("ansible_inventory")).sites().values()))


@pytest.fixture(scope="session")
def password(site: Site) -> Iterator[str]:
    """The password of `VIEWER`, who exists while the tests run."""
    with site.kept_user(VIEWER) as chosen:
        yield chosen


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


@pytest.fixture
def complaints(page: Page, site: Site) -> Complaints:
    """What the page complains about."""
    complaints = Complaints(site)
    complaints.listen(page)
    return complaints


@pytest.fixture
def viewer(page: Page, password: str) -> Page:
    """A page of a viewer who has signed in."""
    sign_in(page, password)
    expect(page.get_by_role("heading", name="Plots")).to_be_visible()
    return page


@pytest.fixture(scope="session")
def administrator(
    browser: Browser, browser_context_args: dict[str, Any], site: Site
) -> Iterator[list[Any]]:
    """The cookies of an administrator who has signed in."""
    password = secrets.token_urlsafe(16)
    site.keep_user(ADMINISTRATOR, password)
    site.cli("user", "groups", ADMINISTRATOR, "admin")
    context = browser.new_context(**browser_context_args)
    page = context.new_page()
    sign_in(page, password, name=ADMINISTRATOR)
    expect(page.get_by_role("heading", name="Plots")).to_be_visible()
    yield context.cookies()
    context.close()
    site.cli("user", "disable", ADMINISTRATOR)
