"""What a slot tells of itself, and the file beside its socket in which the site reads it."""

import json
import logging
from pathlib import Path

from app.slot.memory import resident_bytes
from app.slot.state import State
from app.wire import SlotStatus, status_path

_log = logging.getLogger(__name__)
# The socket's group, for whoever watches the host; written by the slot alone.
_MODE = 0o640


def describe(state: State) -> SlotStatus:
    """The status of a slot at this moment."""
    cause = state.life.cause
    return {
        "status": state.status,
        "cause": cause.word if cause else None,
        "slot": state.name,
        "release": state.release,
        "sessions": len(state.sessions),
        "connections": state.connections,
        "lag_seconds": state.lag_seconds,
        "resident_bytes": resident_bytes(),
        "plots": state.plots,
    }


class StatusFile:
    """The file that tells a slot's status; its time of change tells that the slot is alive.

    Args:
        socket: The slot's unix socket.
    """

    def __init__(self, socket: Path) -> None:
        self._path = status_path(socket)
        self._next = self._path.with_suffix(".json.new")
        self._failed = False

    def write(self, status: SlotStatus) -> None:
        """Put a new status in the old one's place, so that nobody reads half of one.

        A file that cannot be written goes stale, and no visit comes: that must not end those which
        are here, and is logged once rather than at each beat.
        """
        try:
            self._next.write_text(json.dumps(status))
            self._next.chmod(_MODE)
            self._next.replace(self._path)
        except OSError as error:
            if not self._failed:
                _log.error("no visit comes here until this file can be written: %s", error)
            self._failed = True
        else:
            self._failed = False

    def remove(self) -> None:
        """Take the file away with the slot."""
        self._next.unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)
