"""A slot's sessions: it tells of each, and ends those that it is told to end."""

import asyncio
import http.client
import json
import signal
import time
from contextlib import AsyncExitStack

import pytest
from slot_client import SECRET, connect, find, get, message, move, visit
from support import RELEASE, RunningSlot, run_slot
from websockets.exceptions import ConnectionClosed

from app.probe import open_document
from app.session_ids import digest, mint_token, read_token
from app.slots import Slot
from app.unix_http import UnixConnection
from app.wire import SESSIONS_PATH, Presence, slot_path


def ask(slot: Slot, ends: object = None) -> list[Presence]:
    """End sessions, and return what the slot tells."""
    status, body = post(slot, json.dumps(ends or {}))
    assert status == http.HTTPStatus.OK
    told = json.loads(body)
    assert told["release"] == RELEASE
    return told["sessions"]


def post(slot: Slot, body: str) -> tuple[int, bytes]:
    connection = UnixConnection(slot.socket, 5)
    try:
        connection.request("POST", slot_path(slot.name) + SESSIONS_PATH, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def told_of(slot: Slot, token: str, ends: object = None) -> list[Presence]:
    """What the slot tells of a token's session."""
    return [one for one in ask(slot, ends) if one["id"] == key(token)]


def key(token: str) -> str:
    return digest(read_token(token, SECRET)[0])


@pytest.fixture
def token(slot: RunningSlot) -> str:
    return mint_token(visit(slot.slot), SECRET)


def test_an_open_session_is_told_with_its_visit(slot: RunningSlot, token: str):
    async def scenario() -> list[Presence]:
        async with connect(slot.slot, token) as websocket:
            await message(websocket)
            return told_of(slot.slot, token)

    (told,) = asyncio.run(scenario())
    assert (told["user"], told["plot"], told["login"]) == ("alice", "sliders", "login")
    assert abs(told["opened_at"] - time.time()) < 5
    assert (told["closed_at"], told["ended"]) == (None, None)


def test_the_address_is_the_one_that_nginx_set(slot: RunningSlot, token: str):
    async def scenario() -> list[Presence]:
        opening = connect(slot.slot, token)
        opening.additional_headers = {**opening.additional_headers, "X-Forwarded-For": "192.0.2.7"}
        async with opening as websocket:
            await message(websocket)
            return told_of(slot.slot, token)

    (told,) = asyncio.run(scenario())
    assert told["address"] == "192.0.2.7"


def test_what_the_viewer_sends_is_an_event(slot: RunningSlot, token: str):
    async def scenario() -> None:
        async with connect(slot.slot, token) as websocket:
            await message(websocket)
            slider = await find(websocket, "amplitude")
            await asyncio.sleep(1.1)
            (before,) = told_of(slot.slot, token)
            await move(websocket, slider, 2.0)
            (after,) = told_of(slot.slot, token)
            assert before["last_event_at"] < after["last_event_at"]

    asyncio.run(scenario())


def test_a_short_visit_is_told_and_one_that_comes_back_is_another(slot: RunningSlot, token: str):
    async def visit_shortly() -> None:
        async with connect(slot.slot, token) as websocket:
            await message(websocket)

    for count in (1, 2):
        asyncio.run(visit_shortly())
        slot.wait_until(lambda status: not status["connections"])
        told = told_of(slot.slot, token)
        assert len(told) == count
        assert all(one["closed_at"] >= one["opened_at"] for one in told)
    assert told[0]["opened_at"] < told[1]["opened_at"]


@pytest.mark.parametrize("draining", [False, True], ids=["serving", "draining"])
def test_an_ended_session_closes_and_goes_and_the_others_stay(tmp_path, draining: bool):
    with run_slot(tmp_path) as running:
        ends, stays = (mint_token(visit(running.slot), SECRET) for _ in range(2))

        async def scenario() -> None:
            async with AsyncExitStack() as stack:
                opened = [
                    await stack.enter_async_context(connect(running.slot, token))
                    for token in (ends, ends, stays)
                ]
                for websocket in opened:
                    await message(websocket)
                slider = await find(opened[2], "amplitude")
                if draining:
                    running.process.send_signal(signal.SIGUSR2)
                    running.wait_until(lambda status: status["cause"] == "replaced")
                (told,) = told_of(running.slot, ends, {key(ends): "because"})
                assert told["ended"] == "because"
                assert told["closed_at"] is not None
                for websocket in opened[:2]:
                    with pytest.raises(ConnectionClosed) as closed:
                        await asyncio.wait_for(websocket.recv(), 1)
                    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "because")
                running.wait_until(lambda status: status["sessions"] == 1, seconds=2)
                await move(opened[2], slider, 2.0)
                (other,) = told_of(running.slot, stays)
                assert other["ended"] is None

        asyncio.run(scenario())
        log = (tmp_path / "slot.log").read_text()
    assert "Traceback" not in log
    assert SESSIONS_PATH not in log


def test_the_viewer_who_tries_plots_out_is_not_told_of(slot: RunningSlot):
    before = len(ask(slot.slot))
    open_document(slot.slot, "sliders", SECRET)
    assert len(ask(slot.slot)) == before


@pytest.mark.parametrize("body", ["", "[]", "{"])
def test_what_is_no_question_is_refused(slot: RunningSlot, body: str):
    assert post(slot.slot, body)[0] == http.HTTPStatus.BAD_REQUEST


def test_sessions_are_not_to_be_had_by_asking_for_a_page(slot: RunningSlot):
    assert get(slot.slot, SESSIONS_PATH)[0] == http.HTTPStatus.METHOD_NOT_ALLOWED
