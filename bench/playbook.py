"""The second run of the playbook, beside a playbook of as many empty tasks."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any
from urllib.parse import urlsplit

from bench.commands import environment, run
from bench.host import LocalHost

# What works on the controller, without a word to the host.
_ON_CONTROLLER = {"assert", "debug", "fail", "include_tasks", "include_vars", "set_fact"}
_ON_CONTROLLER |= {"validate_argument_spec"}


def measure(host: LocalHost) -> dict[str, float]:
    """Run both in turn; seconds of each."""
    port = str(urlsplit(host.login["url"]).port)
    plays, taken = _run("playbook.yml", port)
    empty = Path(environment()["STATE"]) / "empty.json"
    empty.write_text(json.dumps([_emptied(play) for play in plays]))
    seconds: dict[str, list[float]] = {"playbook.yml": [taken], str(empty): []}
    # In turn, so that what else the machine does hits both.
    for playbook in (str(empty), "playbook.yml", str(empty)):
        seconds[playbook].append(_run(playbook, port)[1])
    return {
        "second": mean(seconds["playbook.yml"]),
        "empty": mean(seconds[str(empty)]),
        "tasks": sum(len(play["tasks"]) for play in plays),
    }


def _run(playbook: str, port: str) -> tuple[list[Any], float]:
    began = time.perf_counter()
    variables = {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "PORT": port}
    told = run(["ansible-playbook", "--inventory=inventory/local", playbook], variables=variables)
    seconds = time.perf_counter() - began
    return json.loads(told[told.index("{") :])["plays"], seconds


def _emptied(play: Any) -> dict[str, Any]:
    """A play with an empty task in place of each, on the side where that works.

    A task that is skipped or loops is one task too.
    """
    tasks = list(_emptied_tasks(play))
    return {"hosts": "app", "gather_facts": False, "become": True, "tasks": tasks}


def _emptied_tasks(play: Any) -> Iterator[dict[str, Any]]:
    for task in play["tasks"]:
        for result in task["hosts"].values():
            if result["action"].rpartition(".")[2] in _ON_CONTROLLER:
                yield {"ansible.builtin.assert": {"that": True, "quiet": True}}
            else:
                yield {"ansible.builtin.ping": {}, "when": not result.get("skipped", False)}
