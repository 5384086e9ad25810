"""Stopping a slot without cutting off its viewers."""

import asyncio
import logging
import time

from app.slot.state import State

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.25


async def drained(state: State, seconds: float, stop: asyncio.Event) -> None:
    """Take no new session, and wait until the last viewer has left.

    Args:
        state: The slot's state.
        seconds: The longest that viewers may stay, in seconds.
        stop: Set to wait no longer.
    """
    state.draining = True
    begun = time.monotonic()
    _log.info("draining %d connections", state.connections)
    while state.connections and not stop.is_set() and time.monotonic() - begun < seconds:
        await asyncio.sleep(_LOOK_SECONDS)
    _log.info("drained in %.1f s, %d cut off", time.monotonic() - begun, state.connections)
