"""Bokeh's websocket protocol 1.0, as a client speaks it (``bokeh.protocol``), without the socket.

A message is a header, metadata and content, each JSON in a text frame of its own, then two frames
for each buffer that the header counts.
"""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_ids = itertools.count(1)


@dataclass(frozen=True)
class Message:
    """A message from the server.

    Attributes:
        kind: Such as ``ACK``, ``OK``, ``ERROR``, ``PATCH-DOC``.
        content: What it says.
    """

    kind: str
    content: dict[str, Any]


def frames(kind: str, content: Mapping[str, Any] | None = None) -> tuple[str, str, str]:
    """The frames of a message to the server.

    Args:
        kind: Such as ``PULL-DOC-REQ``.
        content: What it says.
    """
    header = {"msgid": str(next(_ids)), "msgtype": kind}
    return json.dumps(header), "{}", json.dumps(content or {})


class Assembler:
    """Puts the frames of a server together."""

    def __init__(self) -> None:
        self._frames: list[str | bytes] = []
        self._header: dict[str, Any] = {}

    def add(self, frame: str | bytes) -> Message | None:
        """Take the next frame, and return the message if this completes one.

        Raises:
            ValueError: If the frame is not of this protocol.
        """
        if not self._frames:
            self._header = json.loads(frame)
        self._frames.append(frame)
        if len(self._frames) < 3 + 2 * (self._header.get("num_buffers") or 0):
            return None
        content = self._frames[2]
        self._frames = []
        return Message(self._header["msgtype"], json.loads(content))
