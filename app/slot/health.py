"""Health and metrics of a slot, on its unix socket: nginx routes nothing but websockets to it."""

import os
import time
from pathlib import Path

from tornado.web import RequestHandler

from app.slot.state import State

_PAGE_BYTES = os.sysconf("SC_PAGESIZE")


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES


class Healthz(RequestHandler):
    """Tells the site whether to send visits here, and what each plot's page needs."""

    def initialize(self, state: State) -> None:
        """Take the slot's state."""
        self._state = state

    def get(self) -> None:
        """Answer in JSON."""
        state = self._state
        self.write(
            {
                "status": "draining" if state.draining else "ok",
                "slot": state.name,
                "release": state.release,
                "sessions": len(state.sessions),
                "connections": state.connections,
                "lag_seconds": state.lag_seconds,
                "plots": state.plots,
            }
        )


class Metrics(RequestHandler):
    """Tells a monitoring system how the slot is, in Prometheus' text format."""

    def initialize(self, state: State) -> None:
        """Take the slot's state."""
        self._state = state

    def get(self) -> None:
        """Answer in text format 0.0.4."""
        state = self._state
        values = {
            "slot_draining": int(state.draining),
            "slot_sessions": len(state.sessions),
            "slot_connections": state.connections,
            "slot_loop_lag_seconds": state.lag_seconds,
            "process_resident_memory_bytes": _resident_bytes(),
            "process_cpu_seconds_total": time.process_time(),
            "process_open_fds": len(list(Path("/proc/self/fd").iterdir())),
        }
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.write("".join(f"{name} {value}\n" for name, value in values.items()))
