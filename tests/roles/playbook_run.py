"""Runs of the playbook that stay on the controller: its hosts cannot be reached."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from repository import ROOT

COMMANDS = Path(sys.executable).parent
# Whoever gets past the checks is told that nobody answers here.
UNREACHABLE = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_user": "nobody"}


@dataclass(frozen=True)
class Run:
    """What came of a run of the playbook."""

    output: str
    status: int
    changed: int
    unreachable: int
    messages: dict[str, list[str]]
    """What each host's failed tasks said, except where it is hidden."""

    @property
    def sentence(self) -> str:
        """The one sentence that stopped the run, before anything was touched."""
        assert self.status != 0, self.output
        assert (self.changed, self.unreachable) == (0, 0), self.output
        ((message,),) = self.messages.values()
        return message


class Environment:
    """A folder with an inventory and its options."""

    def __init__(self, folder: Path, password_file: Path) -> None:
        self.folder = folder
        self.password_file: Path | None = password_file
        self.vault = folder / "vault.yml"
        self.options_file = folder / "group_vars/all/site.yml"
        self.options_file.parent.mkdir(parents=True)
        self.write_options({"site_domain": "plots.test"})
        self.write_hosts({"plots1": {}})

    def write_options(self, options: dict[str, Any]) -> None:
        """Replace the options of the whole environment."""
        self.options_file.write_text(yaml.safe_dump(options))

    def write_hosts(self, hosts: dict[str, dict[str, Any]]) -> None:
        """Replace the hosts; each may have options of its own."""
        groups = {"app": {"hosts": hosts, "vars": UNREACHABLE}}
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(groups))

    def run(self, *arguments: str, playbook: Path = ROOT / "playbook.yml") -> Run:
        """Run the part of a playbook that checks the inputs and loads the secrets."""
        program = COMMANDS / "ansible-playbook"
        command = [program, "-i", self.folder, playbook, "--tags", "secrets", *arguments]
        inherited = {
            name: os.environ[name] for name in os.environ if not name.startswith("ANSIBLE_")
        }
        variables = {
            **inherited,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.folder.with_name("ansible")),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        }
        if self.password_file:
            variables["ANSIBLE_VAULT_PASSWORD_FILE"] = str(self.password_file)
        done = subprocess.run(
            command, env=variables, cwd=self.folder, capture_output=True, text=True, check=False
        )
        result = json.loads(done.stdout[done.stdout.index("{") :])
        return Run(
            output=done.stdout + done.stderr,
            status=done.returncode,
            changed=sum(host["changed"] for host in result["stats"].values()),
            unreachable=sum(host["unreachable"] for host in result["stats"].values()),
            messages=_messages(result),
        )


def _messages(result: dict[str, Any]) -> dict[str, list[str]]:
    messages: dict[str, list[str]] = {}
    for play in result["plays"]:
        for task in play["tasks"]:
            for name, host in task["hosts"].items():
                for item in host.get("results", [host]):
                    if item.get("failed") and "censored" not in item:
                        messages.setdefault(name, []).append(item["msg"])
    return messages
