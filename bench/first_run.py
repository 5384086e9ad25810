"""The first run of the playbook on a bare host, beside the installs that it needs."""

import time
from collections.abc import Callable
from pathlib import Path

from bench.commands import REPOSITORY, environment, run
from bench.host import Host

_INVENTORY = "--inventory=bench/inventory"
_SITE, _BARE = Host("first"), Host("bare")
_APT = "DEBIAN_FRONTEND=noninteractive apt-get"
_PIP = """
umask 022 && python3 -m venv /opt/bare
export PIP_CERT=/etc/ssl/certs/ca-certificates.crt
export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
/opt/bare/bin/pip install --quiet --require-hashes --only-binary=:all: --requirement=/dev/stdin
"""


def measure() -> dict[str, float]:
    """Make both hosts, and install each; seconds of each part."""
    try:
        run(["tools/remove-hosts", "bench"])
        (Path(environment()["STATE"]) / "vault.yml").unlink(missing_ok=True)
        run(["tools/image", "bookworm"])
        _playbook("molecule/shared/create.yml")
        before = _packages(_SITE)
        first = _seconds(lambda: _playbook("playbook.yml"))
        wanted = sorted(_packages(_SITE) - before)
        return {"first": first, "apt": _seconds(lambda: _apt(wanted)), "pip": _seconds(_pip)}
    finally:
        run(["tools/remove-hosts", "bench"])


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _playbook(playbook: str) -> None:
    variables = {"MOLECULE_EPHEMERAL_DIRECTORY": environment()["STATE"]}
    run(["ansible-playbook", _INVENTORY, playbook], variables=variables)


def _packages(host: Host) -> set[str]:
    """The packages that somebody asked for by name."""
    return set(host.command("apt-mark", "showmanual").split())


def _apt(packages: list[str]) -> None:
    script = f"{_APT} update --quiet=2 && {_APT} install --yes --quiet=2 {' '.join(packages)}"
    _BARE.command("sh", "-c", script)


def _pip() -> None:
    lock = (REPOSITORY / "app/requirements.txt").read_bytes()
    _BARE.command("sh", "-c", f"set -e{_PIP}", data=lock)
