"""What a visitor sees: signing in and out, the gallery, and both plots at work."""

import math
import re

import pytest
from visitor import Visitor

from app.wire import VIEWER_HEADER

testinfra_hosts = ["ansible://app"]

PLOTS = ["bars", "explorer", "metrics", "sliders"]


def test_a_stranger_is_asked_to_sign_in(nobody):
    for path in ("/", "/sliders", "/bars", "/unknown"):
        answer = nobody.get(path)
        assert (answer.status, answer.headers["Location"]) == (303, f"/login?next={path}")
    assert nobody.get("/login").status == 200


def test_a_wrong_password_is_told_in_a_sentence(nobody):
    answers = [
        nobody.sign_in(name, "not the password of anybody") for name in ("alice", "who is that")
    ]
    for answer in answers:
        assert answer.status == 401
        assert "That name and password do not match an account that may sign in." in answer.text
    assert nobody.get("/").status == 303


@pytest.mark.parametrize(
    ("following", "place"),
    [
        ("/bars", "/bars"),
        ("/bars?days=3", "/bars?days=3"),
        ("https://evil.test/", "/"),
        ("//evil.test", "/"),
        ("/\\evil.test", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_signing_in_leads_to_local_places_only(nobody, passwords, following, place):
    answer = nobody.sign_in("alice", passwords["alice"], next=following)
    assert (answer.status, answer.headers["Location"]) == (303, place)


def test_the_login_cookie_is_kept_from_others(nobody, passwords):
    answer = nobody.sign_in("alice", passwords["alice"])
    _, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert answer.headers["Set-Cookie"].startswith("__Host-session=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(attributes)


def test_the_first_administrator_may_sign_in(site, nobody):
    name = site.variables["app_admin_user"]
    assert nobody.sign_in(name, site.secrets["vault_admin_password"]).status == 303
    assert nobody.get("/").status == 200


def test_the_gallery_lists_the_plots(alice):
    assert re.findall(r'<h2><a href="/(\w+)">', alice.get("/").text) == PLOTS


def test_a_form_from_elsewhere_is_refused(alice):
    answer = alice.request("POST", "/logout", body="csrf_token=made-up")
    assert answer.status == 400
    assert "out of date" in answer.text
    assert alice.get("/").status == 200


def test_signing_out_ends_the_login(second_login):
    second_login.sign_out()
    assert second_login.get("/").status == 303


@pytest.mark.parametrize("path", ["/unknown", "/bokeh_plots/", "/static/unknown"])
def test_an_unknown_page_is_a_page_with_a_request_id(alice, path):
    answer = alice.get(path)
    assert answer.status == 404
    assert "<h1>" in answer.text
    assert re.search(r"request <code>[0-9a-f]{32}</code>", answer.text)


def test_the_site_tells_that_it_is_alive(site, nobody):
    answer = nobody.get("/healthz")
    assert answer.status == 200
    assert site.variables["site_release"] in answer.text


def test_every_control_of_the_sliders_works(alice):
    with alice.session(alice.ticket("sliders")) as session:
        wave = session.model("wave")

        def follows(offset: float, amplitude: float, phase: float, frequency: float) -> bool:
            wanted = [offset + amplitude * math.sin(frequency * x + phase) for x in wave.data["x"]]
            return wave.data["y"] == pytest.approx(wanted)

        assert len(wave.data["x"]) > 100
        assert follows(offset=0, amplitude=1, phase=0, frequency=1)
        set_to = {"offset": 0, "amplitude": 1, "phase": 0, "frequency": 1}
        for name, value in (("offset", -2), ("amplitude", 3), ("phase", 1.5), ("frequency", 2.5)):
            session.change(name, value)
            set_to[name] = value
            session.wait_until(lambda: follows(**set_to))
        session.change("title", "Another wave")
        session.wait_until(
            lambda: session.document.select_one({"text": "Another wave"}) is not None
        )


def test_the_number_of_bars_follows_its_control(site, alice):
    settings = {"maximum_days": 60, "default_days": 10}
    settings |= site.variables.get("site_plot_settings", {}).get("bars", {})
    with alice.session(alice.ticket("bars")) as session:
        bugs, days = session.model("bugs"), session.model("days")
        assert (days.value, days.end) == (settings["default_days"], settings["maximum_days"])
        for count in (days.end, 1):
            session.change("days", count)
            session.wait_until(lambda count=count: len(bugs.data["bugs"]) == count)
            assert bugs.data["day"] == list(range(1, count + 1))


def test_two_visits_do_not_share_a_session(alice):
    first, second = alice.ticket("sliders"), alice.ticket("sliders")
    with alice.session(first) as one, alice.session(second) as other:
        one.change("offset", 4)
        one.wait_until(lambda: max(one.model("wave").data["y"]) > 4)
        other.change("phase", 0.5)
        assert max(other.model("wave").data["y"]) < 2


def test_a_page_may_lose_its_connection_and_come_back(alice):
    ticket = alice.ticket("sliders")
    with alice.session(ticket) as session:
        session.change("offset", 4)
    with alice.session(ticket) as session:
        assert session.model("offset").value == 4


def test_visitors_share_no_page(alice, bob):
    assert ">alice<" in alice.get("/").text
    assert ">bob<" in bob.get("/").text
    for visitor in (alice, bob):
        for path in ("/", "/sliders", "/login"):
            assert visitor.get(path).headers["Cache-Control"] == "no-store"


def test_no_answer_names_the_viewer_to_the_client(alice):
    for path in ("/", "/sliders", "/unknown", "/healthz"):
        assert VIEWER_HEADER not in alice.get(path).headers


def test_a_browser_that_was_signed_in_elsewhere_is_nobody_here(site, alice):
    assert Visitor(site, dict.fromkeys(alice.cookies, "made up")).get("/").status == 303
