"""Health and metrics of a slot, on its unix socket: nginx routes nothing but websockets to it."""

import time
from pathlib import Path

from tornado.web import RequestHandler

from app.slot.memory import resident_bytes
from app.slot.state import State
from app.slot.status import describe


class Healthz(RequestHandler):
    """Tells an operator what the status file tells the site."""

    def initialize(self, state: State) -> None:
        """Take the slot's state."""
        self._state = state

    def get(self) -> None:
        """Answer in JSON."""
        self.write(dict(describe(self._state)))


class Metrics(RequestHandler):
    """Tells a monitoring system how the slot is, in Prometheus' text format."""

    def initialize(self, state: State) -> None:
        """Take the slot's state."""
        self._state = state

    def get(self) -> None:
        """Answer in text format 0.0.4."""
        state = self._state
        values = {
            "slot_draining": int(state.life.cause is not None),
            "slot_sessions": len(state.sessions),
            "slot_connections": state.connections,
            "slot_failed_plots": sum(plot["error"] is not None for plot in state.plots.values()),
            "slot_loop_lag_seconds": state.lag_seconds,
            "process_resident_memory_bytes": resident_bytes(),
            "process_cpu_seconds_total": time.process_time(),
            "process_open_fds": len(list(Path("/proc/self/fd").iterdir())),
        }
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.write("".join(f"{name} {value}\n" for name, value in values.items()))
