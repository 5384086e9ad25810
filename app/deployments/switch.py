"""Sending new visitors to a deployment."""

import os
import time

from app.deployments.host import DeploymentError, Host
from app.deployments.records import records
from app.deployments.retire import retire
from app.deployments.supervisor import Supervisor

# A request that nginx took to the website before is answered in this time.
SETTLE_SECONDS = 3.0


def switch(host: Host, supervisor: Supervisor) -> bool:
    """Let this deployment, which was prepared, serve, and retire all others.

    Args:
        host: The host.
        supervisor: Its supervisord.

    Returns:
        Whether another one served before.

    Raises:
        DeploymentError: If this deployment was not prepared.
    """
    with host.alone():
        switched = host.serving != host.deployment
        if switched and host.candidate != host.deployment:
            raise DeploymentError(
                f"deployment {host.deployment} was not prepared: run the playbook, which does that"
            )
        if switched:
            host.point(host.serving_link, host.deployment)
            os.utime(host.records_dir / host.deployment)
    if switched:
        time.sleep(SETTLE_SECONDS)
    with host.alone():
        others = {record.deployment for record in records(host)}
        others |= {process.deployment for process in supervisor.processes()}
        for other in others - {host.deployment}:
            retire(host, supervisor, other)
    return switched
