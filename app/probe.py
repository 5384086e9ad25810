"""A viewer in code: uses a plot over Bokeh's websocket protocol, without a browser.

Bokeh's own client knows no unix sockets. The protocol is Bokeh's 1.0: header, metadata and content
as one text frame each (``bokeh.protocol``).
"""

import asyncio
import itertools
import json
import time
from typing import Any

from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from app.controls import Control
from app.session_ids import Visit, mint_token
from app.slots import Slot
from app.wire import VIEWER_HEADER, slot_path

PROBE = "site-probe"  # the viewer that a plot sees; never a user whom a person could sign in as
_SECONDS = 20.0  # a visit's length, and how long an answer may take


class ProbeError(RuntimeError):
    """A plot does not do what a viewer wants; the text says what happened."""


class Session:
    """A viewer's session of a plot.

    Args:
        websocket: Its websocket, just opened.
    """

    def __init__(self, websocket: ClientConnection) -> None:
        self._websocket = websocket

    async def document(self, plot: str) -> dict[str, Any]:
        """Fetch the document, in Bokeh's JSON form.

        Args:
            plot: Name of the plot.

        Raises:
            ProbeError: If it is empty, or something else was answered.
        """
        # Bokeh can take no message before it says, with an ACK, that the session exists.
        await asyncio.wait_for(self._receive(), _SECONDS)
        answer, _ = await self._ask("PULL-DOC-REQ", {})
        document: dict[str, Any] = answer["doc"]
        if not document["roots"]:
            raise ProbeError(f"{plot} opened with nothing to show; see the slot's log")
        return document

    async def move(self, control: Control) -> bool:
        """Move a control, as a viewer does.

        Args:
            control: The control.

        Returns:
            Whether the document changed in answer.

        Raises:
            ProbeError: If the plot's code failed.
        """
        model = {"id": control.model}
        events = [
            {"kind": "ModelChanged", "model": model, "attr": attribute, "new": control.value}
            for attribute in control.attributes
        ]
        _, patched = await self._ask("PATCH-DOC", {"events": events})
        return patched

    async def _ask(self, kind: str, content: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Send a message; return the content of its answer, and whether patches came before it."""
        for part in ({"msgid": kind, "msgtype": kind}, {}, content):
            await self._websocket.send(json.dumps(part))
        return await asyncio.wait_for(self._answer(kind), _SECONDS)

    async def _answer(self, message_id: str) -> tuple[dict[str, Any], bool]:
        patched = False
        while True:
            header, content = await self._receive()
            if header["msgtype"] == "ERROR":
                raise ProbeError(content["text"])
            if header.get("reqid") == message_id:
                return content, patched
            patched = patched or header["msgtype"] == "PATCH-DOC"

    async def _receive(self) -> tuple[dict[str, Any], dict[str, Any]]:
        header = json.loads(await self._websocket.recv())
        await self._websocket.recv()
        content = json.loads(await self._websocket.recv())
        for _ in itertools.repeat(None, 2 * (header.get("num_buffers") or 0)):
            await self._websocket.recv()
        return header, content


def open_document(slot: Slot, plot: str, key: bytes) -> dict[str, Any]:
    """Open a plot in a slot, past nginx, as a viewer named `PROBE`, and fetch its document.

    Args:
        slot: The slot that shall hold the session.
        plot: Name of the plot.
        key: Bokeh's secret key.

    Returns:
        The document, in Bokeh's JSON form.

    Raises:
        ProbeError: If the slot refuses, answers too late, or the document is empty.
    """
    return asyncio.run(_open_document(slot, plot, key))


async def _open_document(slot: Slot, plot: str, key: bytes) -> dict[str, Any]:
    visit = Visit(plot, PROBE, PROBE, slot.name, int(time.time() + _SECONDS))
    try:
        async with unix_connect(
            str(slot.socket),
            uri=f"ws://localhost{slot_path(slot.name)}/{plot}/ws",
            subprotocols=[Subprotocol("bokeh"), Subprotocol(mint_token(visit, key))],
            additional_headers={VIEWER_HEADER: PROBE},
            open_timeout=_SECONDS,
            max_size=None,
        ) as websocket:
            return await Session(websocket).document(plot)
    except ProbeError as error:
        raise ProbeError(f"slot {slot.name}: {error}") from error
    except (OSError, asyncio.TimeoutError, WebSocketException, KeyError, ValueError) as error:
        raise ProbeError(f"{plot} did not open in slot {slot.name}: {error!r}") from error
