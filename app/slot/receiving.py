"""What a viewer sends: noted, held to a size and a pace, and dropped after the end."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from bokeh.protocol import Protocol
from bokeh.protocol.message import Message
from bokeh.protocol.receiver import Receiver
from bokeh.server.views.ws import WSHandler

from app.slot.presences import Presences, Present
from app.token_bucket import TokenBucket

_log = logging.getLogger(__name__)
# Close codes of RFC 6455, 7.4.1.
POLICY_VIOLATION = 1008
_TOO_BIG = 1009
# A plot that is dragged sends a message for each of its two ranges and each picture of the screen,
# some 144 a second at most, and each is three fragments. What is large counts for as many as it has
# these bytes.
_FRAGMENTS_PER_SECOND = 1000
_SECONDS_AT_ONCE = 3
_FRAGMENT_BYTES = 4096
# Of a connection that is being closed: it could go on for as long as that takes.
_PAUSE_SECONDS = 1.0


class Allowance:
    """What the viewer of one session may send, however often it connects.

    Args:
        message_bytes: The largest message, with its buffers; one may always come.
        clock: Tells the time, in seconds.
    """

    def __init__(self, message_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.message_bytes = message_bytes
        burst = _FRAGMENTS_PER_SECOND * _SECONDS_AT_ONCE + message_bytes / _FRAGMENT_BYTES
        self._bucket = TokenBucket(burst, _FRAGMENTS_PER_SECOND, clock)

    def take(self, size: int) -> bool:
        """Count something that came, and say whether it was allowed to.

        Args:
            size: Its size, in bytes.
        """
        return self._bucket.take(1 + size / _FRAGMENT_BYTES)


class ViewersReceiver(Receiver):
    """Assembles the messages of a viewer's websocket.

    Args:
        presences: Who notes that something came.
        present: Whose websocket it is.
        socket: The websocket.
        allowance: What may come.
    """

    def __init__(
        self, presences: Presences, present: Present, socket: WSHandler, allowance: Allowance
    ) -> None:
        super().__init__(Protocol())
        self._presences = presences
        self._present = present
        self._socket = socket
        self._allowance = allowance
        self._pending_bytes = 0
        self._closed = False

    async def consume(self, fragment: str | bytes) -> Message[Any] | None:
        """Take a fragment, unless it is one too many."""
        if self._present.ended:
            return None
        # Tornado limits each fragment, and Bokeh waits for as many as a message says it has.
        self._pending_bytes += len(fragment)
        if self._pending_bytes > self._allowance.message_bytes:
            self._close(_TOO_BIG, "a message is too large")
        self.spend(len(fragment))
        if self._closed:
            await asyncio.sleep(_PAUSE_SECONDS)
            return None
        self._presences.heard(self._present)
        message = await super().consume(fragment)
        if message:
            self._pending_bytes = 0
        return message

    def spend(self, size: int) -> None:
        """Count something that came, and close the connection if that is too much.

        Args:
            size: Its size, in bytes.
        """
        if not self._allowance.take(size):
            self._close(POLICY_VIOLATION, "too many messages")

    def _close(self, code: int, reason: str) -> None:
        if not self._closed:
            told = self._present.told
            _log.warning("%s's connection to %s is closed: %s", told["user"], told["plot"], reason)
            self._socket.close(code, reason)
        self._closed = True
