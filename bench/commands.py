"""Running commands of the checkout, in the environment of its tools."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


@cache
def environment() -> dict[str, str]:
    """The environment in which the project's tools and Ansible work."""
    script = '. "$0"/tools/environment.sh && env -0'
    told = subprocess.run(["bash", "-c", script, REPOSITORY], check=True, capture_output=True)
    pairs = [line.split("=", 1) for line in told.stdout.decode().split("\0") if line]
    return {**dict(pairs), "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg")}


def run(
    command: Sequence[str],
    *,
    data: bytes = b"",
    directory: Path = REPOSITORY,
    variables: Mapping[str, str] | None = None,
) -> str:
    """Run a command, and return what it printed.

    Args:
        command: The command line.
        data: Its standard input.
        directory: Where it runs.
        variables: Added to its environment.

    Raises:
        subprocess.CalledProcessError: If it fails, after its words went to standard error.
    """
    done = subprocess.run(
        command,
        check=False,
        cwd=directory,
        env={**environment(), **(variables or {})},
        input=data,
        capture_output=True,
    )
    if done.returncode:
        sys.stderr.write(done.stdout.decode() + done.stderr.decode())
        done.check_returncode()
    return done.stdout.decode()
