"""A real slot that drains: nobody is cut off before it is time, and nobody new comes."""

import asyncio
import signal

import pytest
from slot_client import SECRET, connect, find, message, move, refusal, visit
from support import run_slot
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.session_ids import mint_token
from app.slots import Slot


async def until_refused(slot: Slot) -> None:
    """Try until the slot takes no new session any more."""
    while await asyncio.to_thread(refusal, slot) == 101:
        pass


def test_sigterm_waits_for_the_viewers_and_takes_no_new_session(tmp_path):
    with run_slot(tmp_path, "--drain-seconds", "60") as running:

        async def scenario() -> None:
            slot = running.slot
            own = mint_token(visit(slot), SECRET)
            async with connect(slot, own) as websocket:
                await message(websocket)
                slider = await find(websocket, "amplitude")
                running.process.send_signal(signal.SIGTERM)
                running.wait_until(lambda status: status["status"] == "draining")
                with pytest.raises(InvalidStatus, match="503"):
                    await connect(slot)
                async with connect(slot, own) as again:  # a page that reconnects
                    await message(again)
                assert await move(websocket, slider, 2.0) < 10
            assert await asyncio.to_thread(running.process.wait, 10) == 0
            assert not slot.socket.exists()

        asyncio.run(scenario())


@pytest.mark.parametrize(("seconds", "signals"), [("1", 1), ("60", 2)])
def test_a_drain_ends_when_time_is_up_or_at_a_second_sigterm(tmp_path, seconds, signals):
    with run_slot(tmp_path, "--drain-seconds", seconds) as running:

        async def scenario() -> None:
            async with connect(running.slot) as websocket:
                await message(websocket)
                for _ in range(signals):
                    running.process.send_signal(signal.SIGTERM)
                    await asyncio.sleep(0.5)
                with pytest.raises(ConnectionClosed):
                    await asyncio.wait_for(websocket.recv(), 20)

        asyncio.run(scenario())
        assert running.process.wait(10) == 0


def test_a_replaced_slot_ends_when_its_viewers_have_left(tmp_path):
    with run_slot(tmp_path, "--admit-seconds", "3", "--return-seconds", "2") as running:

        async def scenario() -> None:
            slot = running.slot
            own = mint_token(visit(slot), SECRET)
            async with connect(slot, own) as websocket:
                await message(websocket)
                slider = await find(websocket, "amplitude")
                running.process.send_signal(signal.SIGUSR2)
                running.wait_until(lambda status: status["cause"] == "replaced")
                async with connect(slot) as late:  # a page that was served before
                    await message(late)
                await until_refused(slot)
                async with connect(slot, own) as again:  # a page that reconnects
                    await message(again)
                assert await move(websocket, slider, 2.0) < 10
            # A page whose connection was lost finds its session until it has had time to return.
            async with connect(slot, own) as returned:
                await message(returned)
                assert await find(returned, "amplitude") == slider
            assert await asyncio.to_thread(running.process.wait, 10) == 0
            assert [path.name for path in tmp_path.iterdir()] == ["slot.log"]

        asyncio.run(scenario())


def test_a_replaced_slot_cuts_off_those_who_stay_for_too_long(tmp_path):
    with run_slot(tmp_path, "--drain-timeout-seconds", "1") as running:

        async def scenario() -> None:
            async with connect(running.slot) as websocket:
                await message(websocket)
                running.process.send_signal(signal.SIGUSR2)
                with pytest.raises(ConnectionClosed):
                    await asyncio.wait_for(websocket.recv(), 20)

        asyncio.run(scenario())
        assert running.process.wait(10) == 0


def test_a_replaced_slot_serves_again(tmp_path):
    with run_slot(tmp_path, "--admit-seconds", "0", "--return-seconds", "0") as running:

        async def scenario() -> None:
            async with connect(running.slot) as websocket:
                await message(websocket)
                running.process.send_signal(signal.SIGUSR2)
                running.wait_until(lambda status: status["cause"] == "replaced")
                assert await asyncio.to_thread(refusal, running.slot) == 503
                running.process.send_signal(signal.SIGUSR1)
                running.wait_until(lambda status: status["status"] == "ok")
                async with connect(running.slot) as new:
                    await message(new)

        asyncio.run(scenario())
        # Nobody is left, and still it serves.
        running.wait_until(lambda status: status["connections"] == 0)
        assert refusal(running.slot) == 101
