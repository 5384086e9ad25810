"""What a slot knows of itself."""

from dataclasses import dataclass, field
from typing import TypedDict

from bokeh.server.session import ServerSession
from bokeh.server.tornado import BokehTornado


class PlotState(TypedDict):
    """A plot as this slot has it.

    Attributes:
        components: The BokehJS components that a page needs to show it.
        error: Why it cannot be shown, or None.
    """

    components: list[str]
    error: str | None


@dataclass
class State:
    """The slot's state, which its parts keep up to date.

    Attributes:
        name: The slot's name.
        release: The release that it serves.
        draining: Whether it takes no new session any more.
        lag_seconds: How late the event loop was at its last beat.
        plots: The plots, by name.
        tornado: The Bokeh application, once there is one.
    """

    name: str
    release: str
    draining: bool = False
    lag_seconds: float = 0.0
    plots: dict[str, PlotState] = field(default_factory=dict)
    tornado: BokehTornado | None = None

    @property
    def sessions(self) -> list[ServerSession]:
        """The sessions that it holds, connected or waiting for their viewer to come back."""
        if not self.tornado:
            return []
        paths = self.tornado.app_paths
        return [session for path in paths for session in self.tornado.get_sessions(path)]

    @property
    def connections(self) -> int:
        """How many websockets are open."""
        return sum(session.connection_count for session in self.sessions)

    def admits(self, session_id: str) -> bool:
        """Whether a websocket for this session may open now: while draining, only to come back."""
        return not self.draining or any(session.id == session_id for session in self.sessions)
