"""The lock of a host: one run at a time, for as long as that run lives."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playbook_run import COMMANDS
from repository import ROOT

SCRIPT = ROOT / "roles/lock/files/lock.py"
spec = importlib.util.spec_from_file_location("lock", SCRIPT)
assert spec
assert spec.loader
lock = importlib.util.module_from_spec(spec)
sys.modules["lock"] = lock
spec.loader.exec_module(lock)

# A host with two connections, and what the second of them has started.
HOST = {
    10: lock.Process(1, "1", "sshd"),
    20: lock.Process(10, "2", "sshd"),
    30: lock.Process(10, "3", "sshd-session"),
    31: lock.Process(30, "4", "sh"),
    32: lock.Process(31, "5", "python3"),
}
ALICE: dict[str, Any] = {
    "user": "alice",
    "controller": "laptop",
    "run": [700, "7"],
    "alive": [[700, "7"], [800, "8"]],
    "release": "0123456789ab",
    "host": "plots1",
    "path": "/run/site.lock",
}
# The same person, in another terminal.
AGAIN = {**ALICE, "run": [800, "8"]}
BOB = {**ALICE, "user": "bob", "controller": "bastion", "run": [900, "9"], "alive": [[900, "9"]]}


def held(by: dict[str, Any], connection: list[Any] | None) -> dict[str, Any]:
    """What the lock says when it is somebody's."""
    said = {name: by[name] for name in ("user", "controller", "run", "release")}
    return {**said, "since": "2026-11-24 15:39:22", "connection": connection}


def take(said: dict[str, Any], wish: dict[str, Any]) -> dict[str, Any]:
    """Ask for the lock over the second connection."""
    return lock.taken(said, wish, HOST, pid=32)


def test_a_free_lock_says_who_takes_it() -> None:
    said = take({}, ALICE)
    assert {**said, "since": "2026-11-24 15:39:22"} == held(ALICE, [30, "3"])


def test_a_run_may_take_its_lock_again() -> None:
    said = held(ALICE, [30, "3"])
    assert take(said, ALICE) == said


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        pytest.param(held(ALICE, [30, "3"]), AGAIN, id="in another terminal"),
        pytest.param(held(ALICE, [20, "2"]), BOB, id="from another controller"),
        pytest.param(held(ALICE, None), BOB, id="without an SSH server"),
    ],
)
def test_another_run_is_refused(said: dict[str, Any], wish: dict[str, Any]) -> None:
    with pytest.raises(lock.LockedError) as refusal:
        take(said, wish)
    assert str(refusal.value) == (
        "alice@laptop has been deploying release 0123456789ab to plots1 since 2026-11-24 15:39:22 "
        "UTC: wait until that run (process 700) has ended or, if it never will, delete "
        "/run/site.lock on plots1."
    )


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        pytest.param(
            held(ALICE, [30, "3"]), {**AGAIN, "alive": [[800, "8"]]}, id="run over, connection kept"
        ),
        pytest.param(
            held(ALICE, [30, "3"]), {**AGAIN, "alive": [[700, "8"]]}, id="run's number used again"
        ),
        pytest.param(held(ALICE, [21, "2"]), BOB, id="connection closed"),
        pytest.param(held(ALICE, [20, "1"]), BOB, id="connection's number used again"),
    ],
)
def test_a_run_that_has_ended_gives_way(said: dict[str, Any], wish: dict[str, Any]) -> None:
    assert take(said, wish)["run"] == wish["run"]


def test_a_host_that_is_the_controller_looks_at_the_run_itself() -> None:
    host = {**HOST, 700: lock.Process(20, "7", "ansible"), 701: lock.Process(700, "8", "sh")}
    assert lock.taken({}, ALICE, host, pid=701)["connection"] == [700, "7"]
    assert lock.taken({}, BOB, host, pid=701)["connection"] == [20, "2"]


def test_only_the_run_that_holds_a_lock_releases_it() -> None:
    said = held(ALICE, [30, "3"])
    assert lock.released(said, ALICE) == {}
    assert lock.released(said, AGAIN) == said
    assert lock.released(said, BOB) == said
    assert lock.released({}, ALICE) == {}


def test_processes_are_told_apart(tmp_path: Path) -> None:
    program = shutil.copy("/bin/sleep", tmp_path / "a) S 1 (b")
    with subprocess.Popen([program, "60"]) as process:
        listed = lock.processes()[process.pid]
        process.kill()
    assert (listed.parent, listed.name) == (os.getpid(), "a) S 1 (b")
    assert int(listed.started) > int(lock.processes()[os.getpid()].started)


def test_processes_are_read_without_proc() -> None:
    listed = lock.read_ps(
        "    1     0 Tue Nov  3 08:01:12 2026     /sbin/launchd\n"
        "  812     1 Tue Nov 24 15:39:22 2026     /Applications/A Shell.app/shell\n"
    )
    assert listed == {
        1: lock.Process(0, "Tue Nov 3 08:01:12 2026", "/sbin/launchd"),
        812: lock.Process(1, "Tue Nov 24 15:39:22 2026", "/Applications/A Shell.app/shell"),
    }


def run_script(command: str, wish: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Run the script as on a host."""
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.read_text(), command],
        input=json.dumps(wish),
        capture_output=True,
        text=True,
        check=False,
    )


def test_of_many_at_once_one_gets_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text('{"user": "al')  # As left by one that was stopped.
    alive = [[number, "1"] for number in range(8)]
    wishes = [{**ALICE, "path": str(path), "run": run, "alive": alive} for run in alive]
    with ThreadPoolExecutor(len(wishes)) as pool:
        answers = list(pool.map(partial(run_script, "taken"), wishes))
    codes = [answer.returncode for answer in answers]
    assert sorted(codes) == [0] + [os.EX_TEMPFAIL] * 7
    assert sum("alice@laptop has been deploying" in answer.stderr for answer in answers) == 7
    winner = wishes[codes.index(0)]
    assert json.loads(path.read_text())["run"] == winner["run"]
    assert run_script("released", winner).returncode == 0
    assert path.read_text() == ""


@pytest.fixture
def deploy(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start a playbook that takes the lock of this machine, and reads a pipe while it has it."""
    os.mkfifo(tmp_path / "pipe")
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "roles": [{"role": "lock", "vars": {"lock_path": str(tmp_path / "lock")}}],
        "tasks": [{"ansible.builtin.command": f"cat {tmp_path / 'pipe'}"}],
    }
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    here = {"ansible_become": False, "ansible_python_interpreter": sys.executable}
    command = [COMMANDS / "ansible-playbook", "-i", "localhost,", "-c", "local"]
    variables = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}

    def start(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*command, "-e", json.dumps(here), tmp_path / "play.yml", *arguments],
            env={**variables, "ANSIBLE_HOME": str(tmp_path / "ansible")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start


@contextmanager
def holding(process: subprocess.Popen[str], pipe: Path) -> Iterator[None]:
    """Wait until a run has the lock and reads the pipe; kill it in the end, then close the pipe."""
    while (end := opened(pipe)) is None:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    try:
        yield
    finally:
        process.kill()
        os.close(end)
        process.communicate()
        # Its task outlives it until it sees the end of the pipe, and would be taken for the next.
        while (end := opened(pipe)) is not None:
            os.close(end)
            time.sleep(0.05)


def opened(pipe: Path) -> int | None:
    """Open a pipe to write to, if somebody reads it."""
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


def test_runs_of_a_playbook_exclude_each_other(
    deploy: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    first = deploy()
    with holding(first, tmp_path / "pipe"):
        checked = deploy("--check")
        output, _ = checked.communicate(timeout=60)
        assert checked.returncode == 0, output
        second = deploy()
        output, _ = second.communicate(timeout=60)
        assert second.returncode != 0
        assert f"wait until that run (process {first.pid}) has ended" in " ".join(output.split())
    assert first.returncode == -signal.SIGKILL
    third = deploy()
    with holding(third, tmp_path / "pipe"):
        said = json.loads((tmp_path / "lock").read_text())
        assert said["run"][0] == third.pid
