"""How busy this host is: one sampler in each process, for all who look.

A plot's own code runs anew for each visit, and this module once: fifty viewers cost one sample.
"""

import time
from collections import deque
from typing import Any

import psutil

SECONDS = 1.0
"""Between two samples, while somebody looks."""
_KEPT = 600
_LATE_SECONDS = 5 * SECONDS


class Sampler:
    """Takes a sample when it is asked and one is due, and keeps the latest of them."""

    COLUMNS = ("time", "cpu", "memory", "received", "sent")
    """Milliseconds since the epoch; percent; percent; bytes a second; bytes a second."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, ...]] = deque(maxlen=_KEPT)
        self._begin()

    def look(self) -> None:
        """Take a sample if one is due."""
        passed = time.monotonic() - self._last
        if passed > _LATE_SECONDS:
            # Nobody looked meanwhile: an average over the pause would say nothing of now.
            self._samples.clear()
            self._begin()
        elif passed >= 0.9 * SECONDS:  # timers are a little early now and then
            self._take(passed)

    def latest(self, number: int, after: float = 0) -> dict[str, Any]:
        """The columns of the latest samples, oldest first.

        Args:
            number: How many at most, 1 or more.
            after: Only of samples whose ``time`` is later.
        """
        chosen = [sample for sample in list(self._samples)[-number:] if sample[0] > after]
        return {
            column: [sample[place] for sample in chosen]
            for place, column in enumerate(self.COLUMNS)
        }

    def _begin(self) -> None:
        self._last = time.monotonic()
        self._received, self._sent = _traffic()
        psutil.cpu_percent()  # what it tells is counted from its last call on

    def _take(self, passed: float) -> None:
        received, sent = self._received, self._sent
        self._last += passed
        self._received, self._sent = _traffic()
        self._samples.append(
            (
                round(time.time() * 1000),
                psutil.cpu_percent(),
                psutil.virtual_memory().percent,
                round((self._received - received) / passed),
                round((self._sent - sent) / passed),
            )
        )


def _traffic() -> tuple[int, int]:
    """Bytes received and sent by all interfaces but the host's own loop."""
    interfaces = psutil.net_io_counters(pernic=True)
    counted = [count for name, count in interfaces.items() if name != "lo"]
    return sum(c.bytes_recv for c in counted), sum(c.bytes_sent for c in counted)


sampler = Sampler()
