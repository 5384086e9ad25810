"""Plots that fail in a real slot: each takes down only itself, and the log says why."""

import asyncio
import re
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from slot_client import SECRET, ask, connect, copy_with_plots, find, message, move, visit
from support import RunningSlot, run_slot

from app import slots as site_slots
from app.probe import ProbeError, open_document
from app.session_ids import mint_token

REQUEST = "a" * 32
SHOWS = """
from bokeh.io import curdoc
from bokeh.models import Div
curdoc().add_root(Div(text="shown"))
"""
IN_A_SESSION = SHOWS + "\nif curdoc().session_context:\n    "


async def opened(running: RunningSlot, plot: str) -> dict:
    """The document that a page gets."""
    shown = replace(visit(running.slot), plot=plot)
    token = mint_token(shown, SECRET, request_id=REQUEST)
    async with connect(running.slot, token, plot=plot) as websocket:
        await message(websocket)
        return (await ask(websocket, "PULL-DOC-REQ", {}))["doc"]


def log_of(folder: Path) -> str:
    return (folder / "slot.log").read_text()


def errors(running: RunningSlot) -> dict[str, str]:
    """What the slot says of the plots that it cannot show."""
    told = running.slot.status()["plots"]
    return {name: status["error"] for name, status in told.items() if status["error"]}


def test_plots_that_fail_at_the_start_take_down_nothing_else(tmp_path):
    broken = {
        "raises": "open('/nowhere')\n",
        "no_python": "def\n",
        "hangs": "while True: pass\n",
        "leaves": "raise SystemExit('gone')\n",
        "lacks": SHOWS
        + "from bokeh.models import CustomJS\ncurdoc().roots[0].js_on_change('text', CustomJS())\n",
    }
    copy = copy_with_plots(tmp_path, broken)
    with run_slot(tmp_path, cwd=copy, build_seconds=1) as running:
        told = errors(running)
        assert told.keys() == broken.keys()
        assert "FileNotFoundError" in told["raises"]
        assert "line 1" in told["no_python"]
        assert "has not returned after 1 s (File 'hangs.py', line 1" in told["hangs"]
        assert "SystemExit: gone" in told["leaves"]
        assert "what it shows cannot be sent" in told["lacks"]
        assert open_document(running.slot, "sliders", SECRET)["roots"]
    log = log_of(tmp_path)
    assert 'plots/raises.py", line 1, in <module>' in log
    assert 'plots/hangs.py", line 1, in <module>' in log


def test_readiness_names_the_failed_plots_and_still_tries_the_others(tmp_path, site, monkeypatch):
    broken = {"raises": "1 / 0\n", "raises_later": IN_A_SESSION + "1 / 0\n"}
    copy = copy_with_plots(tmp_path, broken)
    with run_slot(tmp_path, cwd=copy) as running:
        monkeypatch.setattr(site_slots, "configured", lambda: [running.slot])
        names = ["bars", "raises", "raises_later", "sliders"]
        monkeypatch.setattr("app.health.discover", lambda: dict.fromkeys(names))
        answer = site.test_client().get("/readyz")
        assert answer.status_code == 503
        first, second = answer.json["problems"]
        reason = "ZeroDivisionError: division by zero (File 'raises.py', line 1, in <module>)"
        assert first == f"slot {running.slot.name}: plot raises: {reason}"
        assert second.startswith(f"slot {running.slot.name}: raises_later opened with nothing")
        running.wait_until(lambda status: status["sessions"] == len(names) - 1)


def test_a_session_whose_plot_raises_is_empty_and_the_log_says_for_whom_and_why(tmp_path):
    code = SHOWS + (
        "request = getattr(curdoc().session_context, 'request', None)\n"
        "if request and request.arguments:\n"
        "    curdoc().add_periodic_callback(lambda: 1 / 0, 20)\n"
        "    {}['bad']\n"
    )
    copy = copy_with_plots(tmp_path, {"raises": code})

    async def scenario(running: RunningSlot) -> None:
        shown = replace(visit(running.slot), plot="raises")
        token = mint_token(shown, SECRET, {"data": ["bad"]}, REQUEST)
        async with connect(running.slot, token, plot="raises") as websocket:
            assert (await message(websocket))[0]["msgtype"] == "ACK"
            # Empty although the plot had begun to show something.
            assert (await ask(websocket, "PULL-DOC-REQ", {}))["doc"]["roots"] == []
            await asyncio.sleep(0.3)
            assert (await ask(websocket, "SERVER-INFO-REQ", {}))["version_info"]
        assert len((await opened(running, "raises"))["roots"]) == 1

    with run_slot(tmp_path, cwd=copy) as running:
        asyncio.run(scenario(running))
        assert errors(running) == {}
    log = log_of(tmp_path)
    assert f"request {REQUEST}: plot raises failed for alice: KeyError: 'bad'" in log
    assert "ZeroDivisionError" not in log
    assert re.search(r'plots/raises\.py", line \d+, in <module>', log)


def test_a_plot_that_hangs_in_a_session_is_not_opened_again_and_the_others_go_on(tmp_path):
    copy = copy_with_plots(tmp_path, {"hangs": IN_A_SESSION + "while True: pass\n"})

    async def scenario(running: RunningSlot) -> None:
        async with connect(running.slot) as other:
            await message(other)
            slider = await find(other, "amplitude")
            first = asyncio.create_task(opened(running, "hangs"))
            assert (await first)["roots"] == []
            running.wait_until(lambda status: status["plots"]["hangs"]["error"] is not None)
            begun = time.monotonic()
            assert (await opened(running, "hangs"))["roots"] == []
            assert await move(other, slider, 2.0) < 0.5
            assert time.monotonic() - begun < 0.5

    with run_slot(tmp_path, "--retry-seconds", "0.1", cwd=copy, build_seconds=1) as running:
        assert errors(running) == {}
        asyncio.run(scenario(running))
        (error,) = errors(running).values()
        assert "plot hangs: it has not returned after 1 s (File 'hangs.py', line 7" in error
        with pytest.raises(ProbeError, match="nothing to show"):
            open_document(running.slot, "hangs", SECRET)
        assert open_document(running.slot, "sliders", SECRET)["roots"]
        assert errors(running) == {"hangs": error}
    log = log_of(tmp_path)
    assert f"request {REQUEST}: plot hangs failed for alice: it has not returned" in log
    assert re.search(r'plots/hangs\.py", line 7, in <module>', log)


def test_a_plot_that_hung_heals_and_one_that_only_ends_the_try_does_not(tmp_path):
    source = tmp_path / "source"
    hangs = f"import pathlib\nwhile not pathlib.Path({str(source)!r}).exists(): pass\n" + SHOWS
    ends = "import os, sys\nif 'app.slot.server' in sys.modules: 1 / 0\nos._exit(0)\n"
    copy = copy_with_plots(tmp_path, {"hangs": hangs, "ends": ends})
    options = ("--retry-seconds", "0.2")
    with run_slot(tmp_path, *options, cwd=copy, build_seconds=1) as running:
        assert errors(running).keys() == {"hangs", "ends"}
        source.touch()
        running.wait_until(lambda status: status["plots"]["hangs"]["error"] is None)
        assert open_document(running.slot, "hangs", SECRET)["roots"]
        time.sleep(2)
        assert "ZeroDivisionError" in errors(running)["ends"]
        assert log_of(tmp_path).count("ZeroDivisionError: division by zero (File") == 1


def test_a_plot_heals_once_what_it_needs_is_back_and_nobody_waits_for_the_tries(tmp_path):
    source = tmp_path / "source"
    code = f"import time\nif not open({str(source)!r}).read(): time.sleep(60)\n" + SHOWS
    copy = copy_with_plots(tmp_path, {"reads": code, "hangs": "while True: pass\n"})
    options = ("--retry-seconds", "0.2")
    with run_slot(tmp_path, *options, cwd=copy, build_seconds=2) as running:
        assert "FileNotFoundError" in errors(running)["reads"]
        # From here on a try hangs: in a process of its own.
        source.touch()
        ends = time.monotonic() + 4
        while time.monotonic() < ends:
            assert running.slot.status()["lag_seconds"] < 1
            time.sleep(0.1)
        source.write_text("data")
        told = running.wait_until(lambda status: status["plots"]["reads"]["error"] is None)
        assert told["plots"]["reads"]["components"] == ["bokeh", "bokeh-widgets"]
        assert open_document(running.slot, "reads", SECRET)["roots"]
        assert errors(running).keys() == {"hangs"}
    assert "plot reads can be built again" in log_of(tmp_path)


@pytest.mark.parametrize(
    ("code", "trace"),
    [
        ("import os\nos._exit(3)\n", ""),
        # No signal and no other thread gets through to this one.
        ("import itertools\nsum(itertools.repeat(1))\n", "plots/ends.py"),
    ],
    ids=["exits", "loops in C"],
)
def test_a_plot_that_takes_the_process_with_it_does_so_once(tmp_path, code, trace):
    copy = copy_with_plots(tmp_path, {"ends": code})
    limits = copy / "app" / "time_limit.py"
    limits.write_text(limits.read_text().replace("_SPARE_SECONDS = 5.0", "_SPARE_SECONDS = 1"))
    with (
        pytest.raises(AssertionError, match="the slot has exited"),
        run_slot(tmp_path, cwd=copy, build_seconds=2),
    ):
        pass
    assert trace in log_of(tmp_path)
    with run_slot(tmp_path, "--retry-seconds", "0.1", cwd=copy, build_seconds=2) as running:
        assert "plot ends: it ended the process that built it" in errors(running)["ends"]
        assert open_document(running.slot, "sliders", SECRET)["roots"]
        time.sleep(3)
        assert errors(running).keys() == {"ends"}
    # Nor does a try go on for ever whose slot was killed.
    ends = time.monotonic() + 4
    while [p for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == str(copy)]:
        assert time.monotonic() < ends
        time.sleep(0.1)


def test_a_loop_that_lets_no_other_thread_run_ends_the_process(tmp_path):
    code = IN_A_SESSION + "import itertools; sum(itertools.repeat(1))\n"
    copy = copy_with_plots(tmp_path, {"loops": code})
    with run_slot(tmp_path, "--stall-seconds", "1", cwd=copy, build_seconds=0.5) as running:
        with pytest.raises(ProbeError):
            open_document(running.slot, "loops", SECRET)
        assert running.process.wait(10) == 1
    assert "plots/loops.py" in log_of(tmp_path)
