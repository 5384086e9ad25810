"""What the code of a plot may not do, tried by one that supervisord runs as it runs all others."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from tempfile import gettempdir
from typing import Any

import pytest
from beside import Beside, copied
from provisioned import Site
from visitor import Ticket, Visitor

from app.session_ids import Visit, mint_token
from app.wire import PREFIX

testinfra_hosts = ["ansible://app"]

PROGRAM = "test-malicious"
TEMPORARY = gettempdir()
INSTALLERS = ("ar", "as", "c++", "cc", "clang", "g++", "gcc", "ld", "make", "pip", "pip3", "uv")
MOST = {"nginx": 3.0, "supervisor": 5.0}

# The definition of the host's own slots, but for where this one is: it has all of their settings.
DEFINE = """
import configparser, json, os, re, sys
told = json.load(sys.stdin)
parser = configparser.RawConfigParser()
parser.read(told["definitions"])
(section,) = (name for name in parser.sections() if name.startswith("program:bokeh_apps-"))
known = dict(parser[section])
command = re.sub("(?<=--name )[^ ]+", told["slot"], known["command"])
known["command"] = re.sub("(?<=--unix-socket )[^ ]+", told["socket"], command)
known |= {"directory": told["folder"], "stdout_logfile": told["log"], "numprocs": "1"}
known |= {"process_name": "%(program_name)s", "autorestart": "false", "stopwaitsecs": "1"}
with open(os.open(told["path"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
    lines = (f"{name}={value}" for name, value in known.items())
    print(f"[program:{told['program']}]", *lines, sep="\\n", file=file)
"""


@dataclass(frozen=True)
class Malice:
    """What a malicious plot tried, and what came of it.

    Attributes:
        uid: As which user it ran.
        groups: In which groups.
        users: Whose processes it saw.
        environment: Names of the variables of its environment.
        status: What the kernel says of its process.
        installers: Programs that it found, and that bring code onto a host.
        tried: How each try ended: ``done``, or the name of an error.
    """

    uid: int
    groups: list[int]
    users: list[int]
    environment: list[str]
    status: str
    installers: list[str]
    tried: dict[str, str]

    def outcomes(self, kind: str) -> dict[str, str]:
        """How the tries of one kind ended, by what they were tried on; there were some."""
        found = {
            name.removeprefix(kind).strip(): outcome
            for name, outcome in self.tried.items()
            if name.startswith(kind)
        }
        assert found
        return found


def pid_of(site: Site, program: str) -> int:
    """Process id of a program."""
    return int(site.command("supervisorctl", "pid", program, user="root").stdout)


def main_pid(site: Site, service: str) -> int:
    """Main process id of a service."""
    command = ("systemctl", "show", "--property=MainPID", "--value", service)
    return int(site.command(*command).stdout)


@pytest.fixture(scope="module")
def others(site: Site) -> list[int]:
    """Processes that are none of a plot's business."""
    programs = [pid_of(site, site.program(name)) for name in ("application", "warden", "steward")]
    return [*programs, main_pid(site, "supervisor"), main_pid(site, "nginx")]


@pytest.fixture(scope="module")
def of_the_application(site: Site) -> Iterator[str]:
    """A file of the application's among those of the slots."""
    path = f"{site.variables['site_run_dir']}/test-of-the-application"
    site.command("touch", path, user=site.variables["site_app_user"])
    yield path
    site.command("rm", path, user="root")


@pytest.fixture(scope="module")
def malice(
    site: Site, passwords: dict[str, str], others: list[int], of_the_application: str
) -> Malice:
    """The plot, opened once."""
    v = site.variables
    website = f"{v['site_application_run_dir']}/{site.program('application')}.sock"
    targets: dict[str, Any] = {
        "read": [
            *(f"/proc/{pid}/environ" for pid in (*others, "self")),
            f"{v['site_data_dir']}/site.db",
            f"{v['site_records_dir']}/{v['site_deployment']}",
            f"{v['site_programs_dir']}/{v['site_deployment']}.conf",
            f"{v['site_log_dir']}/{site.program('application')}.log",
            "/var/log/nginx/access.log",
            v["site_certificate_key"],
            "/etc/shadow",
            "/etc/ssh/ssh_host_ed25519_key",
        ],
        "list": ["/home", "/root", v["site_data_dir"], v["site_application_run_dir"]],
        "write": [
            *("/", "/etc", "/usr", "/usr/local/bin", "/var", "/home", "/dev"),
            *(v["site_lib_dir"], v["site_release_dir"], f"{v['site_release_dir']}/app/plots"),
            *(v["site_venv_dir"], v["site_bokehjs_dir"], v["site_records_dir"]),
            *(v["site_programs_dir"], v["site_data_dir"], v["site_application_run_dir"]),
            *(v["site_log_dir"], TEMPORARY),
        ],
        "connect": [
            *(website, v["site_supervisor_socket"]),
            *("/run/dbus/system_bus_socket", "/run/systemd/journal/stdout"),
        ],
        "remove": [of_the_application],
        "signal": others,
        "installers": INSTALLERS,
    }
    with copied(site, "malicious.py", 97) as copy:
        copy.write("targets.json", json.dumps(targets))
        with served(copy):
            told = what_it_tells(site, copy, passwords["alice"])
    return Malice(**told)


@contextmanager
def served(copy: Beside) -> Iterator[None]:
    """Have supervisord run the copy's slot, shut in as all of its programs are."""
    site, variables = copy.site, copy.site.variables
    path = f"{variables['site_programs_dir']}/{PROGRAM}.conf"
    log = f"{variables['site_log_dir']}/{PROGRAM}.log"
    told = {
        "definitions": f"{variables['site_programs_dir']}/{variables['site_deployment']}.conf",
        "program": PROGRAM,
        "path": path,
        "log": log,
        "folder": copy.folder,
        "slot": copy.slot,
        "socket": copy.socket,
    }
    site.python(DEFINE, "root", text=json.dumps(told))
    site.command("supervisorctl", "reread", user="root")
    try:
        site.command("supervisorctl", "add", PROGRAM, user="root")
        copy.wait()
        yield
    finally:
        for verb in ("stop", "remove"):
            site.command("supervisorctl", verb, PROGRAM, user="root")
        site.command("rm", "--force", path, log, user="root")
        site.command("supervisorctl", "reread", user="root")


def what_it_tells(site: Site, copy: Beside, password: str) -> dict[str, Any]:
    """Open the plot as a viewer."""
    alice = Visitor(site)
    assert alice.sign_in("alice", password).status == 303
    visit = Visit.of_session(alice.ticket("sliders").session_id)
    token = mint_token(replace(visit, plot="malicious", slot=copy.slot), site.bokeh_key)
    with alice.session(Ticket(token, f"{PREFIX}/{copy.slot}/malicious")) as session:
        told: dict[str, Any] = json.loads(session.model("told").text)
        return told


def test_a_plot_runs_as_a_user_of_its_own(site, malice):
    user = site.variables["site_plots_user"]
    assert malice.uid == int(site.command("id", "--user", user).stdout)
    assert malice.groups == [int(site.command("id", "--group", user).stdout)]


def test_a_plot_has_the_settings_of_a_slot_and_no_others(malice):
    known = {name for name in malice.environment if name.startswith("SITE_")}
    assert known == {
        *("SITE_BOKEH_SECRET_KEY", "SITE_ORIGINS", "SITE_RELEASE"),
        *("SITE_PLOT_SETTINGS", "SITE_PLOT_BUILD_SECONDS", "SITE_MESSAGE_MAX_MB"),
    }


def test_a_plot_reads_nobody_elses_secrets(malice):
    """Keys, the database, the logs, and what other processes were started with."""
    outcomes = malice.outcomes("read")
    # What it may read shows that it really read.
    assert outcomes.pop("/proc/self/environ") == "done"
    assert set(outcomes.values()) <= {"PermissionError", "FileNotFoundError"}, outcomes


def test_a_plot_sees_no_home_and_no_directory_of_the_application(malice):
    outcomes = malice.outcomes("list")
    # A home that is hidden is an empty one.
    assert set(outcomes.values()) <= {"PermissionError"}, outcomes


def test_a_plot_writes_nothing_but_temporary_files(malice):
    outcomes = malice.outcomes("write")
    assert outcomes.pop(TEMPORARY) == "done"
    assert set(outcomes.values()) <= {"PermissionError", "OSError"}, outcomes


def test_a_plot_removes_nothing_that_is_not_its_own(malice):
    assert set(malice.outcomes("remove").values()) == {"PermissionError"}


def test_a_plot_reaches_neither_the_website_nor_supervisord_nor_the_system(malice):
    assert set(malice.outcomes("connect").values()) == {"PermissionError"}


def test_a_plot_cannot_hold_what_root_waits_for(site):
    variables = site.variables
    locks = (
        *(variables["site_records_dir"], variables["site_lock_file"]),
        f"{variables['site_certificate_dir']}/lock",
    )
    for lock in locks:
        site.command("flock", "--nonblock", lock, "true", user="root")
        held = site.attempt("flock", "--nonblock", lock, "true", user=variables["site_plots_user"])
        assert "Permission denied" in held.stderr


def test_a_plot_sees_and_signals_no_other_users_process(malice, others):
    assert malice.users == [malice.uid]
    outcomes = malice.outcomes("signal")
    assert len(outcomes) == len(others)
    assert set(outcomes.values()) == {"PermissionError"}


@pytest.mark.parametrize(
    ("attempt", "outcome"),
    [
        ("ptrace", "PermissionError"),
        ("unshare", "PermissionError"),
        ("writable code", "PermissionError"),
        ("setuid", "PermissionError"),
        # The kernel knows no such sockets here.
        ("packet", "OSError"),
        ("netlink", "OSError"),
    ],
)
def test_a_plot_gets_nothing_from_the_kernel_that_plots_do_not_need(malice, attempt, outcome):
    assert malice.tried[attempt] == outcome


def test_a_plot_gets_no_right_by_running_something(malice):
    fields = dict(line.split(":\t", 1) for line in malice.status.splitlines())
    assert fields["NoNewPrivs"] == "1"
    assert {fields[f"Cap{kind}"].strip("0") for kind in ("Prm", "Eff", "Inh", "Amb")} == {""}


def test_a_plot_finds_no_compiler_and_no_installer(malice):
    assert malice.installers == []
    outcomes = malice.outcomes("/")
    assert len(outcomes) == 4
    assert set(outcomes.values()) == {"CalledProcessError"}


def test_a_plot_that_is_checked_before_it_is_installed_knows_no_more(site):
    variables = site.variables
    record = f"{variables['site_records_dir']}/{variables['site_deployment']}"
    check = f"cat {record} - | {variables['site_command']} --deployment - plot check"
    with copied(site, "confessing.py", 96) as copy:
        text = f"SITE_RELEASE_DIR={copy.folder}\n"
        failed = site.attempt("sh", "-c", check, user="root", text=text)
    assert failed.returncode == 1
    uid, *given = failed.stderr.split("RuntimeError: ")[1].split("\n")[0].strip("'\") ").split()
    assert uid == site.command("id", "--user", variables["site_plots_user"]).stdout.strip()
    assert short_digest(site.secrets["vault_bokeh_secret_key"]) in given
    assert short_digest(site.secrets["vault_flask_secret_key"]) not in given
    assert short_digest(f"sqlite:///{variables['site_data_dir']}/site.db") not in given


def short_digest(value: str) -> str:
    """As the plot tells of a value."""
    return sha256(value.encode()).hexdigest()[:8]


@pytest.mark.parametrize("service", MOST)
def test_the_services_are_shut_in(site, service):
    told = site.command("systemd-analyze", "security", "--no-pager", service, user="root").stdout
    score = float(told.rsplit("level for", 1)[1].split(": ")[1].split()[0])
    site.observed.append(f"{service} {score}")
    assert score <= MOST[service]


@pytest.mark.parametrize("service", MOST)
def test_what_runs_was_started_shut_in(site, service):
    """What systemd knows of a service and what its process has may differ until a restart."""
    status = site.command("cat", f"/proc/{main_pid(site, service)}/status", user="root").stdout
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["NoNewPrivs"] == "1"
    assert fields["Seccomp"] == "2"
