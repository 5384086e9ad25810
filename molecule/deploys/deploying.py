"""What the tests of deploys do over and over: looking at what serves, and how it does."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from subprocess import CompletedProcess
from typing import Any

from provisioned import Site
from visitor import Visitor

from bench.crowd_process import CrowdProcess

VIEWER = "deploys-viewer"
SESSIONS = 40
# A run but for the roles in which another release changes nothing; test_lossless leaves none out.
WHAT_DEPLOYS = "--skip-tags=base,bokehjs,certificate,nginx,acme"

Come = Callable[..., AbstractContextManager[CrowdProcess]]


def deployments(site: Site) -> list[dict[str, Any]]:
    """What the host says of its deployments."""
    told: list[dict[str, Any]] = json.loads(site.cli("release", "list", "--json"))
    return told


def serving(site: Site) -> str:
    """The deployment that serves."""
    (serving,) = [d["deployment"] for d in deployments(site) if d["state"] == "serving"]
    return str(serving)


def assert_serves(viewer: Visitor, deployment: str) -> None:
    """A deployment serves, and does what a viewer wants of it."""
    ticket = viewer.ticket("sliders")
    assert f"-{deployment}-" in ticket.slot
    with viewer.session(ticket) as session:
        session.change("offset", 4)
        session.wait_until(lambda: max(session.model("wave").data["y"]) > 4)


def assert_nobody_noticed(people: CrowdProcess, sessions: int = SESSIONS) -> None:
    """Every session moved to the end, every request and every visit was answered."""
    report = people.report
    assert report["dropped"] == []
    assert report["failed"] == []
    assert report["opened"] == sessions
    assert report["moves"] > sessions * 10
    assert report["requests"] > 100
    assert report["visits"] > 10


def said(run: CompletedProcess[str]) -> str:
    """What a run of the playbook said, in one line."""
    return " ".join(f"{run.stdout}{run.stderr}".split())
