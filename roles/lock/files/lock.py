"""A host's lock: one run of a playbook at a time, for as long as that run lives.

``identify PID`` is for the controller: it tells of the run that the process PID is a worker of.
``taken`` and ``released`` are for the host: they read what to do from standard input, as JSON.
"""

import fcntl
import getpass
import json
import os
import platform
import subprocess  # nosec B404 # runs ps, below
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

# A process id is used again some day; with the time of its start it means one process only.
Mark = list[Any]


@dataclass(frozen=True)
class Process:
    """A process: its parent, when it started (in whatever the system counts) and its name."""

    parent: int
    started: str
    name: str


class LockedError(Exception):
    """Another run holds the lock; the text says which, since when and what to do."""


Processes = dict[int, Process]


def processes() -> Processes:
    """List the processes that this system shows us, by id."""
    if not Path("/proc/self/stat").exists():
        # A start is told in the words and the time of these, and must read the same every time.
        plain = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
        told = subprocess.check_output(  # nosec B603 # nothing of it comes from outside
            ["/bin/ps", "-xo", "pid=,ppid=,lstart=,comm="], env=plain, text=True
        )
        return read_ps(told)
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found[int(folder.name)] = _read_stat((folder / "stat").read_text())
        except (FileNotFoundError, ProcessLookupError):
            continue  # It has ended since it was listed.
    return found


def read_ps(output: str) -> Processes:
    """Read the list of a system that has no /proc."""
    found = {}
    for line in output.splitlines():
        pid, parent, *started, name = line.split(None, 7)
        found[int(pid)] = Process(int(parent), " ".join(started), name)
    return found


def _read_stat(line: str) -> Process:
    # The name is in parentheses and may hold any, and spaces.
    start, _, rest = line.rpartition(")")
    fields = rest.split()
    return Process(int(fields[1]), fields[19], start.partition("(")[2])


def identify(worker: int) -> dict[str, Any]:
    """Describe the run that a worker belongs to, and what else is alive where it runs."""
    running = processes()
    run = running[worker].parent
    return {
        "user": getpass.getuser(),
        "controller": platform.node(),
        "run": [run, running[run].started],
        "alive": [[pid, process.started] for pid, process in running.items()],
    }


def connection(run: Mark, running: Processes, pid: int) -> Mark | None:
    """Find the process on the host that lives as long as a run's connection to it.

    That is the SSH server's process or, on a host that is its own controller, the run itself.

    Args:
        run: The run, as its controller marks it.
        running: The processes of the host.
        pid: The process that the run has started here.
    """
    while pid in running:
        process = running[pid]
        mark = [pid, process.started]
        if mark == run or process.name.startswith("sshd"):
            return mark
        pid = process.parent
    return None


def is_over(
    held: dict[str, Any], wanted: dict[str, Any], alive: list[Mark], here: Processes
) -> bool:
    """Whether the run that holds the lock has ended.

    A connection outlives the run that made it, by a minute, and is used again. So who comes over
    the same connection comes from the same controller, which knows whether the run is alive.

    Args:
        held: What the lock says.
        wanted: What it would say instead.
        alive: The processes of the controller that wants it.
        here: The processes of the host.
    """
    if held["connection"] == wanted["connection"]:
        return held["run"] not in alive
    if held["connection"] is None:
        return False
    pid, started = held["connection"]
    return pid not in here or here[pid].started != started


def taken(held: dict[str, Any], wish: dict[str, Any], here: Processes, pid: int) -> dict[str, Any]:
    """Decide who holds the lock from now on.

    Args:
        held: What the lock says, nothing if it is free.
        wish: Who wants it, and what for.
        here: The processes of the host.
        pid: The process that the run has started here.

    Returns:
        What the lock says now.

    Raises:
        LockedError: If another run holds it.
    """
    wanted = {
        **{name: wish[name] for name in ("user", "controller", "run", "release")},
        "since": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()),
        "connection": connection(wish["run"], here, pid),
    }
    if not held or is_over(held, wanted, wish["alive"], here):
        return wanted
    if _is_of(held, wish):
        return held
    raise LockedError(
        f"{held['user']}@{held['controller']} has been deploying release {held['release']} to "
        f"{wish['host']} since {held['since']} UTC: wait until that run (process {held['run'][0]}) "
        f"has ended or, if it never will, delete {wish['path']} on {wish['host']}."
    )


def released(held: dict[str, Any], wish: dict[str, Any]) -> dict[str, Any]:
    """Free the lock, unless another run has taken it over."""
    return {} if held and _is_of(held, wish) else held


def _for_root_only(path: str, flags: int) -> int:
    # Who may read a file may hold its lock.
    return os.open(path, flags, 0o600)


def change(state: str, wish: dict[str, Any]) -> None:
    """Take or release the lock of this host, while nobody else does.

    Args:
        state: taken or released.
        wish: Where the lock is, who wants it, and what for.

    Raises:
        LockedError: If another run holds it.
    """
    with open(wish["path"], "a+", opener=_for_root_only) as file:
        os.fchmod(file.fileno(), 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        held = _read(file)
        now = (
            taken(held, wish, processes(), os.getpid())
            if state == "taken"
            else released(held, wish)
        )
        file.truncate(0)
        # An empty file is a free lock. Removed, it could still be what another run waits for.
        file.write(json.dumps(now) if now else "")


def _read(file: TextIO) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read() or "{}"))
    except ValueError:
        return {}  # Whoever wrote it was stopped half-way.


def _is_of(held: dict[str, Any], wish: dict[str, Any]) -> bool:
    return all(held[name] == wish[name] for name in ("user", "controller", "run"))


def main(command: str, *arguments: str) -> None:
    """Do what the command line says."""
    if command == "identify":
        json.dump(identify(int(arguments[0])), sys.stdout)
        return
    try:
        change(command, json.load(sys.stdin))
    except LockedError as refusal:
        sys.stderr.write(f"{refusal}\n")
        sys.exit(os.EX_TEMPFAIL)


if __name__ == "__main__":
    main(*sys.argv[1:])
