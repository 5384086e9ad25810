"""How many plots one user may have open, and how fast; others never notice."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support import BASE, RELEASE, sign_in, tell
from test_access import ask, visit_of

from app.admission import admits
from app.config import Config
from app.db import session
from app.models import LiveSession
from app.people.logins import LiveLogin
from app.session_ids import digest, mint_token, read_token
from app.wire import PROBE

MOST = 5


@pytest.fixture
def config(config: Config) -> Config:
    """A user may have few plots open."""
    return replace(config, sessions_per_user=MOST)


@pytest.fixture
def bob(site: Flask, slots) -> FlaskClient:
    """A browser of bob, and a slot that takes visits."""
    tell(slots[0])
    slots[0].socket.touch()
    client = site.test_client()
    assert sign_in(client, "bob").status_code == 303
    return client


@pytest.fixture
def open_plots(site: Flask) -> Callable[..., None]:
    """Have a user's plots open, as the wardens of all hosts write it down."""

    def add(*ids: str, **changed: object) -> None:
        now = int(time.time())
        common = {
            "login_id": "login",
            "user": "alice",
            "plot": "bars",
            "slot": f"elsewhere-{RELEASE}-0",
            "release": RELEASE,
            "opened_at": now,
            "last_event_at": now,
            "expires_at": now + 600,
        }
        with site.app_context():
            session().add_all(LiveSession(id=key, **{**common, **changed}) for key in ids)
            session().commit()

    return add


def test_who_has_as_many_open_as_one_may_is_told_so(alice, bob, open_plots, caplog):
    open_plots(*"abcd")
    assert alice.get("/sliders", **BASE).status_code == 200
    assert alice.get("/state/sliders", **BASE).status_code == 204
    open_plots("e")
    answer = alice.get("/sliders", **BASE)
    assert answer.status_code == 429
    assert "You have as many plots open as one person may" in answer.text
    assert "refresh" not in answer.text
    assert alice.get("/state/sliders", **BASE).status_code == 429
    assert alice.get("/", **BASE).status_code == 200
    assert "alice is turned away: has too many plots open" in caplog.text
    assert bob.get("/sliders", **BASE).status_code == 200


@pytest.mark.usefixtures("bob")
@pytest.mark.parametrize(
    "over", [{"closed_at": 1}, {"ended": True}, {"expires_at": 1}, {"user": "bob"}]
)
def test_only_what_is_open_counts_and_only_ones_own(alice, open_plots, over):
    open_plots(*"abcd")
    open_plots(*"efgh", **over)
    assert alice.get("/sliders", **BASE).status_code == 200


def test_a_websocket_too_many_is_refused_and_one_that_comes_back_is_not(
    site, alice, bob, open_plots, config
):
    key = config.bokeh_secret_key
    new, own = (mint_token(visit_of(site, "alice"), key) for _ in range(2))
    open_plots(*"abcd", digest(read_token(own, key)[0]))
    assert ask(alice, own).status_code == 204
    assert ask(alice, new).status_code == 403
    assert ask(bob, mint_token(visit_of(site, "bob"), key)).status_code == 204


def test_who_opens_pages_too_fast_is_told_so(alice, bob, caplog):
    statuses = [alice.get("/sliders", **BASE).status_code for _ in range(MOST + 1)]
    assert statuses == [200] * MOST + [429]
    answer = alice.get("/sliders", **BASE)
    assert answer.headers["Retry-After"] == "5"
    assert "You open plots faster than one person may" in answer.text
    assert '<meta http-equiv="refresh" content="5">' in answer.text
    assert "alice is turned away: opens pages of plots too fast" in caplog.text
    assert bob.get("/sliders", **BASE).status_code == 200


def test_who_opens_websockets_too_fast_is_refused(site, alice, bob, config):
    own, bobs = (
        mint_token(visit_of(site, name), config.bokeh_secret_key) for name in ("alice", "bob")
    )
    statuses = [ask(alice, own).status_code for _ in range(MOST + 1)]
    assert statuses == [204] * MOST + [403]
    assert ask(bob, bobs).status_code == 204


@pytest.mark.usefixtures("bob")
def test_what_is_refused_for_another_reason_costs_nothing(site, alice, config):
    own, bobs = (
        mint_token(visit_of(site, name), config.bokeh_secret_key) for name in ("alice", "bob")
    )
    assert {ask(alice, bobs).status_code for _ in range(MOST * 2)} == {403}
    assert ask(alice, own).status_code == 204


def test_the_one_who_tries_plots_out_keeps_no_pace(site):
    probe = LiveLogin("login", PROBE, int(time.time()) + 60, frozenset())
    with site.app_context():
        assert all(admits(probe, "x") for _ in range(MOST * 2))
