"""What the tests of a provisioned host share."""

import secrets
from collections import Counter
from collections.abc import Iterator

import pytest
from provisioned import Inventory, Site
from testinfra.host import Host
from visitor import Ticket, Visitor

LAST = "last"
OBSERVED = pytest.StashKey[dict[str, list[str]]]()


def pytest_configure(config: pytest.Config) -> None:
    """Name our marks, and make room for what the tests observe."""
    config.addinivalue_line("markers", f"{LAST}: looks back at what the other tests left behind")
    told = "shows the same on every system: of the scenarios, only default runs it"
    config.addinivalue_line("markers", f"once: {told}")
    config.stash[OBSERVED] = {}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests that look back after all others."""
    items.sort(key=lambda item: item.get_closest_marker(LAST) is not None)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show what was tried, and what the site did."""
    for title, answers in config.stash[OBSERVED].items():
        counted = (
            f"{answer} ({n}x)" if n > 1 else answer for answer, n in Counter(answers).items()
        )
        terminalreporter.write_line(f"{title}: {', '.join(counted)}")


@pytest.fixture(scope="session")
def inventory(pytestconfig: pytest.Config) -> Inventory:
    """The inventory of the hosts under test."""
    return Inventory(pytestconfig.getoption("ansible_inventory"))


@pytest.fixture(scope="session")
def sites(inventory: Inventory) -> dict[str, Site]:
    """The sites of all hosts, by host name."""
    return inventory.sites()


@pytest.fixture(scope="module")
def site(host: Host, sites: dict[str, Site]) -> Site:
    """The site of the host under test."""
    return sites[host.backend.host]


@pytest.fixture
def show_observed(request: pytest.FixtureRequest, site: Site) -> Iterator[None]:
    """Show at the end what the site did in this test."""
    site.observed.clear()
    yield
    title = request.function.__name__.removeprefix("test_").replace("_", " ")
    request.config.stash[OBSERVED].setdefault(f"{site.name}: {title}", []).extend(site.observed)


@pytest.fixture(scope="session")
def passwords(sites: dict[str, Site]) -> Iterator[dict[str, str]]:
    """The passwords of the users alice and bob, who exist while the tests run."""
    chosen = {name: secrets.token_urlsafe(16) for name in ("alice", "bob")}
    for site in sites.values():
        for name, password in chosen.items():
            site.keep_user(name, password)
    yield chosen
    for site in sites.values():
        for name in chosen:
            site.cli("user", "disable", name)


@pytest.fixture
def nobody(site: Site) -> Visitor:
    """A visitor who has not signed in."""
    return Visitor(site)


@pytest.fixture(scope="module")
def alice(site: Site, passwords: dict[str, str]) -> Visitor:
    """A visitor who has signed in as alice; tests that sign out use a login of their own."""
    return signed_in(site, "alice", passwords)


@pytest.fixture(scope="module")
def bob(site: Site, passwords: dict[str, str]) -> Visitor:
    """A visitor who has signed in as bob."""
    return signed_in(site, "bob", passwords)


@pytest.fixture
def second_login(site: Site, passwords: dict[str, str]) -> Visitor:
    """Another browser in which alice has signed in."""
    return signed_in(site, "alice", passwords)


@pytest.fixture(scope="module")
def ticket(alice: Visitor) -> Ticket:
    """What alice's own page of the plot *sliders* opens its websocket with."""
    return alice.ticket("sliders")


def signed_in(site: Site, name: str, passwords: dict[str, str]) -> Visitor:
    """A new browser in which a user has signed in."""
    visitor = Visitor(site)
    assert visitor.sign_in(name, passwords[name]).status == 303
    return visitor
