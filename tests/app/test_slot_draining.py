"""A real slot that drains: nobody is cut off before it is time, and nobody new comes."""

import asyncio
import signal

import pytest
from slot_client import SECRET, connect, find, message, move, visit
from support import run_slot
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.session_ids import mint_token


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
                    await websocket.recv()

        asyncio.run(scenario())
        assert running.process.wait(10) == 0
