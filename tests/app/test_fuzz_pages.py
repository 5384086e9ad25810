"""Whatever is sent to whichever page, no page fails, and nobody changes what is somebody else's."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from fuzzing import examples, header_values, texts
from hypothesis import given
from hypothesis import strategies as st
from support import BASE, PASSWORD, csrf_token, sign_in, tell
from werkzeug.test import TestResponse

from app.config import Config
from app.people import accounts, groups, links
from app.slots import Slot

ADMINISTRATOR = "carol"
PEOPLE = (None, "alice", ADMINISTRATOR)
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
COOKIE = "__Host-session"
HEADERS = ("X-Original-URI", "Origin", "Sec-WebSocket-Protocol", "X-Request-Id", "Accept")
FIELDS = (
    *("name", "password", "again", "current", "next", "token", "login", "group", "active", "q"),
    *("user", "plot", "event", "since", "until", "before", "after", "state", "code", "error"),
)
CONTENT_TYPES = ("application/json", "application/x-www-form-urlencoded", "text/plain", "x", "")
# It asks slots, of which none runs here; nginx lets nobody ask it but the host itself.
READINESS = "/readyz"
# Nobody but an administrator may change more than is the own user's, and the audit log.
NOT_OWN = """
SELECT 'user', name, password_hash, active FROM users WHERE name IS NOT :name
UNION ALL SELECT 'login', logins.id, revoked, expires_at FROM logins
    JOIN users ON users.id = user_id WHERE name IS NOT :name
UNION ALL SELECT 'link', digest, expires_at, user_id FROM password_links
UNION ALL SELECT 'group', name, id, NULL FROM groups
UNION ALL SELECT 'member', user_id, group_id, NULL FROM memberships
UNION ALL SELECT 'identity', issuer, subject, user_id FROM identities
ORDER BY 1, 2, 3
"""


@dataclass(frozen=True)
class Someone:
    """Who sends requests.

    Attributes:
        name: The user's name; None of somebody who has not signed in.
        cookie: The browser's cookie.
        token: With which a form proves that it is the site's own.
    """

    name: str | None
    cookie: str
    token: str


class Stage:
    """The site, which can be put back to how it was.

    Args:
        site: The application.
        database: Its file.
        people: Who may be there, by name.
    """

    def __init__(self, site: Flask, database: Path, people: dict[str | None, Someone]) -> None:
        self.site = site
        self.people = people
        self._database = database
        self._kept = sqlite3.connect(":memory:")
        with closing(sqlite3.connect(database)) as now:
            now.backup(self._kept)

    def reset(self) -> None:
        """Have everything as it was."""
        with closing(sqlite3.connect(self._database)) as now:
            self._kept.backup(now)

    def close(self) -> None:
        """Forget how it was."""
        self._kept.close()

    def not_own(self, name: str | None) -> list[Any]:
        """What is there that is not a user's own."""
        with closing(sqlite3.connect(self._database)) as now:
            return now.execute(NOT_OWN, {"name": name}).fetchall()

    def send(self, someone: Someone, asked: dict[str, Any]) -> TestResponse:
        """Send a request as somebody."""
        browser = self.site.test_client()
        browser.set_cookie(COOKIE, someone.cookie, domain="plots.test", secure=True)
        return browser.open(**BASE, **asked)


@pytest.fixture
def stage(site: Flask, config: Config) -> Iterator[Stage]:
    """The site with alice and bob, who has a link, and carol, who administers it."""
    with site.app_context():
        accounts.add("carol", PASSWORD, groups.existing({"admin"}))
        links.make("bob")
    assert sign_in(site.test_client(), "bob").status_code == 303
    people = {name: come(site, name) for name in PEOPLE}
    stage = Stage(site, config.run_dir / "site.db", people)
    yield stage
    stage.close()


def come(site: Flask, name: str | None) -> Someone:
    """Have somebody come, who sees a form of the site."""
    browser = site.test_client()
    if name:
        assert sign_in(browser, name).status_code == 303
    token = csrf_token(browser.get("/account" if name else "/login", **BASE).text)
    cookie = browser.get_cookie(COOKIE, domain="plots.test")
    assert cookie
    return Someone(name, cookie.value, token)


def paths(site: Flask) -> st.SearchStrategy[str]:
    """Paths of the site's pages, with anything for the arguments, and of others."""
    patterns = sorted({re.sub("<.*?>", "{}", rule.rule) for rule in site.url_map.iter_rules()})
    argument = texts.map(lambda text: quote(text, safe="") or "-")
    pages = st.sampled_from(patterns).flatmap(
        lambda pattern: st.lists(
            argument, min_size=pattern.count("{}"), max_size=pattern.count("{}")
        ).map(lambda values: pattern.format(*values))
    )
    # A path in which there are no two slashes, as nginx passes it on.
    return pages | argument.map(lambda text: f"/{text}")


def requests(site: Flask) -> st.SearchStrategy[dict[str, Any]]:
    """Requests with anything in them."""
    fields = st.dictionaries(st.sampled_from(FIELDS) | texts, texts, max_size=5)
    bodies = st.one_of(
        st.fixed_dictionaries({"data": fields}),
        st.fixed_dictionaries({"data": fields, "content_type": st.just("multipart/form-data")}),
        st.fixed_dictionaries(
            {"data": st.binary(max_size=200), "content_type": st.sampled_from(CONTENT_TYPES)}
        ),
    )
    return st.builds(
        lambda line, body: line | body,
        st.fixed_dictionaries(
            {
                "path": paths(site),
                "method": st.sampled_from(METHODS),
                "query_string": fields,
                "headers": st.dictionaries(st.sampled_from(HEADERS), header_values, max_size=3),
            }
        ),
        bodies,
    )


def assert_no_failure(answer: TestResponse, asked: dict[str, Any]) -> None:
    """The site itself did not fail."""
    assert answer.status_code < 500 or asked["path"] == READINESS, asked
    assert "Traceback" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("name", PEOPLE)
def test_no_page_fails_and_nobody_changes_what_is_somebody_elses(
    stage: Stage, slots: list[Slot], name: str | None
):
    before = stage.not_own(name)

    @examples(100)
    @given(requests(stage.site))
    def attempt(asked: dict[str, Any]) -> None:
        tell(slots[0])
        someone = stage.people[name]
        answer = stage.send(someone, proven(someone, asked))
        assert_no_failure(answer, asked)
        if name != ADMINISTRATOR:
            assert stage.not_own(name) == before, asked
        stage.reset()

    attempt()


@pytest.mark.parametrize("name", PEOPLE)
def test_a_form_that_is_not_of_the_site_changes_nothing(
    stage: Stage, slots: list[Slot], name: str | None
):
    everything = stage.not_own("nobody")

    @examples(50)
    @given(requests(stage.site), st.sampled_from(["POST", "PUT", "DELETE", "PATCH"]))
    def attempt(asked: dict[str, Any], method: str) -> None:
        tell(slots[0])
        answer = stage.send(stage.people[name], asked | {"method": method})
        # Refused, sent to sign in, or sent to the same path with single slashes.
        assert answer.status_code in {303, 308, 400, 404, 405, 413}, asked
        assert stage.not_own("nobody") == everything, asked

    attempt()


def proven(someone: Someone, asked: dict[str, Any]) -> dict[str, Any]:
    """The same, as if it came from a form of the site where it is a form."""
    form = asked["data"]
    if isinstance(form, dict):
        form = {"csrf_token": someone.token, **form}
    referrer = {"Referer": "https://plots.test/"}
    return asked | {"data": form, "headers": {**referrer, **asked["headers"]}}


@examples(100)
@given(uri=texts, query=texts, origin=header_values, protocol=header_values)
def test_the_access_endpoint_refuses_what_it_cannot_read(
    alice: FlaskClient, uri: str, query: str, origin: str, protocol: str
):
    path = f"/bokeh_plots/{uri}/sliders/ws?{query}"
    for address in (uri, path, f"//[{path}"):
        headers = {"X-Original-URI": quote(address, safe="/?[]=&:"), "Origin": origin}
        headers |= {"Sec-WebSocket-Protocol": protocol}
        assert alice.get("/-/access", **BASE, headers=headers).status_code == 403
