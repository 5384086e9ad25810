"""The role secrets: encrypted on the controller, and readable by nobody else on the host."""

import json
import stat
from pathlib import Path

import pytest

testinfra_hosts = ["ansible://app"]

PLACES = [f"/{name}" for name in ("etc", "home", "opt", "root", "run", "srv", "tmp", "var")]

# What a user sees of other users' processes.
LOOK_AT_PROCESSES = """
import json, pathlib, sys
secrets = [secret.encode() for secret in json.load(sys.stdin)]
for path in pathlib.Path("/proc").glob("[0-9]*"):
    for what in ("cmdline", "environ"):
        try:
            content = (path / what).read_bytes()
        except OSError:
            continue
        if any(secret in content for secret in secrets):
            print(what)
"""


@pytest.fixture(scope="module")
def vault(site):
    return Path(site.variables["secrets_file"])


@pytest.fixture(scope="module")
def keys(site):
    return [site.secrets["vault_flask_secret_key"], site.secrets["vault_bokeh_secret_key"]]


def test_the_vault_holds_every_secret_and_nothing_in_plain_text(site, vault):
    text = vault.read_text()
    assert text.startswith("$ANSIBLE_VAULT;")
    assert set(site.secrets) == {secret["name"] for secret in site.variables["secrets_wanted"]}
    assert len(set(site.secrets.values())) == len(site.secrets)
    for secret in site.secrets.values():
        assert len(secret) >= 20
        assert secret not in text


def test_only_its_owner_reads_the_vault(vault):
    assert stat.S_IMODE(vault.stat().st_mode) == 0o600


def test_no_secret_is_beside_the_vault(site, vault):
    others = [path for path in vault.parent.rglob("*") if path.is_file() and path != vault]
    for path in others:
        content = path.read_bytes()
        for secret in site.secrets.values():
            assert secret.encode() not in content, path


def test_files_with_keys_are_readable_by_root_only(site, keys):
    files = site.found_in(PLACES, keys)
    assert len(files) >= 2, "the programs must have their keys from somewhere"
    for file in files:
        told = site.command("stat", "--format=%U %G %a", file, user="root").stdout.split()
        assert told == ["root", "root", "600"], file


def test_the_administrators_password_is_nowhere_on_the_host(site):
    assert site.found_in(PLACES, [site.secrets["vault_admin_password"]]) == []


def test_no_user_sees_a_secret_of_a_running_process(site):
    secrets = json.dumps(list(site.secrets.values()))
    operator = site.command("id", "--user", "--name").stdout.strip()
    for user in ("nobody", operator, site.variables["site_web_user"]):
        assert site.python(LOOK_AT_PROCESSES, user, text=secrets) == ""
    # Root sees them in the environment, but not on a command line.
    assert set(site.python(LOOK_AT_PROCESSES, "root", text=secrets).split()) == {"environ"}


def test_a_slot_does_not_know_the_key_of_the_login_cookies(site):
    slots = site.program("bokeh_apps")
    pid = site.command("supervisorctl", "pid", f"{slots}:{slots}_0", user="root").stdout
    environment = site.command("cat", f"/proc/{pid.strip()}/environ", user="root").stdout
    assert site.secrets["vault_bokeh_secret_key"] in environment
    assert site.secrets["vault_flask_secret_key"] not in environment
    assert "SITE_DATABASE_URL" not in environment
