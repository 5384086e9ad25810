"""Keeping so many slots of a deployment at work as are wanted."""

import logging
from pathlib import Path

from app.deployments.host import Host
from app.deployments.statuses import drains
from app.deployments.supervisor import Process, Supervisor

_log = logging.getLogger(__name__)


def keep_strength(host: Host, supervisor: Supervisor) -> None:
    """Start another slot where one drains or has ended, if the host has the memory for it.

    Args:
        host: The host.
        supervisor: Its supervisord.
    """
    taking, resting = _slots(host, supervisor)
    if len(taking) >= host.slots or not resting:
        return
    if not _has_memory(host):
        _log.warning("no memory for another slot: it may need %d MB", host.slot_memory)
        return
    chosen = min(resting, key=lambda slot: slot.number)
    _log.info("starting %s: %d of %d slots take visits", chosen.name, len(taking), host.slots)
    supervisor.start(chosen)


def may_replace(host: Host, supervisor: Supervisor) -> bool:
    """Whether a slot may drain: all are at work, and there is another one and memory for it.

    Args:
        host: The host.
        supervisor: Its supervisord.
    """
    taking, resting = _slots(host, supervisor)
    return len(taking) >= host.slots and bool(resting) and _has_memory(host)


def _slots(host: Host, supervisor: Supervisor) -> tuple[list[Process], list[Process]]:
    """The slots that take visits, and those that rest."""
    slots = [process for process in supervisor.processes(host.deployment) if process.is_slot]
    taking = [slot for slot in slots if slot.alive and not drains(host, slot)]
    return taking, [slot for slot in slots if not slot.alive]


def _has_memory(host: Host) -> bool:
    return _available_mb() >= host.slot_memory


def _available_mb() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, value, *_ = line.split()
        if name == "MemAvailable:":
            return int(value) // 1024
    raise RuntimeError("/proc/meminfo does not tell what memory is available")
