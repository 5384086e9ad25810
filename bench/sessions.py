"""How many live sessions a bare Bokeh server holds, and the site with 1, 2 and 4 slots."""

from collections.abc import Mapping, Sequence

from bench.bare import bare
from bench.copies import copies
from bench.session import Session
from bench.site import Site
from bench.stampede import Stampede

_LATE = 0.1  # seconds
# Of each trial, and trials at most: one may meet with something else that the machine does.
_SECONDS = 2.5
_TRIALS = 3
_SLOTS = (1, 2, 4)
# Held by each process. More viewers at a move a second are as many moves of these.
_SESSIONS = 100
_LEAST, _MOST = 200.0, 3200.0  # moves per second
_HALVINGS = 5


def measure(site: Site) -> object:
    """Find for each the most moves a second at which 99 of 100 answers come within 100 ms."""
    stampede = Stampede()
    with bare() as reference, copies(max(_SLOTS)) as slots:
        moving = {"bare": stampede.open(reference.server, [reference.ticket] * _SESSIONS)}
        held: list[Session] = []
        for number, slot in enumerate(slots, 1):
            held += stampede.open(site.server, [slot.ticket(site)] * _SESSIONS)
            if number in _SLOTS:
                moving[str(number)] = held.copy()
        most = _search(stampede, moving)
        stampede.close()
    return most


def _search(stampede: Stampede, moving: Mapping[str, Sequence[Session]]) -> dict[str, float]:
    """Halve the range of each in turn, so that what else the machine does hits all of them."""
    ranges = dict.fromkeys(moving, (_LEAST, _MOST))
    for _ in range(_HALVINGS):
        for name, sessions in moving.items():
            low, high = ranges[name]
            middle = (low * high) ** 0.5
            trials = (stampede.lateness(sessions, middle, _SECONDS) for _ in range(_TRIALS))
            holds = any(late < _LATE for late in trials)
            ranges[name] = (middle, high) if holds else (low, middle)
    return {name: round(low) for name, (low, _) in ranges.items()}
