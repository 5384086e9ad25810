"""What a slot may take of the host's memory."""

import os
import re
import resource
from dataclasses import dataclass
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGESIZE")
MEGABYTE = 1024 * 1024


def resident_bytes() -> int:
    """How much memory this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES


@dataclass(frozen=True)
class Budget:
    """The memory that a slot may hold before it takes no new session.

    Attributes:
        megabytes: The budget.
    """

    megabytes: int

    def overrun(self) -> str | None:
        """By how much the process is past its budget, in words; None if it is not."""
        held = resident_bytes()
        if held <= self.megabytes * MEGABYTE:
            return None
        return f"{held / MEGABYTE:.0f} MB resident, the budget is {self.megabytes} MB"


def build_wall(megabytes: int) -> None:
    """Let allocations fail once this process holds so much.

    The kernel counts what is reserved. Threads' stacks and the libraries' pools reserve far more
    than they ever touch, the more so the more cores there are: that comes on top.

    Args:
        megabytes: Where the wall is.
    """
    status = Path("/proc/self/status").read_text()
    reserved, touched = (
        int(re.findall(rf"{field}:\s+(\d+) kB", status)[0]) * 1024
        for field in ("VmData", "RssAnon")
    )
    wall = megabytes * MEGABYTE + reserved - touched
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wall = wall if most == resource.RLIM_INFINITY else min(wall, most)
    resource.setrlimit(resource.RLIMIT_DATA, (wall, most))
