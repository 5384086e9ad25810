"""Starting a deployment beside the one that serves, and trying it out before anybody gets it."""

import http.client
import json
import subprocess  # nosec B404 # runs one command, below
import time

from app.deployments.host import DeploymentError, Host
from app.deployments.last_words import last_words
from app.deployments.retire import RESUME, retire
from app.deployments.statuses import drains
from app.deployments.strength import keep_strength
from app.deployments.supervisor import Supervisor
from app.unix_http import UnixConnection

_START_SECONDS = 60.0
_LOOK_SECONDS = 0.3
_ANSWER_SECONDS = 30.0


def prepare(host: Host, supervisor: Supervisor) -> bool:
    """Have this deployment run, and prove that it does what a viewer wants.

    One that drains resumes. What an interrupted run was trying out is given up.

    Args:
        host: The host.
        supervisor: Its supervisord.

    Returns:
        Whether anything had to be started.

    Raises:
        DeploymentError: If it does not come up, or a synthetic viewer finds it wanting. It is taken
            out of service and forgotten, unless it is the one that serves.
    """
    serves = host.serving == host.deployment
    with host.alone():
        if host.candidate and host.candidate != host.deployment:
            retire(host, supervisor, host.candidate)
        # So that the steward of what serves knows whose programs these are.
        host.point(host.candidate_link, host.deployment)
    was_here = any(process.alive for process in supervisor.processes(host.deployment))
    try:
        started = _run(host, supervisor)
        _wait_until_ready(host, supervisor)
        if not serves:
            _try_out(host)
    except DeploymentError as error:
        told = f"{error}\n{host.serving or 'nothing'} goes on serving. {last_words(host)}"
        if not serves:
            with host.alone():
                retire(host, supervisor, host.deployment)
                host.point(host.candidate_link, host.serving)
            if not was_here:  # else it may still have viewers
                (host.records_dir / host.deployment).unlink()
        raise DeploymentError(told) from error
    return started


def _run(host: Host, supervisor: Supervisor) -> bool:
    """Start all but the slots, which `keep_strength` starts, and resume slots that drain."""
    started = supervisor.load(host.deployment, host.definitions_of(host.deployment))
    for process in supervisor.processes(host.deployment):
        if process.is_slot and drains(host, process):
            supervisor.signal(process, RESUME)
        elif not (process.is_slot or process.alive):
            supervisor.start(process)
            started = True
    return started


def _wait_until_ready(host: Host, supervisor: Supervisor) -> None:
    """Wait until the website says that every plot opens in every slot."""
    ends = time.monotonic() + _START_SECONDS
    while problem := _problem(host):
        # The steward of a deployment looks after its slots once that serves.
        if host.serving != host.deployment:
            keep_strength(host, supervisor)
        given_up = [
            process.name
            for process in supervisor.processes(host.deployment)
            if process.state == "FATAL"
        ]
        if given_up:
            raise DeploymentError(f"{', '.join(sorted(given_up))} does not run")
        if time.monotonic() > ends:
            raise DeploymentError(f"the programs run but are not ready: {problem}")
        time.sleep(_LOOK_SECONDS)


def _problem(host: Host) -> str:
    connection = UnixConnection(host.socket_of(host.deployment), _ANSWER_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"the website does not answer ({error})"
    finally:
        connection.close()
    if answer.status == http.HTTPStatus.OK:
        return ""
    try:
        return "\n".join(json.loads(body)["problems"])
    except (ValueError, KeyError, TypeError):
        return f"the website answers {answer.status}: {body.strip()}"


def _try_out(host: Host) -> None:
    """Let a synthetic viewer go the whole way, through nginx, as the application's own user."""
    command = [str(host.command), "--deployment", host.deployment, "smoke"]
    done = subprocess.run(  # noqa: S603 # nosec B603 # all of it is this host's configuration
        command, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise DeploymentError((done.stderr or done.stdout).strip().removeprefix("Error: "))
