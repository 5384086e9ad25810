"""What a slot takes of one viewer: a flood closes that connection, and nobody else notices."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from statistics import median

import pytest
from slot_client import SECRET, connect, find, message, move, refusal, visit
from support import RunningSlot, run_slot
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from app.session_ids import mint_token
from app.slot.receiving import Allowance

MESSAGE_BYTES = 2 << 20
BURST = 3000
# What a browser sends of a plot that is dragged, on a fast screen, in a second.
PICTURES, RANGES, FRAGMENTS = 144, 2, 3
MINUTE = 60


@pytest.fixture(scope="module")
def slot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSlot]:
    with run_slot(tmp_path_factory.mktemp("slot")) as running:
        yield running


async def closes(websocket: ClientConnection) -> tuple[int, str]:
    """How the slot closes a connection, whatever it sends before."""
    with suppress(ConnectionClosed):
        while True:
            await asyncio.wait_for(websocket.recv(), 10)
    return websocket.close_code, websocket.close_reason


async def flood(
    websocket: ClientConnection, send: Callable[[], Awaitable[object]]
) -> tuple[int, str]:
    """Send until the connection closes, and return how it did."""
    closing = asyncio.create_task(closes(websocket))
    with suppress(ConnectionClosed):
        while not closing.done():
            await send()
            await asyncio.sleep(0)
    return await closing


async def is_calm(websocket: ClientConnection, until: asyncio.Task) -> list[float]:
    """Move a slider while something goes on, and return the seconds that each answer took."""
    slider = await find(websocket, "offset")
    seconds = []
    while not seconds or not until.done():
        seconds.append(await move(websocket, slider, len(seconds) % 40 / 10 + 0.1))
        await asyncio.sleep(0.02)
    return seconds


def log_of(slot: RunningSlot) -> str:
    return (slot.slot.socket.parent / "slot.log").read_text()


def sender(websocket: ClientConnection, what: str) -> Callable[[], Awaitable[object]]:
    """What sends one thing after the other."""
    header = '{"msgid": "1", "msgtype": "PATCH-DOC"}'
    small = itertools.cycle([header, "{}", '{"events": []}'])
    padding = json.dumps("x" * (MESSAGE_BYTES - 100))  # with the header, as large as may be
    large = itertools.cycle([header, padding, '{"events": []}'])
    return {
        "messages": lambda: websocket.send(next(small)),
        "large messages": lambda: websocket.send(next(large)),
        "pings": websocket.ping,
        "pongs": websocket.pong,
    }[what]


@pytest.mark.parametrize("what", ["messages", "large messages", "pings", "pongs"])
def test_a_flood_closes_its_own_connection_and_nobody_else_notices(slot: RunningSlot, what: str):
    async def scenario() -> tuple[tuple[int, str], list[float]]:
        async with connect(slot.slot) as calm, connect(slot.slot) as flooding:
            await message(calm)
            await message(flooding)
            task = asyncio.create_task(flood(flooding, sender(flooding, what)))
            seconds = await is_calm(calm, task)
            return await task, seconds

    closed, seconds = asyncio.run(scenario())
    assert closed == (1008, "too many messages")
    # On the same event loop as the flood itself.
    assert median(seconds) < 1
    assert "alice's connection to sliders is closed: too many messages" in log_of(slot)


def test_a_flood_does_not_go_on_in_another_connection_of_its_session(slot: RunningSlot):
    token = mint_token(visit(slot.slot), SECRET)

    async def count() -> int:
        async with connect(slot.slot, token) as websocket:
            await message(websocket)
            sent = itertools.count()

            async def ping() -> None:
                pong = await websocket.ping()
                if next(sent) % 100 == 0:
                    await pong

            await flood(websocket, ping)
            return next(sent)

    assert asyncio.run(count()) > BURST
    assert asyncio.run(count()) < BURST / 2


def test_who_drags_a_plot_on_a_fast_screen_is_never_too_fast():
    clock = itertools.count(0, 1 / (PICTURES * RANGES * FRAGMENTS)).__next__
    allowance = Allowance(MESSAGE_BYTES, clock)
    assert all(allowance.take(150) for _ in range(MINUTE * PICTURES * RANGES * FRAGMENTS))


@pytest.mark.parametrize("fragments", [1, 4])
def test_a_message_that_is_too_large_closes_the_connection(slot: RunningSlot, fragments: int):
    async def scenario() -> tuple[int, str]:
        async with connect(slot.slot) as websocket:
            await message(websocket)
            header = {"msgid": "1", "msgtype": "PATCH-DOC", "num_buffers": 9}
            with suppress(ConnectionClosed):
                for part in (json.dumps(header), "{}", '{"events": []}'):
                    await websocket.send(part)
                for number in range(fragments):
                    await websocket.send(json.dumps({"id": f"{number}"}))
                    await websocket.send(bytes(MESSAGE_BYTES // fragments + 1))
            return await closes(websocket)

    assert asyncio.run(scenario())[0] == 1009


def test_a_session_has_only_so_many_connections(slot: RunningSlot):
    token = mint_token(visit(slot.slot), SECRET)

    async def scenario() -> int:
        async with AsyncExitStack() as stack:
            for _ in range(8):
                websocket = await stack.enter_async_context(connect(slot.slot, token))
                await message(websocket)
            return await asyncio.to_thread(refusal, slot.slot, token)

    assert asyncio.run(scenario()) == 503
    assert refusal(slot.slot) == 101
