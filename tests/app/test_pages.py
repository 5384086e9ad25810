"""Pages: what a viewer gets, with which headers, and what is said when something fails."""

import json
import re
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support import BASE

from app import slots
from app.db import Base, engine, session
from app.models import Login
from app.plots import discover
from app.session_ids import read_token
from app.slots import Slot


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch) -> dict:
    """What the one slot says of itself; change it to change the slot."""
    health = {
        "status": "ok",
        "plots": {name: {"components": ["bokeh"], "error": None} for name in discover()},
    }
    monkeypatch.setattr(Slot, "health", lambda _slot: health)
    return health


def test_the_gallery_lists_every_plot(alice: FlaskClient):
    page = alice.get("/", **BASE).text
    for plot in discover().values():
        assert f'<a href="/{plot.name}">{plot.title}</a>' in page
        assert plot.description in unescape(page)


@pytest.mark.usefixtures("healthy")
def test_a_plot_page_carries_a_token_for_this_viewer(alice: FlaskClient, config):
    page = alice.get("/sliders", **BASE)
    session = json.loads(re.search(r'id="session">(.*?)</script>', page.text)[1])
    _, visit = read_token(session["token"], config.bokeh_secret_key)
    assert (visit.plot, visit.user, visit.slot) == ("sliders", "alice", config.slots[0])
    assert session["path"] == f"/bokeh_plots/{config.slots[0]}/sliders"
    assert 'integrity="sha384-' in page.text
    assert "connect-src 'self'" in page.headers["Content-Security-Policy"]


@pytest.mark.usefixtures("healthy")
def test_a_query_too_long_for_a_token_is_refused(alice: FlaskClient):
    assert alice.get("/sliders?x=" + "a" * 1000, **BASE).status_code == 200
    assert alice.get("/sliders?x=" + "a" * 3000, **BASE).status_code == 414


@pytest.mark.parametrize("change", [{"status": "draining"}, {"plots": {}}])
def test_no_slot_means_an_honest_503(alice: FlaskClient, healthy, change):
    healthy.update(change)
    answer = alice.get("/sliders", **BASE)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


def test_a_plot_that_failed_in_the_slot_is_not_shown(alice: FlaskClient, healthy):
    healthy["plots"]["sliders"]["error"] = "division by zero"
    assert alice.get("/sliders", **BASE).status_code == 503
    assert alice.get("/bars", **BASE).status_code == 200


def test_a_dead_slot_is_passed_over(alice: FlaskClient):
    assert alice.get("/sliders", **BASE).status_code == 503  # no socket at all


def test_every_answer_has_the_headers(site: Flask, alice: FlaskClient):
    for client, path in (
        (alice, "/"),
        (alice, "/nothing"),
        (site.test_client(), "/"),
        (site.test_client(), "/login"),
        (site.test_client(), "/healthz"),
    ):
        headers = client.get(path, **BASE).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"


def test_an_error_page_names_the_request(alice: FlaskClient):
    request_id = "0123456789abcdef" * 2
    page = alice.get("/nothing", **BASE, headers={"X-Request-Id": request_id})
    assert page.status_code == 404
    assert "There is no such page." in page.text
    assert request_id in page.text


def test_a_forged_request_id_is_replaced(alice: FlaskClient):
    assert "forged" not in alice.get("/x", **BASE, headers={"X-Request-Id": "forged"}).text


def test_a_failure_is_logged_with_the_request_and_shown_without_details(
    site: Flask, alice: FlaskClient, monkeypatch, caplog
):
    def fail():
        raise RuntimeError("the disk is on fire")

    monkeypatch.setitem(site.view_functions, "site.gallery", fail)
    request_id = "0123456789abcdef" * 2
    page = alice.get("/?token=secret", **BASE, headers={"X-Request-Id": request_id})
    assert page.status_code == 500
    assert request_id in page.text
    assert "fire" not in page.text
    assert request_id in caplog.text
    assert "the disk is on fire" in caplog.text
    assert "secret" not in caplog.text


def test_a_database_error_is_logged_without_its_parameters(site: Flask, alice: FlaskClient, caplog):
    with site.app_context():
        login = session().query(Login).one().id
        Base.metadata.tables["logins"].drop(engine())
    assert alice.get("/", **BASE).status_code == 500
    assert "no such table: logins" in caplog.text
    assert login not in caplog.text


def test_a_large_request_is_refused(client: FlaskClient):
    answer = client.post("/login", **BASE, data={"name": "x" * 100_000})
    assert answer.status_code == 413


def test_alive_needs_no_login_and_no_database(client: FlaskClient, config):
    assert client.get("/healthz").json == {"status": "ok", "release": config.release}


def test_readiness_names_the_slot_that_fails(client: FlaskClient, config):
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert len(answer.json["problems"]) == len(discover())
    assert all(config.slots[0] in problem for problem in answer.json["problems"])


def test_readiness_opens_every_plot(site, slot, monkeypatch):
    monkeypatch.setattr(slots, "configured", lambda: [slot.slot])
    before = slot.slot.health()["sessions"]
    answer = site.test_client().get("/readyz")
    assert (answer.status_code, answer.json["problems"]) == (200, [])
    assert slot.slot.health()["sessions"] == before + len(discover())
