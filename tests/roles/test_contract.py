"""The contract that every role keeps, and the one file that joins them."""

import re

import pytest
import yaml
from repository import ROLES, ROOT, load, options, site_variables

WIRING = load("group_vars/all/wiring.yml")


def input_of(name: str) -> bool:
    return any(name in options(role) for role in ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_inputs_are_specified_and_have_a_default_or_are_required(role: str) -> None:
    required = {name for name, spec in options(role).items() if spec.get("required")}
    assert set(options(role)) - required == set(load(f"roles/{role}/defaults/main.yml"))


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_written_once(role: str) -> None:
    text = (ROOT / f"roles/{role}/meta/argument_specs.yml").read_text()
    assert not re.search(r"^\s*default:", text, re.MULTILINE)


@pytest.mark.parametrize("role", ROLES)
def test_names_carry_the_role(role: str) -> None:
    assert [name for name in options(role) if not name.startswith(f"{role}_")] == []
    internal = load(f"roles/{role}/vars/main.yml")
    assert [name for name in internal if not name.startswith(f"__{role}_")] == []


@pytest.mark.parametrize("role", ROLES)
def test_roles_know_nothing_of_each_other(role: str) -> None:
    others = "|".join(other for other in ROLES if other != role)
    foreign = re.compile(rf"\b(?:__)?(?:{others}|site|vault)_\w+|\bgroups\b|\bhostvars\b")
    code = [
        (path.name, match.group())
        for path in sorted((ROOT / "roles" / role).rglob("*"))
        if path.is_file() and path.parent.name not in ("meta", "__pycache__")
        for line in path.read_text().splitlines()
        if not line.lstrip().startswith("#")
        for part in re.findall(r"\{\{.*?\}\}|\{%.*?%\}|^\s*(?:that|when|until|loop):.*", line)
        for match in foreign.finditer(part)
    ]
    assert code == []


@pytest.mark.parametrize("role", ROLES)
def test_main_tasks_are_an_overview(role: str) -> None:
    assert len((ROOT / f"roles/{role}/tasks/main.yml").read_text().splitlines()) <= 60


@pytest.mark.parametrize("role", [role for role in ROLES if role != "packages"])
def test_packages_are_those_that_are_installed_in_one_transaction(role: str) -> None:
    """What apt installs for a role is in the list that the role shows, and known to be there."""
    files = sorted((ROOT / "roles" / role / "tasks").glob("*.yml"))
    tasks = [task for file in files for task in yaml.safe_load(file.read_text())]
    asked = [
        (task["ansible.builtin.apt"]["name"], task["when"])
        for task in tasks
        if "ansible.builtin.apt" in task
    ]
    wanted, installed = f"{role}_packages", f"{role}_installed_packages"
    once = [(f"{{{{ {wanted} }}}}", f"{wanted} is not subset({installed})")]
    assert asked == (once if wanted in options(role) else [])
    assert (installed in WIRING) is bool(asked)


def test_facts_are_set_in_one_place_only() -> None:
    tasks = (ROOT / "roles").glob("*/*/*.yml")
    found = [path for path in tasks if "set_fact" in path.read_text()]
    assert found == [ROOT / "roles/preflight/tasks/main.yml"]


def test_playbook_is_only_lists_of_roles() -> None:
    plays = yaml.safe_load((ROOT / "playbook.yml").read_text())
    keywords = {"name", "hosts", "gather_facts", "any_errors_fatal", "become", "roles"}
    assert [set(play) - keywords for play in plays] == [set()] * len(plays)
    entries = [entry for play in plays for entry in play["roles"]]
    assert sorted({entry["role"] for entry in entries}) == ROLES
    for entry in entries:
        assert entry.keys() <= {"role", "vars", "tags"}
        assert set(entry["tags"]) <= {"always", entry["role"]}
        assert entry.get("vars", {}).keys() <= options(entry["role"]).keys()


def test_wiring_feeds_inputs_that_exist() -> None:
    assert [name for name in WIRING if not input_of(name)] == []


@pytest.mark.parametrize("role", ROLES)
def test_wiring_feeds_every_required_input(role: str) -> None:
    required = {name for name, spec in options(role).items() if spec.get("required")}
    assert required <= set(WIRING)


def test_wiring_names_facts_that_exist() -> None:
    used = set(re.findall(r"\bsite_\w+", str(site_variables())))
    known = set(site_variables()) | set(site_variables()["site_options"])
    # The file of an environment's options, and the pattern that finds the names of all of these.
    assert used - known - {"site_w"} == set()


def test_every_role_that_touches_a_host_is_checked_beforehand() -> None:
    plays = yaml.safe_load((ROOT / "playbook.yml").read_text())
    (serving,) = (play for play in plays if play["name"] == "Serve the site")
    assert [entry["role"] for entry in serving["roles"]] == WIRING["preflight_roles"]


def test_the_example_explains_every_option() -> None:
    text = (ROOT / "inventory/example/group_vars/all/site.yml").read_text()
    explained = set(re.findall(r"^(?:# )?(site_\w+):", text, re.MULTILINE))
    assert explained == set(site_variables()["site_options"])
