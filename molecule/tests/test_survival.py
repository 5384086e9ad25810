"""The site stays up: whatever is killed, and when the whole host restarts."""

import http.client
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest
from provisioned import Site, poll
from visitor import OPENS, Ticket, Visitor

from app.session_ids import Visit, mint_token

testinfra_hosts = ["ansible://app"]
pytestmark = pytest.mark.usefixtures("show_observed")

BACK_WITHIN = 10.0
# A process whose parent was killed needs a moment to see it.
SETTLED_WITHIN = 15.0
RESTARTED_WITHIN = 60.0


@dataclass(frozen=True)
class Process:
    """A process of the host."""

    pid: int
    parent: int
    user: str
    command: str


def processes(site: Site) -> dict[int, Process]:
    """All processes of the host, by their ids."""
    told = site.command("ps", "-ww", "-eo", "pid=,ppid=,user:32=,args=").stdout
    listed = [line.split(maxsplit=3) for line in told.splitlines()]
    return {int(pid): Process(int(pid), int(parent), *rest) for pid, parent, *rest in listed}


def ours(site: Site) -> Counter[tuple[str, str, str]]:
    """The processes of the site, each with its user and its parent's command."""
    all_of_them = processes(site)
    users = {site.variables[f"site_{who}_user"] for who in ("app", "plots", "web")}
    return Counter(
        (process.user, process.command, all_of_them[process.parent].command)
        for process in all_of_them.values()
        if process.user in users or "supervisord" in process.command or "nginx" in process.command
    )


def of_supervisor(site: Site, program: str) -> int:
    """Process id of a program."""
    return int(site.command("supervisorctl", "pid", program, user="root").stdout)


def of_systemd(site: Site, service: str) -> int:
    """Main process id of a service."""
    command = ("systemctl", "show", "--property=MainPID", "--value", service)
    return int(site.command(*command).stdout)


def a_worker(site: Site) -> int:
    """Process id of one of gunicorn's workers."""
    master = of_supervisor(site, site.program("application"))
    return next(pid for pid, process in processes(site).items() if process.parent == master)


def a_slot(site: Site) -> int:
    """Process id of the first slot."""
    slots = site.program("bokeh_apps")
    return of_supervisor(site, f"{slots}:{slots}_0")


VICTIMS: dict[str, Callable[[Site], int]] = {
    "gunicorn's master": lambda site: of_supervisor(site, site.program("application")),
    "a worker": a_worker,
    "a slot": a_slot,
    "the steward": lambda site: of_supervisor(site, site.program("steward")),
    "nginx's master": lambda site: of_systemd(site, "nginx"),
    "supervisord": lambda site: of_systemd(site, "supervisor"),
}


def answers(visitor: Visitor) -> bool:
    """The gallery is there, and a plot opens in every slot, the way a browser opens it."""
    with suppress(OSError, http.client.HTTPException, AssertionError):
        if visitor.get("/").status != 200:
            return False
        page = visitor.ticket("sliders")
        visit = Visit.of_session(page.session_id)
        return all(opens(visitor, page, replace(visit, slot=slot)) for slot in visitor.site.slots)
    return False


def opens(visitor: Visitor, page: Ticket, visit: Visit) -> bool:
    token = mint_token(visit, visitor.site.bokeh_key)
    path = page.websocket.replace(page.slot, visit.slot)
    return visitor.knock(path, "bokeh", token) == OPENS


@pytest.mark.parametrize("victim", VICTIMS)
def test_the_site_is_back_after_a_kill(site, alice, victim):
    assert answers(alice)
    before, pid = ours(site), VICTIMS[victim](site)
    killed = time.monotonic()
    site.command("kill", "-KILL", str(pid), user="root")
    poll(lambda: answers(alice), SETTLED_WITHIN)
    seconds = time.monotonic() - killed
    site.observed[:] = [f"{victim}: back after {seconds:.1f} s"]
    poll(lambda: ours(site) == before, SETTLED_WITHIN)
    assert pid not in processes(site)
    assert seconds <= BACK_WITHIN


def test_the_site_is_back_after_a_restart_of_the_host(site, alice):
    def booted_at() -> str:
        command = ("systemctl", "show", "--property=UserspaceTimestamp", "--value")
        return site.command(*command).stdout

    assert answers(alice)
    before, boot = ours(site), booted_at()
    restarted = time.monotonic()
    site.restart()
    poll(lambda: answers(alice), RESTARTED_WITHIN)
    site.observed[:] = [f"back after {time.monotonic() - restarted:.1f} s"]
    assert booted_at() != boot
    poll(lambda: ours(site) == before, SETTLED_WITHIN)
    assert site.command("systemctl", "is-system-running").stdout.strip() == "running"
