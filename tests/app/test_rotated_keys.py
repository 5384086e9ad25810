"""A key that was replaced: for a time what it signed is as good as before, and then no more."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support import BASE, PASSWORD, csrf_token, sign_in
from test_access import ask, visit_of
from test_session_ids import changed

from app import timed_keys
from app.config import Config
from app.factory import create_app
from app.session_ids import mint_token
from app.timed_keys import TimedKeys

COOKIE = "__Host-session"
NEW = "n" * 40
SECONDS = 1000
# The slot of a deployment from before; this one's are in the configuration.
SLOT = "unit-aaaaaaaaaaaa-0"
PATH = f"/bokeh_plots/{SLOT}/sliders/ws"

Make = Callable[..., Flask]


@pytest.fixture
def make(config: Config, site: Flask) -> Iterator[Make]:
    """Make the site as it is after a change of its settings, on the same database."""
    assert site.extensions["engine"]
    made = []

    def make(**changes: object) -> Flask:
        made.append(create_app(replace(config, **changes)))
        return made[-1]

    yield make
    for app in made:
        app.extensions["engine"].dispose()


@pytest.fixture
def rotated(make: Make, config: Config) -> Flask:
    """The site after both keys were rotated."""
    ends = time.time() + SECONDS
    return make(
        secret_key=NEW,
        secret_key_fallbacks=TimedKeys({config.secret_key: ends}),
        bokeh_secret_key=NEW.encode(),
        bokeh_secret_key_fallbacks=TimedKeys({config.bokeh_secret_key.decode(): ends}),
    )


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the time of the replaced keys be over."""
    now = time.time()
    return lambda: monkeypatch.setattr(timed_keys.time, "time", lambda: now + SECONDS + 1)


def moved(browser: FlaskClient, app: Flask) -> FlaskClient:
    """The same browser, which finds another deployment where the site was."""
    after = app.test_client()
    cookie = browser.get_cookie(COOKIE, domain="plots.test")
    assert cookie
    after.set_cookie(COOKIE, cookie.value, domain="plots.test", secure=True)
    return after


def is_signed_in(browser: FlaskClient) -> bool:
    return browser.get("/account", **BASE).status_code == 200


def send(browser: FlaskClient, path: str, **form: str) -> int:
    sent = browser.post(path, **BASE, headers={"Referer": "https://plots.test/"}, data=form)
    return int(sent.status_code)


def test_who_is_signed_in_stays_so_until_the_time_is_over(alice, rotated, later):
    assert is_signed_in(moved(alice, rotated))
    late = moved(alice, rotated)
    later()
    assert not is_signed_in(late)


def test_an_open_form_can_be_sent_until_the_time_is_over(site, alice, rotated, later):
    token = csrf_token(alice.get("/account", **BASE).text)
    stranger = site.test_client()
    form = {"csrf_token": csrf_token(stranger.get("/login", **BASE).text)}
    form |= {"name": "bob", "password": PASSWORD}
    late = moved(stranger, rotated)
    assert send(moved(alice, rotated), "/account/sign-out-elsewhere", csrf_token=token) == 303
    assert send(moved(stranger, rotated), "/login", **form) == 303
    later()
    assert send(late, "/login", **form) == 400


def test_a_key_counts_for_nothing_without_its_time(alice, make, config):
    for fallbacks in ({}, {config.secret_key: time.time()}, {"x" * 40: time.time() + SECONDS}):
        after = make(secret_key=NEW, secret_key_fallbacks=TimedKeys(fallbacks))
        assert not is_signed_in(moved(alice, after))


def test_a_changed_cookie_is_refused(alice, rotated):
    browser = moved(alice, rotated)
    value = browser.get_cookie(COOKIE, domain="plots.test").value
    browser.set_cookie(COOKIE, changed(value, 10), domain="plots.test", secure=True)
    assert not is_signed_in(browser)


def test_the_new_key_signs_all_that_is_new(rotated, make):
    browser = rotated.test_client()
    assert sign_in(browser, "alice").status_code == 303
    token = csrf_token(browser.get("/account", **BASE).text)
    after = make(secret_key=NEW)
    assert is_signed_in(moved(browser, after))
    assert send(moved(browser, after), "/account/sign-out-elsewhere", csrf_token=token) == 303
    assert not is_signed_in(moved(browser, make()))


def test_a_key_that_is_set_once_more_signs(site, alice, make, config):
    assert is_signed_in(alice)
    ends = time.time() + SECONDS
    after = make(secret_key_fallbacks=TimedKeys({config.secret_key: 1.0, NEW: ends}))
    token = csrf_token(moved(alice, after).get("/account", **BASE).text)
    assert send(moved(alice, site), "/account/sign-out-elsewhere", csrf_token=token) == 303


def test_a_page_comes_back_to_its_slot_until_the_time_is_over(site, alice, rotated, later, config):
    visit = replace(visit_of(site, "alice"), slot=SLOT)
    (config.run_dir / f"{SLOT}.sock").touch()
    browser = moved(alice, rotated)
    token = mint_token(visit, config.bokeh_secret_key)
    assert ask(browser, token, uri=PATH).status_code == 204
    assert ask(browser, mint_token(visit, b"x" * 40), uri=PATH).status_code == 403
    assert ask(browser, changed(token, token.index(".") + 3), uri=PATH).status_code == 403
    browser = moved(alice, rotated)
    rotated.config["SECRET_KEY_FALLBACKS"] = [config.secret_key]
    later()
    assert ask(browser, token, uri=PATH).status_code == 403


def test_the_own_slots_know_the_new_key_only(site, alice, rotated, config):
    own = config.slots[0]
    (config.run_dir / f"{own}.sock").touch()
    browser, visit = moved(alice, rotated), replace(visit_of(site, "alice"), slot=own)
    path = PATH.replace(SLOT, own)
    assert ask(browser, mint_token(visit, config.bokeh_secret_key), uri=path).status_code == 403
    assert ask(browser, mint_token(visit, NEW.encode()), uri=path).status_code == 204
