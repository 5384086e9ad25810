"""The role base: what a host lets in, whom it shuts out, and that it stays up to date by itself."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from provisioned import Site, poll

testinfra_hosts = ["ansible://app"]

# Where a stranger is, within the host: a network of its own, documented as nobody's.
HOST, STRANGER, FRIEND = "198.51.100.1", "198.51.100.2", "198.51.100.3"

# Sends wrong passwords from one of its addresses as fast as it can, and counts the answers.
ATTACK = """
import collections, http.client, json, re, socket, ssl, sys, urllib.parse
home, here, domain, origin, most = sys.argv[1:]
own = {"Host": urllib.parse.urlsplit(origin).netloc, "Origin": origin, "Referer": origin + "/"}
tls = ssl._create_unverified_context()
def ask(method, body="", **headers):
    asking = http.client.HTTPConnection(domain)
    plain = socket.create_connection((home, 443), 3, (here, 0))
    asking.sock = tls.wrap_socket(plain, server_hostname=domain)
    asking.request(method, "/login", body, {**own, **headers})
    answer = asking.getresponse()
    return answer, answer.read().decode()
counted = collections.Counter()
try:
    answer, page = ask("GET")
    token = re.search('name="csrf_token" value="([^"]+)"', page)[1]
    form = urllib.parse.urlencode({"csrf_token": token, "name": "stranger", "password": "x"})
    headers = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0],
               "Content-Type": "application/x-www-form-urlencoded"}
    for _ in range(int(most)):
        answer, _ = ask("POST", form, **headers)
        counted[answer.status] += 1
except TimeoutError:
    counted["none"] += 1
print(json.dumps(counted))
"""


def root(site: Site, *command: str) -> str:
    return site.command(*command, user="root").stdout


def answers(address: tuple[str, int]) -> bool:
    """Whether a port answers, from this machine."""
    try:
        socket.create_connection(address, 3).close()
    except OSError:
        return False
    return True


def ssh_over_the_network(site: Site, *options: str) -> subprocess.CompletedProcess[str]:
    """Connect to the port of ssh; everything else here reaches the host without a network."""
    config = Path(site.environment["STATE"]) / "ssh/config"
    way = (
        "LogLevel=INFO",
        "ControlPath=none",
        "ProxyCommand=none",
        f"HostName={site.plain_address[0]}",
        *options,
    )
    arguments = [argument for option in way for argument in ("-o", option)]
    return subprocess.run(
        ["ssh", "-F", config, *arguments, "-o", "ConnectTimeout=10", site.name, "true"],
        check=False,
        capture_output=True,
        text=True,
    )


@contextmanager
def listener(site: Site, port: int) -> Iterator[None]:
    """Have a service of no concern to the world listen on the host."""
    unit = f"base-test-{port}"
    serve = ("python3", "-m", "http.server", str(port), "--directory", "/usr/share/doc/sudo")
    root(site, "systemd-run", "--quiet", "--collect", f"--unit={unit}", *serve)
    try:
        poll(lambda: site.attempt("python3", "-c", KNOCK, str(port)).returncode == 0, 10)
        yield
    finally:
        root(site, "systemctl", "stop", unit)


KNOCK = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 3)"


def test_only_ssh_and_the_site_answer_from_outside(site):
    address = site.plain_address[0]
    with listener(site, 8080):
        assert not answers((address, 8080))
        for port in (22, 80, 443):
            assert answers((address, port)), port


def test_the_firewall_is_a_table_of_its_own_and_back_after_a_flush(site):
    table = f"inet {site.variables['site_name'].replace('-', '_')}"
    root(site, "nft", "add", "table", "inet", "of_others")
    try:
        root(site, f"{site.variables['site_name']}-firewall", "load")
        tables = root(site, "nft", "list", "tables")
        assert "table inet of_others" in tables
        assert f"table {table}" in tables
    finally:
        root(site, "nft", "delete", "table", "inet", "of_others")
    unit = f"{site.variables['site_name']}-firewall.service"
    assert root(site, "systemctl", "is-enabled", unit).strip() == "enabled"
    # As the service nftables does with every table.
    root(site, "nft", "delete", "table", *table.split())
    root(site, "systemctl", "restart", unit)
    assert f"table {table}" in root(site, "nft", "list", "tables")


def test_ssh_lets_a_key_in_over_the_network(site):
    done = ssh_over_the_network(site)
    assert done.returncode == 0, done.stderr


def test_ssh_takes_no_passwords(site):
    done = ssh_over_the_network(
        site, "PubkeyAuthentication=no", "PreferredAuthentications=password,keyboard-interactive"
    )
    assert done.returncode == 255
    assert "Permission denied (publickey)" in done.stderr


@pytest.mark.parametrize(
    "weak",
    [
        "KexAlgorithms=diffie-hellman-group14-sha256",
        "Ciphers=aes128-cbc",
        "MACs=hmac-sha1",
        "HostKeyAlgorithms=ecdsa-sha2-nistp256",
    ],
)
def test_ssh_speaks_nothing_weak(site, weak):
    # A cipher with a checksum of its own would leave the choice of the MAC open.
    done = ssh_over_the_network(site, weak, *(["Ciphers=aes256-ctr"] if "MAC" in weak else []))
    assert done.returncode == 255
    assert "no matching" in done.stderr


def test_sshd_keeps_the_machines_own_host_keys(site):
    keys = root(site, "ls", "/etc/ssh").split()
    assert {"ssh_host_rsa_key", "ssh_host_ecdsa_key", "ssh_host_ed25519_key"} <= set(keys)


@pytest.fixture
def _network(site) -> Iterator[None]:
    """A network behind the host in which two addresses are."""
    commands = [
        "ip netns add base-test",
        "ip link add base-test type veth peer name eth0 netns base-test",
        f"ip addr add {HOST}/24 dev base-test",
        "ip link set base-test up",
        f"ip -n base-test addr add {STRANGER}/24 dev eth0",
        f"ip -n base-test addr add {FRIEND}/24 dev eth0",
        "ip -n base-test link set eth0 up",
    ]
    for command in commands:
        root(site, *command.split())
    yield
    root(site, "ip", "netns", "delete", "base-test")


def attack(site: Site, address: str, most: int) -> dict[str, int]:
    """Send wrong passwords from an address, and count the answers by status."""
    arguments = (HOST, address, site.domain, site.origin, str(most))
    told = root(site, "ip", "netns", "exec", "base-test", "python3", "-c", ATTACK, *arguments)
    return dict(json.loads(told))


def banned(site: Site) -> set[str]:
    told = root(site, "fail2ban-client", "get", site.variables["site_name"], "banip")
    return set(told.split())


@pytest.mark.usefixtures("_network")
def test_who_tries_passwords_on_and_on_is_shut_out_and_nobody_else(site):
    jail = site.variables["site_name"]
    # Fewer than it takes, after which the site alone turns them away.
    tried = attack(site, FRIEND, 20)
    assert tried.keys() <= {"401", "429"}
    assert sum(tried.values()) == 20
    assert STRANGER not in banned(site)
    attack(site, STRANGER, 110)
    try:
        poll(lambda: STRANGER in banned(site), 15)
        assert attack(site, STRANGER, 1) == {"none": 1}
    finally:
        root(site, "fail2ban-client", "set", jail, "unbanip", STRANGER)
    assert banned(site) == set()
    assert attack(site, FRIEND, 1).keys() <= {"401", "429"}
    assert attack(site, STRANGER, 1) == {"429": 1}


def test_the_host_itself_is_never_shut_out(site):
    for jail in ("sshd", site.variables["site_name"]):
        ignored = root(site, "fail2ban-client", "get", jail, "ignoreip")
        assert "127.0.0.0/8" in ignored
        assert "::1" in ignored


def test_only_security_upgrades_come_by_themselves(site):
    settings = root(site, "apt-config", "dump")
    assert 'APT::Periodic::Unattended-Upgrade "1";' in settings
    origins = re.findall(
        r'Unattended-Upgrade::(?:Origins-Pattern|Allowed-Origins):: "(.+)";', settings
    )
    assert origins
    assert [origin for origin in origins if "-security" not in origin] == []
    assert 'Unattended-Upgrade::Automatic-Reboot "false";' in settings


@pytest.mark.parametrize("service", ["nginx", "supervisor"])
def test_no_upgrade_restarts_what_has_people_on_it(site, service):
    def pid() -> str:
        return root(site, "systemctl", "show", "--property=MainPID", service)

    before = pid()
    # What the packages' own scripts do.
    root(site, "deb-systemd-invoke", "restart", f"{service}.service")
    assert pid() == before
    left_alone = (
        "$r = $nrconf{override_rc}; print grep { '%s.service' =~ $_ && !$r->{$_} } keys %%$r"
    )
    folder = "/etc/needrestart/conf.d"
    script = f"do '{folder}/{site.variables['site_name']}.conf' // die; {left_alone % service}"
    assert service in root(site, "perl", "-e", script)


def test_other_services_are_restarted_as_ever(site):
    before = root(site, "systemctl", "show", "--property=MainPID", "fail2ban")
    root(site, "deb-systemd-invoke", "restart", "fail2ban.service")
    assert root(site, "systemctl", "show", "--property=MainPID", "fail2ban") != before


def test_the_kernels_parameters_exist(site):
    lines = root(site, "cat", f"/etc/sysctl.d/60-{site.variables['site_name']}.conf").splitlines()
    names = [line.partition(" =")[0] for line in lines if "=" in line]
    assert len(names) > 20
    paths = [f"/proc/sys/{name.replace('.', '/')}" for name in names]
    # Those that start with - are there on some kernels only.
    told = site.attempt("ls", "-d", *(path for path in paths if "/-" not in path))
    assert told.stderr == ""


def test_the_journal_is_kept_and_limited(site):
    logged = root(site, "journalctl", "--unit=systemd-journald", "--output=cat", "--lines=20")
    assert re.search(r"System Journal \(/var/log/journal/.*max 500(\.0)?M", logged)


def test_the_clock_is_set_from_the_network(site):
    states = {
        daemon: site.attempt("systemctl", "is-enabled", daemon).stdout.strip()
        for daemon in site.variables["site_time_daemons"]
    }
    assert "enabled" in states.values(), states


def test_apparmor_is_enabled(site):
    assert root(site, "systemctl", "is-enabled", "apparmor").strip() == "enabled"


def test_upgraded_code_reaches_what_runs(site):
    told = root(site, "systemctl", "cat", "apt-daily-upgrade.service")
    assert f"ExecStartPost=/usr/local/sbin/{site.variables['site_name']}-after-upgrade" in told
    root(site, f"{site.variables['site_name']}-after-upgrade")
