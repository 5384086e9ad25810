"""The plot of the host's metrics: what it samples, how much it keeps, and what its controls do."""

from collections.abc import Iterator
from types import SimpleNamespace

import psutil
import pytest
from bokeh.document import Document

from app.plot_application import load
from app.plots import _host, discover
from app.plots._host import Sampler


class Clock:
    """A time that passes when a test says so, on a host whose counters follow it."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_700_000_000 + self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of a host that receives 100 bytes a second and sends 50, with a busy loop."""
    clock = Clock()

    def counters(pernic: bool) -> dict[str, SimpleNamespace]:
        assert pernic
        loop = SimpleNamespace(bytes_recv=clock.now * 1e6, bytes_sent=clock.now * 1e6)
        wire = SimpleNamespace(bytes_recv=clock.now * 100, bytes_sent=clock.now * 50)
        return {"lo": loop, "eth0": wire}

    monkeypatch.setattr(_host, "time", clock)
    monkeypatch.setattr(psutil, "net_io_counters", counters)
    monkeypatch.setattr(psutil, "cpu_percent", lambda: 25.0)
    monkeypatch.setattr(
        psutil, "virtual_memory", lambda: SimpleNamespace(percent=40.0, total=2**30)
    )
    return clock


@pytest.fixture
def sampler(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Sampler:
    """A sampler of that host, which has begun right now and is the one of the plot, too."""
    assert clock.now == 0
    sampler = Sampler()
    monkeypatch.setattr(_host, "sampler", sampler)
    return sampler


@pytest.fixture
def document(sampler: Sampler) -> Iterator[Document]:
    """A session of the plot."""
    assert sampler is _host.sampler
    document = Document()
    load(discover()["metrics"]).fill(document)
    yield document
    document.clear()


def tick(document: Document, clock: Clock, seconds: int) -> None:
    """Let time pass, and the session's callback run every second."""
    (callback,) = document.session_callbacks
    assert callback.period == 1000
    for _ in range(seconds):
        clock.now += 1
        callback.callback()


def test_samples_are_rates_and_shares_without_the_hosts_own_loop(sampler: Sampler, clock: Clock):
    clock.now = 2
    sampler.look()
    assert sampler.latest(10) == {
        "time": [1_700_000_002_000],
        "cpu": [25.0],
        "memory": [40.0],
        "received": [100],
        "sent": [50],
    }


def test_many_who_look_cost_one_sample_a_second(sampler: Sampler, clock: Clock):
    for _ in range(50):
        clock.now += 0.02
        sampler.look()
    assert len(sampler.latest(10)["time"]) == 1


def test_what_is_kept_is_bounded(sampler: Sampler, clock: Clock):
    for _ in range(2000):
        clock.now += 1
        sampler.look()
    times = sampler.latest(10_000)["time"]
    assert len(times) == 600
    assert times[-1] == 1_700_002_000_000
    assert sampler.latest(2)["time"] == times[-2:]
    assert sampler.latest(10, after=times[-3])["time"] == times[-2:]


def test_a_pause_without_viewers_is_no_sample(sampler: Sampler, clock: Clock):
    for moment in (1, 2, 3600):
        clock.now = moment
        sampler.look()
    assert sampler.latest(10)["time"] == []
    clock.now += 1
    sampler.look()
    assert sampler.latest(10)["received"] == [100]


def test_points_appear_and_what_leaves_the_window_goes(document: Document, clock: Clock):
    source = document.select_one({"name": "host"})
    assert source.data["time"] == []
    tick(document, clock, 3)
    assert source.data["received"] == [100, 100, 100]
    tick(document, clock, 1000)
    assert {name: len(column) for name, column in source.data.items()} == dict.fromkeys(
        Sampler.COLUMNS, 120
    )
    window = document.select_one({"name": "window"})
    assert window.end == source.data["time"][-1]
    assert window.end - window.start == 120_000


def test_a_wider_window_shows_what_others_saw(document: Document, clock: Clock):
    tick(document, clock, 400)
    document.select_one({"name": "minutes"}).value = 5
    source, window = (document.select_one({"name": name}) for name in ("host", "window"))
    assert len(source.data["time"]) == 300
    assert window.end - window.start == 300_000
    document.select_one({"name": "minutes"}).value = 1
    assert len(source.data["time"]) == 60


def test_a_pause_holds_the_lines_and_then_catches_up(document: Document, clock: Clock):
    source, pause = (document.select_one({"name": name}) for name in ("host", "pause"))
    tick(document, clock, 10)
    pause.active = True
    assert pause.label == "Go on"
    tick(document, clock, 10)
    assert len(source.data["time"]) == 10
    pause.active = False
    tick(document, clock, 1)
    assert len(source.data["time"]) == 21


def test_a_second_viewer_finds_the_first_ones_samples(document: Document, clock: Clock):
    tick(document, clock, 30)
    second = Document()
    load(discover()["metrics"]).fill(second)
    assert len(second.select_one({"name": "host"}).data["time"]) == 30
    second.clear()


def test_names_are_shown_as_text(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("platform.node", lambda: "<b>host</b>")
    monkeypatch.setattr("app.viewer.current_viewer", lambda: "<script>")
    document = Document()
    load(discover()["metrics"]).fill(document)
    about = document.select_one({"name": "about"}).text
    assert about.startswith("&lt;script&gt;, this is <b>&lt;b&gt;host")
    document.clear()
