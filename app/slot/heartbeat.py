"""The event loop's pulse: how late it is, and the end of a process whose loop has hung for good."""

import asyncio
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable

from app.slot.state import State

_BEAT_SECONDS = 0.25
_SPARE_SECONDS = 2.0
EXIT_CODE = 70  # EX_SOFTWARE; Supervisor starts the slot again


async def beat(state: State, stall_seconds: float, at_each: Callable[[], None]) -> None:
    """Measure the loop's lag for ever, watched by a thread that ends a hung process.

    Args:
        state: Where the lag is kept.
        stall_seconds: How long the loop may stand still, in seconds.
        at_each: What else to do at each beat.
    """
    last = time.monotonic()

    def watch() -> None:
        while time.monotonic() - last < stall_seconds:
            time.sleep(1)
        sys.stderr.write(f"the event loop has hung for {stall_seconds:g} s, here:\n")
        sys.stderr.flush()
        faulthandler.dump_traceback()
        # A hung loop runs no handler and no cleanup, so nothing gentler would end it.
        os._exit(EXIT_CODE)

    threading.Thread(target=watch, daemon=True).start()
    while True:
        # For code that lets no other thread run, not even the one above.
        faulthandler.dump_traceback_later(stall_seconds + _SPARE_SECONDS, exit=True)
        at_each()
        await asyncio.sleep(_BEAT_SECONDS)
        now = time.monotonic()
        state.lag_seconds = round(max(0.0, now - last - _BEAT_SECONDS), 4)
        last = now
