"""The warden with a real slot and a database: rights end on live websockets too."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingUnixStreamServer
from threading import Thread

import pytest
from flask import Flask
from slot_client import connect, find, message, move
from sqlalchemy import select
from support import KEY, RELEASE, REPOSITORY, RunningSlot, entries, run_slot
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from app.config import Config
from app.db import session
from app.models import AuditEntry, LiveSession, SlotReport
from app.people import accounts, groups, live, logins
from app.people.audit import Event
from app.people.logins import LiveLogin
from app.probe import open_document
from app.session_ids import Visit, digest, mint_token, read_token
from app.warden.looking import LOOK_SECONDS, Warden

WITHIN_SECONDS = 2.0


@pytest.fixture
def config(config: Config) -> Config:
    return replace(config, plot_groups={"bars": frozenset({"readers"})})


@pytest.fixture
def running(config: Config) -> Iterator[RunningSlot]:
    with run_slot(config.run_dir) as slot:
        yield slot


@pytest.fixture
def site(site: Flask) -> Flask:
    """The site, where alice and bob may read the bars."""
    with site.app_context():
        groups.add("readers")
        for name in ("alice", "bob"):
            groups.set_of(name, {"readers"})
    return site


@pytest.fixture
def warden(site: Flask) -> Warden:
    return Warden(site)


@contextmanager
def watching(warden: Warden) -> Iterator[None]:
    """Have the warden look, until the end."""
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(LOOK_SECONDS):
            warden.try_look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class Viewer:
    """A user with a login, and a websocket."""

    def __init__(self, site: Flask, running: RunningSlot, name: str, plot: str = "bars") -> None:
        with site.app_context():
            login = logins.open_login(accounts.get(name))
            self.login = LiveLogin(login.id, name, login.expires_at, frozenset())
        self.name, self.plot, self.slot = name, plot, running.slot
        visit = Visit(plot, name, self.login.id, self.slot.name, self.login.expires_at)
        self.token = mint_token(visit, KEY.encode())

    async def enter(self, stack: AsyncExitStack) -> ClientConnection:
        opening = connect(self.slot, self.token, self.name, self.plot)
        websocket = await stack.enter_async_context(opening)
        await message(websocket)
        return websocket


def rows(site: Flask) -> list[LiveSession]:
    with site.app_context():
        return list(session().scalars(select(LiveSession)))


def told(site: Flask) -> list[tuple[str, str | None, str | None]]:
    """What the audit log says of plots: event, user and detail."""
    about = {Event.PLOT_OPENED.value, Event.PLOT_CLOSED.value, Event.PLOT_ENDED.value}
    with site.app_context():
        found = session().scalars(select(AuditEntry).order_by(AuditEntry.id))
        return [(entry.event, entry.user, entry.detail) for entry in found if entry.event in about]


def wait_for(look: Callable[[], object], seconds: float = 10) -> None:
    ends = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < ends
        time.sleep(0.05)


def sign_out(viewer: Viewer) -> None:
    logins.sign_out(viewer.login)


def sign_out_everywhere(viewer: Viewer) -> None:
    logins.sign_out_everywhere(accounts.get(viewer.name))


def disable(viewer: Viewer) -> None:
    accounts.set_active(viewer.name, active=False)


def take_out_of_the_group(viewer: Viewer) -> None:
    groups.set_of(viewer.name, set())


def end_all(viewer: Viewer) -> None:
    assert live.end_all(viewer.name) == 1


@pytest.mark.parametrize(
    ("revoke", "reason"),
    [
        (sign_out, "the login has ended"),
        (sign_out_everywhere, "the login has ended"),
        (disable, "the login has ended"),
        (take_out_of_the_group, "no right to the plot any more"),
        (end_all, "by an administrator"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_right_that_ends_closes_what_is_open_and_nothing_else(
    site, running, warden, revoke, reason
):
    alice, bob = Viewer(site, running, "alice"), Viewer(site, running, "bob", "sliders")

    def revoke_now() -> None:
        with site.app_context():
            revoke(alice)

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            ends, stays = await alice.enter(stack), await bob.enter(stack)
            await asyncio.to_thread(wait_for, lambda: len(rows(site)) == 2)
            await asyncio.to_thread(revoke_now)
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(ends.recv(), WITHIN_SECONDS)
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, reason)
            await move(stays, await find(stays, "amplitude"), 2.0)
            await asyncio.to_thread(wait_for, lambda: ("plot closed", "alice", None) in told(site))
            running.wait_until(lambda status: status["sessions"] == 1)

    with watching(warden):
        asyncio.run(scenario())
    assert ("plot ended", "alice", reason) in told(site)
    assert len(entries(site, Event.PLOT_ENDED)) == 1


def test_a_visit_is_written_down_from_its_beginning_to_its_end(site, running, warden):
    alice = Viewer(site, running, "alice")

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            await alice.enter(stack)
            warden.try_look()
            (row,) = rows(site)
            assert (row.user, row.plot, row.slot) == ("alice", "bars", running.slot.name)
            assert (row.release, row.closed_at, row.ended) == (RELEASE, None, False)
            with site.app_context():
                ((found, slot),) = live.everything()
                assert (found.id, slot.sessions) == (row.id, 1)
                assert slot.resident_bytes > 20_000_000

    asyncio.run(scenario())
    running.wait_until(lambda status: not status["connections"])
    for _ in range(2):
        warden.try_look()
    assert told(site) == [("plot opened", "alice", None), ("plot closed", "alice", None)]
    (closed,) = entries(site, Event.PLOT_CLOSED)
    assert (closed.actor, closed.plot, closed.slot) == ("alice", "bars", running.slot.name)
    assert 0 <= closed.seconds < 10
    with site.app_context():
        assert live.everything() == []


def test_a_visit_between_two_looks_is_not_missed(site, running, warden):
    alice = Viewer(site, running, "alice")

    async def visit() -> None:
        async with AsyncExitStack() as stack:
            await alice.enter(stack)

    for count in (1, 2):
        asyncio.run(visit())
        running.wait_until(lambda status: not status["connections"])
        if count == 2:
            warden.try_look()
    assert [event for event, *_ in told(site)] == ["plot opened", "plot closed"] * 2


def test_a_viewer_who_comes_back_is_written_down_anew(site, running, warden):
    alice = Viewer(site, running, "alice")

    async def visit() -> None:
        async with AsyncExitStack() as stack:
            await alice.enter(stack)
            warden.try_look()

    for _ in range(2):
        asyncio.run(visit())
        running.wait_until(lambda status: not status["connections"])
        warden.try_look()
    assert [event for event, *_ in told(site)] == ["plot opened", "plot closed"] * 2
    assert len(rows(site)) == 1


def test_who_has_left_may_not_find_the_session_again(site, running, warden):
    alice = Viewer(site, running, "alice")

    async def visit() -> None:
        async with AsyncExitStack() as stack:
            await alice.enter(stack)

    asyncio.run(visit())
    running.wait_until(lambda status: status["sessions"] == 1 and not status["connections"])
    with site.app_context():
        sign_out(alice)
    warden.try_look()
    running.wait_until(lambda status: not status["sessions"])
    assert not entries(site, Event.PLOT_ENDED)


def test_the_viewer_who_tries_plots_out_is_not_written_down(site, running, warden):
    open_document(running.slot, "bars", KEY.encode())
    warden.try_look()
    assert rows(site) == []
    assert told(site) == []


def test_a_killed_slot_leaves_nothing_open(site, config, warden):
    with run_slot(config.run_dir) as running:
        alice = Viewer(site, running, "alice")

        async def scenario() -> None:
            async with AsyncExitStack() as stack:
                await alice.enter(stack)
                warden.try_look()
                running.process.kill()
                running.process.wait()
                with contextlib.suppress(ConnectionClosed):
                    await stack.aclose()

        asyncio.run(scenario())
        assert running.slot.socket.exists()
    for _ in range(2):
        warden.try_look()
    assert told(site) == [("plot opened", "alice", None), ("plot closed", "alice", None)]
    assert rows(site) == []
    with site.app_context():
        assert session().scalars(select(SlotReport)).all() == []


def test_without_the_database_nothing_ends_and_nothing_is_lost(
    site, config, running, warden, caplog
):
    alice = Viewer(site, running, "alice", "sliders")
    path = config.run_dir / "site.db"

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            websocket = await alice.enter(stack)
            with site.app_context():
                sign_out(alice)
            site.extensions["engine"].dispose()
            path.rename(path.with_suffix(".away"))
            path.mkdir()
            for _ in range(3):
                warden.try_look()
            assert len([r for r in caplog.records if r.levelname == "ERROR"]) == 1
            await move(websocket, await find(websocket, "amplitude"), 2.0)
            path.rmdir()
            path.with_suffix(".away").rename(path)
            warden.try_look()
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(websocket.recv(), WITHIN_SECONDS)

    asyncio.run(scenario())
    assert [event for event, *_ in told(site)] == ["plot opened", "plot ended", "plot closed"]


@contextmanager
def hung_slot(config: Config) -> Iterator[str]:
    """A slot that lets everybody wait."""
    name = f"unit-{RELEASE}-7"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(config.run_dir / f"{name}.sock"))
        listening.listen()
        yield name


def test_a_hung_slot_delays_nobody(site, config, running, warden):
    alice = Viewer(site, running, "alice")

    async def scenario() -> float:
        async with AsyncExitStack() as stack:
            websocket = await alice.enter(stack)
            await asyncio.to_thread(wait_for, lambda: rows(site))
            with site.app_context():
                sign_out(alice)
            begun = time.monotonic()
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(websocket.recv(), WITHIN_SECONDS)
            return time.monotonic() - begun

    with hung_slot(config), watching(warden):
        assert asyncio.run(scenario()) < WITHIN_SECONDS


@pytest.mark.usefixtures("site")
def test_a_slot_of_an_older_release_is_asked_once(running, warden, monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr("app.warden.lines.SESSIONS_PATH", "/-/nothing")
    for _ in range(3):
        warden.try_look()
    assert caplog.messages == [
        f"slot {running.slot.name} is of a release that tells of no sessions"
    ]


@contextmanager
def lying_slot(config: Config, number: int, body: str) -> Iterator[None]:
    """A slot whose plot has made up what it tells."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_arguments: object) -> None:
            pass

    path = config.run_dir / f"unit-{RELEASE}-{number}.sock"
    with ThreadingUnixStreamServer(str(path), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield
        finally:
            server.shutdown()


PRESENCE = {
    **dict.fromkeys(("address", "closed_at", "ended")),
    **dict.fromkeys(("expires", "opened_at", "last_event_at"), 1),
    **dict.fromkeys(("id", "login", "user", "plot"), "x"),
}
ANSWER = {"release": RELEASE, "status": "ok", "resident_bytes": 1, "sessions": [PRESENCE]}


NONSENSE = (
    [],
    ANSWER | {"sessions": {}},
    ANSWER | {"resident_bytes": 1 << 80},
    ANSWER | {"status": "\ud800"},
    ANSWER | {"release": "x" * 300},
    ANSWER | {"sessions": [PRESENCE | {"login": {}}]},
    ANSWER | {"sessions": [PRESENCE | {"opened_at": 1 << 80}]},
)
LIES = (*map(json.dumps, NONSENSE), "[" * 100_000)


def test_what_a_plot_made_up_keeps_nobody_from_being_ended(site, config, running, warden, caplog):
    alice, bob = (Viewer(site, running, name) for name in ("alice", "bob"))
    # As if alice's session were one of bob's, who may go on.
    hers = digest(read_token(alice.token, KEY.encode())[0])
    his = {"id": hers, "login": bob.login.id, "user": "bob", "plot": "bars", "expires": 1 << 40}
    made_up = json.dumps(ANSWER | {"sessions": [PRESENCE | his]})

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            websocket = await alice.enter(stack)
            with site.app_context():
                sign_out(alice)
            for _ in range(2):
                await asyncio.to_thread(warden.try_look)
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(websocket.recv(), WITHIN_SECONDS)

    with ExitStack() as stack:
        for number, lie in enumerate([*LIES, made_up], start=1):
            stack.enter_context(lying_slot(config, number, lie))
        asyncio.run(scenario())
    told = {message.partition(" does not tell of its sessions")[0] for message in caplog.messages}
    # On a slow machine another one may be told of, for its silence.
    assert told >= {f"slot {config.slots[0][:-1]}{number}" for number in range(1, len(LIES) + 1)}


def test_another_hosts_sessions_are_left_alone(site, warden):
    other = LiveSession(
        id="f" * 64,
        login_id="x",
        user="alice",
        plot="bars",
        slot=f"unit-two-{RELEASE}-0",
        release=RELEASE,
        opened_at=1,
        last_event_at=1,
        expires_at=2,
        ended=False,
    )
    with site.app_context():
        session().add(other)
        session().commit()
    warden.try_look()
    assert [row.slot for row in rows(site)] == [f"unit-two-{RELEASE}-0"]


def test_old_audit_entries_are_forgotten(site, warden):
    with site.app_context():
        for days in (399, 401):
            session().add(AuditEntry(at=int(time.time()) - days * 86400, event=f"{days} days ago"))
        session().commit()
    warden.try_look()
    with site.app_context():
        kept = session().scalars(select(AuditEntry.event).where(AuditEntry.event.like("%ago")))
        assert list(kept) == ["399 days ago"]


def environment(config: Config, serving: str) -> dict[str, str]:
    link = config.run_dir / "serving.sock"
    link.symlink_to(config.run_dir / f"application-{serving}.sock")
    return {
        **os.environ,
        "SITE_SECRET_KEY": config.secret_key,
        "SITE_BOKEH_SECRET_KEY": KEY,
        "SITE_DATABASE_URL": config.database_url,
        "SITE_ORIGINS": "https://plots.test",
        "SITE_SLOTS": ",".join(config.slots),
        "SITE_SLOT_COUNT": "1",
        "SITE_RUN_DIR": str(config.run_dir),
        "SITE_RELEASE": RELEASE,
        "SITE_DEPLOYMENT": RELEASE,
        "SITE_SERVING_SOCKET": str(link),
    }


@contextmanager
def process(environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen([sys.executable, "-m", "app.warden"], cwd=REPOSITORY, env=environ)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def test_a_killed_warden_goes_on_where_it_was(site, config, running):
    environ = environment(config, serving=RELEASE)
    alice = Viewer(site, running, "alice", "sliders")

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            websocket = await alice.enter(stack)
            with process(environ) as first:
                await asyncio.to_thread(wait_for, lambda: rows(site))
                first.send_signal(signal.SIGKILL)
            with site.app_context():
                sign_out(alice)
            with process(environ), pytest.raises(ConnectionClosed):
                await asyncio.wait_for(websocket.recv(), 10)
            # Nobody may have written down the end by now.
        with process(environ):
            await asyncio.to_thread(wait_for, lambda: len(told(site)) >= 3)
            await asyncio.sleep(1)

    asyncio.run(scenario())
    assert [event for event, *_ in told(site)] == ["plot opened", "plot ended", "plot closed"]


def test_only_the_warden_of_what_serves_acts(site, config, running):
    alice = Viewer(site, running, "alice")

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            await alice.enter(stack)
            with process(environment(config, serving="f" * 12)):
                await asyncio.sleep(3)

    asyncio.run(scenario())
    assert rows(site) == []
