"""The access endpoint: one login's own visit, and nothing else."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support import BASE, RELEASE, entries, sign_in

from app.config import Config
from app.db import session
from app.models import LiveSession, Login
from app.people import accounts, live
from app.people.audit import Event
from app.session_ids import Visit, digest, mint_token, read_token

SLOT = f"unit-{RELEASE}-0"
PATH = f"/bokeh_plots/{SLOT}/sliders/ws"


def visit_of(site: Flask, name: str) -> Visit:
    """The visit that the newest login of a user may make."""
    with site.app_context():
        user = accounts.get(name)
        login = session().query(Login).filter_by(user_id=user.id).all()[-1]
        return Visit("sliders", name, login.id, SLOT, login.expires_at)


def ask(client: FlaskClient, token: str, uri: str = PATH, **headers: Any) -> Any:
    """Ask as nginx does."""
    sent = {
        "X-Original-URI": uri,
        "Origin": "https://plots.test",
        "Sec-WebSocket-Protocol": f"bokeh, {token}",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    sent = {name: value for name, value in sent.items() if value is not None}
    return client.get("/-/access", **BASE, headers=sent)


@pytest.fixture
def socket(config: Config) -> Path:
    """Where the slot listens."""
    return config.run_dir / f"{SLOT}.sock"


@pytest.fixture
def visit(site: Flask, alice: FlaskClient, socket: Path) -> Visit:
    assert alice.get("/", **BASE).status_code == 200
    socket.touch()
    return visit_of(site, "alice")


@pytest.fixture
def key(config: Config) -> bytes:
    return config.bokeh_secret_key


def test_lets_the_own_visit_in_and_names_the_user(alice, visit, key):
    answer = ask(alice, mint_token(visit, key))
    assert answer.status_code == 204
    assert answer.headers["X-Site-Viewer"] == "alice"


def test_a_page_may_have_a_query_of_its_own(alice, visit, key):
    assert ask(alice, mint_token(visit, key), uri=f"{PATH}?days=3").status_code == 204


def test_nobody_gets_in_without_a_login(site, visit, key):
    assert ask(site.test_client(), mint_token(visit, key)).status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"plot": "bars"},
        {"user": "bob"},
        {"login": "another"},
        {"slot": f"other-{RELEASE}-0"},
        {"expires": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_refuses_another_visit(alice, visit, key, change):
    assert ask(alice, mint_token(replace(visit, **change), key)).status_code == 403


def test_refuses_another_users_visit(site, visit, key):
    bob = site.test_client()
    sign_in(bob, "bob")
    assert ask(bob, mint_token(visit, key), X_Site_Viewer="alice").status_code == 403


def test_refuses_the_visit_of_another_login_of_the_same_user(site, visit, key):
    second = site.test_client()
    sign_in(second, "alice")
    assert ask(second, mint_token(visit, key)).status_code == 403


def test_refuses_a_visit_whose_slot_is_gone(alice, visit, key, socket):
    socket.unlink()
    assert ask(alice, mint_token(visit, key)).status_code == 403


def test_refuses_another_key(alice, visit):
    assert ask(alice, mint_token(visit, b"x" * 40)).status_code == 403


@pytest.mark.parametrize(
    "origin",
    [None, "null", "https://evil.test", "https://plots.test.evil.tld", "http://plots.test"],
)
def test_refuses_a_foreign_origin(alice, visit, key, origin):
    token = mint_token(visit, key)
    for site in (None, "same-origin"):
        assert ask(alice, token, Origin=origin, Sec_Fetch_Site=site).status_code == 403


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/",
        f"/bokeh_plots/{SLOT}/sliders",
        f"/bokeh_plots/{SLOT}/sliders/autoload.js",
        f"/bokeh_plots/{SLOT}/sliders/ws/",
        f"/bokeh_plots//{SLOT}/sliders/ws",
        f"//plots.test{PATH}",
        f"//[{PATH}",
        f"/bokeh_plots/{SLOT}/x/%2e%2e/sliders/ws",
        f"{PATH}?bokeh-session-id=x",
        f"{PATH}?a=b&Bokeh-Token=x",
        f"{PATH}?bokeh%2Dtoken=",
    ],
)
def test_refuses_every_other_address(alice, visit, key, uri):
    assert ask(alice, mint_token(visit, key), uri=uri).status_code == 403


def test_refuses_a_websocket_without_a_token(alice):
    assert ask(alice, "", Sec_WebSocket_Protocol=None).status_code == 403


def test_a_session_that_an_administrator_ended_does_not_open_again(site, alice, visit, key):
    ended, other = mint_token(visit, key), mint_token(visit, key)
    with site.app_context():
        row = LiveSession(
            id=digest(read_token(ended, key)[0]),
            login_id=visit.login,
            user=visit.user,
            plot=visit.plot,
            slot=visit.slot,
            release=RELEASE,
            opened_at=1,
            last_event_at=1,
            expires_at=visit.expires,
        )
        session().add(row)
        session().commit()
        assert ask(alice, ended).status_code == 204
        live.end(row.id)
    assert ask(alice, ended).status_code == 403
    assert ask(alice, other).status_code == 204


def test_a_plot_that_is_not_theirs_is_written_down_once_a_minute(
    site: Flask, alice, visit, key, monkeypatch: pytest.MonkeyPatch
):
    site.extensions["site"].plot_groups["sliders"] = frozenset({"finance"})
    for _ in range(3):
        assert ask(alice, mint_token(visit, key)).status_code == 403
    (told,) = entries(site, Event.REFUSED)
    kept = (told.user, told.actor, told.plot, told.slot, told.detail)
    assert kept == ("alice", "alice", "sliders", SLOT, "websocket")
    monkeypatch.setattr("app.people.audit.time.time", lambda: told.at + 60)
    assert ask(alice, mint_token(visit, key)).status_code == 403
    assert len(entries(site, Event.REFUSED)) == 2


def test_a_disabled_user_is_out_at_once_and_back_at_once(site, alice, visit, key):
    token = mint_token(visit, key)
    for active, expected in ((False, 401), (True, 204)):
        with site.app_context():
            accounts.set_active("alice", active=active)
        assert ask(alice, token).status_code == expected
