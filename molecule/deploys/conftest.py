"""What the tests of deploys share: a host, a viewer, and a checkout to deploy from."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from checkout import Checkout
from deploying import SESSIONS, VIEWER, Come
from provisioned import Inventory, Site
from visitor import Visitor

from bench.crowd_process import CrowdProcess, crowd


@pytest.fixture(scope="session")
def inventory(pytestconfig: pytest.Config) -> Inventory:
    """The inventory of the host under test."""
    return Inventory(pytestconfig.getoption("ansible_inventory"))


@pytest.fixture(scope="session")
def site(inventory: Inventory) -> Site:
    """The site of the inventory's first host."""
    return next(iter(inventory.sites().values()))


@pytest.fixture(scope="session")
def password(site: Site) -> Iterator[str]:
    """The password of `VIEWER`, who exists while the tests run."""
    with site.kept_user(VIEWER) as chosen:
        yield chosen


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which releases are made."""
    return Checkout.clone(tmp_path_factory.mktemp("checkout") / "site")


@pytest.fixture(scope="session")
def come(site: Site, password: str, tmp_path_factory: pytest.TempPathFactory) -> Come:
    """Have a crowd on the site, of `SESSIONS` unless said otherwise."""
    chain = tmp_path_factory.mktemp("crowd") / "chain.pem"
    chain.write_text(site.certificate)
    host, port = site.address

    def come(sessions: int = SESSIONS) -> AbstractContextManager[CrowdProcess]:
        options = {"connect": f"{host}:{port}", "ca": chain, "user": VIEWER, "sessions": sessions}
        arguments = [f"--{name}={value}" for name, value in options.items()]
        return crowd(site.origin, password, *arguments)

    return come


@pytest.fixture(scope="module", autouse=True)
def _restored(inventory: Inventory) -> Iterator[None]:
    """Leave every host with what it was provisioned with."""
    yield
    run = inventory.playbook("playbook.yml")
    assert run.returncode == 0, run.stdout


@pytest.fixture
def viewer(site: Site, password: str) -> Visitor:
    """A viewer who has just signed in."""
    visitor = Visitor(site)
    assert visitor.sign_in(VIEWER, password).status == 303
    return visitor
