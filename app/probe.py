"""A viewer in code: opens a plot in a slot over Bokeh's websocket protocol, without a browser.

Bokeh's own client knows no unix sockets. The protocol is Bokeh's 1.0: header, metadata and content
as one text frame each (``bokeh.protocol``).
"""

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, unix_connect

from app.session_ids import Visit, mint_token
from app.slots import Slot
from app.wire import VIEWER_HEADER, slot_path

PROBE = "site-probe"  # the viewer that a plot sees; never a user who could sign in
_SECONDS = 20.0  # a visit's length, and how long an answer may take


class ProbeError(RuntimeError):
    """The plot could not be opened; the text says what happened."""


@contextmanager
def connect(slot: Slot, plot: str, key: bytes) -> Iterator[ClientConnection]:
    """Open a plot's websocket, past nginx, as a viewer named `PROBE`.

    Args:
        slot: The slot that shall hold the session.
        plot: Name of the plot.
        key: Bokeh's secret key.
    """
    visit = Visit(plot, PROBE, PROBE, slot.name, int(time.time() + _SECONDS))
    with unix_connect(
        str(slot.socket),
        uri=f"ws://localhost{slot_path(slot.name)}/{plot}/ws",
        subprotocols=["bokeh", mint_token(visit, key)],
        additional_headers={VIEWER_HEADER: PROBE},
        open_timeout=_SECONDS,
        max_size=None,
    ) as websocket:
        yield websocket


def open_document(slot: Slot, plot: str, key: bytes) -> dict[str, Any]:
    """Open a plot in a slot and fetch its document.

    Returns:
        The document, in Bokeh's JSON form.

    Raises:
        ProbeError: If the slot refuses, answers too late, or the document is empty.
    """
    try:
        with connect(slot, plot, key) as websocket:
            _receive(websocket)  # ACK: the session exists
            for part in ({"msgid": "1", "msgtype": "PULL-DOC-REQ"}, {}, {}):
                websocket.send(json.dumps(part))
            document: dict[str, Any] = _receive(websocket)["doc"]
    except (OSError, WebSocketException, KeyError, ValueError) as error:
        raise ProbeError(f"{plot} did not open in slot {slot.name}: {error}") from error
    if not document["roots"]:
        raise ProbeError(
            f"{plot} opened in slot {slot.name} with nothing to show; see the slot's log"
        )
    return document


def _receive(websocket: ClientConnection) -> Any:
    header = json.loads(websocket.recv(_SECONDS))
    websocket.recv(_SECONDS)
    content = json.loads(websocket.recv(_SECONDS))
    for _ in itertools.repeat(None, 2 * (header.get("num_buffers") or 0)):
        websocket.recv(_SECONDS)
    return content
