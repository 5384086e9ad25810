"""A real slot and its memory: what it takes, what it gives back, and who pays for too much."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from slot_client import SECRET, ask, connect, copy_with_plot, find, message, refusal, visit
from support import run_slot

from app.session_ids import mint_token
from app.slots import Slot

MEGABYTE = 1024 * 1024
# A session of it keeps 20 MB for good; a turn of its dial takes as many MB as it says.
HUNGRY = f"""
from bokeh.io import curdoc
from bokeh.models.widgets import Slider
from app import plots

plots.kept = getattr(plots, "kept", [])
if curdoc().session_context:
    plots.kept.append(bytearray(b"x" * 20 * {MEGABYTE}))
dial = Slider(start=0, end=10_000, value=0, step=1, name="dial")
dial.on_change("value", lambda _attr, _old, new: bytearray(b"x" * new * {MEGABYTE}))
curdoc().add_root(dial)
"""
# Each session of it holds 100 kB of its own, in a callback as plots do.
SMALL = """
from bokeh.io import curdoc
from bokeh.models import ColumnDataSource
from bokeh.models.widgets import Slider

held = bytearray(b"x" * 100_000)
source = ColumnDataSource(data={"x": [1, 2, 3]}, name="source")
dial = Slider(start=0, end=10, value=0, step=1, name="dial")
dial.on_change("value", lambda _attr, _old, new: held.append(new))
curdoc().add_root(dial)
"""


def hungry(slot: Slot):
    """Open a session of the hungry plot."""
    token = mint_token(replace(visit(slot), plot="hungry"), SECRET)
    return connect(slot, token, plot="hungry")


async def turn(websocket, megabytes: int) -> dict:
    """Turn the dial of a hungry session and return what the slot answers."""
    dial = await find(websocket, "dial")
    event = {"kind": "ModelChanged", "model": {"id": dial}, "attr": "value", "new": megabytes}
    return await ask(websocket, "PATCH-DOC", {"events": [event]})


def test_a_leaking_plot_ends_its_slot_when_its_viewers_have_left(tmp_path):
    copy = copy_with_plot(tmp_path, "hungry", HUNGRY)
    options = ("--memory-max-mb", "200", "--return-seconds", "0")
    with run_slot(tmp_path, *options, cwd=copy) as running:

        async def scenario() -> None:
            async with AsyncExitStack() as viewers:
                admitted = []
                while running.slot.status()["cause"] is None and len(admitted) < 20:
                    admitted.append(await viewers.enter_async_context(hungry(running.slot)))
                    await message(admitted[-1])
                    # As in a new session's own look: the file may be a beat behind.
                    await asyncio.sleep(0.3)
                status = running.slot.status()
                assert status["cause"] == "memory"
                assert len(admitted) > 3
                assert 200 * MEGABYTE < status["resident_bytes"] < 230 * MEGABYTE
                assert await asyncio.to_thread(refusal, running.slot) == 503
                for websocket in admitted:
                    assert "text" not in await turn(websocket, 1)
            assert await asyncio.to_thread(running.process.wait, 10) == 0

        asyncio.run(scenario())
    log = (tmp_path / "slot.log").read_text()
    assert "MB resident, the budget is 200 MB" in log


def test_a_callback_that_takes_too_much_fails_alone(tmp_path):
    copy = copy_with_plot(tmp_path, "hungry", HUNGRY)
    with run_slot(tmp_path, "--memory-max-mb", "200", cwd=copy) as running:

        async def scenario() -> None:
            async with hungry(running.slot) as greedy, hungry(running.slot) as modest:
                await message(greedy)
                await message(modest)
                assert "MemoryError" in (await turn(greedy, 600))["text"]
                for viewer in (modest, greedy):
                    assert "text" not in await turn(viewer, 50)
                assert running.slot.status()["status"] == "ok"

        asyncio.run(scenario())


def test_a_budget_that_the_plots_alone_exceed_is_a_sentence(tmp_path):
    with pytest.raises(AssertionError, match="exited"), run_slot(tmp_path, "--memory-max-mb", "50"):
        pass
    *_, sentence = (tmp_path / "slot.log").read_text().splitlines()
    assert "set site_slot_memory_max to more than the plots take by themselves (" in sentence


def test_a_session_that_closes_frees_its_memory(tmp_path):
    copy = copy_with_plot(tmp_path, "small", SMALL)
    with run_slot(tmp_path, "--unused-session-seconds", "0.05", cwd=copy) as running:

        async def come_and_go(visits: int) -> None:
            shown = replace(visit(running.slot), plot="small")
            for _ in range(visits):
                async with connect(running.slot, mint_token(shown, SECRET), plot="small") as viewer:
                    await message(viewer)
                    await ask(viewer, "PULL-DOC-REQ", {})

        async def visits(count: int) -> None:
            at_once = 2
            await asyncio.gather(*(come_and_go(count // at_once) for _ in range(at_once)))

        asyncio.run(visits(200))
        first = running.wait_until(lambda status: not status["sessions"])["resident_bytes"]
        asyncio.run(visits(1800))
        running.wait_until(
            lambda status: not status["sessions"] and status["resident_bytes"] < 1.1 * first
        )
