"""Plots that do not return: ended where they are, whatever they do about it."""

import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bokeh.io import curdoc
from support import REPOSITORY

from app import plot_check
from app.plot_application import PlotApplication, PlotError, load
from app.plot_check import build, check
from app.plots import discover


def application_of(folder: Path, code: str) -> PlotApplication:
    """A plot of that code, which has 0.3 s to build its document."""
    (folder / "thing.py").write_text(code)
    discover.cache_clear()
    return load(discover(folder)["thing"], 0.3)


@pytest.mark.parametrize(
    "code",
    [
        "def wait():\n    while True: pass\nwait()\n",
        "def wait():\n    import time; time.sleep(10**6)\nwait()\n",
        "def wait():\n    import threading; threading.Event().wait()\nwait()\n",
        "def wait():\n    import re; re.match('(a+)+$', 'a' * 40 + 'b')\nwait()\n",
    ],
)
def test_a_plot_that_does_not_return_is_ended_where_it_is(tmp_path, code):
    application = application_of(tmp_path, code)
    begun = time.monotonic()
    sentence = r"plot thing: it has not returned after 0.3 s \(File 'thing.py', line 2, in wait\)"
    with pytest.raises(PlotError, match=sentence) as raised:
        build(application)
    assert time.monotonic() - begun < 1
    assert "line 3, in <module>" in raised.value.details
    # It is not given another chance to keep the process busy.
    begun = time.monotonic()
    with pytest.raises(PlotError, match="not run again"):
        build(application)
    assert time.monotonic() - begun < 0.1
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.mark.parametrize("caught", ["Exception", "BaseException"])
def test_a_plot_that_catches_errors_is_ended_as_well(tmp_path, caught):
    code = f"import time\nfor _ in range(2):\n    try: time.sleep(60)\n    except {caught}: pass\n"
    begun = time.monotonic()
    with pytest.raises(PlotError, match="has not returned"):
        build(application_of(tmp_path, code))
    assert time.monotonic() - begun < 3


def test_a_plot_that_failed_leaves_nothing_behind_in_bokeh(tmp_path):
    before = curdoc()
    for code in ("while True: pass", "raise SystemExit"):
        with pytest.raises(PlotError):
            build(application_of(tmp_path, code))
    assert curdoc() is before


def test_the_check_of_a_deploy_is_bounded_and_says_where_a_plot_hangs(tmp_path, monkeypatch):
    (tmp_path / "hangs.py").write_text("while True: pass\n")
    plots = discover(tmp_path)
    monkeypatch.setattr(plot_check, "discover", lambda: plots)
    (problem,) = check({}, 0.3)
    assert problem == (
        "plot hangs: it has not returned after 0.3 s (File 'hangs.py', line 1, in <module>)"
    )


def test_the_check_ends_even_if_no_signal_gets_through(tmp_path):
    (tmp_path / "loops.py").write_text("import itertools\nsum(itertools.repeat(1))\n")
    script = (
        "from pathlib import Path; from app import plot_check, time_limit\n"
        "from app.plots import discover\n"
        f"plots = discover(Path({str(tmp_path)!r}))\n"
        "plot_check.discover, time_limit._SPARE_SECONDS = lambda: plots, 0.5\n"
        "plot_check.check({}, 0.5)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        check=False,
        timeout=20,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert re.search(r'loops\.py", line 2 in <module>', done.stderr)


def test_plots_are_built_in_other_threads_too_without_a_limit():
    plot = discover()["sliders"]
    with ThreadPoolExecutor() as pool:
        assert pool.submit(lambda: build(load(plot, 0.001))).result() == ["bokeh", "bokeh-widgets"]
