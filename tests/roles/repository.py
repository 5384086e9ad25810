"""What the tests of the roles read: this repository, and templates rendered as Ansible does."""

from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROOT = Path(__file__).parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())


def load(path: str) -> Any:
    """Parse a YAML file of the repository; a missing one is an empty mapping."""
    file = ROOT / path
    return (yaml.safe_load(file.read_text()) if file.exists() else None) or {}


def options(role: str) -> dict[str, Any]:
    """Describe the inputs of a role."""
    specs = load(f"roles/{role}/meta/argument_specs.yml")
    return dict(specs["argument_specs"]["main"]["options"])


def site_variables() -> dict[str, Any]:
    """Join the files of group_vars/all."""
    files = sorted((ROOT / "group_vars/all").glob("*.yml"))
    return {
        name: value for file in files for name, value in yaml.safe_load(file.read_text()).items()
    }


def trust(value: Any) -> Any:
    """Mark the strings in a value as templates, as Ansible does when it loads them."""
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, dict):
        return {trust(name): trust(item) for name, item in value.items()}
    if isinstance(value, list):
        return [trust(item) for item in value]
    return value


def evaluate(expression: str, variables: dict[str, Any]) -> Any:
    """Evaluate an expression of a variables file."""
    templar = Templar(loader=DataLoader(), variables=trust(variables))
    return templar.template(trust_as_template(expression))


def render(role: str, template: str, **variables: Any) -> str:
    """Render a template of a role with its defaults, its vars and these variables."""
    folder = ROOT / "roles" / role
    known = {
        "ansible_managed": "Ansible managed",
        **load(f"roles/{role}/defaults/main.yml"),
        **load(f"roles/{role}/vars/main.yml"),
        **variables,
    }
    templates = folder / "templates"
    templar = Templar(loader=DataLoader()).copy_with_new_env(
        searchpath=[str(templates)], available_variables=trust(known)
    )
    text = trust_as_template((templates / template).read_text())
    return str(templar.template(text, escape_backslashes=False))
