"""Which slot a new visit goes to: the least loaded of those that can show the plot."""

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from typing import cast

from flask import Flask, current_app
from werkzeug.exceptions import InternalServerError, ServiceUnavailable

from app.plots import discover
from app.slots import Slot, survey
from app.wire import SlotStatus

# A page takes about so long until its session is there and counts in the slot's status.
_ON_THE_WAY_SECONDS = 2.0


class SiteFullError(ServiceUnavailable):
    """No slot takes a visit now."""


class PlotFailedError(InternalServerError):
    """The plot failed in every slot that takes visits."""


class Visits:
    """The visits that this process has sent to slots a moment ago."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: deque[tuple[float, Slot]] = deque()

    def send(self, sessions: Mapping[Slot, int]) -> Slot:
        """Send a visit to the least loaded slot, any of them among equals.

        Args:
            sessions: How many sessions each slot says it has.
        """
        with self._lock:
            now = time.monotonic()
            while self._sent and self._sent[0][0] < now - _ON_THE_WAY_SECONDS:
                self._sent.popleft()
            on_the_way = Counter(slot for _, slot in self._sent)
            load = {slot: count + on_the_way[slot] for slot, count in sessions.items()}
            least = min(load.values())
            slot = random.SystemRandom().choice([s for s, count in load.items() if count == least])
            self._sent.append((now, slot))
            return slot


def install(app: Flask) -> None:
    """Let the application's views choose slots."""
    app.extensions["visits"] = Visits()


def choose(plot: str) -> tuple[Slot, list[str]]:
    """Pick the slot that a new visit of a plot goes to.

    Args:
        plot: Name of the plot.

    Returns:
        A slot that can show the plot now, and the BokehJS components that the plot needs.

    Raises:
        SiteFullError: If no slot takes visits.
        PlotFailedError: If the plot failed in every slot that does.
    """
    taking, _ = survey()
    if not taking:
        raise SiteFullError
    able = {slot: status for slot, status in taking.items() if _shows(status, plot)}
    if not able:
        raise PlotFailedError
    visits = cast("Visits", current_app.extensions["visits"])
    slot = visits.send({slot: status["sessions"] for slot, status in able.items()})
    return slot, able[slot]["plots"][plot]["components"]


def unavailable() -> set[str]:
    """The plots that failed in every slot that takes visits.

    Returns:
        Their names; none while no slot takes visits, since that says nothing about the plots.
    """
    taking, _ = survey()
    if not taking:
        return set()
    return {
        plot for plot in discover() if not any(_shows(status, plot) for status in taking.values())
    }


def _shows(status: SlotStatus, plot: str) -> bool:
    return not status["plots"][plot]["error"]
