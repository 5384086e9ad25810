"""A deploy of a code change: how long until new visitors get it, and what it costs everybody."""

import shutil
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.commands import REPOSITORY, environment, run
from bench.crowd_process import crowd
from bench.host import LocalHost

_CHANGED = "app/plots/sliders.py"
_AUTHOR = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]


def measure(host: LocalHost) -> dict[str, Any]:
    """Deploy a clone of the checkout with one more commit, and then the checkout again."""
    clone = Path(environment()["STATE"]) / "deploy"
    shutil.rmtree(clone, ignore_errors=True)
    run(["git", "clone", "--quiet", str(REPOSITORY), str(clone)])
    with (clone / _CHANGED).open("a") as file:
        file.write(f"# A change of {time.time()}.\n")
    run(["git", *_AUTHOR, "-C", str(clone), "commit", "--quiet", "--all", "--message=Change"])
    with crowd(*host.crowd) as viewers:
        began = time.time()
        _deploy(clone, host)
        _deploy(REPOSITORY, host)
    old, *later = viewers.report["seen"]
    new = [seen["at"] for seen in later if seen["release"] != old["release"]]
    if not new:
        raise RuntimeError("no visitor got the change")
    return {**viewers.report, "seconds": new[0] - began}


def _deploy(checkout: Path, host: LocalHost) -> None:
    run(
        ["ansible-playbook", f"--inventory={REPOSITORY}/inventory/local", "playbook.yml"],
        directory=checkout,
        variables={
            "ANSIBLE_CONFIG": str(checkout / "ansible.cfg"),
            "PORT": str(urlsplit(host.login["url"]).port),
        },
    )
