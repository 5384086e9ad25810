"""Running the playbook again: it changes nothing, takes a part at a time, and refuses mistakes."""

import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from subprocess import CompletedProcess
from threading import Lock

import pytest
import yaml
from provisioned import REPOSITORY, Inventory

testinfra_hosts = ["ansible://app"]

RECAP = re.compile(r"^(?P<host>\S+) +: (?P<counts>(?:\w+=\d+ *)+)$", re.MULTILINE)


def roles() -> list[str]:
    """The roles of the playbook that are named by a tag of their own."""
    plays = yaml.safe_load((REPOSITORY / "playbook.yml").read_text())
    return [
        role["role"] for play in plays for role in play["roles"] if role["role"] in role["tags"]
    ]


@dataclass(frozen=True)
class Mistake:
    """What an operator got wrong, and what the playbook has to say.

    Attributes:
        says: What the sentence names: what is wrong, and what to set.
        options: Values of the environment's options.
        environment: Changes of the process environment; None removes a variable.
        deploys: Whether it is found on the host, where one run at a time may deploy.
    """

    says: tuple[str, ...]
    options: dict[str, object] = field(default_factory=dict)
    environment: dict[str, str | None] = field(default_factory=dict)
    deploys: bool = False


MISTAKES = {
    "no domain": Mistake(("site_domain is not set: set it in", "site.yml"), {"site_domain": ""}),
    "a URL for a domain": Mistake(
        ("https://plots.test is neither a name nor an IP address", "set site_domain"),
        {"site_domain": "https://plots.test"},
    ),
    "an unknown kind of certificate": Mistake(
        ("site_certificate_kind is homemade", "set it to selfsigned, provided or acme"),
        {"site_certificate_kind": "homemade"},
    ),
    "a certificate that is not there": Mistake(
        (
            "site_certificate_chain_file",
            "PEM file",
            "site.yml",
            "site_certificate_kind to selfsigned",
        ),
        {"site_certificate_kind": "provided"},
    ),
    "an unknown option": Mistake(
        ("site_colour is not an option of this site", "site.yml", "The options are site_domain"),
        {"site_colour": "blue"},
    ),
    "an unknown setting of a plot": Mistake(
        ("site_plot_settings: bars has no setting colour; it has default_days, maximum_days",),
        {"site_plot_settings": {"bars": {"colour": 1}}},
        deploys=True,
    ),
    "a group or a plot that does not exist": Mistake(
        (
            "plot bars: site_plots names the group finance, which does not exist; there are ",
            "correct it, or add it to site_groups",
            "site_plots: there is no plot barz; there are bars, ",
        ),
        {"site_plots": {"bars": {"groups": ["finance"]}, "barz": {"groups": ["admin"]}}},
        deploys=True,
    ),
    "an unsupported system": Mistake(
        ("give group app in", "a host with one of Plan 9"),
        {"preflight_supported_systems": ["Plan 9"]},
    ),
    "no vault": Mistake(
        ("There is no ", "nowhere/vault.yml: create it with", "-e secrets_create=true"),
        {"secrets_file": "/nowhere/vault.yml", "secrets_create": False},
    ),
    "a wrong vault password": Mistake(
        ("cannot be decrypted with the vault password that is set", "ANSIBLE_VAULT_PASSWORD_FILE"),
        environment={"ANSIBLE_VAULT_PASSWORD_FILE": "{wrong_password}"},
    ),
    "no vault password": Mistake(
        ("cannot be decrypted without", "ANSIBLE_VAULT_PASSWORD_FILE"),
        environment={"ANSIBLE_VAULT_PASSWORD_FILE": None},
    ),
}

Run = CompletedProcess[str]


@pytest.fixture(scope="session")
def refusals(
    inventory: Inventory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Run]]]:
    """How the playbook went with every mistake: they stop early, and run side by side."""
    wrong_password = tmp_path_factory.mktemp("vault") / "password"
    wrong_password.write_text("not the password")
    turn = Lock()

    def run(mistake: Mistake) -> Run:
        changed = {
            name: value and value.format(wrong_password=wrong_password)
            for name, value in mistake.environment.items()
        }
        options = ("-e", json.dumps(mistake.options))
        with turn if mistake.deploys else nullcontext():
            return inventory.playbook("playbook.yml", *options, environment=changed)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {name: pool.submit(run, mistake) for name, mistake in MISTAKES.items()}


@pytest.fixture(scope="session")
def checked(inventory: Inventory) -> Run:
    """How a run that only looks went."""
    return inventory.playbook("playbook.yml", "--check", "--diff")


@pytest.fixture(scope="session")
def runs_by_role(inventory: Inventory) -> dict[str, Run]:
    """How the playbook went with each role alone."""
    return {role: inventory.playbook("playbook.yml", "--tags", role) for role in roles()}


def counts(run: Run, host: str) -> dict[str, int]:
    """What the recap of a run says of a host."""
    for line in RECAP.finditer(run.stdout):
        if line["host"] == host:
            pairs = (pair.split("=") for pair in line["counts"].split())
            return {name: int(count) for name, count in pairs}
    raise AssertionError(run.stdout + run.stderr)


def test_a_check_of_a_provisioned_host_finds_nothing_to_do(site, checked):
    assert checked.returncode == 0, checked.stdout
    told = counts(checked, site.name)
    assert (told["changed"], told["failed"], told["ignored"]) == (0, 0, 0), checked.stdout
    assert told["ok"] > 30


@pytest.mark.once
@pytest.mark.parametrize("role", roles())
def test_each_role_runs_alone(site, nobody, runs_by_role, role):
    run = runs_by_role[role]
    assert run.returncode == 0, run.stdout
    told = counts(run, site.name)
    assert (told["changed"], told["failed"], told["ignored"]) == (0, 0, 0), run.stdout
    # The inputs of every role are always checked, and the secrets always loaded.
    ran = set(re.findall(r"TASK \[(\w+) : (?!Validating)", run.stdout))
    assert ran & set(roles()) == {role, "secrets"}
    assert nobody.get("/healthz").status == 200


@pytest.mark.once
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_in_a_sentence_before_anything_is_touched(site, refusals, mistake):
    run = refusals[mistake].result()
    said = re.sub(r"\s+", " ", run.stdout + run.stderr)
    assert run.returncode != 0
    for part in MISTAKES[mistake].says:
        assert part in said
    for line in RECAP.finditer(run.stdout):
        assert "changed=0" in line["counts"], run.stdout
    for secret in site.secrets.values():
        assert secret not in said


@pytest.mark.once
def test_the_example_environment_is_complete(site):
    """It names every option of the site, and no other."""
    text = (REPOSITORY / "inventory/example/group_vars/all/site.yml").read_text()
    named = set(re.findall(r"^(?:# ?)?(site_\w+):", text, re.MULTILINE))
    assert named == set(site.variables["site_options"])
