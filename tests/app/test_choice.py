"""Which slot a visit goes to, from what the slots have told in their files."""

import os
from collections import Counter
from pathlib import Path

import pytest
from support import tell

from app.choice import PlotFailedError, SiteFullError, choose, unavailable
from app.plots import discover
from app.slots import Slot
from app.wire import status_path

ALL_PLOTS = {name: {"components": ["bokeh"], "error": None} for name in discover()}


def chosen(count: int) -> Counter:
    """How many of so many visits went to each slot."""
    return Counter(choose("sliders")[0] for _ in range(count))


@pytest.fixture(autouse=True)
def view(site):
    """Choose as a view does."""
    with site.app_context():
        yield


def test_tells_what_the_page_needs(slots: list[Slot]):
    sliders = {"components": ["bokeh", "bokeh-widgets"], "error": None}
    tell(slots[0], plots=ALL_PLOTS | {"sliders": sliders})
    assert choose("sliders") == (slots[0], ["bokeh", "bokeh-widgets"])


def test_the_least_loaded_slot_gets_the_visits_until_it_is_level(slots: list[Slot]):
    tell(slots[0], sessions=10)
    tell(slots[1], sessions=4)
    assert chosen(6) == {slots[1]: 6}
    assert chosen(10) == {slots[0]: 5, slots[1]: 5}


def test_visits_on_the_way_are_forgotten_once_they_are_in_the_file(slots, monkeypatch):
    tell(slots[0], sessions=3)
    tell(slots[1])
    assert chosen(3) == {slots[1]: 3}
    monkeypatch.setattr("app.choice._ON_THE_WAY_SECONDS", -1)
    assert chosen(3) == {slots[1]: 3}


def test_any_of_equals_may_get_the_first_visit(slots: list[Slot], monkeypatch):
    monkeypatch.setattr("app.choice._ON_THE_WAY_SECONDS", -1)
    for slot in slots:
        tell(slot)
    assert set(chosen(40)) == set(slots)


@pytest.mark.parametrize(
    "state",
    [{"age": 1.5}, {"age": -1.5}, {"cause": "replaced"}, {"cause": "memory"}],
    ids=str,
)
def test_a_slot_that_is_late_or_drains_gets_nothing(slots: list[Slot], state: dict):
    tell(slots[0], **state)
    tell(slots[1], sessions=100)
    assert chosen(3) == {slots[1]: 3}
    status_path(slots[1].socket).unlink()
    with pytest.raises(SiteFullError):
        choose("sliders")
    tell(slots[0])
    assert chosen(1) == {slots[0]: 1}


@pytest.mark.parametrize("text", ['{"status": "o', "[" * 100_000], ids=len)
def test_half_a_file_is_none(slots: list[Slot], text: str):
    status_path(slots[0].socket).write_text(text)
    tell(slots[1])
    assert chosen(3) == {slots[1]: 3}


@pytest.mark.parametrize(
    "forged",
    [
        {"plots": {}},
        {"plots": []},
        {"cause": ["replaced"]},
        {"sessions": -5},
        {"sessions": "0"},
        {"plots": ALL_PLOTS | {"sliders": {"components": ["../../evil"], "error": None}}},
        {"plots": ALL_PLOTS | {"sliders": {"components": ["evil"], "error": None}}},
        {"plots": ALL_PLOTS | {"sliders": {"components": "bokeh", "error": None}}},
        {"plots": ALL_PLOTS | {"sliders": {"components": ["bokeh"], "error": {"a": 1}}}},
    ],
    ids=str,
)
def test_a_forged_status_is_none(slots: list[Slot], forged: dict):
    tell(slots[0], **forged)
    tell(slots[1], sessions=100)
    assert chosen(3) == {slots[1]: 3}
    assert unavailable() == set()


def test_what_is_no_file_is_no_status(slots: list[Slot], tmp_path: Path):
    tell(slots[1], sessions=100)
    status_path(slots[1].socket).rename(tmp_path / "elsewhere")
    status_path(slots[0].socket).symlink_to(tmp_path / "elsewhere")
    os.mkfifo(status_path(slots[1].socket))
    with pytest.raises(SiteFullError):
        choose("sliders")


def test_a_plot_goes_where_it_can_be_shown(slots: list[Slot]):
    broken = ALL_PLOTS | {"sliders": {"components": [], "error": "division by zero"}}
    tell(slots[0], plots=broken)
    with pytest.raises(PlotFailedError):
        choose("sliders")
    tell(slots[1], sessions=100)
    assert chosen(3) == {slots[1]: 3}


def test_a_plot_is_unavailable_once_every_slot_has_failed_with_it(slots: list[Slot]):
    broken = ALL_PLOTS | {"sliders": {"components": [], "error": "division by zero"}}
    tell(slots[0], plots=broken)
    assert unavailable() == {"sliders"}
    tell(slots[1], plots=ALL_PLOTS)
    assert unavailable() == set()
    tell(slots[1], plots=ALL_PLOTS, cause="memory")
    assert unavailable() == {"sliders"}
    tell(slots[0], plots=broken, cause="memory")
    assert unavailable() == set()
