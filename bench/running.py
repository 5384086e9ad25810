"""The site as it runs on this host, found by its processes and nginx's configuration."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NGINX = Path("/etc/nginx/nginx.conf")


@dataclass(frozen=True)
class Process:
    """A process.

    Attributes:
        pid: Its id.
        arguments: Its command line.
    """

    pid: int
    arguments: tuple[str, ...]

    @property
    def directory(self) -> Path:
        """Its working directory."""
        return Path(f"/proc/{self.pid}/cwd").resolve()

    @property
    def environment(self) -> dict[str, str]:
        """Its environment."""
        pairs = Path(f"/proc/{self.pid}/environ").read_bytes().decode().split("\0")
        return dict(pair.split("=", 1) for pair in pairs if "=" in pair)

    @property
    def user(self) -> int:
        """Its user's id."""
        return Path(f"/proc/{self.pid}").stat().st_uid

    @property
    def group(self) -> int:
        """Its group's id."""
        return Path(f"/proc/{self.pid}").stat().st_gid

    @property
    def memory(self) -> int:
        """Its memory in bytes: what would be free without it."""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return sum(int(size) << 10 for size in re.findall(r"(?m)^Private_\w+: +(\d+) kB", rollup))

    def argument(self, flag: str) -> str:
        """The argument after a flag."""
        return self.arguments[self.arguments.index(flag) + 1]


def slots() -> list[Process]:
    """The processes of the slots."""
    return [one for one in _processes() if "app.slot" in one.arguments]


def web() -> Process:
    """The master of the website's processes."""
    return min(
        (one for one in _processes() if "app.wsgi:app" in one.arguments), key=lambda p: p.pid
    )


def nginx_value(name: str) -> str:
    """The first value of a directive of nginx's configuration."""
    found = re.search(rf"(?m)^\s*{name}\s+([^\s;{{]+)", NGINX.read_text())
    if not found:
        raise LookupError(f"{NGINX} has no {name}")
    return found[1]


def _processes() -> Iterator[Process]:
    for path in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (path / "cmdline").read_bytes().decode().split("\0")[:-1]
        except (FileNotFoundError, ProcessLookupError):
            continue  # It has ended since it was listed.
        if int(path.name) != os.getpid():
            yield Process(int(path.name), tuple(arguments))
