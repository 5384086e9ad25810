"""What the slots of a host tell of themselves."""

from collections.abc import Iterator

from app.deployments.host import Host
from app.deployments.supervisor import Process
from app.untrusted import read_status
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
    if not (process.is_slot and process.state == "RUNNING"):
        return False
    status = statuses(host, process.deployment).get(process.number)
    return status is not None and status["cause"] is not None


def _read(host: Host, deployment: str) -> Iterator[tuple[int, SlotStatus]]:
    for path in host.run_dir.glob(f"*-{deployment}-[0-9]*.json"):
        try:
            yield int(path.stem.rpartition("-")[2]), read_status(path)[0]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # it has just ended, or is none
