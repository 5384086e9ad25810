"""Names that the site, the slots and nginx's configuration agree on."""

from pathlib import Path
from typing import TypedDict

PREFIX = "/bokeh_plots"
"""Where the slots are on the public site: ``/bokeh_plots/<slot>/<plot>/ws``."""

VIEWER_HEADER = "X-Site-Viewer"
"""Carries a verified user name: from Flask to nginx, which logs and hides it, and on to a slot."""


def slot_path(slot: str) -> str:
    """The public path of a slot."""
    return f"{PREFIX}/{slot}"


def status_path(socket: Path) -> Path:
    """Where the slot with this socket tells its status, several times a second."""
    return socket.with_suffix(".json")


class PlotStatus(TypedDict):
    """A plot as a slot has it.

    Attributes:
        components: The BokehJS components that a page needs to show it.
        error: Why it cannot be shown, or None.
    """

    components: list[str]
    error: str | None


class SlotStatus(TypedDict):
    """What a slot tells of itself.

    Attributes:
        status: ``ok``, or ``draining`` once it takes no new visits.
        cause: Why it drains: ``replaced`` by a newer deployment, past its ``memory`` budget, or
            ``stopped`` by Supervisor or an operator. None while it is ok.
        slot: Its name.
        release: The release that it serves.
        sessions: How many sessions it holds, with those that wait for their viewer to come back.
        connections: How many websockets are open.
        lag_seconds: How late its event loop was at the last beat.
        resident_bytes: How much memory it holds.
        plots: The plots, by name.
    """

    status: str
    cause: str | None
    slot: str
    release: str
    sessions: int
    connections: int
    lag_seconds: float
    resident_bytes: int
    plots: dict[str, PlotStatus]
