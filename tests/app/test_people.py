"""Accounts, groups, links and sign-ins: what the layer beneath pages and commands does."""

import time
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from flask import Flask
from flask.testing import FlaskClient
from support import BASE, PASSWORD, before_the_next_change, entries, post, sign_in

from app.db import session
from app.models import Login, PasswordLink
from app.people import accounts, admins, groups, links, logins, passwords, synthetic
from app.people.audit import Event
from app.people.errors import AccountError
from app.probe import PROBE


@pytest.fixture
def people(site: Flask) -> Iterator[Flask]:
    """The site, in the context in which the layer works."""
    with site.app_context():
        yield site


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("password1234", "too easy to guess. This is a very common password."),
        ("abcdefghijkl", "Sequences like"),
        ("P@ssw0rd2024!", "similar to a commonly used password"),
        ("a" * 1000, "Repeats like"),
        ("x" * 1025, "has 12 to 1024 characters, this one has 1025"),
        ("my ALICE is my own", "must not contain the user's name"),
    ],
)
@pytest.mark.usefixtures("people")
def test_a_password_that_is_easy_to_guess_is_refused_with_the_reason(password, reason):
    with pytest.raises(AccountError) as refusal:
        accounts.set_password("alice", password)
    assert reason in str(refusal.value)
    assert password not in str(refusal.value)
    assert logins.verified("alice", PASSWORD)


@pytest.mark.usefixtures("people")
def test_a_long_sentence_and_a_short_name_are_no_hindrance():
    accounts.add("al", "a" + PASSWORD * 40 + "al")
    assert logins.verified("al", "a" + PASSWORD * 40 + "al")


@pytest.mark.usefixtures("people")
def test_judging_a_password_takes_no_time_to_speak_of():
    began = time.process_time()
    accounts.set_password("alice", "4@8({[<369&6#!1|%0$5+7%2" * 3)
    assert time.process_time() - began < 1


def test_an_account_without_a_password_has_a_hash_that_every_release_can_read():
    for password in ("", passwords.NONE):
        with pytest.raises(VerifyMismatchError):
            PasswordHasher().verify(passwords.NONE, password)


@pytest.mark.usefixtures("people")
def test_a_hash_of_other_parameters_is_made_anew(monkeypatch):
    before = accounts.get("alice").password_hash
    stronger = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", stronger)
    assert logins.sign_in("alice", PASSWORD)
    after = accounts.get("alice").password_hash
    assert after != before
    assert "t=2" in after


@pytest.mark.usefixtures("people")
def test_somebody_always_administers_the_site():
    accounts.set_active("bob", active=False)  # while nobody does, nobody can be the last
    accounts.set_active("bob", active=True)
    groups.set_of("alice", {"admin"})
    for change in (
        lambda: accounts.set_active("alice", active=False),
        lambda: accounts.remove("alice"),
        lambda: groups.set_of("alice", set()),
    ):
        with pytest.raises(
            AccountError, match="the last active member of the group admin is alice"
        ):
            change()
        assert admins.active() == ["alice"]
    groups.set_of("bob", {"admin"})
    accounts.set_active("bob", active=False)
    with pytest.raises(AccountError, match="last active member"):
        accounts.remove("alice")
    accounts.set_active("bob", active=True)
    accounts.remove("alice")
    assert admins.active() == ["bob"]


def test_a_group_that_a_plot_names_stays(people: Flask, config):
    groups.add("finance")
    groups.add("idle")
    config.plot_groups["bars"] = frozenset({"finance"})
    with pytest.raises(AccountError, match="the group finance decides who may open bars"):
        groups.remove("finance")
    with pytest.raises(AccountError, match="the group admin administers"):
        groups.remove("admin")
    groups.set_of("alice", {"idle"})
    groups.remove("idle")
    assert groups.of("alice") == []
    (removed,) = entries(people, Event.GROUP_REMOVED)
    assert removed.detail == "idle, with alice in it"


@pytest.mark.usefixtures("people")
def test_a_group_nobody_made_is_named_with_those_there_are():
    with pytest.raises(AccountError, match="no group named sales; there are admin"):
        groups.set_of("alice", {"sales"})


@pytest.mark.parametrize("make", [accounts.add, groups.add])
def test_of_two_who_take_a_name_at_the_same_moment_one_gets_it(people: Flask, make):
    before_the_next_change(people, lambda: make("ops"))
    with pytest.raises(AccountError, match="named ops exists already"):
        make("ops")


def test_two_may_change_the_same_groups_at_the_same_moment(people: Flask, monkeypatch):
    for name in ("idle", "ops"):
        groups.add(name)
    real = admins.active

    def overtaken() -> list[str]:
        monkeypatch.setattr(admins, "active", real)
        with people.app_context():
            groups.set_of("alice", {"idle", "ops"})
        return real()

    monkeypatch.setattr(admins, "active", overtaken)
    groups.set_of("alice", {"ops"})
    assert groups.of("alice") == ["ops"]
    told = [entry.detail for entry in entries(people, Event.GROUPS_CHANGED)]
    assert told == ["from none to idle, ops", "from idle, ops to ops"]


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("name", ["Alice", "ALICE"])
def test_a_name_that_differs_only_in_case_is_taken(name):
    with pytest.raises(AccountError, match="a user named alice exists already"):
        accounts.add(name)
    assert not logins.verified(name, PASSWORD)


def test_every_change_is_written_down(people: Flask):
    groups.add("ops")
    accounts.add("dave", PASSWORD, groups.existing({"ops"}))
    groups.set_of("dave", {"admin", "ops"})
    groups.set_of("dave", {"admin", "ops"})  # changes nothing
    groups.set_of("dave", {"admin"})
    accounts.set_active("bob", active=False)
    logins.sign_out_everywhere(accounts.get("alice"))
    told = {event: entries(people, event) for event in Event}
    assert [e.detail for e in told[Event.GROUPS_CHANGED]] == [
        "from ops to admin, ops",
        "from admin, ops to admin",
    ]
    assert told[Event.USER_CREATED][-1].detail == "in ops"
    assert told[Event.GROUP_CREATED][0].detail == "ops"
    assert told[Event.USER_DISABLED][0].user == "bob"
    assert told[Event.SIGNED_OUT_EVERYWHERE][0].user == "alice"
    assert {e.actor for each in told.values() for e in each} == {"(command line)"}


def test_a_change_that_is_refused_leaves_no_entry(people: Flask):
    groups.set_of("alice", {"admin"})
    with pytest.raises(AccountError):
        accounts.set_active("alice", active=False)
    session().commit()
    assert entries(people, Event.USER_DISABLED) == []


def test_the_synthetic_viewer_is_nobodys_and_leaves_no_trace(people: Flask):
    with pytest.raises(AccountError, match="the name site-probe belongs to the site itself"):
        accounts.add(PROBE, PASSWORD)
    groups.set_of("alice", {"admin"})
    with synthetic.viewer() as password:
        login = logins.sign_in(PROBE, password).id
        assert logins.live_login(login)
        assert PROBE not in [user.name for user in accounts.everyone()]
        assert groups.members("admin") == ["alice"]
        with pytest.raises(AccountError, match="there is no user named site-probe"):
            accounts.set_active(PROBE, active=False)
        with pytest.raises(AccountError, match="last active member"):
            accounts.remove("alice")
    assert not logins.live_login(login)
    named = {entry.user for event in Event for entry in entries(people, event)}
    assert PROBE not in named


def test_a_sign_in_tells_its_address_and_its_browser(site: Flask):
    client = site.test_client()
    client.environ_base = {"REMOTE_ADDR": "192.0.2.7", "HTTP_USER_AGENT": "Fire\tfox" + "x" * 300}
    sign_in(client, "alice")
    with site.app_context():
        login = session().query(Login).one()
        assert login.address == "192.0.2.7"
        assert login.browser == "Firefox" + "x" * 248


# Links.


def token_of(link: str) -> str:
    address, _, token = link.partition("#")
    assert address == "https://plots.test/password"
    return token


def choose(client: FlaskClient, token: str, password: str = PASSWORD[::-1], again: str = ""):
    form = {"token": token, "password": password, "again": again or password}
    return post(client, "/password", "/password", **form)


@pytest.fixture
def token(site: Flask) -> str:
    """The token of a link for alice."""
    with site.app_context():
        return token_of(links.make("alice"))


def test_a_link_sets_a_password_once(site: Flask, alice: FlaskClient, token: str):
    client = site.test_client()
    for look in (client.get, client.head):
        assert look("/password", **BASE).status_code == 200
    assert choose(client, token).location == "/"
    assert "alice" in client.get("/", **BASE).text
    assert alice.get("/", **BASE).status_code == 303
    assert sign_in(site.test_client(), "alice").status_code == 401
    assert sign_in(site.test_client(), "alice", PASSWORD[::-1]).status_code == 303
    again = choose(site.test_client(), token)
    assert again.status_code == 410
    assert "This link cannot be used: it was used already" in again.text
    assert [e.user for e in entries(site, Event.LINK_USED)] == ["alice"]
    assert entries(site, Event.SIGN_IN)[1].detail == "password link"


def test_a_mistake_does_not_use_the_link_up(site: Flask, token: str):
    client = site.test_client()
    weak = choose(client, token, "password1234")
    assert (weak.status_code, "very common password" in weak.text) == (400, True)
    assert f'value="{token}"' in weak.text
    differs = choose(client, token, again="another long password")
    assert (differs.status_code, "The two passwords differ." in differs.text) == (400, True)
    assert not entries(site, Event.LINK_USED)
    assert choose(client, token).status_code == 303


def test_of_two_who_use_a_link_at_the_same_moment_one_gets_it(
    site: Flask, token: str, monkeypatch: pytest.MonkeyPatch
):
    """Nothing is locked while a password is judged and hashed, which takes long."""
    real = passwords.hashed

    def overtaken(password: str, name: str) -> str:
        monkeypatch.setattr(passwords, "hashed", real)
        with site.app_context():  # a database session of its own
            assert choose(site.test_client(), token).status_code == 303
        return real(password, name)

    monkeypatch.setattr(passwords, "hashed", overtaken)
    assert choose(site.test_client(), token, "another long password").status_code == 410
    assert sign_in(site.test_client(), "alice", PASSWORD[::-1]).status_code == 303
    assert len(entries(site, Event.LINK_USED)) == 1


@pytest.mark.parametrize("fault", ["wrong", "expired", "replaced", "disabled", "changed"])
def test_a_link_that_is_worth_nothing(site: Flask, token: str, monkeypatch, fault: str):
    with site.app_context():
        if fault == "wrong":
            token = token[::-1]
        elif fault == "expired":
            expires = session().query(PasswordLink).one().expires_at
            monkeypatch.setattr("app.people.links.time.time", lambda: expires)
        elif fault == "replaced":
            links.make("alice")
        elif fault == "disabled":
            accounts.set_active("alice", active=False)
        else:
            accounts.set_password("alice", "another long password")
    answer = choose(site.test_client(), token)
    assert answer.status_code == 410
    assert "This link cannot be used" in answer.text
    assert "Ask whoever sent it for another." in answer.text


def test_only_a_digest_of_a_link_is_kept(site: Flask, token: str):
    with site.app_context():
        link = session().query(PasswordLink).one()
        assert len(link.digest) == 64
        assert token not in (
            link.digest,
            *(entry.detail for entry in entries(site, Event.LINK_MADE)),
        )


@pytest.mark.usefixtures("people")
def test_no_link_for_a_disabled_user():
    accounts.set_active("alice", active=False)
    with pytest.raises(AccountError, match="the user alice is disabled"):
        links.make("alice")
