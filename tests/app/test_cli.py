"""The command line, as an operator's scripts use it."""

import json
import os
import re
import subprocess
import sys

import pytest
from support import PASSWORD, RELEASE, REPOSITORY, entries, sign_in

from app.people.audit import COMMAND_LINE, Event


def test_a_users_life(run):
    assert run("database", "status").stdout == "behind\n"
    assert run("database", "upgrade").stdout == "upgraded to 0002\n"
    assert run("database", "upgrade").stdout == "up to date\n"
    assert run("user", "add", "carol", stdin=PASSWORD).stdout == "created carol\n"
    assert run("user", "add", "carol", "--if-missing").stdout == "exists carol\n"
    assert run("user", "disable", "carol").stdout == "disabled carol\n"
    assert run("user", "list").stdout == "carol  disabled\n"
    assert run("user", "enable", "carol").exit_code == 0
    listed = json.loads(run("user", "list", "--json").stdout)
    assert listed == [{"name": "carol", "active": True, "groups": []}]
    assert run("user", "password", "carol", stdin=PASSWORD[::-1]).exit_code == 0
    assert run("user", "sign-out", "carol").stdout == "signed carol out everywhere\n"
    assert run("user", "remove", "carol").stdout == "removed carol\n"
    assert run("user", "list").stdout == ""


def test_a_groups_life(run):
    run("database", "upgrade")
    assert run("group", "add", "finance").stdout == "created finance\n"
    created = run("group", "add", "--if-missing", "finance", "ops").stdout
    assert created == "exists finance\ncreated ops\n"
    add = ("user", "add", "carol", "--group", "finance", "--group", "ops")
    assert run(*add, stdin=PASSWORD).exit_code == 0
    assert run("group", "members", "finance").stdout == "carol\n"
    assert json.loads(run("group", "members", "admin", "--json").stdout) == []
    assert run("user", "groups", "carol").stdout == "carol is in finance, ops\n"
    assert run("user", "groups", "carol", "ops").stdout == "carol is in ops\n"
    assert run("group", "list").stdout == "admin  0\nfinance  0\nops  1\n"
    assert run("user", "groups", "carol", "--none").stdout == "carol is in no group\n"
    assert run("group", "remove", "ops").stdout == "removed ops\n"
    assert json.loads(run("group", "list", "--json").stdout) == [
        {"name": "admin", "members": 0},
        {"name": "finance", "members": 0},
    ]


def test_the_first_administrator(run):
    run("database", "upgrade")
    run("user", "add", "old", stdin=PASSWORD)
    # As on a host that the release before groups has provisioned.
    assert run("user", "first-admin", "old").stdout == "put old into admin\n"
    assert run("user", "first-admin", "other", stdin=PASSWORD).stdout == "exists old\n"
    assert run("user", "list").stdout == "old  active\n"


def test_the_first_administrator_stays_disabled(run):
    run("database", "upgrade")
    run("user", "add", "old", stdin=PASSWORD)
    run("user", "disable", "old")
    assert run("user", "first-admin", "old").stdout == "put old into admin\n"
    assert run("user", "first-admin", "old").stdout == "exists old, disabled\n"
    assert run("user", "list").stdout == "old  disabled\n"


def test_the_first_administrator_of_a_new_site(run):
    run("database", "upgrade")
    assert run("user", "first-admin", "root", stdin=PASSWORD).stdout == "created root\n"
    assert run("group", "members", "admin").stdout == "root\n"
    refused = run("user", "disable", "root")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Error: the last active member of the group admin is root")


def test_a_link_is_printed(run):
    run("database", "upgrade")
    run("user", "add", "carol", stdin=PASSWORD)
    assert re.fullmatch(
        r"https://plots\.test/password#[\w-]{43}\n", run("user", "link", "carol").stdout
    )


@pytest.mark.usefixtures("alice")
def test_logins_are_listed(run):
    (login,) = json.loads(run("user", "logins", "alice", "--json").stdout)
    assert set(login) == {"since", "until", "address", "browser"}
    assert login["address"] == "127.0.0.1"
    assert login["since"] < login["until"]
    assert "127.0.0.1" in run("user", "logins", "alice").stdout
    run("user", "sign-out", "alice")
    assert run("user", "logins", "alice").stdout == ""


@pytest.mark.usefixtures("alice")
def test_a_password_can_be_replaced_without_a_sign_out(run, site):
    told = run("user", "password", "alice", "--keep-logins", stdin=PASSWORD[::-1])
    assert told.stdout == "changed password of alice\n"
    assert len(json.loads(run("user", "logins", "alice", "--json").stdout)) == 1
    assert sign_in(site.test_client(), "alice", PASSWORD).status_code == 401
    assert sign_in(site.test_client(), "alice", PASSWORD[::-1]).status_code == 303
    (entry,) = entries(site, Event.NEW_PASSWORD)
    assert (entry.user, entry.actor, entry.detail) == ("alice", COMMAND_LINE, "kept logins")


@pytest.mark.parametrize("upgraded", [False, True])
def test_groups_that_plots_name_are_checked(run, config, upgraded):
    if upgraded:
        run("database", "upgrade")
    assert run("group", "check").stdout == "every group that a plot names exists\n"
    config.plot_groups["bars"] = frozenset({"finance"})
    refused = run("group", "check", "ops")
    assert refused.exit_code == 1
    assert refused.stderr == (
        "Error: plot bars: site_plots names the group finance, which does not exist; "
        "there are admin, ops: correct it, or add it to site_groups\n"
    )
    assert run("group", "check", "finance").exit_code == 0
    config.plot_groups["barz"] = frozenset()
    sentence = "site_plots: there is no plot barz; there are "
    assert sentence in run("group", "check", "finance").stderr


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (("user", "add", "dave"), "short", "a password has 12 to 1024 characters, this one has 5"),
        (("user", "add", "x y"), PASSWORD, "a user name is up to 64 letters"),
        (("user", "add", "alice"), PASSWORD, "a user named alice exists already"),
        (("user", "disable", "nobody"), "", "there is no user named nobody"),
        (("user", "password", "nobody"), PASSWORD, "there is no user named nobody"),
        (("user", "add", "site-probe"), PASSWORD, "the name site-probe belongs to the site itself"),
        (("user", "add", "dave", "-g", "sales"), PASSWORD, "there is no group named sales"),
        (
            ("user", "groups", "alice", "sales"),
            "",
            "there is no group named sales; there are admin",
        ),
        (("user", "link", "nobody"), "", "there is no user named nobody"),
        (("user", "logins", "nobody"), "", "there is no user named nobody"),
        (("user", "remove", "nobody"), "", "there is no user named nobody"),
        (("group", "add", "Sales"), "", "a group name is up to 64 lower-case letters"),
        (("group", "add", "admin"), "", "a group named admin exists already"),
        (("group", "remove", "admin"), "", "the group admin administers the site and stays"),
        (("group", "members", "sales"), "", "there is no group named sales; there are admin"),
        (("ready",), "", f"0 of 1 slots take visits: slot unit-{RELEASE}-0 does not run"),
    ],
)
def test_says_what_is_wrong(run, arguments, stdin, sentence):
    run("database", "upgrade")
    run("user", "add", "alice", stdin=PASSWORD)
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 1
    assert sentence in result.stderr


def test_plots_are_listed_and_checked(run):
    assert "sliders  Sliders\n" in run("plot", "list").stdout
    assert run("plot", "check").exit_code == 0


def test_a_wrong_plot_setting_fails_the_check(run, config):
    config.plot_settings["bars"] = {"maximum_days": 0}
    result = run("plot", "check")
    assert result.exit_code == 1
    assert "Error: plot bars: site_plot_settings: set bars.default_days" in result.stderr


def test_a_missing_setting_is_one_sentence():
    result = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app.cli", "user", "list"],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "SITE_ORIGINS": "no origin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    (sentence,) = result.stderr.splitlines()
    assert sentence.startswith("bokeh-site: ")
    assert "set SITE_ORIGINS to browser origins" in sentence
    assert "set SITE_SECRET_KEY to" in sentence
