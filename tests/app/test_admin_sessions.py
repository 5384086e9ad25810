"""The page and the commands that tell which plots are open, and end that."""

import json
import time

import pytest
from flask import Flask
from support import BASE, RELEASE, entries, post

from app import commands
from app.db import session
from app.models import LiveSession, SlotReport
from app.people.audit import Event

PAGE = "/admin/sessions"
NOW = int(time.time())
SLOT = f"unit-{RELEASE}-0"


def open_session(number: int, user: str, **changes: object) -> LiveSession:
    known = {
        "id": f"{number:064x}",
        "login_id": "login",
        "user": user,
        "plot": "bars",
        "slot": SLOT,
        "release": RELEASE,
        "address": "192.0.2.7",
        "opened_at": NOW,
        "last_event_at": NOW,
        "expires_at": NOW + 600,
        "ended": False,
    }
    return LiveSession(**{**known, **changes})


@pytest.fixture
def site(site: Flask) -> Flask:
    """The site, with three sessions, and one that is over."""
    report = SlotReport(
        name=SLOT, release=RELEASE, status="ok", sessions=3, resident_bytes=70 << 20, told_at=NOW
    )
    with site.app_context():
        session().add_all(
            [
                report,
                open_session(1, "alice"),
                open_session(2, "alice", plot="sliders"),
                open_session(3, "bob", slot=f"other-{RELEASE}-1"),
                open_session(4, "dave", closed_at=NOW),
            ]
        )
        session().commit()
    return site


def ended(site: Flask) -> list[int]:
    with site.app_context():
        found = session().query(LiveSession).filter_by(ended=True).order_by(LiveSession.id)
        return [int(row.id, 16) for row in found]


def test_only_administrators_see_the_sessions(alice):
    assert alice.get(PAGE, **BASE).status_code == 403


def test_every_open_session_is_shown(carol):
    page = carol.get(PAGE, **BASE).text
    assert page.count("This one</button>") == 3
    for told in ("bob", SLOT, f"other-{RELEASE}-1", "192.0.2.7", "70 MB", "sliders"):
        assert f"<td>{told}</td>" in page
    assert "<dt>Users</dt><dd>2</dd>" in page
    assert "dave" not in page


def test_one_session_is_ended(site, carol):
    answer = post(carol, PAGE, f"{PAGE}/{1:064x}/end")
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert "The session of alice at bars is ended." in carol.get(PAGE, **BASE).text
    assert ended(site) == [1]
    (entry,) = entries(site, Event.PLOT_ENDED)
    assert (entry.user, entry.actor, entry.plot, entry.slot) == ("alice", "carol", "bars", SLOT)
    assert entry.detail == "by an administrator"


def test_what_is_over_cannot_be_ended(site, carol):
    for number in (4, 9):
        answer = post(carol, PAGE, f"{PAGE}/{number:064x}/end")
        assert answer.status_code == 409
        assert "session is over already" in answer.text
    assert ended(site) == []


def test_all_sessions_of_a_user_are_ended(site, carol):
    assert post(carol, PAGE, f"{PAGE}/of/alice/end").status_code == 303
    assert ended(site) == [1, 2]
    assert len(entries(site, Event.PLOT_ENDED)) == 2


def test_nobody_is_there(site, carol):
    with site.app_context():
        session().query(LiveSession).delete()
        session().commit()
    assert "Nobody has a plot open." in carol.get(PAGE, **BASE).text


def test_the_commands_list_and_end(site):
    commands.install(site)
    runner = site.test_cli_runner()
    listed = json.loads(runner.invoke(args=["session", "list", "--json"]).output)
    assert [(one["user"], one["plot"]) for one in listed] == [
        ("alice", "bars"),
        ("alice", "sliders"),
        ("bob", "bars"),
    ]
    assert listed[0]["slot_resident_bytes"] == 70 << 20
    assert f"alice  sliders  {SLOT}" in runner.invoke(args=["session", "list"]).output
    done = runner.invoke(args=["session", "end", f"{3:064x}"])
    assert done.output == "ended bob's session of bars\n"
    again = runner.invoke(args=["session", "end", f"{3:064x}"])
    assert (again.exit_code, "session is over already" in again.output) == (1, True)
    done = runner.invoke(args=["session", "end-all", "alice"])
    assert done.output == "ended 2 sessions of alice\n"
    assert ended(site) == [1, 2, 3]
