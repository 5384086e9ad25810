"""A plot that fails takes down only itself: in a website and a slot beside those of the host."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import pytest
from beside import Beside, beside
from provisioned import Site, poll
from visitor import SECONDS, Line, Ticket, Visitor

testinfra_hosts = ["ansible://app"]

PORT = 8099
REQUEST = "5" * 32


@dataclass
class VisitorBeside(Visitor):
    """A browser that asks the website beside the host's, which nginx does not know."""

    @cached_property
    def line(self) -> Line:  # type: ignore[override]
        """Its way to that website."""
        return Line((self.site.plain_address[0], PORT))


@pytest.fixture
def copy(site: Site) -> Iterator[Beside]:
    """Plots that raise and hang, and the website of their slot."""
    seconds = {"SITE_PLOT_BUILD_SECONDS": "1"}
    with beside(site, "failing", 98, "--retry-seconds", "1", **seconds) as copy:
        settings = {"SITE_SLOTS": copy.slot, "SITE_SLOT_COUNT": "1"}
        command = ("gunicorn", f"--bind=0.0.0.0:{PORT}", "--threads=4", "--no-control-socket")
        copy.run("website", *command, "app.wsgi:app", **settings)
        with site.letting_in(PORT):
            yield copy


def test_a_plot_that_fails_takes_down_only_itself(site: Site, alice: Visitor, copy: Beside):
    visitor = VisitorBeside(site, dict(alice.cookies))

    def answers() -> bool:
        """The website beside the host's answers."""
        try:
            return visitor.get("/healthz").status == 200
        except OSError:
            return False

    def unready() -> dict[str, str]:
        """What readiness says of each plot that the slot cannot show."""
        told = [line.split(": ", 2) for line in json.loads(visitor.get("/readyz").text)["problems"]]
        assert {slot for slot, _, _ in told} == {f"slot {copy.slot}"}
        return {plot.removeprefix("plot "): reason for _, plot, reason in told}

    poll(answers, SECONDS)
    assert unready().keys() == {"raises", "hangs"}
    assert "FileNotFoundError" in unready()["raises"]
    assert "has not returned after 1 s (File 'hangs.py', line 3" in unready()["hangs"]
    for name in ("raises", "hangs"):
        page = visitor.get(f"/{name}")
        assert page.status == 500
        assert "This plot is unavailable" in page.text

    with alice.session(visitor.ticket("sliders")) as sliders:
        with alice.session(visitor.ticket("hangs_later")) as session:
            assert session.model("shown").text == "well"
        copy.write("hang", "")
        page = visitor.get("/hangs_later", X_Request_Id=REQUEST)
        with alice.session(Ticket.of_page(page)) as session:
            assert session.document.roots == []
        poll(lambda: visitor.get("/hangs_later").status == 500, SECONDS)
        assert unready().keys() == {"raises", "hangs", "hangs_later"}
        sliders.change("offset", 4)
        sliders.wait_until(lambda: max(sliders.model("wave").data["y"]) > 4)
    log = copy.log
    assert f"request {REQUEST}: plot hangs_later failed for alice: it has not returned" in log
    assert 'plots/hangs_later.py", line 11, in <module>' in log
    assert 'plots/raises.py", line 9, in <module>' in log

    copy.write("source", "back")
    poll(lambda: visitor.get("/raises").status == 200, SECONDS)
    with alice.session(visitor.ticket("raises")) as session:
        assert session.model("shown").text == "back"
    # What the host itself serves has noticed nothing.
    site.cli("ready")
