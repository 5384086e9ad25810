"""A throw-away host, as the machine that measures reaches it."""

import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.commands import REPOSITORY, environment, run

_HERE = "/tmp/bokeh-site-bench"  # noqa: S108 # its files are root's, on a host that is thrown away
# Where a slot's code is, and its Python.
_QUESTION = """
slot=$(pgrep --oldest --full app.slot)
readlink "/proc/$slot/cwd"
tr '\\0' '\\n' <"/proc/$slot/cmdline"
"""


@dataclass(frozen=True)
class Host:
    """A host.

    Attributes:
        name: Its name in the inventory.
    """

    name: str

    def command(self, *command: str, data: bytes = b"", options: Sequence[str] = ()) -> str:
        """Run a command on the host as root, and return what it printed."""
        container = f"{environment()['CHECKOUT']}-{self.name}"
        return run(
            ["tools/podman", "exec", "--interactive", *options, container, *command], data=data
        )


class LocalHost(Host):
    """The host of ``make up``, with the site and what measures it."""

    def __init__(self) -> None:
        super().__init__("local")

    @cached_property
    def login(self) -> dict[str, str]:
        """Url, user and password of the site."""
        return dict(line.split("=", 1) for line in run(["tools/login"]).splitlines())

    @property
    def crowd(self) -> list[str]:
        """The arguments of `bench.crowd_process.crowd` for this site."""
        url, user, password = (self.login[key] for key in ("url", "user", "password"))
        chain = Path(environment()["STATE"]) / "chain.pem"
        chain.write_text(self.command("cat", "/etc/ssl/bokeh-site/chain.pem"))
        return [
            url,
            password,
            f"--connect={urlsplit(url).netloc}",
            f"--ca={chain}",
            f"--user={user}",
        ]

    def bring(self) -> None:
        """Put what measures on the host."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(REPOSITORY / "bench", "bench")
        script = f"rm -rf {_HERE} && mkdir {_HERE} && tar --extract --directory={_HERE}"
        self.command("sh", "-c", script, data=archive.getvalue())
        self.command("sh", "-c", "command -v wrk || apt-get install --yes --quiet wrk")

    def measure(self, name: str) -> Any:
        """Run ``bench.<name>`` on the host, with the Python and the code of the site."""
        code, python, *_ = self.command("sh", "-c", _QUESTION).splitlines()
        options = [f"--workdir={_HERE}", f"--env=PYTHONPATH={_HERE}:{code}"]
        told = json.dumps(self.login).encode()
        return json.loads(
            self.command(python, "-m", "bench.inside", name, data=told, options=options)
        )
