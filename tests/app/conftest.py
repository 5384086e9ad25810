"""The site without a host: a database in a temporary folder, and a real slot on a unix socket."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from support import KEY, PASSWORD, RELEASE, RunningSlot, run_slot, sign_in

from app import commands, schema
from app.config import Config
from app.factory import create_app
from app.people import accounts, groups, passwords
from app.slots import Slot


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Hash passwords with so little work that tests need not wait for it."""
    with pytest.MonkeyPatch.context() as patch:
        hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr(passwords, "_hasher", hasher)
        yield


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(
        secret_key="f" * 40,
        bokeh_secret_key=KEY.encode(),
        database_url=f"sqlite:///{tmp_path / 'site.db'}",
        origins=("https://plots.test",),
        slots=(f"unit-{RELEASE}-0", f"unit-{RELEASE}-1"),
        slot_count=1,
        run_dir=tmp_path,
        release=RELEASE,
        login_hours=12,
        audit_days=400,
        plot_settings={},
        plot_groups={},
        plot_build_seconds=20,
        message_max_mb=2,
        sessions_per_user=100,
    )


@pytest.fixture
def site(config: Config) -> Iterator[Flask]:
    """The application, with the users alice and bob."""
    app = create_app(config)
    schema.install(app)
    with app.app_context():
        schema.upgrade()
        for name in ("alice", "bob"):
            accounts.add(name, PASSWORD)
    yield app
    app.extensions["engine"].dispose()


@pytest.fixture
def slots(config: Config) -> list[Slot]:
    """The slots of that configuration: one that is wanted and its spare. None of them runs."""
    return [Slot(name, config.run_dir / f"{name}.sock") for name in config.slots]


@pytest.fixture
def run(config: Config) -> Iterator[Callable[..., Result]]:
    """Run a command against an empty database, with text on standard input."""
    site = create_app(config)
    commands.install(site)
    runner = site.test_cli_runner()

    def run(*arguments: str, stdin: str = "") -> Result:
        return runner.invoke(args=arguments, input=stdin)

    yield run
    site.extensions["engine"].dispose()


@pytest.fixture
def client(site: Flask) -> FlaskClient:
    """A browser that nobody has signed in with."""
    return site.test_client()


@pytest.fixture
def alice(site: Flask) -> FlaskClient:
    """A browser that alice has signed in with."""
    client = site.test_client()
    assert sign_in(client, "alice").status_code == 303
    return client


@pytest.fixture
def carol(site: Flask) -> FlaskClient:
    """A browser that carol has signed in with, who administers the site."""
    with site.app_context():
        accounts.add("carol", PASSWORD, groups.existing({"admin"}))
    client = site.test_client()
    assert sign_in(client, "carol").status_code == 303
    return client


@pytest.fixture(scope="module")
def slot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSlot]:
    """A slot that the tests of a module share."""
    with run_slot(tmp_path_factory.mktemp("slot")) as running:
        yield running
