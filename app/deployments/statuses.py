"""What the slots of a host tell of themselves."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from app.deployments.host import Host
from app.deployments.supervisor import Process
from app.wire import SlotStatus

_MOST_BYTES = 1 << 20


def statuses(host: Host, deployment: str) -> dict[int, SlotStatus]:
    """What each slot of a deployment told last, by its number.

    Args:
        host: The host.
        deployment: The deployment.
    """
    return dict(_read(host, deployment))


def drains(host: Host, process: Process) -> bool:
    """Whether a process is a slot that says that it drains.

    Args:
        host: The host.
        process: The process.
    """
    if not (process.is_slot and process.state == "RUNNING"):
        return False
    status = statuses(host, process.deployment).get(process.number)
    return status is not None and status["cause"] is not None


def _read(host: Host, deployment: str) -> Iterator[tuple[int, SlotStatus]]:
    for path in host.run_dir.glob(f"*-{deployment}-[0-9]*.json"):
        try:
            status: SlotStatus = json.loads(_content(path))
            if isinstance(status["cause"], (str, type(None))) and int(status["sessions"]) >= 0:
                yield int(path.stem.rpartition("-")[2]), status
        except (OSError, ValueError, KeyError, TypeError):
            continue  # it has just ended, or is none


def _content(path: Path) -> bytes:
    """Read a file that a plot's code could have put there: it is root who reads it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is no file")
        return file.read(_MOST_BYTES)
