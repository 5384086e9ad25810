"""Failed sign-ins: limited by account and by address, and telling nothing of who has an account."""

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from support import PASSWORD, entries, sign_in

from app.people import accounts, passwords, throttle
from app.people.audit import Event
from app.people.throttle import ACCOUNT_LIMIT, ADDRESS_LIMIT, WINDOW_SECONDS
from app.probe import PROBE

LATER = "app.people.throttle.time.time"


def browser(site: Flask, address: str) -> FlaskClient:
    client = site.test_client()
    client.environ_base = {**client.environ_base, "REMOTE_ADDR": address}
    return client


def fail(site: Flask, name: str, times: int, address: str = "192.0.2.%d") -> None:
    """Fail to sign in, each time from another address unless it says otherwise."""
    for number in range(times):
        where = address % number if "%" in address else address
        assert sign_in(browser(site, where), name, "wrong").status_code == 401


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_an_account_is_limited_whether_it_exists_or_not(site: Flask, name: str):
    fail(site, name, ACCOUNT_LIMIT)
    answer = sign_in(browser(site, "198.51.100.1"), name)
    assert answer.status_code == 429
    assert "Too many sign-ins have failed" in answer.text
    assert "try again in 15 minutes" in answer.text
    assert WINDOW_SECONDS - 5 < int(answer.headers["Retry-After"]) <= WINDOW_SECONDS
    assert sign_in(browser(site, "198.51.100.1"), "bob").status_code == 303


def test_an_address_is_limited_and_a_success_does_not_help_it(site: Flask):
    for number in range(ADDRESS_LIMIT):
        fail(site, f"nobody{number}", 1, "192.0.2.1")
        if number == 20:
            assert sign_in(browser(site, "192.0.2.1"), "alice").status_code == 303
    assert sign_in(browser(site, "192.0.2.1"), "bob").status_code == 429
    assert sign_in(browser(site, "192.0.2.2"), "bob").status_code == 303


def test_who_is_turned_away_is_neither_checked_nor_kept_out_for_longer(
    site: Flask, monkeypatch: pytest.MonkeyPatch
):
    fail(site, "alice", ACCOUNT_LIMIT)
    with monkeypatch.context() as patch:
        patch.setattr(passwords, "matches", lambda *_: pytest.fail("a password was checked"))
        for _ in range(3):
            assert sign_in(site.test_client(), "alice").status_code == 429
    refused = entries(site, Event.SIGN_IN_REFUSED)
    assert len(refused) == ACCOUNT_LIMIT
    monkeypatch.setattr(LATER, lambda: refused[-1].at + WINDOW_SECONDS)
    assert sign_in(site.test_client(), "alice").status_code == 303


def test_who_is_turned_away_is_written_down_once(site: Flask):
    fail(site, "alice", ACCOUNT_LIMIT)
    for number in range(3):
        assert sign_in(browser(site, f"198.51.100.{number}"), "alice").status_code == 429
    for number in range(ADDRESS_LIMIT):
        fail(site, f"nobody{number}", 1, "198.51.100.0")
    for name in ("alice", "bob", "bob"):
        assert sign_in(browser(site, "198.51.100.0"), name).status_code == 429
    told = entries(site, Event.TOO_MANY_FAILURES)
    assert [(entry.user, entry.address, entry.detail) for entry in told] == [
        ("alice", "198.51.100.0", "of the account"),
        ("alice", "198.51.100.0", "from the address"),
    ]


def test_the_addresses_of_one_network_count_together(site: Flask):
    for number in range(ADDRESS_LIMIT):
        fail(site, f"nobody{number}", 1, f"2001:db8:0:1:{number:x}::1")
    assert sign_in(browser(site, "2001:db8:0:1::"), "bob").status_code == 429
    assert sign_in(browser(site, "2001:db8:0:2::"), "bob").status_code == 303
    assert sign_in(browser(site, "2001:db8::1"), "bob").status_code == 303
    for number in range(ADDRESS_LIMIT):
        fail(site, f"nobody{number}", 1, f"::ffff:192.0.2.{number}")
    assert sign_in(browser(site, "::ffff:192.0.2.99"), "bob").status_code == 303


def test_the_wait_is_told_to_the_minute(site: Flask, monkeypatch: pytest.MonkeyPatch):
    fail(site, "alice", ACCOUNT_LIMIT)
    oldest = entries(site, Event.SIGN_IN_REFUSED)[0].at
    monkeypatch.setattr(LATER, lambda: oldest + WINDOW_SECONDS - 60)
    answer = sign_in(site.test_client(), "alice")
    assert "try again in 1 minute." in answer.text
    assert answer.headers["Retry-After"] == "60"


def test_guesses_sent_all_at_once_are_counted(site: Flask, monkeypatch: pytest.MonkeyPatch):
    """What has passed the first check when the last failure is written down learns nothing."""
    fail(site, "alice", ACCOUNT_LIMIT - 1)
    real = passwords.matches

    def overtaken(password: str, known: str | None) -> bool:
        monkeypatch.setattr(passwords, "matches", real)
        fail(site, "alice", 1)
        return real(password, known)

    for guess in (PASSWORD, "wrong"):
        monkeypatch.setattr(passwords, "matches", overtaken)
        assert sign_in(site.test_client(), "alice", guess).status_code == 429
        monkeypatch.setattr(throttle, "ACCOUNT_LIMIT", throttle.ACCOUNT_LIMIT + 1)
    assert len(entries(site, Event.SIGN_IN_REFUSED)) == ACCOUNT_LIMIT + 1


def test_every_failure_takes_one_verification(site: Flask, monkeypatch: pytest.MonkeyPatch):
    with site.app_context():
        accounts.add("invited")
        accounts.set_active("bob", active=False)
    sign_in(site.test_client(), "nobody", "wrong")  # makes the hash that stands for a missing one
    verified = []
    real = PasswordHasher.verify

    def verify(hasher: PasswordHasher, known: str, password: str) -> bool:
        verified.append(known)
        return real(hasher, known, password)

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    for name, password in (
        ("alice", "wrong"),
        ("nobody", "wrong"),
        ("bob", PASSWORD),
        ("invited", "wrong"),
    ):
        assert sign_in(site.test_client(), name, password).status_code == 401
    assert len(verified) == 4
    # The same parameters, so the same time.
    assert len({known.rsplit("$", 2)[0] for known in verified}) == 1


def test_the_log_tells_why_and_repeats_no_name_that_nobody_has(site: Flask):
    with site.app_context():
        accounts.add("invited")
        accounts.set_active("bob", active=False)
    typed = "hunter2 hunter2"
    for name, password in (("alice", "x"), ("bob", PASSWORD), ("invited", "x"), (typed, "x")):
        sign_in(browser(site, "192.0.2.9"), name, password)
    told = entries(site, Event.SIGN_IN_REFUSED)
    assert [entry.detail for entry in told] == [
        "wrong password",
        "disabled",
        "no password",
        "unknown name",
    ]
    assert [entry.user for entry in told[:3]] == ["alice", "bob", "invited"]
    assert told[3].user.startswith("unknown:")
    assert len(told[3].user) == len("unknown:") + 12
    assert {entry.address for entry in told} == {"192.0.2.9"}


def test_strangers_cannot_keep_the_gate_of_a_deploy_out(site: Flask):
    with site.app_context():
        for number in range(ACCOUNT_LIMIT):
            with site.test_request_context(environ_base={"REMOTE_ADDR": f"192.0.2.{number}"}):
                throttle.check(PROBE)
    fail(site, PROBE, ACCOUNT_LIMIT)
    with site.test_request_context(environ_base={"REMOTE_ADDR": "unix:"}):
        throttle.check(PROBE)
