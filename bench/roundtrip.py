"""The round trip of one slider: the whole stack, beside the plot on a bare Bokeh server."""

import time

from bench.bare import bare
from bench.percentiles import spread
from bench.session import Session
from bench.site import Site

_MOVES = 1500
_WARM_UP = 100
_USUAL_MOVES = 60


def measure(site: Site) -> object:
    """Move a slider here and there in turn."""
    with bare() as reference:
        usual = Session(reference.server, reference.ticket(), prompt=False)
        usual_seconds = [_seconds(usual) for _ in range(_USUAL_MOVES)]
        sessions = {
            "site": Session(site.server, site.ticket()),
            "bare": Session(reference.server, reference.ticket()),
        }
        seconds: dict[str, list[float]] = {name: [] for name in sessions}
        for _ in range(_WARM_UP + _MOVES):
            for name, session in sessions.items():
                seconds[name].append(_seconds(session))
        for session in (usual, *sessions.values()):
            session.close()
    told = {name: spread(these[_WARM_UP:], 1000) for name, these in seconds.items()}
    return {**told, "usual": spread(usual_seconds, 1000)}


def _seconds(session: Session) -> float:
    began = time.perf_counter()
    session.move()
    return time.perf_counter() - began
