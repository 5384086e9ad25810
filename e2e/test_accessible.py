"""Every page, light and dark, on a desktop and on a phone, is for everyone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import ADMINISTRATOR, Complaints, sign_in, wait_until
from playwright.sync_api import BrowserContext, Page, ViewportSize, WebSocketRoute, expect


class Shown(NamedTuple):
    """A page to look at.

    Attributes:
        path: Where it is.
        heading: What it is headed with.
        signed_in: Whether somebody has signed in.
        status: What it is answered with.
    """

    path: str
    heading: str
    signed_in: bool = True
    status: int = 200


PAGES = {
    "login": Shown("/login", "Sign in", signed_in=False),
    "gallery": Shown("/", "Plots"),
    "search": Shown("/?q=nothing+like+it", "Plots"),
    "sliders": Shown("/sliders", "Sliders"),
    "bars": Shown("/bars", "Bars"),
    "metrics": Shown("/metrics", "Host metrics"),
    "explorer": Shown("/explorer", "Flights"),
    "missing": Shown("/nothing", "There is no such page.", status=404),
    "account": Shown("/account", "Your account"),
    "users": Shown("/admin/users", "Users"),
    "user": Shown(f"/admin/users/{ADMINISTRATOR}", ADMINISTRATOR),
    "groups": Shown("/admin/groups", "Groups"),
    "sessions": Shown("/admin/sessions", "Live sessions"),
    "audit": Shown("/admin/audit", "Audit"),
}
SIZES: dict[str, ViewportSize] = {
    "desktop": {"width": 1280, "height": 800},
    "phone": {"width": 390, "height": 844},
}


@pytest.fixture(params=PAGES)
def name(request: pytest.FixtureRequest, page: Page, administrator: list[Any]) -> str:
    """The name of a page, whose visitor may see it."""
    if PAGES[request.param].signed_in:
        page.context.add_cookies(administrator)
    return request.param


@pytest.mark.parametrize("size", SIZES)
def test_a_page_is_for_everyone(
    page: Page, name: str, size: str, complaints: Complaints, screenshots: Path
):
    shown = PAGES[name]
    page.set_viewport_size(SIZES[size])
    page.emulate_media(color_scheme="light")
    answer = page.goto(shown.path)
    assert answer.status == shown.status
    expect(page.get_by_role("heading", level=1)).to_have_text(shown.heading)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        settle(page)
        page.screenshot(path=screenshots / f"{name}-{scheme}-{size}.png", full_page=True)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if shown.status >= 400:
        # The browser tells of the page's own status, twice.
        assert len(complaints.seen) == 2
        assert all(f"{shown.status}" in seen for seen in complaints.seen)
    else:
        assert complaints.seen == []


def settle(page: Page) -> None:
    """Wait for a page's plot, if it has one, to be drawn."""
    if page.locator("#session").count():
        expect(page.locator("#status")).to_be_hidden(timeout=20_000)
        wait_until(page, lambda: page.evaluate("Bokeh.documents[0].is_idle"))


def test_an_open_plot_follows_the_viewers_system_and_tells_the_server_nothing(viewer: Page):
    sent = []
    viewer.on("websocket", lambda websocket: websocket.on("framesent", lambda _: sent.append(1)))
    viewer.emulate_media(color_scheme="light")
    viewer.goto("/sliders")
    settle(viewer)
    # What the layout has come to is sent a moment later.
    before = 0
    while before != len(sent):
        before = len(sent)
        viewer.wait_for_timeout(1000)
    assert before > 0
    colors = [plot_colors(viewer)]
    for scheme in ("dark", "light"):
        viewer.emulate_media(color_scheme=scheme)
        wait_until(viewer, lambda: plot_colors(viewer)[0] != colors[-1][0])
        settle(viewer)
        colors.append(plot_colors(viewer))
    assert colors[0] == colors[2]
    assert all(light != dark for light, dark in zip(colors[0], colors[1], strict=True))
    assert len(sent) == before


def plot_colors(page: Page) -> list[str]:
    """A plot's background, and the colours of its title and of its sliders' handles."""
    return page.evaluate(
        """() => {
            const models = [...Bokeh.documents[0].all_models];
            const figure = models.find((model) => model.type === "Figure");
            const handle = Bokeh.index.find_one(models.find((model) => model.type === "Slider"))
                .shadow_el.querySelector(".noUi-handle");
            return [figure.background_fill_color, figure.title.text_color,
                getComputedStyle(handle).backgroundColor];
        }"""
    )


def test_everything_is_reached_by_keyboard(viewer: Page):
    viewer.goto("/sliders")
    settle(viewer)
    viewer.keyboard.press("Tab")
    assert focused(viewer) == "Skip to the content"
    reached = set()
    for _ in range(40):
        viewer.keyboard.press("Tab")
        reached.add(focused(viewer))
    assert {"Plots", "Sign out", "Title", "Offset", "Amplitude", "Phase", "Frequency"} <= reached


def focused(page: Page) -> str:
    """What has the focus, in whichever shadow tree, as it is called."""
    return page.evaluate(
        """() => {
            let element = document.activeElement;
            while (element.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
            const outline = getComputedStyle(element).outlineStyle;
            if (element !== document.body && outline === "none") throw Error(element.outerHTML);
            return element.ariaLabel || element.labels?.[0]?.textContent
                || element.textContent.trim();
        }"""
    )


def test_all_but_the_plots_works_without_javascript(
    new_context: Callable[..., BrowserContext], password: str
):
    page = new_context(java_script_enabled=False).new_page()
    sign_in(page, password, at="/?q=sine")
    expect(page.get_by_role("link", name="Sliders", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Bars", exact=True)).to_be_hidden()
    page.get_by_role("link", name="All plots").click()
    expect(page.get_by_role("link", name="Bars", exact=True)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_viewer_who_was_signed_out_elsewhere_is_told_and_led_back(viewer: Page):
    held = connected(viewer)
    viewer.goto("/sliders")
    settle(viewer)
    elsewhere = viewer.context.new_page()
    elsewhere.goto("/")
    elsewhere.get_by_role("button", name="Sign out").click()
    expect(elsewhere.get_by_role("heading", name="Sign in")).to_be_visible()
    held[0].close()
    expect(viewer.get_by_role("status")).to_contain_text("You have been signed out.")
    viewer.get_by_role("link", name="Sign in again").click()
    assert viewer.url.endswith("/login?next=%2Fsliders")


def test_a_viewer_who_lost_the_right_is_told(viewer: Page):
    held = connected(viewer)
    viewer.goto("/sliders")
    settle(viewer)
    viewer.route("**/state/sliders", lambda route: route.fulfill(status=403))
    held[0].close()
    expect(viewer.get_by_role("status")).to_contain_text("You may no longer open this plot.")
    expect(viewer.get_by_role("link", name="All plots")).to_be_visible()


def test_a_plot_that_comes_without_roots_is_told_with_the_request(viewer: Page):
    viewer.route_web_socket("**/ws", take_roots_away)
    viewer.goto("/sliders")
    status = viewer.get_by_role("status")
    expect(status).to_contain_text("The plot failed.")
    request = viewer.evaluate("JSON.parse(document.getElementById('session').textContent).request")
    expect(status).to_contain_text(request)


def connected(page: Page) -> list[WebSocketRoute]:
    """Stand between a page and the server, and keep hold of its connections."""
    held = []

    def hold(websocket: WebSocketRoute) -> None:
        websocket.connect_to_server()
        held.append(websocket)

    page.route_web_socket("**/ws", hold)
    return held


def take_roots_away(websocket: WebSocketRoute) -> None:
    """Hand on what the server says, but for the roots of the document."""

    def hand_on(message: str | bytes) -> None:
        if isinstance(message, str) and message.startswith('{"doc":'):
            content = json.loads(message)
            content["doc"]["roots"] = []
            message = json.dumps(content)
        websocket.send(message)

    websocket.connect_to_server().on_message(hand_on)
