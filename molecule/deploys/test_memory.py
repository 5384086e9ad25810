"""A plot that leaks costs nobody a session, and the host no more memory than it was given."""

import json
import time
from collections.abc import Callable

from checkout import Checkout
from deploying import WHAT_DEPLOYS, said, serving
from provisioned import Inventory, Site
from visitor import Ticket, Visitor
from websocket import RefusedError

LEAK_MB = 20
VISITS = 200
PATIENCE = 180.0
# A session is built before its slot can see what it took, and one more may be on its way.
OVERSHOOT_MB = 3 * LEAK_MB
PLOT = f'''"""Leaks.

Keeps {LEAK_MB} MB of every session for ever.
"""

import sys

from bokeh.io import curdoc
from bokeh.models import Div

if curdoc().session_context:
    sys.kept = [*getattr(sys, "kept", []), b"x" * ({LEAK_MB} << 20)]
curdoc().add_root(Div(text="leaks"))
'''


def resident_mb(site: Site, deployment: str) -> list[float]:
    """The memory of each slot of a deployment."""
    told = site.command(
        "sh", user="root", text=f"cat {site.variables['site_run_dir']}/*-{deployment}-*.json"
    ).stdout
    decoder, found = json.JSONDecoder(), []
    while told:
        status, end = decoder.raw_decode(told)
        found.append(status["resident_bytes"] / 2**20)
        told = told[end:].lstrip()
    return found


def visit(viewer: Visitor, wait: Callable[[], None]) -> None:
    """Open the plot as its page does, which tries again where it is refused or told to wait.

    Args:
        viewer: Who visits it.
        wait: What to do once for each second of waiting.
    """
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        page = viewer.get("/leaks")
        if page.status == 503:
            assert "All places are taken" in page.text
            for _ in range(int(page.headers["Retry-After"])):
                time.sleep(1)
                wait()
            continue
        try:
            with viewer.session(Ticket.of_page(page)) as session:
                assert session.document.roots
                return
        except RefusedError as error:
            # Its slot has filled up since the page was made.
            if error.status != 503:
                raise
    raise AssertionError(f"not let in for {PATIENCE} s")


def test_two_hundred_visits_of_a_plot_that_leaks(
    site: Site, inventory: Inventory, checkout: Checkout, viewer: Visitor
):
    checkout.commit({"plots/leaks.py": PLOT})
    run = inventory.playbook(checkout.playbook, WHAT_DEPLOYS)
    assert run.returncode == 0, said(run)
    deployment = serving(site)
    budget = int(site.variables["site_slot_memory_mb"])
    limit = len(site.slots) + len(site.variables["site_spare_names"])
    largest, together, used = 0.0, 0.0, 0
    with viewer.session(viewer.ticket("sliders")) as first:

        def stay() -> None:
            """Use the session that was there before; a slot closes one that never answers."""
            first.change("phase", 0.5 if first.model("phase").value > 1 else 1.5)

        for number in range(VISITS):
            visit(viewer, stay)
            if number % 5 == 0:
                memory = resident_mb(site, deployment)
                largest, together = max(largest, *memory), max(together, sum(memory))
                used = max(used, len(memory))
                stay()
    assert largest > budget
    assert largest < budget + OVERSHOOT_MB
    # Without the budget, two slots would have held all of it.
    assert len(site.slots) < used <= limit
    assert together < limit * (budget + OVERSHOOT_MB)
