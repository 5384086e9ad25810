"""The login: in front of everything, revocable, and leading nowhere but to this site."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support import BASE, PASSWORD, csrf_token, entries, post, sign_in

from app.db import session
from app.models import Login
from app.people import accounts, logins
from app.people.audit import Event

# Each is a decision: forms that need no login, the way through a provider, health for the balancer,
# nginx's question, and that of a page that has lost its plot.
PUBLIC = {
    *("auth.login", "auth.login_form", "password.ask", "password.choose"),
    *("oidc.start", "oidc.callback"),
    *("health.alive", "health.ready", "access.decide", "site.state"),
}


def test_every_route_needs_a_login_but_these(site: Flask):
    public = set()
    for rule in site.url_map.iter_rules():
        path = site.url_map.bind("plots.test").build(
            rule.endpoint, dict.fromkeys(rule.arguments, "sliders"), method=min(rule.methods)
        )
        view = site.view_functions[rule.endpoint]
        answer = site.test_client().open(path, method="GET", **BASE)
        if getattr(view, "public", False):
            public.add(rule.endpoint)
        elif "GET" in rule.methods:
            assert answer.status_code == 303
            assert answer.location.startswith("/login")
    assert public == PUBLIC


def test_signs_in_and_out(client: FlaskClient):
    assert sign_in(client, "alice", next="/sliders").location == "/sliders"
    page = client.get("/", **BASE)
    assert "alice" in page.text
    cookie = client.get_cookie("__Host-session", domain="plots.test")
    assert cookie.secure
    assert cookie.http_only
    assert cookie.same_site == "Lax"
    headers = {"Referer": "https://plots.test/"}
    form = {"csrf_token": csrf_token(page.text)}
    assert client.post("/logout", **BASE, headers=headers, data=form).location == "/login"
    # The cookie of before, as a thief would have it:
    client.set_cookie("__Host-session", cookie.value, domain="plots.test", secure=True)
    assert client.get("/", **BASE).status_code == 303


def test_who_signs_in_once_more_is_signed_out_before(site: Flask, alice: FlaskClient):
    with site.app_context():
        before = session().query(Login).one().id
    # As in a second tab, whose form was open already.
    assert post(alice, "/account", "/login", name="bob", password=PASSWORD).status_code == 303
    assert "bob" in alice.get("/", **BASE).text
    with site.app_context():
        assert not logins.live_login(before)
    assert [entry.user for entry in entries(site, Event.SIGN_OUT)] == ["alice"]


@pytest.mark.parametrize(
    ("name", "password"), [("alice", "wrong"), ("nobody", "wrong"), ("alice", ""), ("", "")]
)
def test_tells_nothing_of_what_was_wrong(client: FlaskClient, name: str, password: str):
    answer = sign_in(client, name, password)
    assert answer.status_code == 401
    assert "do not match an account" in answer.text


def test_a_disabled_user_stays_out_and_comes_back(site: Flask, alice: FlaskClient):
    with site.app_context():
        accounts.set_active("alice", active=False)
    assert alice.get("/", **BASE).status_code == 303
    assert sign_in(site.test_client(), "alice").status_code == 401
    with site.app_context():
        accounts.set_active("alice", active=True)
    assert alice.get("/", **BASE).status_code == 200


def test_a_new_password_ends_every_login(site: Flask, alice: FlaskClient):
    with site.app_context():
        accounts.set_password("alice", "another long password")
    assert alice.get("/", **BASE).status_code == 303


def test_an_expired_login_ends(site: Flask, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    # Past the cookie, which ends at the same time.
    with site.app_context():
        login = session().query(Login).one()
        assert logins.live_login(login.id)
        monkeypatch.setattr("app.people.logins.time.time", lambda: login.expires_at)
        assert not logins.live_login(login.id)
    assert alice.get("/", **BASE).status_code == 303


def test_comes_back_to_the_page_that_was_asked_for(client: FlaskClient):
    answer = client.get("/sliders?days=3", **BASE)
    assert answer.location == "/login?next=/sliders?days%3D3"
    page = client.get(answer.location, **BASE).text
    assert 'name="next" value="/sliders?days=3"' in page


def test_expired_logins_are_forgotten(site: Flask, alice: FlaskClient, monkeypatch):
    assert alice.get("/", **BASE).status_code == 200
    with monkeypatch.context() as later:
        later.setattr("app.people.logins.time.time", lambda: 2**31)
        sign_in(site.test_client(), "bob")
    with site.app_context():
        assert [login.user.name for login in session().query(Login)] == ["bob"]


@pytest.mark.parametrize(
    "target",
    [
        *("https://evil.test/", "//evil.test/", "/\\evil.test", "/\t/evil.test"),
        *("evil", "javascript:x", "//["),
    ],
)
def test_leads_to_no_other_site(client: FlaskClient, target: str):
    assert sign_in(client, "alice", next=target).location == "/"


def test_a_form_without_its_token_is_refused(client: FlaskClient):
    answer = client.post("/login", **BASE, data={"name": "alice", "password": "x"})
    assert answer.status_code == 400
    assert "out of date" in answer.text


def test_no_form_is_taken_without_its_token(site: Flask, carol: FlaskClient):
    paths = site.url_map.bind("plots.test")
    tried = 0
    for rule in site.url_map.iter_rules():
        if "POST" in rule.methods:
            path = paths.build(rule.endpoint, dict.fromkeys(rule.arguments, "alice"), method="POST")
            answer = carol.post(path, **BASE, headers={"Referer": "https://plots.test/"})
            assert answer.status_code == 400, path
            assert "This form is out of date" in answer.text, path
            tried += 1
    assert tried > 10


def test_a_form_from_another_site_is_refused(client: FlaskClient):
    token = csrf_token(client.get("/login", **BASE).text)
    answer = client.post(
        "/login", **BASE, headers={"Referer": "https://evil.test/"}, data={"csrf_token": token}
    )
    assert answer.status_code == 400
