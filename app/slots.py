"""The Bokeh slots as the site sees them: each tells how it is in a file beside its unix socket."""

import time
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from app.flask_config import current_config
from app.plots import discover
from app.untrusted import read_status
from app.wire import SlotStatus, status_path

# Four beats: a slot that missed them has a callback that does not return, or was killed.
_FRESH_SECONDS = 1.0
# All that BokehJS has.
_COMPONENTS = frozenset(
    f"bokeh{part}" for part in ("", "-api", "-gl", "-mathjax", "-tables", "-widgets")
)


class SlotAwayError(RuntimeError):
    """A slot takes no visits now; the text names it and says why."""


@dataclass(frozen=True)
class Slot:
    """One Bokeh server process.

    Attributes:
        name: Its name, which is also its place in URLs.
        socket: Its unix socket.
    """

    name: str
    socket: Path

    def status(self) -> SlotStatus:
        """What the slot told last.

        Raises:
            SlotAwayError: If it does not run, or has told nothing for too long.
        """
        try:
            status, told_at = read_status(status_path(self.socket))
            _check(status)
        except FileNotFoundError as error:
            raise SlotAwayError(f"slot {self.name} does not run") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SlotAwayError(f"slot {self.name} has an unreadable status file") from error
        age = time.time() - told_at
        # From the future is no better: somebody has set the clock back.
        if abs(age) > _FRESH_SECONDS:
            raise SlotAwayError(f"slot {self.name} hangs, or was killed: silent for {age:.0f} s")
        return status


def configured() -> list[Slot]:
    """The slots of this deployment with its spares, whatever state they are in."""
    return [named(name) for name in current_config().slots]


def named(name: str) -> Slot:
    """The slot of that name, whether there is one or not."""
    return Slot(name, current_config().run_dir / f"{name}.sock")


def survey() -> tuple[dict[Slot, SlotStatus], list[str]]:
    """Look at all configured slots.

    Returns:
        Those that take visits, with their status, and a sentence for each of the others.
    """
    taking: dict[Slot, SlotStatus] = {}
    away = []
    for slot in configured():
        try:
            status = slot.status()
        except SlotAwayError as error:
            away.append(str(error))
            continue
        if status["cause"]:
            away.append(f"slot {slot.name} is draining ({status['cause']})")
        else:
            taking[slot] = status
    return taking, away


def _check(status: SlotStatus) -> None:
    """Refuse a status whose plots are not as they should be: the site shows and loads them.

    Raises:
        ValueError, KeyError, TypeError or AttributeError: If it is none.
    """
    plots = [status["plots"][name] for name in discover()]
    listed = [plot["components"] for plot in plots]
    errors = [plot["error"] for plot in plots]
    if (
        not all(isinstance(error, (str, type(None))) for error in errors)
        or not all(isinstance(components, list) for components in listed)
        or not _COMPONENTS.issuperset(chain.from_iterable(listed))
    ):
        raise ValueError("not the status of a slot")
