"""What hardens a host can be tried, left out and upgraded, and nobody is cut off by it."""

import json
import subprocess

import pytest
from provisioned import Inventory, Site, poll
from visitor import Visitor

# A library that nginx and the site's programs have mapped, put in place anew as an upgrade does.
UPGRADE = r"""
import os, re, shutil
(path,) = set(re.findall(r"/\S*/libcrypto\.so\.3", open("/proc/%s/maps").read()))
shutil.copy2(path, path + ".new")
os.rename(path + ".new", path)
"""
# Every process of the site that runs code which is gone from the disk.
OUTDATED = r"""
import pathlib, re
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        if re.search(r"(?m)/libcrypto\.so\S* \(deleted\)$", (folder / "maps").read_text()):
            print((folder / "cmdline").read_text().replace("\0", " "))
    except (FileNotFoundError, ProcessLookupError):
        pass
"""


def root(site: Site, *command: str) -> str:
    return site.command(*command, user="root").stdout


def base(inventory: Inventory, site: Site, **options: object) -> tuple[int, str]:
    """Run the role over the network, as on a real host; its status and what it said."""
    way = {"ansible_host": site.plain_address[0], "ansible_ssh_common_args": "-o ProxyCommand=none"}
    chosen = ("--tags", "base", "--limit", site.name, "-e", json.dumps({**way, **options}))
    # How Ansible itself connects is what matters here.
    run = inventory.playbook("playbook.yml", *chosen, environment={"ANSIBLE_STRATEGY": "linear"})
    # The lock lasts as long as this connection, which is not that of other runs.
    config = f"{site.environment['STATE']}/ssh/config"
    subprocess.run(["ssh", "-F", config, "-O", "exit", site.plain_address[0]], check=False)
    return run.returncode, " ".join(run.stdout.split())


def rules(site: Site) -> str:
    return root(site, "nft", "list", "table", "inet", site.variables["site_name"].replace("-", "_"))


def way_in(site: Site) -> tuple[str, str]:
    return rules(site), root(site, "sshd", "-T")


@pytest.mark.parametrize(
    ("options", "lesson"),
    [
        (
            {"site_firewall_rules": [{"port": 22, "sources": ["192.0.2.1"]}, {"port": 443}]},
            "let this controller's address reach port 22, where ssh answers",
        ),
        # No client of today would agree to that.
        ({"__base_ssh_ciphers": ["3des-cbc"]}, "have Ansible connect with a key"),
    ],
)
def test_what_would_lock_the_operator_out_is_taken_back(inventory, site, options, lesson):
    before = way_in(site)
    status, said = base(inventory, site, base_trial_seconds=10, **options)
    assert status != 0
    assert lesson in said
    assert way_in(site) == before


def test_an_upgrade_of_a_library_cuts_nobody_off(site: Site, viewer: Visitor):
    nginx = root(site, "cat", "/run/nginx.pid").strip()
    with viewer.session(viewer.ticket("sliders")) as session:
        root(site, "python3", "-c", UPGRADE % nginx)
        before = root(site, "python3", "-c", OUTDATED)
        assert "app.slot" in before
        assert "nginx: master process" in before
        assert "gunicorn" in before
        root(site, f"{site.variables['site_name']}-after-upgrade")
        assert root(site, "cat", "/run/nginx.pid").strip() != nginx
        now = root(site, "python3", "-c", OUTDATED)
        assert "gunicorn" not in now
        # They drain, and whoever comes now is sent to others.
        assert "app.slot" in now
        session.change("offset", 2.5)
        poll(lambda: viewer.get("/healthz").status == 200, 20)
        poll(lambda: "app.slot" not in slot_of_a_visit(site, viewer), 60)
    assert root(site, "systemctl", "is-active", "nginx", "supervisor").split() == ["active"] * 2


def slot_of_a_visit(site: Site, viewer: Visitor) -> str:
    """The command of the slot that a visitor is sent to now, if it runs what is gone."""
    slot = viewer.ticket("sliders").slot
    lines = root(site, "python3", "-c", OUTDATED).splitlines()
    return "".join(line for line in lines if f"{slot}.sock" in line)


def parts(site: Site) -> set[str]:
    """What the role has on the host, of these kinds."""
    kinds = ("firewall", "sshd", "fail2ban", "apt", "restart", "policy", "sysctl", "journald")
    name = site.variables["site_name"]
    paths = root(site, "find", "/etc", "/usr/local/sbin", "-name", f"*{name}*").splitlines()
    return {kind for kind in kinds for path in paths if kind in path}


def test_what_is_left_out_is_taken_away_and_the_rest_stays(inventory, site):
    assert len(parts(site)) == 8
    root(site, "nft", "add", "table", "inet", "of_others")
    everything = site.variables["site_hardenings"]
    status, said = base(inventory, site, site_hardening_without=everything)
    assert status == 0, said
    assert root(site, "nft", "list", "tables").strip() == "table inet of_others"
    root(site, "nft", "delete", "table", "inet", "of_others")
    assert parts(site) == set()
    assert "passwordauthentication yes" in root(site, "sshd", "-T")
    assert root(site, "systemctl", "--failed", "--no-legend") == ""
