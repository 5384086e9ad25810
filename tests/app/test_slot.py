"""A real slot on a unix socket: who gets in, how it stops, and that nobody waits for the others."""

import asyncio
import json
import shutil
import signal
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from http.client import HTTPResponse
from pathlib import Path

import pytest
from support import KEY, REPOSITORY, RunningSlot, run_slot
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.probe import open_document
from app.session_ids import Visit, mint_token
from app.slots import Slot, UnixConnection

SECRET = KEY.encode()


def connect(slot: Slot, token: str | None = None, viewer: str | None = "alice", plot="sliders"):
    """Open a plot's websocket the way nginx does; by default as alice, with alice's token."""
    if token is None:
        token = mint_token(visit(slot), SECRET)
    return unix_connect(
        str(slot.socket),
        uri=f"ws://localhost/bokeh_plots/{slot.name}/{plot}/ws",
        subprotocols=["bokeh", token],
        additional_headers={"X-Site-Viewer": viewer} if viewer else {},
        max_size=None,
    )


def visit(slot: Slot) -> Visit:
    return Visit("sliders", "alice", "login", slot.name, int(time.time()) + 600)


def refusal(slot: Slot, *arguments, **options) -> int:
    """The status that answers a websocket."""

    async def attempt() -> int:
        try:
            async with connect(slot, *arguments, **options):
                return 101
        except InvalidStatus as error:
            return error.response.status_code

    return asyncio.run(attempt())


def get(slot: Slot, path: str) -> HTTPResponse:
    connection = UnixConnection(slot.socket)
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


async def message(websocket: ClientConnection) -> tuple[dict, dict]:
    """The next message's header and content."""
    header, _, content = [json.loads(await websocket.recv()) for _ in range(3)]
    return header, content


async def ask(websocket: ClientConnection, kind: str, content: dict) -> dict:
    """Send a message and return the content of its reply, past all that comes before it."""
    for part in ({"msgid": "1", "msgtype": kind}, {}, content):
        await websocket.send(json.dumps(part))
    while True:
        header, reply = await message(websocket)
        if header.get("reqid"):
            return reply


async def find(websocket: ClientConnection, name: str) -> str:
    """The id of the model of that name."""
    stack = [(await ask(websocket, "PULL-DOC-REQ", {}))["doc"]["roots"]]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if item.get("attributes", {}).get("name") == name:
                return item["id"]
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    raise LookupError(name)


async def move(websocket: ClientConnection, slider: str, value: float) -> float:
    """Move a slider, and return the seconds until the slot has answered."""
    begun = time.monotonic()
    event = {"kind": "ModelChanged", "model": {"id": slider}, "attr": "value", "new": value}
    await ask(websocket, "PATCH-DOC", {"events": [event]})
    return time.monotonic() - begun


def test_lets_the_own_visit_in(slot: RunningSlot):
    assert refusal(slot.slot) == 101


def test_refuses_a_websocket_without_a_verified_name(slot: RunningSlot):
    assert refusal(slot.slot, viewer=None) == 401


@pytest.mark.parametrize(
    "change",
    [{"user": "bob"}, {"plot": "bars"}, {"slot": "other"}, {"expires": 1}],
    ids=lambda change: next(iter(change)),
)
def test_refuses_another_visit(slot: RunningSlot, change: dict):
    token = mint_token(replace(visit(slot.slot), **change), SECRET)
    assert refusal(slot.slot, token) == 403


def test_refuses_another_name_and_another_key(slot: RunningSlot):
    assert refusal(slot.slot, viewer="bob") == 403
    assert refusal(slot.slot, mint_token(visit(slot.slot), b"x" * 40)) == 403


@pytest.mark.parametrize("path", ["", "/", "/sliders", "/sliders/autoload.js", "/sliders/metadata"])
def test_serves_nothing_but_websockets(slot: RunningSlot, path: str):
    assert get(slot.slot, f"/bokeh_plots/{slot.slot.name}{path}").status == 404


def test_the_socket_is_closed_to_other_users(slot: RunningSlot):
    assert slot.slot.socket.stat().st_mode & 0o777 == 0o660


def test_tells_metrics(slot: RunningSlot):
    assert get(slot.slot, f"/bokeh_plots/{slot.slot.name}/-/metrics").status == 200


def test_a_moved_slider_draws_the_wave_anew(slot: RunningSlot):
    async def scenario() -> dict:
        async with connect(slot.slot) as websocket:
            await message(websocket)
            slider = await find(websocket, "amplitude")
            event = {"kind": "ModelChanged", "model": {"id": slider}, "attr": "value", "new": 3.0}
            for part in ({"msgid": "1", "msgtype": "PATCH-DOC"}, {}, {"events": [event]}):
                await websocket.send(json.dumps(part))
            header, content = await message(websocket)
            assert header["msgtype"] == "PATCH-DOC"
            return content["events"][0]

    event = asyncio.run(scenario())
    drawn = dict(event["data"]["entries"])
    assert max(drawn["y"]) == pytest.approx(3.0, abs=0.01)


def copy_with_plot(folder: Path, name: str, code: str) -> Path:
    """Copy the app into a folder, with one more plot, and return where a slot can run it."""
    shutil.copytree(REPOSITORY / "app", folder / "site" / "app")
    (folder / "site" / "app" / "plots" / f"{name}.py").write_text(code)
    return folder / "site"


def test_a_plot_reads_the_verified_name(tmp_path):
    copy = copy_with_plot(
        tmp_path,
        "whoami",
        "from bokeh.io import curdoc\n"
        "from bokeh.models.widgets import Div\n"
        "from app.viewer import current_viewer\n"
        "curdoc().add_root(Div(text=current_viewer()))\n",
    )
    with run_slot(tmp_path, cwd=copy) as running:
        document = open_document(running.slot, "whoami", SECRET)
    assert "'text': 'site-probe'" in str(document)


def test_a_plot_sees_the_pages_query_and_nothing_else_of_the_request(tmp_path):
    copy = copy_with_plot(
        tmp_path,
        "request",
        "from bokeh.io import curdoc\n"
        "from bokeh.models.widgets import Div\n"
        "request = getattr(curdoc().session_context, 'request', None)\n"
        "seen = request and (request.arguments, request.headers, request.cookies)\n"
        "curdoc().add_root(Div(text=repr(seen)))\n",
    )

    async def scenario(slot: Slot) -> str:
        shown = replace(visit(slot), plot="request")
        token = mint_token(shown, SECRET, {"days": ["3", "4"]})
        async with connect(slot, token, plot="request") as websocket:
            await message(websocket)
            return str(await ask(websocket, "PULL-DOC-REQ", {}))

    with run_slot(tmp_path, cwd=copy) as running:
        document = asyncio.run(scenario(running.slot))
    # Bokeh makes the empty Cookie header of the empty cookies.
    assert "({'days': [b'3', b'4']}, {'Cookie': ''}, {})" in document


def test_sigterm_waits_for_the_viewers_and_takes_no_new_session(tmp_path):
    with run_slot(tmp_path, "--drain-seconds", "60") as running:

        async def scenario() -> None:
            slot = running.slot
            own = mint_token(visit(slot), SECRET)
            async with connect(slot, own) as websocket:
                await message(websocket)
                slider = await find(websocket, "amplitude")
                running.process.send_signal(signal.SIGTERM)
                running.wait_until(lambda health: health["status"] == "draining")
                with pytest.raises(InvalidStatus, match="503"):
                    await connect(slot)
                async with connect(slot, own) as again:  # a page that reconnects
                    await message(again)
                assert await move(websocket, slider, 2.0) < 10
            assert await asyncio.to_thread(running.process.wait, 10) == 0
            assert not slot.socket.exists()

        asyncio.run(scenario())


@pytest.mark.parametrize(("seconds", "signals"), [("1", 1), ("60", 2)])
def test_a_drain_ends_when_time_is_up_or_at_a_second_sigterm(tmp_path, seconds, signals):
    with run_slot(tmp_path, "--drain-seconds", seconds) as running:

        async def scenario() -> None:
            async with connect(running.slot) as websocket:
                await message(websocket)
                for _ in range(signals):
                    running.process.send_signal(signal.SIGTERM)
                    await asyncio.sleep(0.5)
                with pytest.raises(ConnectionClosed):
                    await websocket.recv()

        asyncio.run(scenario())
        assert running.process.wait(10) == 0


def test_a_hung_loop_ends_the_process_and_says_where(tmp_path):
    copy = copy_with_plot(
        tmp_path,
        "hangs",
        "import time\n"
        "from bokeh.io import curdoc\n"
        "from bokeh.models.widgets import Div\n"
        "curdoc().add_root(Div())\n"
        "if curdoc().session_context: time.sleep(60)\n",
    )
    with run_slot(tmp_path, "--stall-seconds", "1", cwd=copy) as running:
        with pytest.raises(Exception, match="did not open"):
            open_document(running.slot, "hangs", SECRET)
        assert running.process.wait(10) == 70
    log = (tmp_path / "slot.log").read_text()
    assert "the event loop has hung for 1 s" in log
    assert "hangs.py" in log


def test_a_hundred_leaving_viewers_do_not_freeze_the_one_who_stays(tmp_path):
    with run_slot(tmp_path, "--unused-session-seconds", "1") as running:

        async def scenario() -> float:
            async with AsyncExitStack() as leaving, connect(running.slot) as websocket:
                await message(websocket)
                slider = await find(websocket, "amplitude")
                for _ in range(100):
                    viewer = await leaving.enter_async_context(connect(running.slot))
                    await message(viewer)
                assert running.slot.health()["sessions"] == 101
                await leaving.aclose()
                slowest, value = 0.0, 0.0
                while (await asyncio.to_thread(running.slot.health))["sessions"] > 1:
                    value = 1.0 if value != 1.0 else 2.0
                    slowest = max(slowest, await move(websocket, slider, value))
                # The collection that serves them all comes a few seconds later.
                until = time.monotonic() + 7
                while time.monotonic() < until:
                    value = 1.0 if value != 1.0 else 2.0
                    slowest = max(slowest, await move(websocket, slider, value))
                return slowest

        assert asyncio.run(scenario()) < 1.0
