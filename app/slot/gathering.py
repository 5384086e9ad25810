"""Sending a message in one piece.

A message is three websocket frames, and stock Bokeh writes each by itself, with a turn of the event
loop in between: three packets for nginx to encrypt and for the browser to wake up for, and over TCP
a wait for the first one's acknowledgement. Here they are one.

This touches names that neither Bokeh nor Tornado document, in this file only; both versions are
pinned, and a test holds the effect.
"""

import logging
import struct
from typing import Any, cast

from bokeh.protocol.message import Message
from bokeh.server.views.ws import WSHandler
from tornado.iostream import IOStream, StreamClosedError

_log = logging.getLogger(__name__)
_FINAL_TEXT = 0x81
# Lengths from here on follow in 2 or 8 bytes, as these numbers in the length's place say.
_IN_TWO_BYTES, _IN_EIGHT_BYTES = 126, 127
_send_message = WSHandler.send_message


def send_in_one_piece() -> None:
    """Have every websocket of this process send so."""
    WSHandler.send_message = _send_gathered  # type: ignore[assignment, method-assign]


async def _send_gathered(handler: WSHandler, message: Message[Any]) -> None:
    connection = handler.ws_connection
    # Buffers follow in frames of their own kind; a closed connection is Bokeh's to tell of.
    if message.header.get("num_buffers") or connection is None or connection.is_closing():
        await _send_message(handler, message)
        return
    stream = cast("IOStream", connection.stream)
    parts = (message.header_json, message.metadata_json, message.content_json)
    with await handler.write_lock.acquire():
        try:
            await stream.write(b"".join(_frame(part.encode()) for part in parts))
        except StreamClosedError:
            _log.info("a viewer left before a message was sent")


def _frame(data: bytes) -> bytes:
    size = len(data)
    if size < _IN_TWO_BYTES:
        return struct.pack("!BB", _FINAL_TEXT, size) + data
    if size < 1 << 16:
        return struct.pack("!BBH", _FINAL_TEXT, _IN_TWO_BYTES, size) + data
    return struct.pack("!BBQ", _FINAL_TEXT, _IN_EIGHT_BYTES, size) + data
