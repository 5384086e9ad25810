"""Somebody malicious at a provisioned host: nothing fails or ends, and nobody else notices."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from urllib.parse import quote

import pytest
from bokeh_session import Session
from fuzzing import examples, header_values, texts
from hypothesis import given
from hypothesis import strategies as st
from protocol_fuzz import Fragment, messages
from provisioned import Site
from visitor import Visitor

from app.session_ids import Visit, mint_token

testinfra_hosts = ["ansible://app"]

PREFIXES = (
    "/",
    "/login?next=",
    "/state/",
    "/previews/",
    "/static/",
    "/admin/users/",
    "/bokeh_plots/",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")


@examples(40)
@given(
    method=st.sampled_from(METHODS),
    path=st.builds(lambda prefix, text: prefix + quote(text), st.sampled_from(PREFIXES), texts),
    header=header_values,
)
@pytest.mark.once
def test_no_page_fails(alice: Visitor, method: str, path: str, header: str):
    headers = {"X-Original-URI": header, "X-Request-Id": header, "Origin": header}
    answer = alice.request(method, path, headers, "x" * 10 if method == "POST" else "")
    assert answer.status < 500
    assert "Traceback" not in answer.text


@pytest.fixture
def bystander(site: Site, bob: Visitor) -> Iterator[Session]:
    """A session of bob's in the slot in which alice's are."""
    page = bob.ticket("sliders")
    ticket = replace(
        page,
        token=mint_token(moved(page.session_id, slot_of(site)), site.bokeh_key),
        path=page.path.replace(page.slot, slot_of(site)),
    )
    with bob.session(ticket) as session:
        yield session


def slot_of(site: Site) -> str:
    return site.slots[0]


def moved(session_id: str, slot: str) -> Visit:
    return replace(Visit.of_session(session_id), slot=slot)


def tracebacks(site: Site) -> list[str]:
    """How many tracebacks are in each log of a slot."""
    folder = site.variables["site_log_dir"]
    counting = f"grep -c Traceback {folder}/bokeh_apps-*.log"
    return site.attempt("sh", "-c", counting, user="root").stdout.splitlines()


def test_no_message_ends_a_slot_or_disturbs_anybody(site: Site, alice: Visitor, bystander: Session):
    def pids() -> str:
        return site.attempt("supervisorctl", "pid", "all", user="root").stdout

    page = alice.ticket("sliders")
    path = page.websocket.replace(page.slot, slot_of(site))
    before = pids(), tracebacks(site)
    values = iter(range(10**6))

    @examples(12)
    @given(messages)
    def attempt(fragments: list[Fragment]) -> None:
        token = mint_token(moved(page.session_id, slot_of(site)), site.bokeh_key)
        with (
            suppress(ConnectionError, BrokenPipeError),
            alice.websocket(path, "bokeh", token) as websocket,
        ):
            for _ in range(3):
                websocket.receive()
            for fragment in fragments:
                websocket.send(fragment)
        bystander.change("amplitude", 1.0 + next(values) % 2)

    attempt()
    assert (pids(), tracebacks(site)) == before
