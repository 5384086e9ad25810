"""The role app: the committed code, run by a user who cannot change it, and its database."""

import json
import subprocess

import pytest
from provisioned import REPOSITORY

testinfra_hosts = ["ansible://app"]

HASH_AS_GIT = """
import hashlib, os, sys
os.chdir(sys.stdin.read())
for folder, _, names in os.walk("app"):
    for name in names:
        if folder.endswith("__pycache__"):
            continue
        path = os.path.join(folder, name)
        with open(path, "rb") as file:
            content = file.read()
        print(hashlib.sha1(b"blob %d\\0" % len(content) + content).hexdigest(), path)
"""


def test_the_code_is_the_committed_code(site):
    committed = subprocess.run(
        [
            "git",
            "ls-tree",
            "-r",
            "--format=%(objectname) app/%(path)",
            site.variables["site_release"],
        ],
        check=True,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    release = site.variables["site_release_dir"]
    assert sorted(site.python(HASH_AS_GIT, "root", text=release).splitlines()) == sorted(committed)


@pytest.mark.parametrize("name", ["site_app_user", "site_plots_user"])
def test_the_users_cannot_sign_in_to_the_host(host, site, name):
    user = host.user(site.variables[name])
    assert user.shell == "/usr/sbin/nologin"
    assert user.groups == [user.name]
    assert user.uid < 1000
    with host.sudo():
        assert user.password in {"!", "*"}


@pytest.mark.parametrize(
    ("path", "owner", "mode"),
    [
        ("site_data_dir", "site_app_user", 0o750),
        # What these let whom do beyond that, test_access.py and test_sandbox.py find out.
        ("site_application_run_dir", None, 0o770),
        ("site_run_dir", None, 0o1770),
        ("site_release_dir", None, 0o755),
    ],
)
def test_directories_belong_to_whom_they_should(host, site, path, owner, mode):
    with host.sudo():
        folder = host.file(site.variables[path])
        assert folder.is_directory
        assert folder.user == (site.variables[owner] if owner else "root")
        assert folder.mode == mode


def test_the_database_is_out_of_reach_of_other_users(site):
    for user in ("nobody", site.variables["site_web_user"], site.variables["site_plots_user"]):
        listing = site.attempt("ls", site.variables["site_data_dir"], user=user)
        assert "Permission denied" in listing.stderr


def test_readers_and_writers_of_the_database_do_not_wait_for_each_other(site):
    script = (
        "import sqlite3, sys; database = sqlite3.connect(sys.stdin.read());"
        "print(*database.execute('PRAGMA journal_mode').fetchone())"
    )
    database = f"{site.variables['site_data_dir']}/site.db"
    assert site.python(script, site.variables["site_app_user"], text=database) == "wal"


def test_the_tables_fit_the_release(site):
    assert site.cli("database", "status") == "up to date"
    assert site.cli("database", "upgrade") == "up to date"


def test_the_first_administrator_exists(site):
    users = {
        user["name"]: user["active"] for user in json.loads(site.cli("user", "list", "--json"))
    }
    assert users[site.variables["app_admin_user"]] is True


def test_every_plot_is_found_and_opens(site):
    assert [line.split()[0] for line in site.cli("plot", "list").splitlines()] == [
        "bars",
        "explorer",
        "metrics",
        "sliders",
    ]
    assert site.cli("plot", "check") == "every plot can be built"
    assert site.cli("ready") == "every plot opens in every slot that takes visits"


def test_only_root_runs_the_command_line(site):
    refused = site.attempt(site.variables["site_command"], "user", "list")
    assert refused.returncode == 126
    assert "Permission denied" in refused.stderr


def test_a_refusal_of_the_command_line_is_one_sentence(site):
    refused = site.attempt(
        site.variables["site_command"], "user", "enable", "who-is-that", user="root"
    )
    assert refused.returncode == 1
    assert refused.stderr == "Error: there is no user named who-is-that\n"
