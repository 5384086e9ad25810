"""Limits on how long a piece of code may run."""

import faulthandler
import signal
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

# Code that swallows what ends it is told again.
_AGAIN_SECONDS = 1.0
# What a limit cannot interrupt, such as a loop in C code, ends the process a little later.
_SPARE_SECONDS = 5.0
_STANDARD_ERROR = 2  # whatever a caller has made of sys.stderr


class TooLongError(BaseException):
    """Raised in code that runs for too long.

    No ``Exception``, since the code may well catch those itself.
    """


@dataclass
class Limit:
    """How long a piece of code may run, and what became of it.

    Attributes:
        seconds: The limit, in seconds.
        stack: Where the code was when the limit had passed, the outermost call first; empty if it
            was done before.
    """

    seconds: float
    stack: list[traceback.FrameSummary] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether the code ran for too long."""
        return bool(self.stack)


@contextmanager
def time_limit(seconds: float) -> Iterator[Limit]:
    """End the code of a ``with`` statement once it has run for too long.

    It ends with a `TooLongError`, which goes no further than the statement. Only the main thread
    can be interrupted so; in any other, the code may run for ever.

    Args:
        seconds: The limit, in seconds.

    Yields:
        The limit, which tells afterwards whether it has passed.
    """
    limit = Limit(seconds)
    if threading.current_thread() is not threading.main_thread():
        yield limit
        return
    runs = True

    def end(_signal: int, frame: FrameType | None) -> None:
        if runs:
            limit.stack = limit.stack or list(traceback.extract_stack(frame))
            raise TooLongError(f"it has not returned after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN_SECONDS)
    try:
        try:
            yield limit
        finally:
            runs = False
    except TooLongError:
        pass  # the limit tells
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def process_limit(seconds: float) -> Iterator[None]:
    """End the process, with a traceback, if a `time_limit` cannot end the code of the statement.

    Args:
        seconds: That limit, in seconds.
    """
    faulthandler.dump_traceback_later(seconds + _SPARE_SECONDS, exit=True, file=_STANDARD_ERROR)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
