"""The role python: exactly the locked packages, in a place that the runtime user cannot change."""

import json
import re

import pytest

testinfra_hosts = ["ansible://app"]

LOCKED = re.compile(r"^(?P<name>[\w.-]+)(?:\[.*\])?==(?P<version>\S+)(?P<marker> ;)?", re.MULTILINE)


LIST = """
import json
from importlib.metadata import distributions
print(json.dumps({found.name: found.version for found in distributions()}))
"""
CHECK = """
from importlib.metadata import distributions, version
from packaging.requirements import Requirement
for found in distributions():
    for wanted in map(Requirement, found.requires or ()):
        if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
            if not wanted.specifier.contains(version(wanted.name), prereleases=True):
                print(found.name, "wants", wanted)
"""


def run(site, script):
    """What a script prints in the environment."""
    python = f"{site.variables['site_venv_dir']}/bin/python"
    return site.command(python, "-c", script).stdout


@pytest.fixture(scope="module")
def installed(site):
    listed = json.loads(run(site, LIST))
    return {name.lower().replace("_", "-"): version for name, version in listed.items()}


def test_the_locked_versions_are_installed_and_no_others(site, installed):
    lines = list(LOCKED.finditer(site.variables["site_lock"]))
    everywhere = {line["name"] for line in lines if not line["marker"]}
    assert "bokeh" in everywhere
    assert everywhere <= set(installed)
    assert set(installed.items()) <= {(line["name"], line["version"]) for line in lines}


def test_the_packages_fit_together(site):
    assert run(site, CHECK) == ""


def test_the_lock_that_was_installed_is_kept_beside_it(site):
    kept = site.command("cat", f"{site.variables['site_venv_dir']}/requirements.txt").stdout
    assert kept.strip() == site.variables["site_lock"].strip()


@pytest.mark.parametrize("user", ["site_app_user", "site_plots_user", "site_web_user"])
def test_the_runtime_users_cannot_change_the_code(site, user):
    command = ("find", site.variables["site_lib_dir"], "-not", "-type", "l", "-writable")
    assert site.command(*command, user=site.variables[user]).stdout == ""
    # The same question about their own sockets finds one: they were not just kept from looking.
    sockets = ("find", site.variables["site_run_dir"], "-name", "*.sock", "-writable")
    assert site.command(*sockets, user=site.variables[user]).stdout
