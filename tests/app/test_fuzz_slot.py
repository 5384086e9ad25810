"""Whatever a viewer says over a websocket, the slot lives, and the others notice nothing."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from fuzzing import examples
from hypothesis import given
from protocol_fuzz import SLIDER, Fragment, messages
from slot_client import SECRET, connect, find, message, move, visit
from support import RunningSlot
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from app.session_ids import mint_token

# The longest that another viewer's slider may take, on a machine that has a lot to do.
PATIENCE = 5.0
# How long to listen to a slot that may have nothing to say, in seconds.
WAITING = 0.2


class Bystander:
    """Another viewer of the same slot, who moves a slider now and then.

    Args:
        slot: The slot.
    """

    def __init__(self, slot: RunningSlot) -> None:
        self.slot = slot
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self._open())
        self._log = (slot.slot.socket.parent / "slot.log").open()

    async def _open(self) -> None:
        bobs = mint_token(replace(visit(self.slot.slot), user="bob"), SECRET)
        self._websocket = await connect(self.slot.slot, bobs, viewer="bob")
        await message(self._websocket)
        self._slider = await find(self._websocket, "amplitude")
        self._value = 1.0

    def new_log(self) -> str:
        """What the slot has logged since this was asked last."""
        return self._log.read()

    async def notice_nothing(self) -> None:
        """See the slider answer, in the same process as ever."""
        self._value = 3.0 - self._value
        assert (
            await asyncio.wait_for(move(self._websocket, self._slider, self._value), PATIENCE)
            < PATIENCE
        )
        assert self.slot.process.poll() is None

    def leave(self) -> None:
        """Close the websocket."""
        self.loop.run_until_complete(self._websocket.close())
        self.loop.close()
        self._log.close()


@pytest.fixture(scope="module")
def bystander(slot: RunningSlot) -> Iterator[Bystander]:
    bystander = Bystander(slot)
    yield bystander
    bystander.leave()


async def say(websocket: ClientConnection, fragments: list[Fragment], seconds: float) -> None:
    """Say something, and wait until the slot has closed or answered, or so long."""
    for fragment in fragments:
        await websocket.send(fragment)
    # A request that is in order; where the slot waits for more of another, it is taken for that.
    for part in ({"msgid": "last", "msgtype": "SERVER-INFO-REQ"}, {}, {}):
        await websocket.send(json.dumps(part))
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while '"last"' not in str(await websocket.recv()):
                pass


def attack(
    bystander: Bystander,
    fragments: list[Fragment],
    *,
    at_once: bool = False,
    seconds: float = WAITING,
) -> str:
    """Say something as alice, while bob looks on, and return what the slot logs of it.

    Args:
        bystander: Bob.
        fragments: What alice sends.
        at_once: Whether she does so before there is a session.
        seconds: How long she waits for an answer.
    """

    async def scenario() -> None:
        async with connect(bystander.slot.slot) as websocket:
            slider = "none"
            if not at_once:
                await message(websocket)
                slider = await find(websocket, "amplitude")
            with suppress(ConnectionClosed):
                await say(websocket, [put_in(fragment, slider) for fragment in fragments], seconds)
        await bystander.notice_nothing()

    bystander.new_log()
    bystander.loop.run_until_complete(scenario())
    return bystander.new_log()


def put_in(fragment: Fragment, slider: str) -> Fragment:
    return fragment.replace(SLIDER, slider) if isinstance(fragment, str) else fragment


def complaints(log: str) -> list[str]:
    """The lines that do not tell of what happens all the time, such as that a viewer leaves."""
    usual = (" INFO ", "Failed sending message as connection was closed")
    return [line for line in log.splitlines() if not any(words in line for words in usual)]


def test_any_message(bystander: Bystander):
    @examples(25)
    @given(messages)
    def attempt(fragments: list[Fragment]) -> None:
        lines = complaints(attack(bystander, fragments))
        # One for it, and one for the request behind it, which may have become wrong by it.
        assert len(lines) <= 2, lines
        assert all(" WARNING " in line and len(line) < 400 for line in lines), lines

    attempt()


def written(header: object, content: object, metadata: object = None) -> list[Fragment]:
    return [json.dumps(header), json.dumps(metadata or {}), json.dumps(content)]


def patch(**event: object) -> list[Fragment]:
    """A change of the document."""
    return written({"msgid": "1", "msgtype": "PATCH-DOC"}, {"events": [event]})


CHANGED = {"kind": "ModelChanged", "attr": "value"}
PULL = written({"msgid": "1", "msgtype": "PULL-DOC-REQ"}, {})
WRONG: dict[str, tuple[list[Fragment], str]] = {
    "no JSON": (["{", "{}", "{}"], "closes the connection: JSONDecodeError"),
    "no header": (["[]", "{}", "{}"], "closes the connection: ProtocolError"),
    "deep JSON": (["[" * 100_000, "{}", "{}"], "RecursionError"),
    "binary fragments": ([b"\xff\x00", b"{}"], "expected text fragment"),
    "no type": (written({"msgid": "1"}, {}), "closes the connection: ProtocolError"),
    "an unknown type": (
        written({"msgid": "1", "msgtype": "X" * 999}, {}),
        "closes the connection: KeyError",
    ),
    "a type for pages": (written({"msgid": "1", "msgtype": "ACK"}, {}), "is not for a server"),
    "no id": (written({"msgtype": "PULL-DOC-REQ"}, {}), "has no id to answer to"),
    "buffers without end": (
        [*written({"msgid": "1", "msgtype": "PATCH-DOC", "num_buffers": 2}, {}), "{}"],
        "Malformed buffer header",
    ),
    "an unknown model": (patch(**CHANGED, model={"id": "p0"}, new=1), "UnknownReferenceError"),
    "a value of the wrong type": (
        patch(**CHANGED, model={"id": SLIDER}, new={"type": "map", "entries": []}),
        "ValueError: failed to validate Slider",
    ),
    "an unknown event": (patch(kind="Nonsense"), "PATCH-DOC of alice to sliders fails"),
    "a wrong document": (
        written({"msgid": "1", "msgtype": "PUSH-DOC"}, {"doc": {"roots": 1}}),
        "PUSH-DOC of alice to sliders fails",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_message_is_a_line_in_the_log(bystander: Bystander, wrong: str):
    fragments, told = WRONG[wrong]
    (line, *more) = complaints(attack(bystander, fragments))
    assert told in line
    assert " alice" in line
    assert len(line) < 400
    assert more == []


def test_a_message_before_there_is_a_session_is_a_line_in_the_log_at_most(bystander: Bystander):
    for _ in range(5):
        lines = complaints(attack(bystander, PULL, at_once=True))
        assert len(lines) <= 1, lines


def test_half_a_message_is_nothing(bystander: Bystander):
    async def scenario() -> None:
        async with connect(bystander.slot.slot) as websocket:
            await message(websocket)
            await websocket.send(PULL[0])
        await bystander.notice_nothing()

    bystander.new_log()
    bystander.loop.run_until_complete(scenario())
    assert complaints(bystander.new_log()) == []


def test_the_close_says_why(bystander: Bystander):
    async def scenario() -> None:
        async with connect(bystander.slot.slot) as websocket:
            await message(websocket)
            for part in WRONG["an unknown type"][0]:
                await websocket.send(part)
            with pytest.raises(ConnectionClosed) as closed:
                await websocket.recv()
            assert closed.value.rcvd.code == 1002
            assert closed.value.rcvd.reason.startswith("'XXX")

    bystander.loop.run_until_complete(scenario())


def test_a_flood_of_wrong_messages_leaves_the_others_alone(bystander: Bystander):
    flood = WRONG["an unknown model"][0] * 200
    lines = complaints(attack(bystander, flood, seconds=30))
    assert 0 < len(lines) <= 200


def test_a_message_that_is_too_large_ends_its_connection_only(bystander: Bystander):
    lines = complaints(attack(bystander, ["x" * (32 << 20)], seconds=10))
    assert len(lines) <= 1
