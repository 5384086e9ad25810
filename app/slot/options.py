"""How a slot runs: what its command line may change."""

from dataclasses import dataclass
from pathlib import Path

from app.slot.life import Cause, Rule


@dataclass(frozen=True)
class Options:
    """How a slot runs.

    Attributes:
        name: The slot's name.
        unix_socket: Where it listens; its status file is beside it.
        memory_max_mb: The resident memory past which it is replaced, in MB of 1024 * 1024 bytes.
        drain_seconds: The longest that viewers may stay after SIGTERM.
        drain_timeout_seconds: The longest that viewers may stay otherwise.
        admit_seconds: How long a replaced slot still lets new sessions in. The site sends nobody
            any more, but a page that was served before may take its time to load.
        return_seconds: How long a draining slot waits for the page of a lost connection to come
            back. BokehJS tries for 30 seconds, on networks that may not be back before the last.
        unused_session_seconds: How long a session waits for a viewer to come back.
        stall_seconds: How long the event loop may hang before the process ends itself.
        retry_seconds: How long to wait before a plot that failed is tried again; longer each time.
    """

    name: str
    unix_socket: Path
    memory_max_mb: int = 512
    drain_seconds: float = 10.0
    drain_timeout_seconds: float = 12 * 3600.0
    admit_seconds: float = 30.0
    return_seconds: float = 60.0
    unused_session_seconds: float = 300.0
    stall_seconds: float = 60.0
    retry_seconds: float = 60.0

    def rules(self) -> dict[Cause, Rule]:
        """How the slot drains, by cause."""
        return {
            Cause.REPLACED: Rule(
                self.drain_timeout_seconds, self.admit_seconds, self.return_seconds
            ),
            Cause.MEMORY: Rule(self.drain_timeout_seconds, return_seconds=self.return_seconds),
            Cause.STOPPED: Rule(self.drain_seconds),
        }
