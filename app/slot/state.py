"""What a slot knows of itself."""

import logging
from dataclasses import dataclass, field

from bokeh.server.session import ServerSession
from bokeh.server.tornado import BokehTornado

from app.slot.life import Cause, Life
from app.slot.memory import Budget
from app.wire import PlotStatus

_log = logging.getLogger(__name__)
# A page whose network comes and goes tries on and on; what it leaves behind is noticed late.
_CONNECTIONS_PER_SESSION = 8


@dataclass
class State:
    """The slot's state, which its parts keep up to date.

    Attributes:
        name: The slot's name.
        release: The release that it serves.
        life: Whether it serves or drains.
        budget: The memory that it may hold.
        lag_seconds: How late the event loop was at its last beat.
        plots: The plots, by name.
        tornado: The Bokeh application, once there is one.
    """

    name: str
    release: str
    life: Life
    budget: Budget
    lag_seconds: float = 0.0
    plots: dict[str, PlotStatus] = field(default_factory=dict)
    tornado: BokehTornado | None = None

    @property
    def status(self) -> str:
        """Whether it is ``ok`` or ``draining``."""
        return "draining" if self.life.cause else "ok"

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
        """Whether a websocket for this session may open now: one that comes back may."""
        for session in self.sessions:
            if session.id == session_id:
                return session.connection_count < _CONNECTIONS_PER_SESSION
        self.watch_memory()
        return self.life.admits

    def watch_memory(self) -> None:
        """Drain if the process is past its budget."""
        overrun = self.budget.overrun()
        if overrun and self.life.drain(Cause.MEMORY):
            _log.warning("past its memory budget: %s", overrun)
