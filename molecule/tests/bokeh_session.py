"""A viewer's Bokeh session over a websocket, spoken with Bokeh's own protocol classes."""

import json
import time
from collections.abc import Callable
from typing import Any

from bokeh.document import Document
from bokeh.document.events import ModelChangedEvent
from bokeh.protocol import Protocol
from bokeh.protocol.message import Message
from websocket import Websocket

_SECONDS = 20.0


class Session:
    """An open session, with a copy of its document that follows the server's.

    Args:
        websocket: The websocket, just opened.
    """

    def __init__(self, websocket: Websocket) -> None:
        self._websocket = websocket
        self._protocol = Protocol()
        self.document = Document()
        first = self._receive()
        assert first.msgtype == "ACK", first
        self._ask(self._protocol.create("PULL-DOC-REQ")).push_to_document(self.document)

    def model(self, name: str) -> Any:
        """The model of that name."""
        found = self.document.get_model_by_name(name)
        assert found is not None, f"the document has no model named {name}"
        return found

    def change(self, name: str, value: Any) -> None:
        """Set the value of a control, as a viewer does."""
        model = self.model(name)
        model.value = value
        event = ModelChangedEvent(self.document, model, "value", value)
        answer = self._ask(self._protocol.create("PATCH-DOC", [event]))
        assert answer.msgtype == "OK", answer

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Follow the server's changes until the document is as wanted."""
        ends = time.monotonic() + _SECONDS
        while not condition():
            assert time.monotonic() < ends, "the document did not change as wanted"
            self._follow(self._receive())

    def _ask(self, question: Message[Any]) -> Message[Any]:
        for part in (question.header_json, question.metadata_json, question.content_json):
            self._websocket.send(part)
        while (answer := self._receive()).header.get("reqid") != question.header["msgid"]:
            self._follow(answer)
        return answer

    def _follow(self, message: Message[Any]) -> None:
        assert message.msgtype == "PATCH-DOC", message
        message.apply_to_document(self.document)

    def _receive(self) -> Message[Any]:
        message = self._protocol.assemble(*(self._websocket.receive() for _ in range(3)))
        for _ in range(message.header.get("num_buffers", 0)):
            header = json.loads(self._websocket.receive())
            message.assemble_buffer(header, self._websocket.receive())
        return message
