"""A slot sends each message in one piece."""

import socket

from slot_client import SECRET, visit
from support import RunningSlot

from app.session_ids import mint_token
from app.wire import VIEWER_HEADER, slot_path

_FRAMES = 3  # header, metadata and content


def test_every_message_is_sent_in_one_piece(slot: RunningSlot):
    # Pieces that are on their way when the first is taken may be there in time, now and then.
    assert [_frames_at_once(slot) for _ in range(8)] == [_FRAMES] * 8


def _frames_at_once(slot: RunningSlot) -> int:
    """How many frames of the first message are there as soon as any is."""
    handshake = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Protocol": f"bokeh, {mint_token(visit(slot.slot), SECRET)}",
        VIEWER_HEADER: visit(slot.slot).user,
    }
    asked = [f"GET {slot_path(slot.slot.name)}/sliders/ws HTTP/1.1"]
    asked += [f"{name}: {value}" for name, value in handshake.items()]
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(slot.slot.socket))
        connection.sendall("\r\n".join([*asked, "", ""]).encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += connection.recv(1)
        assert answer.startswith(b"HTTP/1.1 101 ")
        return _count(connection.recv(1 << 16))


def _count(data: bytes) -> int:
    """How many whole, short frames the data is."""
    count = 0
    while data:
        assert data[0] == 0x81
        size = 2 + data[1] if data[1] < 126 else 4 + int.from_bytes(data[2:4], "big")
        assert size <= len(data)
        data, count = data[size:], count + 1
    return count
