"""The audit log: read by page and as a whole, filtered, forgotten by age, and never changed."""

import json
import re
import time
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from support import BASE, sign_in

import app
from app import commands
from app.db import session
from app.models import AuditEntry
from app.people import audit, audit_log, groups
from app.people.audit import Event
from app.people.audit_log import Filter, FilterError

NOON = 1_767_225_600 + 12 * 3600  # on 1 January 2026, UTC


@pytest.fixture
def log(site: Flask) -> Flask:
    """The site, with a log of nothing but six entries, two of them in the same second."""
    with site.app_context():
        session().execute(delete(AuditEntry))
        for hours, user, event, details in (
            (0, "alice", Event.SIGN_IN, {"address": "192.0.2.7"}),
            (1, "alice", Event.PLOT_OPENED, {"plot": "bars", "slot": "unit-0", "release": "ab"}),
            (2, "bob", Event.PLOT_OPENED, {"plot": "sliders"}),
            (2, "alice", Event.PLOT_CLOSED, {"plot": "bars", "seconds": 3725}),
            (24, "<b>eve</b>", Event.SIGN_IN_REFUSED, {"detail": "<script>"}),
            (25, "bob", Event.SIGN_OUT, {}),
        ):
            session().add(
                AuditEntry(at=NOON + hours * 3600, event=event.value, user=user, **details)
            )
        session().commit()
    return site


@pytest.fixture
def admin(log: Flask) -> FlaskClient:
    """A browser of an administrator, whose own sign-in is not in the log."""
    with log.app_context():
        groups.set_of("alice", {groups.ADMIN})
    client = log.test_client()
    sign_in(client, "alice")
    with log.app_context():
        session().execute(delete(AuditEntry).where(AuditEntry.at > NOON + 30 * 3600))
        session().commit()
    return client


def hours(found) -> list[int]:
    return [(entry.at - NOON) // 3600 for entry in found]


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        ({}, [25, 24, 2, 2, 1, 0]),
        ({"user": " alice ", "plot": ""}, [2, 1, 0]),
        ({"plot": "bars"}, [2, 1]),
        ({"event": "plot opened"}, [2, 1]),
        ({"user": "bob", "event": "signed out"}, [25]),
        ({"since": "2026-01-02"}, [25, 24]),
        ({"until": "2026-01-01"}, [2, 2, 1, 0]),
        ({"since": "2026-01-01T13:00", "until": "2026-01-01T13:59:59Z"}, [1]),
        ({"since": "2026-01-01T15:00:00+01:00", "until": "2026-01-01"}, [2, 2]),
        ({"user": "nobody"}, []),
    ],
)
def test_finds_what_is_asked_for(log: Flask, texts, wanted):
    with log.app_context():
        assert hours(audit_log.entries(Filter.of(texts))) == wanted
        assert hours(audit_log.export(Filter.of(texts))) == wanted[::-1]


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        ({"since": "yesterday"}, "since is a day such as 2026-01-31 or a time"),
        ({"until": "2026-02-30"}, "until is a day such as 2026-01-31 or a time .*'2026-02-30'"),
        ({"event": "signed"}, "there is no event 'signed'; there are signed in, "),
    ],
)
def test_says_what_cannot_be_asked(run, texts, sentence):
    with pytest.raises(FilterError, match=sentence):
        Filter.of(texts)
    ((name, text),) = texts.items()
    result = run("audit", f"--{name}", text)
    assert result.exit_code == 1
    assert re.match(f"Error: {sentence}", result.stderr)


@pytest.mark.parametrize("texts", [{}, {"user": "alice"}])
def test_pages_lead_there_and_back_and_miss_nothing(log: Flask, texts):
    wanted = Filter.of(texts)
    with log.app_context():
        everything = [entry.id for entry in audit_log.entries(wanted)]
        for size in (1, 2):
            pages = [audit_log.entries(wanted, limit=size)]
            while older := audit_log.entries(wanted, before=pages[-1][-1].id, limit=size):
                pages.append(older)
            assert [entry.id for page in pages for entry in page] == everything
            back = audit_log.entries(wanted, after=pages[-1][0].id, limit=size)
            assert [e.id for e in back] == [e.id for e in pages[-2]]


def test_exports_parts_as_one(log: Flask, monkeypatch):
    monkeypatch.setattr(audit_log, "_CHUNK", 2)
    with log.app_context():
        assert hours(audit_log.export()) == [0, 1, 2, 2, 24, 25]


def test_forgets_what_is_too_old(log: Flask, monkeypatch):
    monkeypatch.setattr("app.people.audit_log.time.time", lambda: NOON + 25 * 3600)
    with log.app_context():
        assert audit_log.prune(days=1) == 1
        assert audit_log.prune(days=1) == 0
        assert hours(audit_log.export()) == [1, 2, 2, 24, 25]


def test_no_entry_can_be_changed_or_deleted(log: Flask):
    with log.app_context():
        with pytest.raises(IntegrityError, match="the audit log is only added to"):
            session().execute(update(AuditEntry).values(user="mallory"))
        session().rollback()
        entry = session().scalars(select(AuditEntry)).first()
        session().delete(entry)
        with pytest.raises(RuntimeError, match="can be neither changed nor deleted"):
            session().commit()
        session().rollback()
        entry.user = "mallory"
        with pytest.raises(RuntimeError, match="can be neither changed nor deleted"):
            session().commit()


def test_only_the_log_itself_forgets():
    statement = re.compile(r"(delete|update)\(AuditEntry|(delete from|update) audit", re.IGNORECASE)
    forgetting = {
        str(path.relative_to(folder))
        for folder in map(Path, app.__path__)
        for path in folder.rglob("*.py")
        if statement.search(path.read_text())
    }
    assert forgetting == {"people/audit_log.py"}


def test_the_command_prints_json_lines(log: Flask):
    commands.install(log)
    run = log.test_cli_runner().invoke
    lines = [json.loads(line) for line in run(args=["audit"]).stdout.splitlines()]
    assert [line["time"][:13] for line in lines][::5] == ["2026-01-01T12", "2026-01-02T13"]
    (line,) = run(args=["audit", "--event", "plot closed", "--user", "alice"]).stdout.splitlines()
    entry = json.loads(line)
    assert entry.pop("id") > 0
    assert list(entry.items()) == [
        ("time", "2026-01-01T14:00:00Z"),
        ("event", "plot closed"),
        ("user", "alice"),
        ("plot", "bars"),
        ("seconds", 3725),
    ]


def test_the_page_shows_the_log_to_administrators_only(log: Flask, admin: FlaskClient):
    page = admin.get("/admin/audit", **BASE).text
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)[1:]
    assert len(rows) == 6
    assert "&lt;script&gt;" in rows[1]
    assert "<b>eve" not in page
    assert '<time datetime="2026-01-01T14:00:00Z">2026-01-01 14:00:00</time>' in rows[2]
    assert ">1:02:05</td>" in rows[2]
    bob = log.test_client()
    sign_in(bob, "bob")
    for path in ("/admin/audit", "/admin/audit.jsonl"):
        assert bob.get(path, **BASE).status_code == 403
    with log.app_context():
        refused = audit_log.entries(Filter(user="bob", event=Event.REFUSED))
    assert [entry.detail for entry in refused] == ["/admin/audit.jsonl", "/admin/audit"]


def test_the_page_turns_and_keeps_its_filter(admin: FlaskClient, monkeypatch):
    monkeypatch.setattr(audit_log, "PAGE", 2)

    def look(address: str) -> tuple[list[str], dict[str, str]]:
        page = admin.get(address, **BASE).text
        links = re.findall(r'<a href="([^"]+)" rel="\w+">(\w+)</a>', page)
        times = re.findall(r'<time datetime="2026-01-(\d\dT\d\d)', page)
        return times, {title: unescape(link) for link, title in links}

    times, links = look("/admin/audit?until=2026-01-02")
    assert (times, list(links)) == (["02T13", "02T12"], ["Older"])
    times, links = look(links["Older"])
    assert (times, list(links)) == (["01T14", "01T14"], ["Newer", "Older"])
    times, last = look(links["Older"])
    assert (times, list(last)) == (["01T13", "01T12"], ["Newer"])
    times, back = look(last["Newer"])
    assert (times, list(back)) == (["01T14", "01T14"], ["Newer", "Older"])
    times, first = look(back["Newer"])
    assert (times, list(first)) == (["02T13", "02T12"], ["Older"])
    assert "until=2026-01-02" in first["Older"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("event=x", "there is no event 'x'"),
        ("since=x", "since is a day such as"),
        ("before=x", "before is the id of an entry: a whole number greater than 0, not 'x'"),
        ("after=9999999999999999999999", "after is the id of an entry"),
    ],
)
def test_a_bad_filter_is_told_in_a_sentence(admin: FlaskClient, query, sentence):
    answer = admin.get(f"/admin/audit?{query}", **BASE)
    assert answer.status_code == 400
    assert f'role="alert">Nothing is shown: {sentence}' in unescape(answer.text)


def test_the_download_is_what_the_filter_shows(admin: FlaskClient):
    page = admin.get("/admin/audit?user=alice&event=", **BASE).text
    (link,) = re.findall(r'href="(/admin/audit.jsonl[^"]*)"', page)
    answer = admin.get(unescape(link), **BASE)
    assert answer.headers["Content-Disposition"] == "attachment; filename=audit.jsonl"
    assert answer.mimetype == "application/x-ndjson"
    assert [json.loads(line)["user"] for line in answer.text.splitlines()] == ["alice"] * 3
    assert admin.get("/admin/audit.jsonl?since=x", **BASE).status_code == 400


def test_entries_are_recorded_with_who_did_it_and_from_where(log: Flask):
    with log.test_request_context("/", environ_base={"REMOTE_ADDR": "192.0.2.9"}):
        audit.record(Event.SIGN_IN_REFUSED, user="carol")
        session().commit()
        (entry,) = audit_log.entries(limit=1)
    assert (entry.address, entry.actor, entry.user) == ("192.0.2.9", None, "carol")
    assert time.time() - 10 < entry.at <= time.time()
