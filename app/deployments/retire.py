"""Taking a deployment out of service without cutting anybody off."""

from app.deployments.host import Host
from app.deployments.statuses import statuses
from app.deployments.supervisor import Supervisor

DRAIN, RESUME = "USR2", "USR1"


def retire(host: Host, supervisor: Supervisor, deployment: str) -> None:
    """Stop a deployment's website, and let its slots end when their last viewers have left.

    Without its definitions it does not come back when the host restarts.

    Args:
        host: The host.
        supervisor: Its supervisord.
        deployment: The deployment.
    """
    host.definitions_of(deployment).unlink(missing_ok=True)
    told = statuses(host, deployment)
    for process in supervisor.processes(deployment):
        # A slot that has told nothing yet has no viewers, and may not know signals either.
        if process.is_slot and process.state == "RUNNING" and process.number in told:
            if told[process.number]["cause"] is None:
                supervisor.signal(process, DRAIN)
        elif process.alive and process.state != "STOPPING":
            supervisor.stop(process)
