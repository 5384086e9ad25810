"""What the slots of a host tell of themselves."""

import json
from collections.abc import Iterator

from app.deployments.host import Host
from app.deployments.supervisor import Process
from app.wire import SlotStatus


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
    status = statuses(host, process.deployment).get(process.number)
    return process.is_slot and status is not None and status["cause"] is not None


def _read(host: Host, deployment: str) -> Iterator[tuple[int, SlotStatus]]:
    for path in host.run_dir.glob(f"*-{deployment}-*.json"):
        try:
            yield int(path.stem.rpartition("-")[2]), json.loads(path.read_text())
        except FileNotFoundError:
            continue  # it has just ended
