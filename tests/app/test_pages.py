"""Pages: what a viewer gets, with which headers, and what is said when something fails."""

import json
import re
from dataclasses import replace
from html import unescape

import pytest
from bokeh.util.token import get_token_payload
from flask import Flask
from flask.testing import FlaskClient
from support import BASE, tell

from app import slots as site_slots
from app.db import Base, engine, session
from app.models import Login
from app.plots import discover
from app.session_ids import read_token


def test_the_gallery_lists_every_plot(alice: FlaskClient):
    page = alice.get("/", **BASE).text
    for plot in discover().values():
        assert f'<a href="/{plot.name}">{plot.title}</a>' in page
        assert plot.description in unescape(page)


def titles(page: str) -> list[str]:
    return re.findall("<h2>(?:<a [^>]*>)?([^<]*)", page)


def test_a_search_finds_plots_by_every_word_in_any_case(alice: FlaskClient):
    assert titles(alice.get("/?q=wave+SINE", **BASE).text) == ["Sliders"]
    assert titles(alice.get("/?q=wave+bugs", **BASE).text) == []


def test_a_search_that_finds_nothing_says_so(alice: FlaskClient):
    page = alice.get("/?q=<none>", **BASE).text
    assert "No plot matches “<none>”." in unescape(page)
    assert "<none>" not in page


def test_more_than_a_dozen_plots_can_be_searched(alice: FlaskClient, monkeypatch):
    assert 'role="search"' not in alice.get("/", **BASE).text
    bars = discover()["bars"]
    many = {f"plot{i}": replace(bars, name=f"plot{i}") for i in range(13)}
    monkeypatch.setattr("app.rights.discover", lambda: many)
    assert 'role="search"' in alice.get("/", **BASE).text


def test_a_viewer_without_plots_is_told_so(alice: FlaskClient, monkeypatch):
    monkeypatch.setattr("app.rights.discover", dict)
    assert "No plot is open to you." in alice.get("/", **BASE).text


def test_a_plot_that_no_slot_can_show_is_marked_and_leads_nowhere(alice: FlaskClient, slots):
    shown = {"components": [], "error": None}
    plots = {**dict.fromkeys(discover(), shown), "bars": {"components": [], "error": "broken"}}
    tell(slots[0], plots=plots)
    page = alice.get("/", **BASE).text
    assert {"Bars", "Sliders"} <= set(titles(page))
    assert 'href="/bars"' not in page
    assert 'href="/sliders"' in page
    assert page.count("Unavailable") == 1


def test_a_page_that_lost_its_plot_learns_why(site: Flask, alice: FlaskClient, config):
    assert alice.get("/state/bars", **BASE).status_code == 204
    config.plot_groups["bars"] = frozenset({"finance"})
    assert alice.get("/state/bars", **BASE).status_code == 403
    assert site.test_client().get("/state/bars", **BASE).status_code == 401


def test_a_plot_page_carries_a_token_for_this_viewer(alice: FlaskClient, config, slots):
    tell(slots[0])
    page = alice.get("/sliders", **BASE)
    session = json.loads(re.search(r'id="session">(.*?)</script>', page.text)[1])
    _, visit = read_token(session["token"], config.bokeh_secret_key)
    assert (visit.plot, visit.user, visit.slot) == ("sliders", "alice", config.slots[0])
    assert session["path"] == f"/bokeh_plots/{config.slots[0]}/sliders"
    assert session["name"] == "sliders"
    assert 'integrity="sha384-' in page.text
    assert "connect-src 'self'" in page.headers["Content-Security-Policy"]


def test_the_slot_can_log_the_pages_request_id(alice: FlaskClient, slots):
    tell(slots[0])
    page = alice.get("/sliders", **BASE, headers={"X-Request-Id": "a" * 32})
    session = json.loads(re.search(r'id="session">(.*?)</script>', page.text)[1])
    assert get_token_payload(session["token"])["request_id"] == "a" * 32


def test_a_preview_is_shown_to_whom_may_open_the_plot(
    client: FlaskClient, alice: FlaskClient, tmp_path, monkeypatch
):
    code = {"seen.py": "", "tour/main.py": "", "none.py": "", "closed.py": "GROUPS = ['finance']"}
    (tmp_path / "plots" / "tour").mkdir(parents=True)
    for name, text in code.items():
        (tmp_path / "plots" / name).write_text(text)
    images = {"seen.png": b"png", "tour/preview.svg": b"<svg/>", "closed.jpg": b"jpg"}
    for name, data in images.items():
        (tmp_path / "plots" / name).write_bytes(data)
    plots = discover(tmp_path / "plots")
    for module in ("app.previews", "app.rights"):
        monkeypatch.setattr(f"{module}.discover", lambda: plots)

    shown = alice.get("/previews/tour", **BASE)
    assert (shown.status_code, shown.data, shown.mimetype) == (200, b"<svg/>", "image/svg+xml")
    assert shown.headers["Cache-Control"] == "no-store"
    assert alice.get("/previews/seen", **BASE).mimetype == "image/png"
    statuses = [alice.get(f"/previews/{n}", **BASE).status_code for n in ("none", "what", "closed")]
    assert statuses == [404, 404, 403]
    assert client.get("/previews/seen", **BASE).status_code == 303


def test_a_query_too_long_for_a_token_is_refused(alice: FlaskClient, slots):
    tell(slots[0])
    assert alice.get("/sliders?x=" + "a" * 1000, **BASE).status_code == 200
    assert alice.get("/sliders?x=" + "a" * 3000, **BASE).status_code == 414


def test_a_full_site_says_so_and_the_page_tries_again(alice: FlaskClient):
    answer = alice.get("/sliders", **BASE)
    assert answer.status_code == 503
    assert "All places are taken. This page tries again by itself" in answer.text
    assert f'<meta http-equiv="refresh" content="{answer.headers["Retry-After"]}">' in answer.text


def test_a_plot_that_failed_says_so_and_does_not_try_again(alice: FlaskClient, slots):
    plots = {name: {"components": [], "error": "division by zero"} for name in discover()}
    tell(slots[0], plots=plots)
    answer = alice.get("/sliders", **BASE)
    assert answer.status_code == 500
    assert "This plot is unavailable" in answer.text
    assert "division" not in answer.text
    assert "refresh" not in answer.text
    assert "Retry-After" not in answer.headers


def test_every_answer_says_what_it_may_load_and_that_nobody_keeps_it(
    site: Flask, alice: FlaskClient
):
    for client, path in (
        (alice, "/"),
        (alice, "/nothing"),
        (site.test_client(), "/"),
        (site.test_client(), "/login"),
        (site.test_client(), "/healthz"),
    ):
        headers = client.get(path, **BASE).headers
        (policy,) = headers.getlist("Content-Security-Policy")
        assert policy == (
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
            "form-action 'self'; frame-ancestors 'none'"
        )
        assert headers.getlist("Cache-Control") == ["no-store"]


@pytest.mark.parametrize("path", ["/sliders", "/password"])
def test_only_scripts_with_the_answers_own_nonce_run(alice: FlaskClient, slots, path: str):
    tell(slots[0])
    nonces = set()
    for _ in range(2):
        page = alice.get(path, **BASE)
        (allowed,) = re.findall(r"script-src ([^;]+)", page.headers["Content-Security-Policy"])
        scripts = re.findall(r"<script [^>]*src=[^>]*>|<link rel=.modulepreload.[^>]*>", page.text)
        carried = {found for tag in scripts for found in re.findall('nonce="([^"]+)"', tag)}
        assert {f"'nonce-{nonce}'" for nonce in carried} == {allowed}
        assert [tag for tag in scripts if "nonce=" not in tag] == []
        nonces.add(allowed)
    assert len(nonces) == 2


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


def test_readiness_names_the_slots_that_take_no_visits(client: FlaskClient, slots):
    tell(slots[0], cause="memory")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    draining = f"slot {slots[0].name} is draining (memory)"
    gone = f"slot {slots[1].name} does not run"
    assert answer.json["problems"] == [f"0 of 1 slots take visits: {draining}, {gone}"]


def test_readiness_names_the_plots_that_do_not_open(client: FlaskClient, slots):
    tell(slots[1])  # and has no socket; that its spare does not run is no problem
    problems = client.get("/readyz").json["problems"]
    assert len(problems) == len(discover())
    assert all(f"did not open in slot {slots[1].name}" in problem for problem in problems)


def test_readiness_opens_every_plot(site, slot, monkeypatch):
    monkeypatch.setattr(site_slots, "configured", lambda: [slot.slot])
    before = slot.slot.status()["sessions"]
    answer = site.test_client().get("/readyz")
    assert (answer.status_code, answer.json["problems"]) == (200, [])
    slot.wait_until(lambda status: status["sessions"] == before + len(discover()))
