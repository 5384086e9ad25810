"""A real slot on a unix socket: who gets in, what it tells, and that nobody waits for others."""

import asyncio
import json
import stat
import time
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from slot_client import (
    SECRET,
    ask,
    connect,
    copy_with_plot,
    find,
    get,
    message,
    move,
    refusal,
    visit,
)
from support import RunningSlot, run_slot

from app.probe import open_document
from app.session_ids import mint_token
from app.slots import Slot
from app.wire import status_path


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
    assert get(slot.slot, path)[0] == 404


def test_the_socket_is_closed_to_other_users(slot: RunningSlot):
    assert slot.slot.socket.stat().st_mode & 0o777 == 0o660


def test_tells_metrics(slot: RunningSlot):
    status, body = get(slot.slot, "/-/metrics")
    assert status == 200
    assert b"\nslot_sessions " in body


def test_tells_operators_what_the_status_file_tells_the_site(slot: RunningSlot):
    path = status_path(slot.slot.socket)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    told, read = json.loads(get(slot.slot, "/-/healthz")[1]), slot.slot.status()
    assert told.keys() == read.keys()
    assert (read["status"], read["cause"]) == ("ok", None)
    assert read["resident_bytes"] > 20_000_000
    assert read["plots"]["sliders"]["error"] is None


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


def test_a_viewer_who_leaves_at_once_is_not_counted_for_good(slot: RunningSlot):
    sessions = slot.slot.status()["sessions"] + 5
    for _ in range(5):
        assert refusal(slot.slot) == 101
    slot.wait_until(lambda status: status["sessions"] >= sessions and not status["connections"])


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
                running.wait_until(lambda status: status["sessions"] == 101)
                await leaving.aclose()
                slowest, value = 0.0, 0.0

                async def use() -> None:
                    nonlocal slowest, value
                    value = 1.0 if value != 1.0 else 2.0
                    slowest = max(slowest, await move(websocket, slider, value))
                    await asyncio.sleep(0.005)  # no viewer is faster, and the slot may mind

                while (await asyncio.to_thread(running.slot.status))["sessions"] > 1:
                    await use()
                # The collection that serves them all comes a few seconds later.
                until = time.monotonic() + 7
                while time.monotonic() < until:
                    await use()
                return slowest

        assert asyncio.run(scenario()) < 1.0
