"""Signing in through a provider: whom it names gets in, and whatever is wrong is told."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from certificates import write_pair
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from identity_provider import CLIENT, DISCOVERY, SECRET, TOKEN, IdentityProvider, identity_provider
from sqlalchemy import select
from support import BASE, PASSWORD, before_the_next_change, sign_in

from app.config import Config
from app.db import session
from app.models import AuditEntry, Group
from app.oidc import client as oidc_client
from app.oidc.settings import Provider
from app.people import accounts, groups, identities, passwords, throttle
from app.people.errors import AccountError

USERS = {
    "1": {"preferred_username": "carol", "groups": ["staff", "idp-finance"]},
    "2": {"preferred_username": "alice"},
    "3": {"preferred_username": "d o r a"},
    "4": {"preferred_username": "erin", "groups": "idp-finance"},
    "5": {"email": "frank@plots.test", "email_verified": False},
}


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with identity_provider(USERS) as provider:
        yield provider


@pytest.fixture(autouse=True)
def _flawless(request: pytest.FixtureRequest) -> None:
    """A fault ends with its test."""
    if "provider" in request.fixturenames:
        request.getfixturevalue("provider").fault()


def registered_at(issuer: str, **changes: Any) -> Provider:
    """This site, as it is registered at a provider."""
    known = Provider(
        issuer=issuer,
        client_id=CLIENT,
        client_secret=SECRET,
        name="Example Login",
        name_claim="preferred_username",
        groups_claim="groups",
        groups={"idp-finance": "finance", "idp-admins": "admin"},
    )
    return replace(known, **changes)


@pytest.fixture
def config(config: Config, provider: IdentityProvider) -> Config:
    origins = ("https://plots.test", "https://alias.test")
    return replace(config, origins=origins, oidc=registered_at(provider.issuer))


@pytest.fixture
def site(site: Flask) -> Flask:
    with site.app_context():
        groups.add("finance")
    return site


def change(site: Flask, **changes: Any) -> None:
    """Change what the site knows of its provider."""
    config = site.extensions["site"]
    site.extensions["site"] = replace(config, oidc=replace(config.oidc, **changes))


def go(client: FlaskClient, **query: str) -> str:
    """Press the button; return the provider's page that it leads to."""
    answer = client.get("/login/oidc", **BASE, query_string=query)
    assert answer.status_code == 303, answer.text
    return answer.location


def come_back(client: FlaskClient, location: str) -> Any:
    """Follow the way back from the provider."""
    url = urlsplit(location)
    assert f"{url.scheme}://{url.netloc}" == BASE["base_url"]
    return client.get(f"{url.path}?{url.query}", **BASE)


def arrive(
    client: FlaskClient, provider: IdentityProvider, subject: str = "1", **query: str
) -> Any:
    """Sign in through the provider, as a browser would; return the last answer."""
    return come_back(client, provider.answer(go(client, **query), sub=subject))


def said(site: Flask, event: str) -> list[str | None]:
    """The details of the audit log's entries of an event."""
    with site.app_context():
        wanted = select(AuditEntry.detail).where(AuditEntry.event == event)
        return list(session().scalars(wanted.order_by(AuditEntry.id)))


def assert_refused(answer: Any, status: int, sentence: str) -> None:
    """A page that says so, with the form to sign in by password on it."""
    assert answer.status_code == status, answer.text
    assert sentence in answer.text
    assert 'name="password"' in answer.text


def test_the_button_is_there_where_there_is_a_provider(client: FlaskClient):
    page = client.get("/login?next=/bars", **BASE).text
    assert "Sign in with Example Login" in page
    assert 'href="/login/oidc?next=/bars"' in page


def test_without_a_provider_there_is_neither_button_nor_page(site: Flask, client: FlaskClient):
    site.extensions["site"] = replace(site.extensions["site"], oidc=None)
    assert "login/oidc" not in client.get("/login", **BASE).text
    assert client.get("/login/oidc", **BASE).status_code == 404
    assert client.get("/login/oidc/callback?state=x&code=y", **BASE).status_code == 404


def test_the_first_sign_in_makes_an_account(
    site: Flask, client: FlaskClient, provider: IdentityProvider
):
    answer = arrive(client, provider, next="/bars?days=3")
    assert (answer.status_code, answer.location) == (303, "/bars?days=3")
    assert "carol" in client.get("/", **BASE).text
    with site.app_context():
        carol = accounts.get("carol")
        assert groups.of("carol") == ["finance"]
        assert carol.password_hash == passwords.NONE
    assert said(site, "signed in") == ["oidc"]
    assert sign_in(site.test_client(), "carol", passwords.NONE).status_code == 401


def test_who_comes_twice_at_the_same_moment_gets_one_account(
    site: Flask, client: FlaskClient, provider: IdentityProvider
):
    before_the_next_change(site, lambda: arrive(site.test_client(), provider))
    assert arrive(client, provider).status_code == 303
    assert "carol" in client.get("/", **BASE).text
    assert said(site, "signed in") == ["oidc", "oidc"]


def test_nothing_of_the_visitor_from_before_is_left(
    client: FlaskClient, provider: IdentityProvider
):
    with client.session_transaction(**BASE) as before:
        before["planted"] = "by somebody else"
    arrive(client, provider)
    with client.session_transaction(**BASE) as after:
        assert set(after) - {"csrf_token", "_permanent"} == {"login"}


def test_every_sign_in_sets_the_groups_that_the_provider_decides(
    site: Flask, provider: IdentityProvider
):
    def member_of() -> set[str]:
        with site.app_context():
            return set(groups.of("carol"))

    arrive(site.test_client(), provider)
    with site.app_context():
        groups.add("local")
        groups.set_of("bob", {"admin"})
        groups.set_of("carol", {"local", "finance"})
    provider.fault(claims={"groups": ["idp-admins", "admin"]})
    assert arrive(site.test_client(), provider).status_code == 303
    assert member_of() == {"local", "admin"}
    provider.fault(claims={"groups": None}, **{"/userinfo": {"changes": {"groups": None}}})
    assert arrive(site.test_client(), provider).status_code == 303
    assert member_of() == {"local"}
    changes = ["from finance, local to admin, local", "from admin, local to local"]
    assert said(site, "groups changed")[-2:] == changes


def test_the_last_administrator_stays_one(site: Flask, provider: IdentityProvider):
    provider.fault(claims={"groups": ["idp-admins", "idp-finance"]})
    arrive(site.test_client(), provider)
    provider.fault(claims={"groups": []})
    assert arrive(site.test_client(), provider).status_code == 303
    with site.app_context():
        assert groups.of("carol") == ["admin"]


def test_what_goes_wrong_makes_nobody_an_administrator(
    site: Flask, monkeypatch: pytest.MonkeyPatch
):
    real = groups.existing

    def gone(names: set[str]) -> list[Group]:
        if "admin" in names:
            return real(names)
        raise AccountError("there is no group named finance")

    monkeypatch.setattr(groups, "existing", gone)
    with site.app_context():
        carol = accounts.add("carol")
        with pytest.raises(AccountError, match="no group named finance"):
            identities.set_groups(carol, {"idp-finance"}, {"idp-finance": "finance"})
        assert groups.of("carol") == []


def test_a_group_that_is_gone_is_left_out(
    site: Flask, client: FlaskClient, provider: IdentityProvider
):
    change(site, groups={"staff": "gone", "idp-finance": "finance"})
    assert arrive(client, provider).status_code == 303
    with site.app_context():
        assert groups.of("carol") == ["finance"]


def test_made_up_answers_do_not_fill_the_audit_log(site: Flask, client: FlaskClient):
    for _ in range(throttle.ADDRESS_LIMIT + 3):
        assert client.get("/login/oidc/callback", **BASE).status_code == 400
    assert len(said(site, "single sign-on refused")) == throttle.ADDRESS_LIMIT
    # Nor do they keep anybody out.
    assert sign_in(client, "alice").status_code == 303


def test_a_single_group_may_stand_without_a_list(
    site: Flask, client: FlaskClient, provider: IdentityProvider
):
    arrive(client, provider, subject="4")
    with site.app_context():
        assert groups.of("erin") == ["finance"]


def test_what_the_token_leaves_out_is_asked_for(
    site: Flask, client: FlaskClient, provider: IdentityProvider
):
    provider.fault(claims={"preferred_username": None, "groups": None})
    assert arrive(client, provider).status_code == 303
    with site.app_context():
        assert groups.of("carol") == ["finance"]


def test_what_is_said_of_somebody_else_does_not_count(
    client: FlaskClient, provider: IdentityProvider
):
    provider.fault(claims={"groups": None}, **{"/userinfo": {"changes": {"sub": "9"}}})
    assert_refused(arrive(client, provider), 502, "cannot be understood")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"claims": {"aud": "another-site"}}, "wrong audience"),
        ({"claims": {"aud": ["another-site", CLIENT], "azp": "another-site"}}, "wrong azp"),
        ({"claims": {"aud": ["another-site", CLIENT]}}, "wrong azp"),
        ({"claims": {"iss": "https://evil.test"}}, "wrong issuer"),
        ({"claims": {"exp": int(time.time()) - 120}}, "expired token"),
        ({"claims": {"exp": None}}, "wrong exp"),
        ({"claims": {"iat": int(time.time()) + 600}}, "wrong iat"),
        ({"claims": {"nonce": "another"}}, "wrong nonce"),
        ({"claims": {"nonce": None}}, "wrong nonce"),
        ({"claims": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}}, "wrong at_hash"),
        ({"other_key": True}, "wrong signature: bad_signature"),
        ({"alg": "none"}, "wrong signature: unsupported_algorithm"),
        ({DISCOVERY: {"changes": {"issuer": "https://evil.test"}}}, "wrong issuer"),
    ],
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(
    site: Flask,
    client: FlaskClient,
    provider: IdentityProvider,
    fault: dict[str, Any],
    reason: str,
):
    back = provider.answer(go(client), sub="1")
    offered = {DISCOVERY: {"changes": {"id_token_signing_alg_values_supported": ["none", "RS256"]}}}
    provider.fault(**{**offered, **fault})
    assert_refused(come_back(client, back), 403, "cannot be trusted")
    (told,) = said(site, "single sign-on refused")
    assert told.startswith(f"{reason}")
    assert client.get("/", **BASE).status_code == 303
    with site.app_context():
        assert not accounts.find("carol")


def test_an_answer_counts_once(site: Flask, client: FlaskClient, provider: IdentityProvider):
    url = go(client)
    cookie = client.get_cookie("__Host-session", domain="plots.test")
    back = provider.answer(url, sub="1")
    assert come_back(client, back).status_code == 303
    assert_refused(come_back(client, back), 400, "has ended already")
    # As somebody has it who copied the cookie before: the provider knows that the code was used.
    thief = site.test_client()
    thief.set_cookie("__Host-session", cookie.value, domain="plots.test", secure=True)
    assert_refused(come_back(thief, back), 502, "refused the sign-in")
    assert said(site, "single sign-on refused") == [
        "unknown state",
        "the provider says 'invalid_grant'",
    ]


def test_a_refused_answer_counts_once_as_well(client: FlaskClient, provider: IdentityProvider):
    back = provider.answer(go(client), sub="1")
    provider.fault(claims={"nonce": "another"})
    assert come_back(client, back).status_code == 403
    provider.fault()
    assert_refused(come_back(client, back), 400, "has ended already")


def test_another_browser_cannot_finish(
    site: Flask, client: FlaskClient, provider: IdentityProvider
):
    back = provider.answer(go(client), sub="1")
    assert_refused(come_back(site.test_client(), back), 400, "not begun in this browser")


@pytest.mark.parametrize("query", ["", "?code=x", "?state=x&error=%3Cscript%3E"])
def test_a_made_up_answer_is_refused(client: FlaskClient, query: str):
    answer = client.get(f"/login/oidc/callback{query}", **BASE)
    assert_refused(answer, 400, "not begun in this browser")
    assert "script" not in answer.text


def test_whoever_cancels_is_back_at_the_form(client: FlaskClient, provider: IdentityProvider):
    back = provider.answer(go(client), action="deny")
    assert_refused(come_back(client, back), 403, "or you cancelled")
    assert_refused(come_back(client, back), 400, "has ended already")


def test_another_refusal_of_the_provider_is_told(site: Flask, client: FlaskClient):
    state = parse_qs(urlsplit(go(client)).query)["state"][0]
    back = f"https://plots.test/login/oidc/callback?error=%0Aserver_error&state={state}"
    assert_refused(come_back(client, back), 502, "refused the sign-in")
    assert said(site, "single sign-on refused") == [r"the provider says '\nserver_error'"]


def test_a_wrong_client_secret_is_told(
    site: Flask, client: FlaskClient, provider: IdentityProvider
):
    change(site, client_secret="wrong")
    assert_refused(arrive(client, provider), 502, "refused the sign-in")
    assert said(site, "single sign-on refused") == ["the provider says 'invalid_client'"]


def test_a_code_is_of_no_use_to_another_browser(site: Flask, provider: IdentityProvider):
    one, other = site.test_client(), site.test_client()
    code = parse_qs(urlsplit(provider.answer(go(one), sub="1")).query)["code"][0]
    state = parse_qs(urlsplit(go(other)).query)["state"][0]
    answer = other.get(f"/login/oidc/callback?code={code}&state={state}", **BASE)
    assert_refused(answer, 502, "refused the sign-in")
    assert said(site, "single sign-on refused") == ["the provider says 'invalid_grant'"]


@pytest.mark.parametrize(
    ("fault", "status", "sentence"),
    [
        ({DISCOVERY: {"text": "<html>"}}, 502, "cannot be understood"),
        ({DISCOVERY: {"text": "[]"}}, 502, "cannot be understood"),
        ({DISCOVERY: {"text": "{}"}}, 502, "cannot be understood"),
        ({DISCOVERY: {"changes": {"token_endpoint": "ftp://a.test"}}}, 502, "cannot be understood"),
        ({DISCOVERY: {"text": "", "status": 500}}, 503, "does not answer"),
    ],
)
def test_a_provider_that_is_not_well_is_told_at_the_start(
    client: FlaskClient,
    provider: IdentityProvider,
    fault: dict[str, Any],
    status: int,
    sentence: str,
):
    provider.fault(**fault)
    assert_refused(client.get("/login/oidc", **BASE), status, sentence)
    # What it answered is not remembered.
    provider.fault()
    assert arrive(client, provider).status_code == 303


@pytest.mark.parametrize(
    ("fault", "status", "sentence"),
    [
        ({TOKEN: {"text": "<html>"}}, 502, "cannot be understood"),
        ({TOKEN: {"text": "[]"}}, 502, "cannot be understood"),
        ({TOKEN: {"text": '{"access_token": "x"}'}}, 502, "cannot be understood"),
        ({TOKEN: {"changes": {"id_token": "x.y.z"}}}, 403, "cannot be trusted"),
        ({TOKEN: {"changes": {"id_token": None, "userinfo": {"sub": "1"}}}}, 502, "understood"),
        ({"/jwks": {"text": '{"keys": [{}]}'}}, 403, "cannot be trusted"),
        ({"/jwks": {"text": "[]"}}, 502, "cannot be understood"),
        ({"claims": {"sub": 1}}, 403, "cannot be trusted"),
        ({TOKEN: {"text": "", "status": 500}}, 503, "does not answer"),
    ],
)
def test_a_provider_that_is_not_well_is_told_at_the_end(
    client: FlaskClient,
    provider: IdentityProvider,
    fault: dict[str, Any],
    status: int,
    sentence: str,
):
    back = provider.answer(go(client), sub="1")
    provider.fault(**fault)
    assert_refused(come_back(client, back), status, sentence)
    assert client.get("/", **BASE).status_code == 303


@pytest.mark.parametrize("slow", [DISCOVERY, TOKEN])
def test_a_provider_that_does_not_answer_in_time_is_not_waited_for(
    client: FlaskClient, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch, slow: str
):
    back = provider.answer(go(client), sub="1")
    monkeypatch.setattr(oidc_client, "TIMEOUT", 1)
    provider.fault(**{slow: {"delay": 4}})
    begun = time.monotonic()
    assert_refused(come_back(client, back), 503, "does not answer")
    assert time.monotonic() - begun < 4


def test_without_a_provider_that_runs_people_sign_in_by_password(site: Flask, client: FlaskClient):
    with identity_provider(USERS) as gone:
        change(site, issuer=gone.issuer)
        back = gone.answer(go(client), sub="1")
    assert_refused(come_back(client, back), 503, "does not answer")
    assert_refused(client.get("/login/oidc", **BASE), 503, "does not answer")
    assert all(told.startswith("provider down") for told in said(site, "single sign-on refused"))
    assert sign_in(client, "alice").status_code == 303


def test_a_slow_provider_does_not_take_every_thread(
    client: FlaskClient, provider: IdentityProvider
):
    taken = 0
    while oidc_client.waiting.acquire(blocking=False):
        taken += 1
    try:
        assert 1 < taken < 8
        assert_refused(client.get("/login/oidc", **BASE), 503, "Too many people are waiting")
    finally:
        oidc_client.waiting.release(taken)
    assert arrive(client, provider).status_code == 303


def test_a_local_account_is_not_taken_over_until_it_is_linked(
    site: Flask, client: FlaskClient, provider: IdentityProvider, run: Callable[..., Result]
):
    assert_refused(arrive(client, provider, subject="2"), 403, "An account named alice exists here")
    (told,) = said(site, "single sign-on refused")
    assert told == "no account: alice exists; to link it: user link-oidc alice 2"
    assert run("user", "link-oidc", "alice", "2").output == "linked alice\n"
    assert "bob" in run("user", "list").output
    assert run("user", "link-oidc", "bob", "2").output == "Error: 2 is already linked to alice\n"
    assert arrive(client, provider, subject="2").status_code == 303
    assert said(site, "identity linked") == ["2"]
    # The password still works.
    assert sign_in(site.test_client(), "alice", PASSWORD).status_code == 303


def test_a_disabled_user_stays_out(site: Flask, client: FlaskClient, provider: IdentityProvider):
    arrive(client, provider)
    with site.app_context():
        accounts.set_active("carol", active=False)
    assert_refused(arrive(client, provider), 403, "Your account here is disabled.")
    assert said(site, "single sign-on refused") == ["disabled"]


@pytest.mark.parametrize(
    ("subject", "claim", "sentence"),
    [
        ("3", "preferred_username", "You cannot have an account here: a user name is up to"),
        ("4", "nickname", "does not tell your name"),
        ("5", "email", "Your address is not verified"),
    ],
)
def test_a_name_that_cannot_be_had_is_told(
    site: Flask, provider: IdentityProvider, subject: str, claim: str, sentence: str
):
    change(site, name_claim=claim)
    assert_refused(arrive(site.test_client(), provider, subject=subject), 403, sentence)
    (told,) = said(site, "single sign-on refused")
    assert told.startswith("no account:")


@pytest.mark.parametrize("target", ["https://evil.test/", "//evil.test/", "/\\evil.test"])
def test_leads_to_no_other_site(client: FlaskClient, provider: IdentityProvider, target: str):
    assert arrive(client, provider, next=target).location == "/"


@pytest.mark.parametrize(
    ("host", "origin"),
    [("alias.test", "https://alias.test"), ("evil.test", "https://plots.test")],
)
def test_leads_back_to_an_origin_of_the_site(client: FlaskClient, host: str, origin: str):
    answer = client.get("/login/oidc", base_url=f"https://{host}")
    query = parse_qs(urlsplit(answer.location).query)
    assert query["redirect_uri"] == [f"{origin}/login/oidc/callback"]


def test_begun_sign_ins_do_not_fill_the_cookie(client: FlaskClient, provider: IdentityProvider):
    first, *_, previous, last = [go(client) for _ in range(8)]
    assert len(client.get_cookie("__Host-session", domain="plots.test").value) < 3000
    assert_refused(come_back(client, provider.answer(first, sub="1")), 400, "Sign in again.")
    assert come_back(client, provider.answer(previous, sub="1")).status_code == 303
    assert last


def test_no_secret_and_no_token_is_logged(
    site: Flask,
    client: FlaskClient,
    provider: IdentityProvider,
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level(logging.INFO)
    back = provider.answer(go(client), sub="1")
    provider.fault(claims={"aud": "another-site"})
    come_back(client, back)
    arrive(client, provider)
    query = parse_qs(urlsplit(back).query)
    with site.app_context():
        kept = " ".join(str(told) for told in session().scalars(select(AuditEntry.detail)))
    assert "single sign-on refused: wrong audience" in caplog.text
    for secret in (SECRET, query["code"][0], query["state"][0], "eyJ"):
        assert secret not in caplog.text
        assert secret not in kept


def test_the_machines_certificates_are_trusted(
    site: Flask, client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made = write_pair(tmp_path / "private", "127.0.0.1")
    chain, key = made["site_certificate_chain_file"], made["site_certificate_key_file"]
    with identity_provider(USERS, certificate=(chain, key)) as private:
        change(site, issuer=private.issuer)
        assert_refused(client.get("/login/oidc", **BASE), 503, "does not answer")
        assert "certificate verify failed" in str(said(site, "single sign-on refused"))
        monkeypatch.setenv("SSL_CERT_FILE", chain)
        assert arrive(client, private).status_code == 303


def test_check_names_groups_that_do_not_exist(site: Flask, run: Callable[..., Result]):
    assert run("oidc", "check").exit_code == 0
    with site.app_context():
        with pytest.raises(AccountError, match="site_oidc_groups puts people into the group fin"):
            groups.remove("finance")
        change(site, groups={})
        groups.remove("finance")
    told = run("oidc", "check")
    assert told.exit_code == 1
    assert "site_oidc_groups names the group finance, which does not exist" in told.output
