"""Names that the site, the slots and nginx's configuration agree on."""

from pathlib import Path
from typing import TypedDict

PREFIX = "/bokeh_plots"
"""Where the slots are on the public site: ``/bokeh_plots/<slot>/<plot>/ws``."""

VIEWER_HEADER = "X-Site-Viewer"
"""Carries a verified user name: from Flask to nginx, which logs and hides it, and on to a slot."""

ADDRESS_HEADER = "X-Forwarded-For"
"""Carries the viewer's address: nginx sets it, whatever the viewer sent."""

PROBE = "site-probe"
"""The viewer in code who tries plots out; never a user whom a person could sign in as."""

SESSIONS_PATH = "/-/sessions"
"""Where a slot tells of its sessions, and ends them, below its own path."""


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


class Presence(TypedDict):
    """A viewer's presence at a plot: the time for which a session had a websocket.

    A session whose viewer comes back has another one. Times are whole seconds since the epoch.

    Attributes:
        id: The digest of the session's id, see `app.session_ids.digest`.
        login: Id of the login that opened it.
        user: Name of the user.
        plot: Name of the plot.
        address: Where the viewer is.
        expires: When the visit's token ends.
        opened_at: When it began; no two of one session began at the same time.
        last_event_at: When the viewer sent something last.
        closed_at: When it was over, or None.
        ended: Why the slot was told to end it, or None.
    """

    id: str
    login: str
    user: str
    plot: str
    address: str | None
    expires: int
    opened_at: int
    last_event_at: int
    closed_at: int | None
    ended: str | None


class SlotAnswer(TypedDict):
    """What a slot answers to whoever asks for its sessions.

    Attributes:
        release: The release that it serves.
        status: ``ok`` or ``draining``.
        resident_bytes: How much memory it holds.
        sessions: The presences at its sessions, and those that were over a moment ago.
    """

    release: str
    status: str
    resident_bytes: int
    sessions: list[Presence]
