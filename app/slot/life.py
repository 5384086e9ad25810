"""The life of a slot: it serves, then drains for a cause, and ends once that is over.

A cause gives way to a stronger one and never to a weaker one: a slot that was replaced may run out
of memory and may be stopped, and only one that was merely replaced can be taken back.
"""

import logging
import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum

from bokeh.server.session import ServerSession

_log = logging.getLogger(__name__)


class Cause(IntEnum):
    """Why a slot drains, the weakest first."""

    REPLACED = 1
    MEMORY = 2
    STOPPED = 3

    @property
    def word(self) -> str:
        """Its name in the status of a slot."""
        return self.name.lower()


@dataclass(frozen=True)
class Rule:
    """How a slot drains.

    Attributes:
        at_most_seconds: The longest that viewers may stay.
        admit_seconds: How long new sessions are still let in.
        return_seconds: How long a session whose connection was lost is waited for.
    """

    at_most_seconds: float
    admit_seconds: float = 0.0
    return_seconds: float = 0.0


class Life:
    """Where in its life a slot is.

    Args:
        rules: How it drains, by cause.
        clock: Tells the time, in seconds.
    """

    def __init__(
        self, rules: Mapping[Cause, Rule], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._serve()

    def _serve(self) -> None:
        self.cause: Cause | None = None
        self._admits_until = math.inf
        self._ends = math.inf

    @property
    def admits(self) -> bool:
        """Whether new sessions are let in now."""
        return self._clock() < self._admits_until

    def drain(self, cause: Cause) -> bool:
        """Begin to drain, unless it drains for this cause or a stronger one already.

        Returns:
            Whether that changed anything.
        """
        if self.cause and self.cause >= cause:
            return False
        rule, now = self._rules[cause], self._clock()
        self.cause = cause
        self._admits_until = now + rule.admit_seconds
        self._ends = min(self._ends, now + rule.at_most_seconds)
        _log.info("draining (%s) for at most %.0f s", cause.word, self._ends - now)
        return True

    def stop(self) -> None:
        """Drain because the host wants the process gone; the second time, end at once."""
        if not self.drain(Cause.STOPPED):
            self._ends = self._clock()

    def resume(self) -> None:
        """Serve again if it was only replaced."""
        if self.cause is Cause.REPLACED:
            self._serve()
            _log.info("serving again")

    def is_over(self, sessions: Collection[ServerSession]) -> bool:
        """Whether the process may end.

        Args:
            sessions: The sessions that it holds.
        """
        if not self.cause:
            return False
        if self._clock() >= self._ends:
            return True
        patience = self._rules[self.cause].return_seconds * 1000
        return not self.admits and not any(
            session.connection_count or session.milliseconds_since_last_unsubscribe < patience
            for session in sessions
        )
