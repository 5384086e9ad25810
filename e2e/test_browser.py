"""What a viewer does with a browser: sign in, open plots, move sliders, sign out."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browsing import PATIENCE, Complaints, sign_in, wait_until
from playwright.sync_api import Locator, Page, expect
from provisioned import Site


def column(page: Page, source: str, name: str) -> list[float]:
    """A column of a data source, as the page's own Bokeh document holds it."""
    found = page.evaluate(
        """([source, name]) => {
            const model = globalThis.Bokeh?.documents[0]?.get_model_by_name(source);
            return JSON.stringify(model ? Array.from(model.get_array(name)) : []);
        }""",
        [source, name],
    )
    return json.loads(found)


def handle(page: Page, slider: str) -> Locator:
    """The handle of the slider of that title."""
    return page.locator(".bk-Slider").filter(has_text=slider).locator(".noUi-handle")


def move(page: Page, slider: str, key: str = "ArrowRight") -> None:
    """Move a slider by keyboard."""
    handle(page, slider).focus()
    page.keyboard.press(key)


@pytest.fixture
def calm(complaints: Complaints) -> Iterator[None]:
    """The browser has nothing to complain about while the test runs."""
    yield
    assert complaints.seen == []


@pytest.mark.usefixtures("calm")
def test_the_gallery_leads_to_every_plot(viewer: Page, screenshots: Path):
    viewer.screenshot(path=screenshots / "gallery.png")
    for title in ("Sliders", "Bars", "Flights", "Host metrics"):
        viewer.goto("/")
        viewer.get_by_role("link", name=title, exact=True).click()
        expect(viewer.get_by_role("heading", name=title, exact=True)).to_be_visible()
        expect(viewer.locator("#status")).to_be_hidden(timeout=PATIENCE * 1000)


@pytest.mark.usefixtures("calm")
@pytest.mark.parametrize(
    ("slider", "changed"),
    [
        ("Offset", lambda ys: sum(ys) / len(ys) > 0.05),
        ("Amplitude", lambda ys: max(ys) > 1.05),
        ("Phase", lambda ys: ys[0] > 0.05),
        ("Frequency", lambda ys: abs(ys[-1]) > 0.05),
    ],
)
def test_a_moved_slider_changes_the_sine_wave(
    viewer: Page, screenshots: Path, slider: str, changed: Callable[[list[float]], bool]
):
    viewer.goto("/sliders")
    wait_until(viewer, lambda: len(column(viewer, "wave", "y")) > 100)
    assert not changed(column(viewer, "wave", "y"))
    move(viewer, slider)
    wait_until(viewer, lambda: changed(column(viewer, "wave", "y")))
    viewer.screenshot(path=screenshots / f"sliders-{slider.lower()}.png")


@pytest.mark.usefixtures("calm")
def test_the_typed_title_stands_over_the_wave(viewer: Page):
    viewer.goto("/sliders")
    wait_until(viewer, lambda: len(column(viewer, "wave", "y")) > 100)
    field = viewer.locator(".bk-TextInput input")
    field.fill("Tide")
    field.press("Enter")
    shown = "Bokeh.documents[0].get_model_by_name('heading').text"
    wait_until(viewer, lambda: viewer.evaluate(shown) == "Tide")


@pytest.mark.usefixtures("calm")
def test_the_bars_follow_the_number_of_days(viewer: Page, screenshots: Path):
    viewer.goto("/bars")
    wait_until(viewer, lambda: len(column(viewer, "bugs", "day")) == 10)
    move(viewer, "Number of days")
    wait_until(viewer, lambda: len(column(viewer, "bugs", "day")) == 11)
    move(viewer, "Number of days", "End")
    wait_until(viewer, lambda: len(column(viewer, "bugs", "day")) == 60)
    viewer.screenshot(path=screenshots / "bars.png")


@pytest.mark.usefixtures("calm")
def test_signing_in_leads_back_and_signing_out_leads_away(page: Page, password: str, site: Site):
    sign_in(page, password, at="/bars")
    expect(page).to_have_url(f"{site.origin}/bars")
    # Leaving earlier would abort what the page still loads.
    wait_until(page, lambda: bool(column(page, "bugs", "day")))
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/bars")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_wrong_password_is_told_in_a_sentence(page: Page, password: str):
    sign_in(page, password[::-1])
    expect(page.get_by_role("alert")).to_contain_text("do not match an account")


def test_a_second_password_link_in_the_same_tab_counts(page: Page, site: Site):
    for token in ("first", "second"):
        page.goto(f"/password#{token}")
        expect(page.locator("#token")).to_have_value(token)
        expect(page).to_have_url(f"{site.origin}/password")


def test_another_sites_address_is_not_followed(page: Page, password: str, site: Site):
    sign_in(page, password, at="/login?next=https://evil.test/")
    expect(page).to_have_url(f"{site.origin}/")


def test_a_refused_websocket_is_told_with_a_way_out(viewer: Page, screenshots: Path):
    viewer.route_web_socket("**/ws", lambda websocket: websocket.close())
    viewer.goto("/sliders")
    expect(viewer.get_by_role("status")).to_contain_text("could not be opened")
    expect(viewer.get_by_role("button", name="Reload the page")).to_be_visible()
    viewer.screenshot(path=screenshots / "refused.png")


def test_who_has_too_many_plots_open_is_told(viewer: Page):
    viewer.route_web_socket("**/ws", lambda websocket: websocket.close())
    viewer.route("**/state/*", lambda route: route.fulfill(status=429))
    viewer.goto("/sliders")
    expect(viewer.get_by_role("status")).to_contain_text("Too many plots are open")
    expect(viewer.get_by_role("button", name="Reload the page")).to_be_visible()


def test_a_killed_slot_is_told_and_the_page_comes_back(viewer: Page, site: Site):
    viewer.goto("/sliders")
    wait_until(viewer, lambda: len(column(viewer, "wave", "y")) > 100)
    site.command("supervisorctl", "signal", "KILL", f"{site.program('bokeh_apps')}:*", user="root")
    expect(viewer.get_by_role("status")).to_contain_text("Reconnecting")
    expect(viewer.locator("#status")).to_be_hidden(timeout=PATIENCE * 1000)
    move(viewer, "Amplitude")
    wait_until(viewer, lambda: max(column(viewer, "wave", "y")) > 1.05)
