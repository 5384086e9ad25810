"""Opening a plot: from asking for its page to its document, beside a bare Bokeh server."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from bench.bare import bare
from bench.percentiles import spread
from bench.running import slots
from bench.session import Server, Session, Ticket
from bench.site import Site

_VISITS = 60
_WARM_UP = 6


def measure(site: Site) -> object:
    """Open the plot here and there in turn, and count the sessions that the site made of it."""
    with bare(signed=True) as reference:
        ways: dict[str, tuple[Server, Callable[[], Ticket]]] = {
            "site": (site.server, site.ticket),
            "bare": (reference.server, reference.page_ticket),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        before = _sessions()
        for _ in range(_VISITS):
            for name, (server, ticket) in ways.items():
                began = time.perf_counter()
                session = Session(server, ticket())
                seconds[name].append(time.perf_counter() - began)
                session.close()
        # Sessions outlive their viewer by minutes, so all of them are still there.
        made = _sessions() - before
    told = {name: spread(these[_WARM_UP:], 1000) for name, these in seconds.items()}
    return {**told, "runs_per_visit": made / _VISITS}


def _sessions() -> int:
    """How many sessions the site's slots hold, which tell it several times a second."""
    time.sleep(1)
    files = [Path(slot.argument("--unix-socket")).with_suffix(".json") for slot in slots()]
    return sum(int(json.loads(file.read_text())["sessions"]) for file in files)
