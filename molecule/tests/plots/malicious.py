"""Malicious.

Tries what the code of a plot may not do, and shows how each try ended; test_sandbox.py serves it.
"""

import ctypes
import json
import mmap
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from bokeh.io import curdoc
from bokeh.models import Div

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER = 0x10000000
PTRACE_ATTACH = 16
NOBODY = 0


def read(path: str) -> None:
    """Read a file."""
    with Path(path).open("rb") as file:
        file.read(1)


def write(folder: str) -> None:
    """Make a file in a folder."""
    path = Path(folder) / "malicious"
    path.touch()
    path.unlink()


def connect(path: str) -> None:
    """Connect to a unix socket."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(path)


def open_socket(family: int, kind: int) -> None:
    """Make a socket."""
    socket.socket(family, kind).close()


def call(name: str, *arguments: int) -> None:
    """Call the C library, which returns -1 where it may not."""
    if getattr(LIBC, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def run(*command: str) -> None:
    """Run a program, which must end well."""
    subprocess.run(command, check=True, capture_output=True, timeout=20)


def become_setuid() -> None:
    """Leave a program that runs as this user, whoever starts it."""
    path = Path(gettempdir()) / "malicious"
    path.touch()
    try:
        path.chmod(0o4755)
    finally:
        path.unlink()


def tried(attempt: Callable[..., None], arguments: list[Any]) -> str:
    """How a try ends."""
    try:
        attempt(*arguments)
    except (OSError, subprocess.SubprocessError) as error:
        return type(error).__name__
    return "done"


PYTHONS = ("/usr/bin/python3", sys.executable)
attempts: dict[str, tuple[Callable[..., None], list[Any]]] = {
    "ptrace": (call, ["ptrace", PTRACE_ATTACH, NOBODY, 0, 0]),
    "unshare": (call, ["unshare", CLONE_NEWUSER]),
    "packet": (open_socket, [socket.AF_PACKET, socket.SOCK_RAW]),
    "netlink": (open_socket, [socket.AF_NETLINK, socket.SOCK_RAW]),
    "writable code": (
        lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC).close(),
        [],
    ),
    "setuid": (become_setuid, []),
    **{
        f"{p} -m {m}": (run, [p, "-m", m, "--version"])
        for p in PYTHONS
        for m in ("pip", "ensurepip")
    },
}
targets = json.loads(Path("targets.json").read_text())
kinds: dict[str, Callable[..., None]] = {"read": read, "write": write, "connect": connect}
for kind, attempt in kinds.items():
    attempts |= {f"{kind} {target}": (attempt, [target]) for target in targets[kind]}
attempts |= {f"list {folder}": (os.listdir, [folder]) for folder in targets["list"]}
attempts |= {f"remove {path}": (os.unlink, [path]) for path in targets["remove"]}
attempts |= {f"signal {pid}": (os.kill, [pid, 0]) for pid in targets["signal"]}


def look() -> dict[str, Any]:
    """What there is to see, and how each try ends."""
    return {
        "tried": {name: tried(*attempt) for name, attempt in attempts.items()},
        "installers": [name for name in targets["installers"] if shutil.which(name)],
        "users": sorted({path.stat().st_uid for path in Path("/proc").glob("[0-9]*")}),
        "uid": os.getuid(),
        "groups": os.getgroups(),
        "environment": sorted(os.environ),
        "status": Path("/proc/self/status").read_text(),
    }


# Once is enough: not while the slot tries the plot out.
told = look() if curdoc().session_context else {}
curdoc().add_root(Div(text=json.dumps(told), name="told"))
