"""The Bokeh slots as the site sees them: unix sockets that tell how they are."""

import http.client
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from werkzeug.exceptions import ServiceUnavailable

from app.flask_config import current_config
from app.unix_http import UnixConnection
from app.wire import slot_path

_PATIENCE = 2.0  # seconds; a slot that is slower than this is no place for a new visit


@dataclass(frozen=True)
class Slot:
    """One Bokeh server process.

    Attributes:
        name: Its name, which is also its place in URLs.
        socket: Its unix socket.
    """

    name: str
    socket: Path

    def health(self) -> dict[str, Any]:
        """What the slot says of itself; see `app.slot.health`.

        Raises:
            OSError: If it does not answer in time.
        """
        connection = UnixConnection(self.socket, _PATIENCE)
        try:
            connection.request("GET", f"{slot_path(self.name)}/-/healthz")
            health: dict[str, Any] = json.load(connection.getresponse())
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(f"slot {self.name} gave no proper answer") from error
        finally:
            connection.close()
        return health


def configured() -> list[Slot]:
    """The slots of this release, whatever state they are in."""
    return [named(name) for name in current_config().slots]


def named(name: str) -> Slot:
    """The slot of that name, whether there is one or not."""
    return Slot(name, current_config().run_dir / f"{name}.sock")


def choose(plot: str) -> tuple[Slot, list[str]]:
    """Pick the slot that a new visit of a plot goes to.

    Args:
        plot: Name of the plot.

    Returns:
        A slot that can show the plot now, and the BokehJS components that the plot needs.

    Raises:
        ServiceUnavailable: If there is none.
    """
    candidates = configured()
    random.SystemRandom().shuffle(candidates)
    for slot in candidates:
        try:
            health = slot.health()
        except OSError:
            continue  # It is starting or gone; Supervisor sees to that.
        state = health["plots"].get(plot)
        if health["status"] == "ok" and state and not state["error"]:
            return slot, state["components"]
    raise ServiceUnavailable
