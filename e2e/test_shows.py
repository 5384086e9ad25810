"""The plots that come with the site, as a viewer uses them: metrics, and flights to explore."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import Complaints, wait_until
from playwright.sync_api import Page, expect
from test_browser import column, move


@pytest.fixture(autouse=True)
def calm(complaints: Complaints) -> Iterator[None]:
    """The browser has nothing to complain about while a test runs."""
    yield
    assert complaints.seen == []


def ask(page: Page, name: str, what: str) -> object:
    """Something of the model of that name, as the page's own Bokeh document holds it."""
    expression = f"JSON.stringify(Bokeh.documents[0].get_model_by_name('{name}').{what})"
    return json.loads(page.evaluate(expression))


def test_metrics_come_by_themselves_and_pause(viewer: Page, screenshots: Path):
    viewer.goto("/metrics")
    wait_until(viewer, lambda: len(column(viewer, "host", "time")) >= 3)
    times = column(viewer, "host", "time")
    assert times == sorted(set(times))
    assert all(0 <= share <= 100 for share in column(viewer, "host", "cpu"))
    assert ask(viewer, "window", "end") - ask(viewer, "window", "start") == 120_000
    move(viewer, "Minutes", "Home")
    wait_until(
        viewer, lambda: ask(viewer, "window", "end") - ask(viewer, "window", "start") == 60_000
    )
    viewer.screenshot(path=screenshots / "metrics.png")
    viewer.get_by_role("button", name="Pause").click()
    expect(viewer.get_by_role("button", name="Go on")).to_be_visible()
    held = column(viewer, "host", "time")
    viewer.wait_for_timeout(2500)
    assert column(viewer, "host", "time") == held
    viewer.get_by_role("button", name="Go on").click()
    wait_until(viewer, lambda: len(column(viewer, "host", "time")) > len(held))


def test_a_choice_of_flights_is_seen_everywhere_and_saved(viewer: Page, screenshots: Path):
    viewer.goto("/explorer")
    wait_until(viewer, lambda: len(column(viewer, "flights", "hour")) == 10_000)
    expect(viewer.get_by_text("10,000 of 10,000 flights")).to_be_visible()
    charts = (chart.bounding_box() for chart in viewer.locator(".bk-Figure").all())
    first = min(charts, key=lambda box: (box["y"], box["x"]))
    viewer.mouse.move(first["x"] + first["width"] * 0.3, first["y"] + 60)
    viewer.mouse.down()
    viewer.mouse.move(first["x"] + first["width"] * 0.7, first["y"] + 170, steps=5)
    viewer.mouse.up()
    wait_until(viewer, lambda: ask(viewer, "table", "view.filter.type") == "IndexFilter")
    chosen = ask(viewer, "flights", "selected.indices")
    assert 0 < len(chosen) < 1000
    assert ask(viewer, "table", "view.filter.indices") == sorted(chosen)
    expect(viewer.get_by_text(f"{len(chosen)} of 10,000 flights")).to_be_visible()
    viewer.screenshot(path=screenshots / "explorer.png", full_page=True)
    with viewer.expect_download() as download:
        viewer.get_by_role("button", name="Download as CSV").click()
    flights, delays = (column(viewer, "flights", name) for name in ("flight", "arrival_delay"))
    with Path(download.value.path()).open(newline="") as file:
        saved = [(row["flight"], int(row["arrival_delay"])) for row in csv.DictReader(file)]
    assert saved == [(flights[place], delays[place]) for place in sorted(chosen)]
    viewer.get_by_label("Airport").select_option(label="LaGuardia")
    expect(viewer.get_by_text("of 10,000 flights")).not_to_contain_text(f"{len(chosen)} of")
    assert ask(viewer, "flights", "selected.indices") == []
