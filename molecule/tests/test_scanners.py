"""What those say who look at hosts for a living: TLS, nginx, SSH and the services' sandboxes."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from provisioned import REPOSITORY, Site

testinfra_hosts = ["ansible://app"]

SSLYZE = REPOSITORY / ".venv/sslyze/bin/sslyze"
VERDICT = re.compile(
    r"^    (?P<server>\S+): (?P<verdict>(?:OK|FAILED|ERROR) .*(?:\n {8}.*)*)", re.MULTILINE
)
# ssh-audit's own policies for the systems, by what a system calls itself.
POLICIES = {
    "debian 12": "Hardened Debian 12 (version 3)",
    "debian 13": "Hardened Debian 13 (version 1)",
    "ubuntu 22.04": "Hardened Ubuntu Server 22.04 LTS (version 6)",
    "ubuntu 24.04": "Hardened Ubuntu Server 24.04 LTS (version 2)",
}
# systemd-analyze: from 0, all that can be taken away is, to 10.
MOST_EXPOSED = {"nginx": 3.0, "supervisor": 5.0}


def scan(*command: object) -> str:
    """What a scanner prints, whatever it found."""
    arguments = [str(argument) for argument in command]
    done = subprocess.run(arguments, check=False, capture_output=True, text=True)
    assert done.stdout, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def verdicts(sites: Mapping[str, Site], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What sslyze says of the TLS of every host, by the host's name."""
    trusted = tmp_path_factory.mktemp("sslyze") / "trusted.pem"
    trusted.write_text("\n".join(site.certificate for site in sites.values()))
    servers = {
        f"{site.domain}:{port}": (name, f"{site.domain}:{port}{{{host}}}")
        for name, site in sites.items()
        for host, port in [site.address]
    }
    told = scan(
        SSLYZE,
        "--mozilla_config=intermediate",
        f"--certinfo_ca_file={trusted}",
        *(target for _, target in servers.values()),
    )
    found = VERDICT.findall(told.partition("COMPLIANCE AGAINST")[2])
    assert len(found) == len(servers), told
    return {servers[server][0]: verdict for server, verdict in found}


def test_tls_is_what_mozilla_calls_intermediate(site, verdicts):
    assert verdicts[site.name] == "OK - Compliant."


def test_nothing_weighty_is_wrong_with_the_configuration_of_nginx(site, tmp_path: Path):
    dump = tmp_path / "nginx.conf"
    dump.write_text(site.command("nginx", "-T", user="root").stdout)
    told = json.loads(scan("gixy", "--format=json", dump))
    assert [issue for issue in told if issue["severity"] in {"MEDIUM", "HIGH"}] == []


def test_ssh_follows_the_policy_for_its_system(site):
    release = site.command("cat", "/etc/os-release").stdout.replace('"', "")
    told = dict(line.split("=", 1) for line in release.splitlines() if line)
    policy = POLICIES[f"{told['ID']} {told['VERSION_ID']}"]
    answer = json.loads(scan("ssh-audit", "--json", "-P", policy, site.plain_address[0]))
    assert answer["passed"], answer["errors"]


@pytest.mark.parametrize("service", MOST_EXPOSED)
def test_the_service_is_left_little(site, service):
    told = site.command("systemd-analyze", "security", "--no-pager", f"{service}.service").stdout
    exposure = re.search(r"Overall exposure level for .*: ([0-9.]+)", told)
    assert exposure, told
    assert float(exposure[1]) <= MOST_EXPOSED[service], told
