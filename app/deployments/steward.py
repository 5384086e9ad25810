"""The steward: keeps the serving deployment's slots at strength, and clears up what has drained."""

import time

from app.deployments import switch
from app.deployments.host import Host
from app.deployments.prune import prune
from app.deployments.retire import retire
from app.deployments.statuses import drains
from app.deployments.strength import keep_strength
from app.deployments.supervisor import Supervisor

_LOOK_SECONDS = 1.0


def tend(host: Host, supervisor: Supervisor) -> None:
    """Look after the host for ever, whenever this deployment is the one that serves.

    Args:
        host: The host.
        supervisor: Its supervisord.
    """
    while True:
        look(host, supervisor)
        time.sleep(_LOOK_SECONDS)


def look(host: Host, supervisor: Supervisor) -> None:
    """Do what there is to do now, if this deployment serves.

    Args:
        host: The host.
        supervisor: Its supervisord.
    """
    # What was seen must hold until it was acted on: a deployment that is switched to in between
    # would be taken for one that came back.
    with host.alone():
        if host.serving != host.deployment:
            return
        keep_strength(host, supervisor)
        for process in supervisor.processes(host.deployment):
            # Supervisor has given it up, and nobody else would notice that it is gone.
            if process.state == "FATAL" and not process.is_slot:
                supervisor.start(process)
        clear_retired(host, supervisor)
        # Whoever deploys may have put in place what nothing refers to yet.
        if not host.locked:
            prune(host, supervisor)


def clear_retired(host: Host, supervisor: Supervisor) -> None:
    """Forget deployments whose last process has ended, and let none of the others take visits.

    Args:
        host: The host.
        supervisor: Its supervisord.
    """
    if time.time() - host.serving_link.lstat().st_mtime < switch.SETTLE_SECONDS:
        return  # what served a moment ago still answers
    everything = supervisor.processes()
    deployments = {process.deployment for process in everything}
    for deployment in deployments - {host.deployment, host.candidate}:
        processes = [process for process in everything if process.deployment == deployment]
        if not any(process.alive for process in processes):
            supervisor.forget(deployment)
            # A process that was killed leaves them behind.
            for folder in (host.run_dir, host.application_dir):
                for path in folder.glob(f"*-{deployment}[-.]*"):
                    path.unlink(missing_ok=True)
        elif any(process.state == "RUNNING" and not drains(host, process) for process in processes):
            # It crashed and came back, or whoever switched was interrupted.
            retire(host, supervisor, deployment)
