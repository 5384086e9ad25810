"""The programs' file says to Supervisor exactly what the list of programs says."""

import configparser
import re
import shlex
from typing import Any

import pytest
from repository import load, render

PROGRAM: dict[str, Any] = {
    "name": "thing",
    "command": "/bin/thing --number %(process_num)d",
    "directory": "/srv/thing",
    "user": "nobody",
    "environment": {},
    "stop_seconds": 15,
}


def render_program(**changes: Any) -> configparser.SectionProxy:
    """Render the programs' file, and read it the way Supervisor's own reader does."""
    programs = [{**PROGRAM, "name": "before"}, {**PROGRAM, **changes}]
    text = render("supervisor", "programs.conf.j2", supervisor_programs=programs)
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"))
    parser.read_string(text)
    return parser["program:thing"]


def environment_of(section: configparser.SectionProxy) -> dict[str, str]:
    """Expand and split `environment=`, as supervisor.datatypes.dict_of_key_value_pairs does."""
    lexer = shlex.shlex(section["environment"] % {"process_num": 0})
    lexer.wordchars += "/.+-():"
    tokens = list(lexer)
    return {tokens[i]: tokens[i + 2].strip("'\"") for i in range(0, len(tokens), 4)}


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "50%",
        "%(process_num)d",
        '{"bars": {"days": 60}}',
        "it's",
        "a,b=c",
        "a\\b",
        "",
        "x#y;z",
        "12",
    ],
)
def test_environment_arrives_as_it_was_given(value: str) -> None:
    section = render_program(environment={"ONE": value, "TWO": "other"})
    assert environment_of(section) == {"ONE": value, "TWO": "other"}


@pytest.mark.parametrize(
    "value", ["a\nb", "a ;b", "a #b", "'quoted'", '"quoted"', "'\"", 'say "it\'s"']
)
def test_what_supervisor_cannot_hold_is_refused(value: str) -> None:
    assert re.search(load("roles/supervisor/vars/main.yml")["__supervisor_unwritable"], value)


@pytest.mark.parametrize("value", ["50%", '{"a": "b"}', "it's", "x#y;z", "a b"])
def test_what_supervisor_can_hold_is_not_refused(value: str) -> None:
    assert not re.search(load("roles/supervisor/vars/main.yml")["__supervisor_unwritable"], value)


def test_a_program_without_a_number_of_processes_is_one() -> None:
    section = render_program()
    assert "numprocs" not in section
    assert section["stdout_logfile"] == "/var/log/supervisor/%(program_name)s.log"


def test_processes_have_numbers_and_logs_of_their_own() -> None:
    section = render_program(processes=3)
    assert (section["numprocs"], section["numprocs_start"]) == ("3", "0")
    assert section["process_name"] == "%(program_name)s_%(process_num)d"
    assert section["stdout_logfile"] == "/var/log/supervisor/%(program_name)s_%(process_num)d.log"
    assert section["command"] == PROGRAM["command"]


def test_programs_start_and_start_again_unless_told_otherwise() -> None:
    section = render_program()
    assert (section["autostart"], section["autorestart"]) == ("true", "true")
    section = render_program(start=False, restart="unexpected", processes=2, first_process=4)
    assert (section["autostart"], section["autorestart"]) == ("false", "unexpected")
    assert section["numprocs_start"] == "4"


def test_supervisord_is_given_the_time_that_all_programs_need_to_stop() -> None:
    text = render("supervisor", "restart.conf.j2", supervisor_programs=[PROGRAM, PROGRAM])
    assert "TimeoutStopSec=40s" in text
