"""The command line, as an operator's scripts use it."""

import json
import os
import subprocess
import sys

import pytest
from support import PASSWORD, RELEASE, REPOSITORY


def test_a_users_life(run):
    assert run("database", "status").stdout == "behind\n"
    assert run("database", "upgrade").stdout == "upgraded to 0002\n"
    assert run("database", "upgrade").stdout == "up to date\n"
    assert run("user", "add", "carol", stdin=PASSWORD).stdout == "created carol\n"
    assert run("user", "add", "carol", "--if-missing").stdout == "exists carol\n"
    assert run("user", "disable", "carol").stdout == "disabled carol\n"
    assert run("user", "list").stdout == "carol  disabled\n"
    assert run("user", "enable", "carol").exit_code == 0
    assert json.loads(run("user", "list", "--json").stdout) == [{"name": "carol", "active": True}]
    assert run("user", "password", "carol", stdin=PASSWORD[::-1]).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (("user", "add", "dave"), "short", "a password has 12 to 1024 characters, this one has 5"),
        (("user", "add", "x y"), PASSWORD, "a user name is up to 64 letters"),
        (("user", "add", "alice"), PASSWORD, "a user named alice exists already"),
        (("user", "disable", "nobody"), "", "there is no user named nobody"),
        (("user", "password", "nobody"), PASSWORD, "there is no user named nobody"),
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
