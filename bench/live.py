"""A live session of the plot ``sliders``, driven as cheaply as Python can."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from websockets.asyncio.client import ClientConnection

from bench.messages import Assembler, Message, frames

PLOT = "sliders"
CONTROL = "offset"
_SOURCE = "wave"
_SECONDS = 20.0  # how long an answer may take
_SAME = 1e-9


class LiveError(RuntimeError):
    """The session did not do what a viewer expects; the text says what."""


class Live:
    """An open session, whose slider can be moved.

    Args:
        websocket: Its websocket, just opened.
    """

    def __init__(self, websocket: ClientConnection) -> None:
        self._websocket = websocket
        self._assembler = Assembler()
        self._control = ""
        self._source = ""

    async def pull(self) -> None:
        """Fetch the document.

        Raises:
            LiveError: If it does not come, or is not that of the plot.
        """
        await self._receive()  # ACK: the session exists
        await self._send("PULL-DOC-REQ")
        ids = dict(named((await self._receive()).content))
        try:
            self._control, self._source = ids[CONTROL], ids[_SOURCE]
        except KeyError as error:
            raise LiveError(f"the document has nothing named {error}") from error

    async def move(self, value: float) -> float:
        """Move the slider, and wait for the wave to follow.

        Args:
            value: Where to, different from before.

        Returns:
            Seconds until the new data was here.

        Raises:
            LiveError: If it does not follow.
        """
        began = time.perf_counter()
        change = {"kind": "ModelChanged", "model": {"id": self._control}}
        await self._send("PATCH-DOC", {"events": [{**change, "attr": "value", "new": value}]})
        height, seconds = None, 0.0
        # The data comes before the word that the change was taken.
        while (message := await self._receive()).kind != "OK":
            if (height := _height(message, self._source)) is not None:
                seconds = time.perf_counter() - began
        if height is None or abs(height - value) > _SAME:
            raise LiveError(f"the wave is at {height} after the slider went to {value}")
        return seconds

    async def _send(self, kind: str, content: dict[str, Any] | None = None) -> None:
        for frame in frames(kind, content):
            await self._websocket.send(frame)

    async def _receive(self) -> Message:
        message = None
        try:
            async with asyncio.timeout(_SECONDS):
                while message is None:
                    message = self._assembler.add(await self._websocket.recv())
        except TimeoutError as error:
            raise LiveError(f"no answer in {_SECONDS:g} s") from error
        if message.kind == "ERROR":
            raise LiveError(f"the slot says: {message.content}")
        return message


def named(part: Any) -> Iterator[tuple[str, str]]:
    """The names and ids of the models in a document's JSON."""
    if isinstance(part, dict):
        attributes = part.get("attributes")
        if isinstance(attributes, dict) and isinstance(attributes.get("name"), str):
            yield attributes["name"], part["id"]
        part = list(part.values())
    if isinstance(part, list):
        for child in part:
            yield from named(child)


def _height(message: Message, source: str) -> float | None:
    """Where the wave starts according to a change of the document: at the slider's value."""
    for event in message.content.get("events", []):
        if event.get("model", {}).get("id") == source and event.get("attr") == "data":
            return float(dict(event["data"]["entries"])["y"][0])
    return None
