"""The steward: keeps the serving deployment's slots at strength, and clears up what has drained."""

import logging
import time
from pathlib import Path

from app.deployments.host import Host
from app.deployments.prune import prune
from app.deployments.retire import retire
from app.deployments.statuses import drains
from app.deployments.supervisor import Supervisor

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0


def tend(host: Host, supervisor: Supervisor) -> None:
    """Look after the host for ever, whenever this deployment is the one that serves.

    Args:
        host: The host.
        supervisor: Its supervisord.
    """
    while True:
        if host.serving == host.deployment:
            keep_strength(host, supervisor)
            clear_retired(host, supervisor)
            # Whoever deploys may have put in place what nothing refers to yet.
            if not host.locked:
                prune(host, supervisor)
        time.sleep(_LOOK_SECONDS)


def keep_strength(host: Host, supervisor: Supervisor) -> None:
    """Start another slot where one drains or has ended, if the host has the memory for it.

    Args:
        host: The host.
        supervisor: Its supervisord.
    """
    slots = [process for process in supervisor.processes(host.deployment) if process.is_slot]
    taking = [slot for slot in slots if slot.alive and not drains(host, slot)]
    resting = [slot for slot in slots if not slot.alive]
    if len(taking) >= host.slots or not resting:
        return
    if _available_mb() < host.slot_memory:
        _log.warning("no memory for another slot: it may need %d MB", host.slot_memory)
        return
    chosen = min(resting, key=lambda slot: slot.number)
    _log.info("starting %s: %d of %d slots take visits", chosen.name, len(taking), host.slots)
    supervisor.start(chosen)


def clear_retired(host: Host, supervisor: Supervisor) -> None:
    """Forget deployments whose last process has ended, and let none of the others take visits.

    Args:
        host: The host.
        supervisor: Its supervisord.
    """
    everything = supervisor.processes()
    deployments = {process.deployment for process in everything}
    for deployment in deployments - {host.deployment, host.candidate}:
        processes = [process for process in everything if process.deployment == deployment]
        if not any(process.alive for process in processes):
            supervisor.forget(deployment)
        elif any(process.state == "RUNNING" and not drains(host, process) for process in processes):
            # It crashed and came back, or whoever switched was interrupted.
            retire(host, supervisor, deployment)


def _available_mb() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, value, *_ = line.split()
        if name == "MemAvailable:":
            return int(value) // 1024
    raise RuntimeError("/proc/meminfo does not tell what memory is available")
