"""Servers that a measurement starts beside the site, as the site's own user, and stops again."""

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.running import Process

_SECONDS = 30.0


@contextmanager
def started(
    like: Process,
    arguments: Sequence[str],
    *,
    directory: Path,
    environment: Mapping[str, str],
    ready: Path | int,
) -> Iterator[Process]:
    """Run a server, entered when it listens.

    Args:
        like: Whose user runs it.
        arguments: Its command line.
        directory: Where it starts.
        environment: Its whole environment.
        ready: The unix socket or port where it listens.

    Raises:
        RuntimeError: If it does not come up; its own words are on standard error.
    """
    with subprocess.Popen(
        arguments,
        cwd=directory,
        env=environment,
        user=like.user,
        group=like.group,
        extra_groups=[],
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            _wait(process, ready)
            yield Process(process.pid, tuple(arguments))
        finally:
            process.terminate()
            try:
                process.wait(_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def free_port() -> int:
    """A port of loopback that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], ready: Path | int) -> None:
    ends = time.monotonic() + _SECONDS
    while time.monotonic() < ends and process.poll() is None:
        with suppress(OSError), _socket(ready) as tried:
            tried.connect(str(ready) if isinstance(ready, Path) else ("127.0.0.1", ready))
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen: its words are above")


def _socket(ready: Path | int) -> socket.socket:
    return socket.socket(socket.AF_UNIX if isinstance(ready, Path) else socket.AF_INET)
