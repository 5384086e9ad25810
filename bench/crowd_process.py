"""Starting a crowd beside other work, as a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

_REPOSITORY = Path(__file__).parents[1]


@dataclass
class CrowdProcess:
    """A crowd at work.

    Attributes:
        report: What happened, once it has left; see `bench.crowd.Report`.
    """

    report: dict[str, Any] = field(default_factory=dict)


@contextmanager
def crowd(origin: str, password: str, *arguments: str) -> Iterator[CrowdProcess]:
    """Have a crowd on the site; entered when all its sessions are open.

    Args:
        origin: The site's origin.
        password: Password of the user who signs in.
        *arguments: More arguments of ``python -m bench.crowd``.

    Yields:
        The crowd, whose report is there after the context's end.

    Raises:
        RuntimeError: If the crowd broke down; its own words are on standard error.
    """
    command = [sys.executable, "-m", "bench.crowd", "--origin", origin, *arguments]
    with subprocess.Popen(
        command, cwd=_REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        told, says = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
        try:
            print(password, file=told, flush=True)
            if says.readline() != "holding\n":
                raise RuntimeError("the crowd did not come: its words are above")
            started = CrowdProcess()
            yield started
            told.close()
            started.report = json.loads(says.read() or "{}")
            if not started.report:
                raise RuntimeError("the crowd broke down: its words are above")
        finally:
            process.kill()
