"""Deployments side by side: what is started, what serves, what drains, what is cleared away."""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from threading import Thread

import pytest

from app.deployments import prepare as prepare_module
from app.deployments import refresh as refresh_module
from app.deployments import steward, switch
from app.deployments.host import DeploymentError, Host
from app.deployments.last_words import last_words
from app.deployments.listing import tell
from app.deployments.prepare import prepare
from app.deployments.prune import prune
from app.deployments.records import records
from app.deployments.refresh import refresh, runs_replaced_code
from app.deployments.retire import retire
from app.deployments.statuses import statuses
from app.deployments.strength import keep_strength
from app.deployments.supervisor import Process

OLD, NEW, OTHER = "0" * 12, "1" * 12, "2" * 12
PROGRAMS = {"application": 1, "bokeh_apps": 2, "bokeh_spares": 2, "steward": 1, "warden": 1}


@dataclass
class FakeSupervisor:
    """Remembers what it was told; programs run or end as soon as they are told to."""

    states: dict[str, str] = field(default_factory=dict)
    signals: list[tuple[str, str]] = field(default_factory=list)
    started: list[str] = field(default_factory=list)

    def have(self, deployment: str, state: str = "RUNNING") -> None:
        """Know the programs of a deployment; its spares do not run."""
        for program, count in PROGRAMS.items():
            for n in range(count):
                number = n + 2 if program == "bokeh_spares" else n
                name = f"{program}-{deployment}:{program}-{deployment}_{number}"
                self.states[name] = "STOPPED" if program == "bokeh_spares" else state

    def processes(self, deployment: str | None = None) -> list[Process]:
        found = []
        for name, state in self.states.items():
            program, _, rest = name.partition(":")[2].partition("-")
            of, _, number = rest.partition("_")
            if deployment in (None, of):
                found.append(Process(name, program, of, int(number), state))
        return found

    def load(self, deployment: str, definitions: Path) -> bool:
        assert definitions.exists()
        if self.processes(deployment):
            return False
        self.have(deployment)
        return True

    def start(self, process: Process) -> None:
        self.started.append(process.name)
        self.states[process.name] = "RUNNING"

    def signal(self, process: Process, signal: str) -> None:
        assert self.states[process.name] == "RUNNING"
        self.signals.append((process.name.partition(":")[2], signal))

    def stop(self, process: Process) -> None:
        self.states[process.name] = "STOPPED"

    def forget(self, deployment: str) -> None:
        for process in self.processes(deployment):
            assert not process.alive
            del self.states[process.name]

    def running(self, deployment: str) -> set[str]:
        """Names of the programs of a deployment that run."""
        return {p.program for p in self.processes(deployment) if p.state == "RUNNING"}

    def signalled(self, deployment: str) -> dict[str, str]:
        """The last signal of each slot of a deployment, by its number."""
        return {n.rpartition("_")[2]: s for n, s in self.signals if deployment in n}


@pytest.fixture
def supervisor() -> FakeSupervisor:
    return FakeSupervisor()


@pytest.fixture
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """A host on which the deployment OLD serves, and NEW is installed."""
    # The path of a socket has to be short.
    folder = tmp_path_factory.mktemp("host")
    folders = ("run", "application", "records", "programs", "log", "releases", "venvs", "bokehjs")
    for name in folders:
        (folder / name).mkdir()
    command = folder / "bokeh-site"
    command.write_text(f'#!/bin/sh\necho "$@" >> {folder}/commands\n')
    command.chmod(0o700)
    made = Host(
        deployment=NEW,
        slots=2,
        slot_memory=1,
        kept=2,
        command=command,
        run_dir=folder / "run",
        application_dir=folder / "application",
        records_dir=folder / "records",
        programs_dir=folder / "programs",
        supervisor_socket=folder / "supervisor.sock",
        log_dir=folder / "log",
        release_dir=folder / "releases" / f"r{NEW}",
        venv_dir=folder / "venvs" / f"v{NEW}",
        bokehjs_dir=folder / "bokehjs",
        serving_link=folder / "serving.sock",
        candidate_link=folder / "candidate.sock",
        lock_file=folder / "lock",
    )
    for age, deployment in enumerate((NEW, OLD)):
        install(made, deployment, age)
    made.point(made.serving_link, OLD)
    return made


def former(deployment: str) -> str:
    """The key that a deployment's key has replaced."""
    return f"the former secret of {deployment}"


def install(host: Host, deployment: str, age: int = 0) -> None:
    """Have a deployment on a host, as the playbook does."""
    release, venv = (
        folder.parent / f"{folder.name[0]}{deployment}"
        for folder in (host.release_dir, host.venv_dir)
    )
    release.mkdir()
    (venv / "lib/python3.11/site-packages" / f"bokeh-{deployment}.dist-info").mkdir(parents=True)
    (host.bokehjs_dir / deployment).mkdir()
    record = host.records_dir / deployment
    record.write_text(
        f"# settings\nSITE_RELEASE='{deployment}'\nSITE_RELEASE_DIR={release}\n"
        f"SITE_VENV_DIR={venv}\nSITE_SECRET_KEY='a secret of {deployment}'\n"
        f'SITE_SECRET_KEY_FALLBACKS=\'{{"{former(deployment)}": "2026-12-31T12:00:00+00:00"}}\'\n'
    )
    os.utime(record, (time.time() - age, time.time() - age))
    host.definitions_of(deployment).write_text("[program:thing]\n")


def tell_status(host: Host, deployment: str, number: int, cause: str | None = None) -> None:
    """Write what a slot tells of itself."""
    path = host.run_dir / f"unit-1-{deployment}-{number}.json"
    path.write_text(json.dumps({"cause": cause, "sessions": 3}))


@pytest.fixture
def website(host: Host) -> Iterator[Callable[[int, str], None]]:
    """The candidate's website; a call sets how it answers."""
    answer = [200, "{}"]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/readyz"
            self.send_response(answer[0])
            self.end_headers()
            self.wfile.write(answer[1].encode())

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingUnixStreamServer(str(host.socket_of(NEW)), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,)).start()

        def set_answer(status: int, body: str) -> None:
            answer[:] = status, body

        yield set_answer
        server.shutdown()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare_module, "_START_SECONDS", 0.5)
    monkeypatch.setattr(switch, "SETTLE_SECONDS", 0.0)


def fail_smoke(host: Host, sentence: str) -> None:
    host.command.write_text(f'#!/bin/sh\necho "Error: {sentence}" >&2\nexit 1\n')


@pytest.mark.usefixtures("website")
def test_a_candidate_runs_beside_what_serves_until_the_switch(host, supervisor):
    supervisor.have(OLD)
    tell_status(host, OLD, 0)
    tell_status(host, OLD, 1)
    assert prepare(host, supervisor) is True
    assert (host.serving, host.candidate) == (OLD, NEW)
    for deployment in (OLD, NEW):
        assert supervisor.running(deployment) == {"application", "bokeh_apps", "steward", "warden"}
    assert (host.command.parent / "commands").read_text() == f"--deployment {NEW} smoke\n"

    assert switch.switch(host, supervisor) is True
    assert (host.serving, host.candidate) == (NEW, None)
    assert supervisor.running(OLD) == {"bokeh_apps"}
    assert supervisor.signalled(OLD) == {"0": "USR2", "1": "USR2"}
    assert supervisor.signalled(NEW) == {}
    assert not host.definitions_of(OLD).exists()
    assert host.definitions_of(NEW).exists()


@pytest.mark.usefixtures("website")
def test_the_steward_of_what_serves_leaves_a_candidate_alone_from_its_start(host, supervisor):
    old = replace(host, deployment=OLD)
    supervisor.have(OLD)

    def load_and_tend(deployment: str, definitions: Path) -> bool:
        loaded = FakeSupervisor.load(supervisor, deployment, definitions)
        steward.clear_retired(old, supervisor)
        return loaded

    supervisor.load = load_and_tend
    prepare(host, supervisor)
    assert supervisor.running(NEW) == {"application", "bokeh_apps", "steward", "warden"}
    assert host.definitions_of(NEW).exists()


@pytest.mark.usefixtures("website")
def test_a_switch_in_the_middle_of_the_stewards_look_waits_for_its_end(host, supervisor):
    old = replace(host, deployment=OLD)
    supervisor.have(OLD)
    prepare(host, supervisor)
    switching = Thread(target=switch.switch, args=(host, supervisor))

    def processes_while_switching(deployment: str | None = None) -> list[Process]:
        if not switching.ident:
            switching.start()
            switching.join(0.2)
        return FakeSupervisor.processes(supervisor, deployment)

    supervisor.processes = processes_while_switching
    steward.look(old, supervisor)
    switching.join()
    assert host.serving == NEW
    assert supervisor.running(NEW) == {"application", "bokeh_apps", "steward", "warden"}
    assert supervisor.signalled(NEW) == {}


@pytest.mark.usefixtures("website")
def test_what_serves_is_left_alone(host, supervisor):
    supervisor.have(NEW)
    host.point(host.serving_link, NEW)
    assert prepare(host, supervisor) is False
    assert switch.switch(host, supervisor) is False
    assert not (host.command.parent / "commands").exists()


@pytest.mark.usefixtures("website")
def test_what_serves_is_started_where_it_was_stopped(host, supervisor):
    supervisor.have(NEW, state="STOPPED")
    host.point(host.serving_link, NEW)
    assert prepare(host, supervisor) is True
    # The steward, which runs again, looks after the slots.
    assert supervisor.running(NEW) == {"application", "steward", "warden"}


@pytest.mark.usefixtures("website")
def test_a_slot_that_was_replaced_is_not_started_again_by_the_next_run(host, supervisor):
    supervisor.have(NEW)
    host.point(host.serving_link, NEW)
    supervisor.states[f"bokeh_apps-{NEW}:bokeh_apps-{NEW}_0"] = "EXITED"
    supervisor.states[f"bokeh_spares-{NEW}:bokeh_spares-{NEW}_2"] = "RUNNING"
    before = dict(supervisor.states)
    assert prepare(host, supervisor) is False
    assert supervisor.states == before


def test_a_deployment_that_resumes_gets_a_spare_for_a_slot_past_its_budget(
    host, supervisor, website
):
    supervisor.have(NEW)
    tell_status(host, NEW, 0, "memory")
    tell_status(host, NEW, 1, None)
    website(503, "1 of 2 slots take visits")
    with pytest.raises(DeploymentError):
        prepare(host, supervisor)
    assert f"bokeh_spares-{NEW}:bokeh_spares-{NEW}_2" in supervisor.started


@pytest.mark.usefixtures("website")
def test_a_refused_deployment_that_has_viewers_is_not_forgotten(host, supervisor):
    supervisor.have(NEW)
    tell_status(host, NEW, 0, "replaced")
    fail_smoke(host, "no")
    with pytest.raises(DeploymentError):
        prepare(host, supervisor)
    assert {record.deployment for record in records(host)} == {OLD, NEW}


def test_only_what_was_prepared_serves(host, supervisor):
    with pytest.raises(DeploymentError, match="was not prepared"):
        switch.switch(host, supervisor)
    assert host.serving == OLD


def test_what_served_a_moment_ago_still_answers(host, supervisor, monkeypatch):
    monkeypatch.setattr(switch, "SETTLE_SECONDS", 60.0)
    supervisor.have(OLD)
    host.point(host.serving_link, NEW)
    steward.clear_retired(host, supervisor)
    assert "application" in supervisor.running(OLD)


NO_STATUS = (
    *("", "[]", "{}", "[" * 100_000),
    '{"cause": 1, "sessions": 0}',
    '{"cause": null, "sessions": 1e999}',
)


def test_what_is_no_status_is_not_believed(host, supervisor, tmp_path):
    supervisor.have(NEW)
    name = f"unit-1-{NEW}"
    (host.run_dir / f"{name}-x.json").write_text("{}")
    for number, text in enumerate(NO_STATUS):
        (host.run_dir / f"{name}-{number}.json").write_text(text)
    (tmp_path / "secret").write_text('{"cause": null, "sessions": 1}')
    (host.run_dir / f"{name}-8.json").symlink_to(tmp_path / "secret")
    os.mkfifo(host.run_dir / f"{name}-9.json")
    assert statuses(host, NEW) == {}


@pytest.mark.usefixtures("website")
def test_a_deployment_that_drains_resumes(host, supervisor):
    supervisor.have(NEW)
    tell_status(host, NEW, 0, "replaced")
    tell_status(host, NEW, 1, "memory")
    retire(host, supervisor, NEW)
    assert supervisor.running(NEW) == {"bokeh_apps"}
    host.definitions_of(NEW).write_text("[program:thing]\n")
    prepare(host, supervisor)
    assert supervisor.running(NEW) == {"application", "bokeh_apps", "steward", "warden"}
    assert supervisor.signalled(NEW) == {"0": "USR1", "1": "USR1"}


def test_a_slot_that_has_not_come_up_yet_is_stopped(host, supervisor):
    supervisor.have(NEW)
    retire(host, supervisor, NEW)
    assert supervisor.running(NEW) == set()
    assert supervisor.signalled(NEW) == {}


@pytest.mark.usefixtures("website")
def test_a_refused_candidate_is_taken_away_and_the_old_one_serves(host, supervisor):
    supervisor.have(OLD)
    fail_smoke(host, "plot sliders shows no new data")
    with pytest.raises(DeploymentError, match=rf"^plot sliders shows no new data\n{OLD} goes"):
        prepare(host, supervisor)
    assert (host.serving, host.candidate) == (OLD, None)
    assert supervisor.running(NEW) == set()
    assert not host.definitions_of(NEW).exists()
    assert {record.deployment for record in records(host)} == {OLD}
    assert supervisor.signalled(OLD) == {}
    assert host.definitions_of(OLD).exists()


def test_a_candidate_that_is_not_ready_is_refused_with_the_reason(host, supervisor, website):
    website(503, json.dumps({"problems": ["slot 0: plot bars: no data", "slot 1: the same"]}))
    with pytest.raises(DeploymentError, match="not ready: slot 0: plot bars: no data\nslot 1: the"):
        prepare(host, supervisor)
    assert host.serving == OLD


def test_a_candidate_that_answers_something_else_is_refused_with_that(host, supervisor, website):
    website(502, "out of order")
    with pytest.raises(DeploymentError, match="the website answers 502: out of order"):
        prepare(host, supervisor)


def test_a_candidate_that_does_not_run_is_refused_at_once(host, supervisor):
    supervisor.have(NEW, state="FATAL")
    supervisor.start = lambda _process: None
    with pytest.raises(DeploymentError, match=f"application-{NEW}.*does not run"):
        prepare(host, supervisor)


def test_what_serves_is_not_taken_away_even_if_it_is_not_ready(host, supervisor, website):
    supervisor.have(NEW)
    host.point(host.serving_link, NEW)
    website(503, json.dumps({"problems": ["slot 0: plot bars: no data"]}))
    with pytest.raises(DeploymentError, match=f"plot bars: no data\n{NEW} goes on serving"):
        prepare(host, supervisor)
    assert host.serving == NEW
    assert "application" in supervisor.running(NEW)
    assert host.definitions_of(NEW).exists()


def test_what_serves_has_its_socket_where_its_own_release_put_it(host, supervisor, website):
    elsewhere = host.run_dir / f"application-{OLD}.sock"
    host.serving_link.unlink()
    host.serving_link.symlink_to(elsewhere)
    website(503, json.dumps({"problems": ["no data"]}))
    with pytest.raises(DeploymentError):
        prepare(host, supervisor)
    assert host.candidate_link.readlink() == elsewhere


@pytest.mark.usefixtures("website")
def test_what_an_interrupted_run_tried_out_is_given_up(host, supervisor):
    install(host, OTHER)
    supervisor.have(OTHER)
    host.point(host.candidate_link, OTHER)
    prepare(host, supervisor)
    assert host.candidate == NEW
    assert supervisor.running(OTHER) == set()
    assert not host.definitions_of(OTHER).exists()


def test_the_switch_retires_what_an_interrupted_run_left_unretired(host, supervisor):
    supervisor.have(OLD)
    tell_status(host, OLD, 0)
    tell_status(host, OLD, 1)
    supervisor.have(NEW)
    host.point(host.serving_link, NEW)
    assert switch.switch(host, supervisor) is False
    assert supervisor.running(OLD) == {"bokeh_apps"}


def test_the_steward_starts_a_spare_for_a_slot_that_drains(host, supervisor):
    supervisor.have(NEW)
    for number, cause in enumerate((None, "memory")):
        tell_status(host, NEW, number, cause)
    keep_strength(host, supervisor)
    assert supervisor.states[f"bokeh_spares-{NEW}:bokeh_spares-{NEW}_2"] == "RUNNING"
    assert supervisor.states[f"bokeh_spares-{NEW}:bokeh_spares-{NEW}_3"] == "STOPPED"
    keep_strength(host, supervisor)
    assert supervisor.states[f"bokeh_spares-{NEW}:bokeh_spares-{NEW}_3"] == "STOPPED"


def test_the_steward_starts_nothing_that_the_host_has_no_memory_for(host, supervisor, caplog):
    supervisor.have(NEW, state="EXITED")
    keep_strength(replace(host, slot_memory=10**9), supervisor)
    assert supervisor.running(NEW) == set()
    assert "no memory for another slot" in caplog.text


def test_the_steward_forgets_what_has_ended_and_drains_what_came_back(host, supervisor):
    supervisor.have(NEW)
    supervisor.have(OLD, state="EXITED")
    supervisor.have(OTHER)
    tell_status(host, OTHER, 0, "replaced")
    tell_status(host, OTHER, 1, None)
    steward.clear_retired(host, supervisor)
    assert supervisor.processes(OLD) == []
    assert supervisor.signalled(OTHER) == {"1": "USR2"}
    assert supervisor.signalled(NEW) == {}


def test_the_steward_starts_again_what_supervisor_has_given_up(host, supervisor):
    supervisor.have(NEW)
    host.point(host.serving_link, NEW)
    warden = f"application-{NEW}:application-{NEW}_0"
    supervisor.states[warden] = "FATAL"
    steward.look(host, supervisor)
    assert supervisor.states[warden] == "RUNNING"


def test_the_steward_leaves_a_candidate_alone(host, supervisor):
    supervisor.have(OTHER, state="STOPPED")
    host.point(host.candidate_link, OTHER)
    steward.clear_retired(host, supervisor)
    assert supervisor.processes(OTHER)


def test_pruning_keeps_what_serves_what_runs_and_the_last_few(host, supervisor):
    gone, draining = "3" * 12, "4" * 12
    for age, deployment in enumerate((gone, draining), 10):
        install(host, deployment, age)
    supervisor.have(draining)
    (host.release_dir.parent / ".half.partial").mkdir()
    prune(host, supervisor)
    kept = {OLD, NEW, draining}
    assert {path.name for path in host.records_dir.iterdir()} == kept
    assert {path.name for path in host.release_dir.parent.iterdir()} == {f"r{d}" for d in kept}
    assert {path.name for path in host.venv_dir.parent.iterdir()} == {f"v{d}" for d in kept}
    assert {path.name for path in host.bokehjs_dir.iterdir()} == kept


def test_the_list_tells_what_serves_and_what_drains_with_how_many_sessions(host, supervisor):
    supervisor.have(OLD)
    supervisor.have(NEW)
    for number in range(2):
        tell_status(host, NEW, number)
    host.point(host.serving_link, NEW)
    tell_status(host, OLD, 0, "replaced")
    retire(host, supervisor, OLD)
    install(host, OTHER, 20)
    told = json.loads(tell(host, supervisor, as_json=True))
    assert [(d["deployment"], d["state"], d["slots"], d["sessions"]) for d in told] == [
        (NEW, "serving", 2, 6),
        (OLD, "draining", 1, 3),
        (OTHER, "kept", 0, 0),
    ]
    table = tell(host, supervisor, as_json=False).splitlines()
    assert table[0].split() == ["DEPLOYMENT", "RELEASE", "STATE", "SLOTS", "SESSIONS", "SINCE"]
    assert table[1].split()[:5] == [NEW, NEW, "serving", "2", "6"]


def test_last_words_hold_no_secret_of_any_deployment(host):
    log = host.log_dir / f"application-{NEW}.log"
    log.write_text(
        "\n".join([*map(str, range(100)), f"the key is 'a secret of {OLD}', not {former(OLD)}"])
    )
    (host.log_dir / f"application-{OLD}.log").write_text("another's log")
    told = last_words(host)
    assert told.splitlines()[0] == f"The last lines of {log}:"
    assert "(secret)" in told
    assert "secret of" not in told
    assert "another's log" not in told
    assert len(told.splitlines()) == 21


class TendedSupervisor(FakeSupervisor):
    """One whose slots say that they drain, and are replaced at once."""

    host: Host

    def signal(self, process: Process, signal: str) -> None:
        super().signal(process, signal)
        tell_status(self.host, process.deployment, process.number, "replaced")
        keep_strength(self.host, self)


@pytest.fixture
def tended(host: Host, monkeypatch: pytest.MonkeyPatch) -> TendedSupervisor:
    """A serving deployment, all of whose programs run code that was upgraded."""
    monkeypatch.setattr(refresh_module, "_WAIT_SECONDS", 0.5)
    monkeypatch.setattr(refresh_module, "runs_replaced_code", lambda _pid: True)
    supervisor = TendedSupervisor()
    supervisor.host = host
    supervisor.have(NEW)
    host.point(host.serving_link, NEW)
    for number in range(2):
        tell_status(host, NEW, number)
    return supervisor


def test_upgraded_code_is_run_by_other_slots_while_those_of_before_drain(host, tended):
    assert refresh(host, tended) is True
    assert tended.signalled(NEW) == {"0": "USR2", "1": "USR2"}
    programs = [name.partition("-")[0] for name in tended.started]
    assert programs == ["application", "warden", "bokeh_spares", "bokeh_spares", "steward"]
    assert tended.running(NEW) == set(PROGRAMS)


def test_a_slot_does_not_drain_where_nothing_can_replace_it(host, tended):
    with pytest.raises(DeploymentError, match="no slot can replace bokeh_apps"):
        refresh(replace(host, slot_memory=10**9), tended)
    assert tended.signals == []
    assert [name.partition("-")[0] for name in tended.started] == ["application", "warden"]


def test_nothing_is_replaced_of_a_deployment_that_serves_no_more(host, tended):
    host.point(host.serving_link, OLD)
    with pytest.raises(DeploymentError, match="another deployment serves by now"):
        refresh(host, tended)
    assert tended.signals == []


def test_nothing_is_replaced_that_runs_the_code_on_the_disk(host, tended, monkeypatch):
    monkeypatch.setattr(refresh_module, "runs_replaced_code", runs_replaced_code)
    assert refresh(host, tended) is False
    assert (tended.signals, tended.started) == ([], [])


def test_code_that_was_replaced_is_told_from_other_deleted_files():
    line = "7f00-7f01 r-xp 00000000 08:01 12 {}\n"
    found = refresh_module._REPLACED.search  # noqa: SLF001
    assert found(line.format("/usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)"))
    assert not found(line.format("/usr/lib/x86_64-linux-gnu/libssl.so.3"))
    assert not found(line.format("/dev/zero (deleted)"))
