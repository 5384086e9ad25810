"""A token bucket: how much may come at once, and how much in every second after that."""

import time
from collections.abc import Callable


class TokenBucket:
    """A bucket that is full at first, and fills up again by and by.

    Args:
        burst: What it holds.
        per_second: What flows in, each second.
        clock: Tells the time, in seconds.
    """

    def __init__(
        self, burst: float, per_second: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._holds = burst
        self._at = clock()

    def take(self, cost: float = 1.0) -> bool:
        """Take something out, unless it holds less than that.

        Args:
            cost: How much.

        Returns:
            Whether it was there.
        """
        now = self._clock()
        self._holds = min(self._burst, self._holds + (now - self._at) * self._per_second)
        self._at = now
        if self._holds < cost:
            return False
        self._holds -= cost
        return True
