"""A viewer of a slot: its websocket and what is said over it, and plots made for a test."""

import asyncio
import http.client
import json
import shutil
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from support import KEY, REPOSITORY
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import InvalidStatus

from app.session_ids import Visit, mint_token
from app.slots import Slot
from app.wire import slot_path

SECRET = KEY.encode()


def connect(slot: Slot, token: str | None = None, viewer: str | None = "alice", plot="sliders"):
    """Open a plot's websocket the way nginx does; by default as alice, with alice's token."""
    if token is None:
        token = mint_token(visit(slot), SECRET)
    return unix_connect(
        str(slot.socket),
        uri=f"ws://localhost/bokeh_plots/{slot.name}/{plot}/ws",
        subprotocols=["bokeh", token],
        additional_headers={"X-Site-Viewer": viewer} if viewer else {},
        max_size=None,
    )


def visit(slot: Slot) -> Visit:
    return Visit("sliders", "alice", "login", slot.name, int(time.time()) + 600)


def refusal(slot: Slot, *arguments, **options) -> int:
    """The status that answers a websocket."""

    async def attempt() -> int:
        try:
            async with connect(slot, *arguments, **options):
                return 101
        except InvalidStatus as error:
            return error.response.status_code

    return asyncio.run(attempt())


def get(slot: Slot, path: str) -> tuple[int, bytes]:
    """The status and body that answer a request for a path below the slot's own."""
    connection = http.client.HTTPConnection("localhost")
    with socket.socket(socket.AF_UNIX) as connection.sock:
        connection.sock.connect(str(slot.socket))
        connection.request("GET", slot_path(slot.name) + path)
        response = connection.getresponse()
        return response.status, response.read()


async def message(websocket: ClientConnection) -> tuple[dict, dict]:
    """The next message's header and content."""
    header, _, content = [json.loads(await websocket.recv()) for _ in range(3)]
    return header, content


async def ask(websocket: ClientConnection, kind: str, content: dict) -> dict:
    """Send a message and return the content of its reply, past all that comes before it."""
    for part in ({"msgid": "1", "msgtype": kind}, {}, content):
        await websocket.send(json.dumps(part))
    while True:
        header, reply = await message(websocket)
        if header.get("reqid"):
            return reply


async def find(websocket: ClientConnection, name: str) -> str:
    """The id of the model of that name."""
    stack = [(await ask(websocket, "PULL-DOC-REQ", {}))["doc"]["roots"]]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if item.get("attributes", {}).get("name") == name:
                return item["id"]
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    raise LookupError(name)


async def move(websocket: ClientConnection, slider: str, value: float) -> float:
    """Move a slider, and return the seconds until the slot has answered."""
    begun = time.monotonic()
    event = {"kind": "ModelChanged", "model": {"id": slider}, "attr": "value", "new": value}
    await ask(websocket, "PATCH-DOC", {"events": [event]})
    return time.monotonic() - begun


def copy_with_plot(folder: Path, name: str, code: str) -> Path:
    """Copy the app into a folder, with one more plot, and return where a slot can run it."""
    return copy_with_plots(folder, {name: code})


def copy_with_plots(folder: Path, plots: Mapping[str, str]) -> Path:
    """As `copy_with_plot`, with the code of some more plots by their names."""
    shutil.copytree(REPOSITORY / "app", folder / "site" / "app")
    for name, code in plots.items():
        (folder / "site" / "app" / "plots" / f"{name}.py").write_text(code)
    return folder / "site"
