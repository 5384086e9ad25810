"""supervisord as the host's commands speak to it: over a real unix socket."""

from collections.abc import Iterator
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from threading import Thread
from xmlrpc.client import Fault
from xmlrpc.server import SimpleXMLRPCDispatcher, SimpleXMLRPCRequestHandler

import pytest

from app.deployments.supervisor import Process, Supervisor

D = "1" * 12


class Supervisord:
    """Answers as supervisord does; a fault is raised where one is set."""

    def __init__(self) -> None:
        self.fault: int | None = None
        self.told: list[tuple] = []
        self.states = {
            (f"application-{D}", f"application-{D}"): "RUNNING",
            (f"bokeh_spares-{D}", f"bokeh_spares-{D}_2"): "STOPPED",
            ("else", "else"): "RUNNING",
        }

    def answer(self, method: str, arguments: tuple) -> object:
        name = method.removeprefix("supervisor.")
        if name == "getAllProcessInfo":
            return [
                {"group": group, "name": process, "statename": state, "pid": 7}
                for (group, process), state in self.states.items()
            ]
        self.told.append((name, *arguments))
        if self.fault:
            raise Fault(self.fault, "no")
        return True


@pytest.fixture
def supervisord() -> Supervisord:
    return Supervisord()


@pytest.fixture
def supervisor(supervisord: Supervisord, tmp_path: Path) -> Iterator[Supervisor]:
    class Server(ThreadingUnixStreamServer, SimpleXMLRPCDispatcher):
        logRequests = False  # noqa: N815 # the handler's own name for it

        def _dispatch(self, method: str, params: tuple) -> object:
            return supervisord.answer(method, params)

    class Handler(SimpleXMLRPCRequestHandler):
        rpc_paths = ("/RPC2",)
        disable_nagle_algorithm = False  # a unix socket has none

    path = tmp_path / "supervisor.sock"
    with Server(str(path), Handler) as server:
        SimpleXMLRPCDispatcher.__init__(server, allow_none=True)
        Thread(target=server.serve_forever, args=(0.01,)).start()
        yield Supervisor(path)
        server.shutdown()


def test_processes_are_told_apart_by_deployment_program_and_number(supervisor):
    assert supervisor.processes() == [
        Process(f"application-{D}:application-{D}", "application", D, 0, "RUNNING", 7),
        Process(f"bokeh_spares-{D}:bokeh_spares-{D}_2", "bokeh_spares", D, 2, "STOPPED", 7),
    ]
    assert supervisor.processes("2" * 12) == []


def test_loading_starts_what_is_unknown_and_leaves_what_is_known(supervisor, supervisord, tmp_path):
    definitions = tmp_path / "definitions.conf"
    groups = ("application", "bokeh_spares", "steward")
    definitions.write_text("".join(f"[program:{group}-{D}]\ncommand=x\n" for group in groups))
    assert supervisor.load(D, definitions) is True
    assert supervisord.told == [
        ("reloadConfig",),
        ("addProcessGroup", f"steward-{D}"),
    ]


@pytest.mark.parametrize("fault", [60, 70])
def test_a_process_that_was_quicker_is_no_error(supervisor, supervisord, fault):
    supervisord.fault = fault
    for process in supervisor.processes():
        supervisor.start(process)
        supervisor.stop(process)
        supervisor.signal(process, "USR2")
    assert ("signalProcess", f"application-{D}:application-{D}", "USR2") in supervisord.told


def test_any_other_fault_is_one(supervisor, supervisord):
    supervisord.fault = 10
    with pytest.raises(Fault):
        supervisor.start(supervisor.processes()[0])
