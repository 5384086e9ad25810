"""The role supervisor: the programs run, as whom and where they should, and ops can look."""

import json

import pytest

testinfra_hosts = ["ansible://app"]

# What supervisord itself says of its programs, for the one who may ask.
TELL_CONFIG = """
import json
from supervisor.options import ClientOptions
options = ClientOptions()
options.realize(["status"])
print(json.dumps(options.getServerProxy().supervisor.getAllConfigInfo()))
"""


@pytest.fixture(scope="module")
def wanted(site):
    """Names of the processes that run, as supervisorctl shows them."""
    slots = site.program("bokeh_apps")
    return [
        site.program("application"),
        site.program("steward"),
        site.program("warden"),
        *(f"{slots}:{slots}_{n}" for n in range(len(site.slots))),
    ]


@pytest.fixture(scope="module")
def spares(site):
    """Names of the processes that run only where a slot has to be replaced."""
    spares, first = site.program("bokeh_spares"), len(site.slots)
    numbers = range(first, first + len(site.variables["site_spare_names"]))
    return [f"{spares}:{spares}_{n}" for n in numbers]


@pytest.fixture(scope="module")
def pids(site, wanted):
    return {
        name: site.command("supervisorctl", "pid", name, user="root").stdout.strip()
        for name in wanted
    }


def test_ops_see_every_program_run_without_sudo(site, wanted, spares):
    assert (
        site.variables["site_ops_group"] in site.command("id", "--groups", "--name").stdout.split()
    )
    lines = [line.split() for line in site.attempt("supervisorctl", "status").stdout.splitlines()]
    states = {name: state for name, state, *_ in lines}
    assert states == dict.fromkeys(wanted, "RUNNING") | dict.fromkeys(spares, "STOPPED")


def test_other_users_cannot_ask_supervisord(site):
    users = ("site_app_user", "site_plots_user", "site_web_user")
    for user in ("nobody", *(site.variables[user] for user in users)):
        asked = site.attempt("supervisorctl", "status", user=user)
        assert asked.returncode != 0
        assert "RUNNING" not in asked.stdout


def test_programs_run_the_release_as_an_unprivileged_user(site, pids):
    for name, pid in pids.items():
        user = site.command("ps", "-o", "user:32=", "-p", pid).stdout.strip()
        # The steward starts programs and removes releases; it runs no plot and knows no secret.
        wanted = {"steward": "root", "bokeh_apps": site.variables["site_plots_user"]}
        assert user == wanted.get(name.split("-")[0], site.variables["site_app_user"])
        folder = site.command("readlink", f"/proc/{pid}/cwd", user="root").stdout.strip()
        assert folder == site.variables["site_release_dir"]


def test_there_is_a_process_for_every_slot(site, pids):
    commands = [site.command("ps", "-ww", "-o", "args=", "-p", pid).stdout for pid in pids.values()]
    named = [command.split("--name ")[1].split()[0] for command in commands if "--name " in command]
    assert sorted(named) == sorted(site.slots)


def test_programs_may_open_files_enough(site, pids):
    for pid in pids.values():
        limits = site.command("cat", f"/proc/{pid}/limits", user="root").stdout
        soft = next(line.split()[3] for line in limits.splitlines() if "Max open files" in line)
        assert int(soft) >= 4096


def test_the_steward_knows_no_secret(site, pids):
    told = site.command("cat", f"/proc/{pids[site.program('steward')]}/environ", user="root").stdout
    assert "SITE_DEPLOYMENT" in told
    for secret in site.secrets.values():
        assert secret not in told


def test_logs_are_rotated(site, wanted, spares):
    told = json.loads(site.python(TELL_CONFIG, "root"))
    assert len(told) == len(wanted) + len(spares)
    for program in told:
        assert program["stdout_logfile"].startswith(site.variables["site_log_dir"])
        assert program["stdout_logfile_maxbytes"] > 0
        assert program["stdout_logfile_backups"] > 0


def test_ops_read_the_logs_and_others_do_not(site):
    logs = site.command("ls", site.variables["site_log_dir"]).stdout.split()
    assert f"{site.program('application')}.log" in logs
    for log in logs:
        path = f"{site.variables['site_log_dir']}/{log}"
        assert site.attempt("cat", path).returncode == 0
        assert "Permission denied" in site.attempt("cat", path, user="nobody").stderr


def test_what_ops_may_ask_holds_no_secret(site):
    operator = site.command("id", "--user", "--name").stdout.strip()
    told = site.python(TELL_CONFIG, operator)
    assert site.program("bokeh_apps") in told
    for secret in site.secrets.values():
        assert secret not in told
