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
    """Names of the processes, as supervisorctl shows them."""
    return ["application", *(f"bokeh_apps:bokeh_apps_{n}" for n in range(len(site.slots)))]


@pytest.fixture(scope="module")
def pids(site, wanted):
    return {
        name: site.command("supervisorctl", "pid", name, user="root").stdout.strip()
        for name in wanted
    }


def test_ops_see_every_program_run_without_sudo(site, wanted):
    assert (
        site.variables["site_ops_group"] in site.command("id", "--groups", "--name").stdout.split()
    )
    lines = [line.split() for line in site.command("supervisorctl", "status").stdout.splitlines()]
    assert {name: state for name, state, *_ in lines} == dict.fromkeys(wanted, "RUNNING")


def test_other_users_cannot_ask_supervisord(site):
    for user in ("nobody", site.variables["site_app_user"], site.variables["site_web_user"]):
        asked = site.attempt("supervisorctl", "status", user=user)
        assert asked.returncode != 0
        assert "RUNNING" not in asked.stdout


def test_programs_run_the_release_as_an_unprivileged_user(site, pids):
    for pid in pids.values():
        assert (
            site.command("ps", "-o", "user:32=", "-p", pid).stdout.strip()
            == site.variables["site_app_user"]
        )
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


def test_logs_are_rotated(site, wanted):
    told = json.loads(site.python(TELL_CONFIG, "root"))
    assert len(told) == len(wanted)
    for program in told:
        assert program["stdout_logfile"].startswith(site.variables["site_log_dir"])
        assert program["stdout_logfile_maxbytes"] > 0
        assert program["stdout_logfile_backups"] > 0


def test_ops_read_the_logs_and_others_do_not(site):
    logs = site.command("ls", site.variables["site_log_dir"]).stdout.split()
    assert "application.log" in logs
    for log in logs:
        path = f"{site.variables['site_log_dir']}/{log}"
        assert site.attempt("cat", path).returncode == 0
        assert "Permission denied" in site.attempt("cat", path, user="nobody").stderr


def test_what_ops_may_ask_holds_no_secret(site):
    operator = site.command("id", "--user", "--name").stdout.strip()
    told = site.python(TELL_CONFIG, operator)
    assert "bokeh_apps_0" in told
    for secret in site.secrets.values():
        assert secret not in told
