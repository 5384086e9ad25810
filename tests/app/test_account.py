"""The page of one's own account."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support import BASE, PASSWORD, csrf_token, entries, post, sign_in

from app.people import accounts, passwords
from app.people.audit import Event
from app.people.throttle import ACCOUNT_LIMIT

NEW = PASSWORD[::-1]


def change(client: FlaskClient, current: str = PASSWORD, new: str = NEW, again: str = ""):
    form = {"current": current, "password": new, "again": again or new}
    return post(client, "/account", "/account/password", **form)


def is_in(client: FlaskClient) -> bool:
    return client.get("/", **BASE).status_code == 200


@pytest.fixture
def elsewhere(site: Flask) -> FlaskClient:
    """Another browser that alice has signed in with."""
    client = site.test_client()
    client.environ_base = {"REMOTE_ADDR": "192.0.2.7", "HTTP_USER_AGENT": "<b>Other</b>"}
    assert sign_in(client, "alice").status_code == 303
    return client


def test_a_new_password_ends_the_other_logins(site: Flask, alice, elsewhere):
    answer = change(alice)
    assert (answer.status_code, answer.location) == (303, "/account")
    assert "Your password is changed" in alice.get("/account", **BASE).text
    assert not is_in(elsewhere)
    assert sign_in(site.test_client(), "alice", NEW).status_code == 303
    (entry,) = entries(site, Event.NEW_PASSWORD)
    assert (entry.user, entry.actor, entry.address) == ("alice", "alice", "127.0.0.1")


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"current": "wrong"}, "That is not your current password."),
        ({"again": "something else"}, "The two new passwords differ."),
        ({"new": "alice in wonderland"}, "must not contain the user&#39;s name."),
        ({"new": "qwertyuiop123"}, "very common password"),
    ],
)
def test_a_change_that_is_refused_says_why_and_changes_nothing(site, alice, form, sentence):
    answer = change(alice, **form)
    assert answer.status_code == 400
    assert sentence in answer.text
    assert sign_in(site.test_client(), "alice").status_code == 303
    assert not entries(site, Event.NEW_PASSWORD)


def test_the_current_password_cannot_be_guessed_here_either(alice):
    for _ in range(ACCOUNT_LIMIT):
        assert change(alice, current="wrong").status_code == 400
    answer = change(alice)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"]


def test_logins_are_listed_and_end_one_by_one(site: Flask, alice, elsewhere):
    third = site.test_client()
    sign_in(third, "alice")
    page = alice.get("/account", **BASE).text
    assert page.count("this browser") == 1
    assert "192.0.2.7" in page
    assert "&lt;b&gt;Other&lt;/b&gt;" in page
    row = next(row for row in page.split("<tr>") if "192.0.2.7" in row)
    login = re.search(r'name="login" value="([^"]+)"', row)[1]
    assert post(alice, "/account", "/account/end", login=login).status_code == 303
    assert (is_in(elsewhere), is_in(third), is_in(alice)) == (False, True, True)


def test_nobody_ends_the_login_of_another(site: Flask, alice, elsewhere):
    page = alice.get("/account", **BASE).text
    login = re.search(r'name="login" value="([^"]+)"', page)[1]
    bob = site.test_client()
    sign_in(bob, "bob")
    # Any form of bob's own has the token of his session.
    token = csrf_token(bob.get("/account", **BASE).text)
    answer = bob.post(
        "/account/end",
        **BASE,
        headers={"Referer": "https://plots.test/account"},
        data={"csrf_token": token, "login": login},
    )
    assert answer.status_code == 400
    assert "That sign-in has ended already." in answer.text
    assert is_in(elsewhere)


def test_signs_out_everywhere_else(site: Flask, alice, elsewhere):
    assert post(alice, "/account", "/account/sign-out-elsewhere").status_code == 303
    assert (is_in(elsewhere), is_in(alice)) == (False, True)
    (entry,) = entries(site, Event.SIGNED_OUT_EVERYWHERE)
    assert (entry.user, entry.detail) == ("alice", "but for the own browser")


def test_who_has_no_password_is_told_how_to_get_one(site: Flask, alice):
    with site.app_context():
        accounts.get("alice").password_hash = passwords.NONE
        accounts.set_active("alice", active=True)
    assert "You have no password here." in alice.get("/account", **BASE).text
