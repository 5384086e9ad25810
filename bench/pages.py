"""Signed-in gallery pages a second, beside a Flask that says hello behind the same servers."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench.running import NGINX, Process, nginx_value, web
from bench.site import Site
from bench.started import started

_ROUNDS = 4
_SECONDS = 3
_CONNECTIONS = 16
_PORTS = 10000  # how far above nginx's own ports those of the copy are
_HELLO = """
from flask import Flask
app = Flask(__name__)
app.get("/")(lambda: "Hello, world!")
"""


def measure(site: Site) -> object:
    """Ask for as many pages as come, here and there in turn."""
    site.get("/")  # and no redirect, which would be fast
    with hello():
        rates: dict[str, list[float]] = {"site": [], "hello": []}
        for _ in range(_ROUNDS):
            rates["site"].append(_rate(site, 443))
            rates["hello"].append(_rate(site, 443 + _PORTS))
    return {name: median(these) for name, these in rates.items()}


@contextmanager
def hello() -> Iterator[None]:
    """Run the reference: the site's gunicorn and nginx as they are configured, another Flask."""
    like, me = web(), Process(os.getpid(), ())
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory)
        here.chmod(0o755)
        (here / "hello.py").write_text(_HELLO)
        socket = here / "public/hello.sock"
        (here / "nginx.conf").write_text(_moved(here, socket))
        own = {like.argument("--bind"): f"unix:{socket}", "app.wsgi:app": "hello:app"}
        socket.parent.mkdir()
        os.chown(socket.parent, like.user, like.group)
        gunicorn = started(
            like,
            [own.get(argument, argument) for argument in like.arguments],
            directory=here,
            environment={"HOME": directory},
            ready=socket,
        )
        nginx = started(
            me,
            ["nginx", "-c", f"{here}/nginx.conf", "-g", "daemon off;"],
            directory=here,
            environment=dict(os.environ),
            ready=443 + _PORTS,
        )
        with gunicorn, nginx:
            yield


def _moved(here: Path, socket: Path) -> str:
    """Nginx's configuration with places of its own, and the other Flask."""
    moved = NGINX.read_text().replace(nginx_value("server"), f"unix:{socket}")
    moved = re.sub(
        r"(?m)^(\s*listen (?:\S*:)?)(443|80)\b", lambda m: f"{m[1]}{int(m[2]) + _PORTS}", moved
    )
    moved = re.sub(r"(?m)^(\s*listen unix:)[^ ;]+", rf"\g<1>{here}/gate.sock", moved)
    return re.sub(r"(?m)^pid .*;", f"pid {here}/nginx.pid;", moved)


def _rate(site: Site, port: int) -> float:
    command = [
        "wrk",
        "--threads=1",
        f"--connections={_CONNECTIONS}",
        f"--duration={_SECONDS}s",
        f"--header=Host: {site.server.host}",
        f"--header=Cookie: {site.headers['Cookie']}",
        f"https://127.0.0.1:{port}/",
    ]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError(f"not every page came: {told}")
    found = re.search(r"Requests/sec: +([\d.]+)", told)
    if not found:
        raise RuntimeError(f"no rate in {told}")
    return float(found[1])
