"""supervisord, over its unix socket (XML-RPC, http://supervisord.org/api.html)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy, Transport  # nosec B411 # of root's own supervisord

from app.unix_http import UnixConnection

_NAME = re.compile(r"(?P<program>\w+)-(?P<deployment>[0-9a-f]{12})(_(?P<number>[0-9]+))?")
_SECONDS = 30.0
_ALREADY_STARTED, _NOT_RUNNING = 60, 70  # supervisor.xmlrpc.Faults
ALIVE = {"STARTING", "RUNNING", "BACKOFF", "STOPPING"}


@dataclass(frozen=True)
class Process:
    """A process of a deployment.

    Attributes:
        name: Its full name in Supervisor, ``<group>:<process>``.
        program: The program without its deployment, such as ``bokeh_apps``.
        deployment: The deployment that it belongs to.
        number: Its number among the deployment's slots; 0 where there is but one.
        state: Its state, such as RUNNING.
        pid: Its process id; 0 while it does not run.
    """

    name: str
    program: str
    deployment: str
    number: int
    state: str
    pid: int = 0

    @property
    def alive(self) -> bool:
        """Whether there is a process, or will be one without anybody starting it."""
        return self.state in ALIVE

    @property
    def is_slot(self) -> bool:
        """Whether it holds viewers' sessions, and has to drain before it may end."""
        return self.program.startswith("bokeh_")


class Supervisor:
    """The programs of all deployments.

    Args:
        socket: The socket that supervisord listens on.
    """

    def __init__(self, socket: Path) -> None:
        server = ServerProxy("http://localhost", transport=_UnixTransport(socket))
        self._rpc: Any = server.supervisor

    def processes(self, deployment: str | None = None) -> list[Process]:
        """The processes of one deployment, or of all."""
        found = []
        for told in self._rpc.getAllProcessInfo():
            name = _NAME.fullmatch(told["name"])
            if name and deployment in (None, name["deployment"]):
                full_name = f"{told['group']}:{told['name']}"
                number = int(name["number"] or 0)
                found.append(
                    Process(
                        full_name,
                        name["program"],
                        name["deployment"],
                        number,
                        told["statename"],
                        told["pid"],
                    )
                )
        return found

    def load(self, deployment: str, definitions: Path) -> bool:
        """Take over the programs of a deployment from its definitions, and start them.

        Programs that are known already are left as they are.

        Returns:
            Whether there were any that were not.
        """
        self._rpc.reloadConfig()
        known = {process.name.partition(":")[0] for process in self.processes(deployment)}
        defined = re.findall(r"(?m)^\[program:(.+)\]$", definitions.read_text())
        unknown = [group for group in defined if group not in known]
        for group in unknown:
            self._rpc.addProcessGroup(group)
        return bool(unknown)

    def start(self, process: Process) -> None:
        """Start a process, without waiting for it."""
        self._tell(self._rpc.startProcess, process.name, False)

    def signal(self, process: Process, signal: str) -> None:
        """Send a process a signal, such as ``USR2``."""
        self._tell(self._rpc.signalProcess, process.name, signal)

    def stop(self, process: Process) -> None:
        """Stop a process, without waiting for it."""
        self._tell(self._rpc.stopProcess, process.name, False)

    def forget(self, deployment: str) -> None:
        """Drop the programs of a deployment, none of which is alive."""
        for group in {process.name.partition(":")[0] for process in self.processes(deployment)}:
            self._rpc.removeProcessGroup(group)

    def _tell(self, call: Callable[..., object], *arguments: object) -> None:
        try:
            call(*arguments)
        except Fault as fault:
            # It has ended, or begun, since it was listed.
            if fault.faultCode not in {_ALREADY_STARTED, _NOT_RUNNING}:
                raise


class _UnixTransport(Transport):
    def __init__(self, socket: Path) -> None:
        super().__init__()
        self._socket = socket

    def make_connection(self, host: Any) -> HTTPConnection:  # noqa: ARG002 # there is but one
        return UnixConnection(self._socket, _SECONDS)
