"""Having programs run the code that an upgrade brought, without cutting anybody off."""

import logging
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from app.deployments.host import DeploymentError, Host
from app.deployments.retire import DRAIN
from app.deployments.statuses import drains
from app.deployments.strength import may_replace
from app.deployments.supervisor import Process, Supervisor

_log = logging.getLogger(__name__)
_WAIT_SECONDS = 60.0
_LOOK_SECONDS = 0.3
# A program or library that has another file, or none, in its place by now.
_REPLACED = re.compile(r"(?m) /usr/.* \(deleted\)$")


def refresh(host: Host, supervisor: Supervisor) -> bool:
    """Replace the processes of this deployment that run code which is gone from the disk.

    Slots drain one after the other, each as soon as the steward can start another in its place. The
    other programs are restarted; open plots do not need them.

    Args:
        host: The host.
        supervisor: Its supervisord.

    Returns:
        Whether there were any.

    Raises:
        DeploymentError: If a slot cannot be replaced, or another deployment serves meanwhile.
    """
    outdated = [
        process
        for process in supervisor.processes(host.deployment)
        if process.alive and runs_replaced_code(process.pid) and not drains(host, process)
    ]
    # The steward last: it starts others in the place of slots.
    for process in sorted(outdated, key=lambda one: (one.program == "steward", one.is_slot)):
        _log.info("replacing %s, whose code was upgraded", process.name)
        if process.is_slot:
            _wait(lambda: may_replace(host, supervisor), f"no slot can replace {process.name}")
        with host.alone():
            if host.serving != host.deployment:
                raise DeploymentError("another deployment serves by now, with the new code")
            if process.is_slot:
                supervisor.signal(process, DRAIN)
            else:
                _restart(supervisor, process)
        if process.is_slot:
            _wait(partial(drains, host, process), f"{process.name} does not drain")
    return bool(outdated)


def runs_replaced_code(pid: int) -> bool:
    """Whether a process has mapped a file of the system that an upgrade has replaced.

    Args:
        pid: The process's id.
    """
    try:
        return bool(_REPLACED.search(Path(f"/proc/{pid}/maps").read_text()))
    except (FileNotFoundError, ProcessLookupError):
        return False  # it has just ended


def _restart(supervisor: Supervisor, process: Process) -> None:
    def has_ended() -> bool:
        return not any(
            other.alive
            for other in supervisor.processes(process.deployment)
            if other.name == process.name
        )

    supervisor.stop(process)
    try:
        _wait(has_ended, f"{process.name} does not end")
    finally:
        supervisor.start(process)


def _wait(look: Callable[[], bool], problem: str) -> None:
    ends = time.monotonic() + _WAIT_SECONDS
    while not look():
        if time.monotonic() > ends:
            raise DeploymentError(f"{problem}: what runs goes on with the old code")
        time.sleep(_LOOK_SECONDS)
