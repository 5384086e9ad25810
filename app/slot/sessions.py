"""Sessions, asked for and ended on the slot's unix socket: nginx routes only websockets to it."""

import json
from typing import cast

from tornado.web import HTTPError, RequestHandler

from app.slot.connections import Tornado
from app.slot.memory import resident_bytes
from app.slot.state import State
from app.wire import SlotAnswer


class Sessions(RequestHandler):
    """Ends the sessions that are named, and tells of all."""

    def initialize(self, state: State) -> None:
        """Take the slot's state."""
        self._state = state

    def post(self) -> None:
        """Take a JSON object of digests and reasons, and answer with a `SlotAnswer`."""
        try:
            reasons = json.loads(self.request.body)
            ends = {str(key): str(reason) for key, reason in reasons.items()}
        except (ValueError, AttributeError) as error:
            raise HTTPError(400) from error
        tornado = cast("Tornado", self.application)
        tornado.end(ends)
        answer: SlotAnswer = {
            "release": self._state.release,
            "status": self._state.status,
            "resident_bytes": resident_bytes(),
            "sessions": tornado.presences.told(),
        }
        self.write(dict(answer))
