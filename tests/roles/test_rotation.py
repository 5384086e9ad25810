"""Rotating a secret: a new value in the vault, the old one beside it where that still counts."""

import importlib.util
import os
import shlex
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from playbook_run import COMMANDS, Environment
from repository import ROOT
from test_secrets import decrypt, encrypt

PROVIDER = {
    "site_domain": "plots.test",
    "site_oidc_issuer": "https://login.test",
    "site_oidc_client_id": "site",
}
TEXT = """\
---
# Signs this.
vault_key: "first"
# Opens that.
vault_password: plain  # and more
"""
KEY = {"name": "vault_key", "length": 43, "overlap": True}
PASSWORD = {"name": "vault_password", "length": 24, "overlap": False}


def plugin() -> ModuleType:
    file = ROOT / "roles/secrets/filter_plugins/rotation.py"
    spec = importlib.util.spec_from_file_location("rotation", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rotated = plugin().rotated


def test_comments_and_other_secrets_stay() -> None:
    text = rotated(TEXT, [KEY], {}, 12)
    new = yaml.safe_load(text)["vault_key"]
    assert len(new) == 43
    assert text.startswith(TEXT.replace("first", new))
    assert rotated(TEXT, [PASSWORD], {}, 12).endswith('"  # and more\n')
    assert set(yaml.safe_load(rotated(TEXT, [PASSWORD], {}, 12))) == {"vault_key", "vault_password"}


def test_a_replaced_key_counts_for_the_overlap() -> None:
    once = yaml.safe_load(rotated(TEXT, [KEY], {}, 1.5))
    ((old, until),) = once["vault_key_previous"].items()
    left = datetime.fromisoformat(until) - datetime.now(timezone.utc)
    assert old == "first"
    assert timedelta(hours=1.49) < left <= timedelta(hours=1.5)


def test_keys_count_until_their_own_time_and_are_forgotten_after_it() -> None:
    twice = rotated(rotated(TEXT, [KEY], {}, 12), [KEY], {}, 12)
    before = yaml.safe_load(twice)
    assert len(before["vault_key_previous"]) == 2
    text = twice.replace(before["vault_key_previous"]["first"], "2000-01-01T00:00:00+00:00", 1)
    after = yaml.safe_load(rotated(text, [KEY], {}, 12))["vault_key_previous"]
    assert "first" not in after
    assert before["vault_key"] in after


def test_without_an_overlap_no_key_counts_but_the_new_one() -> None:
    assert "vault_key_previous" not in yaml.safe_load(rotated(TEXT, [KEY], {}, 0))
    text = rotated(rotated(TEXT, [KEY], {}, 12), [KEY], {}, 0)
    assert yaml.safe_load(text)["vault_key_previous"] == {}


def test_a_secret_that_was_not_there_is_added() -> None:
    assert rotated(TEXT, [], {"vault_other": "a~B"}, 12) == f'{TEXT}vault_other: "a~B"\n'


@pytest.mark.parametrize(
    "text",
    [
        'vault_key: >-\n  "first"\n',
        '{"vault_key": "first"}\n',
        '"vault_key": "first"\n',
        "vault_key: first\nvault_key_previous: tomorrow\n",
        'vault_key: first\nvault_key_previous: {"older": 7}\n',
        "- vault_key\n",
    ],
)
def test_a_text_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(AnsibleFilterError) as error:
        rotated(text, [KEY], {}, 12)
    assert "first" not in str(error.value)


def test_one_command_rotates_and_goes_on_to_deploy(environment: Environment) -> None:
    before = yaml.safe_load(decrypt(environment))
    run = environment.run("-e", "secrets_rotate=flask_secret_key,admin_password", "--diff", "-vvv")
    assert (run.messages, run.unreachable, run.changed) == ({}, 1, 2)
    # What a task is given would be in such a file, were it not for a pipe.
    assert "AnsiballZ_command" not in run.output
    text = decrypt(environment)
    after = yaml.safe_load(text)
    assert after["vault_bokeh_secret_key"] == before["vault_bokeh_secret_key"]
    assert len(after["vault_admin_password"]) == 24
    assert list(after["vault_flask_secret_key_previous"]) == [before["vault_flask_secret_key"]]
    assert text.count("\n# ") == 3
    for secret in {
        *before.values(),
        after["vault_flask_secret_key"],
        after["vault_admin_password"],
    }:
        assert secret not in run.output
    assert environment.vault.read_text().startswith("$ANSIBLE_VAULT;")
    assert environment.vault.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in environment.folder.glob("*vault*")] == ["vault.yml"]
    assert not list(environment.folder.glob(".vault*"))


def test_the_new_vault_takes_the_place_of_the_old_one_in_one_step(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever happens before that step, all is as it was, and the next run succeeds."""
    before = environment.vault.read_bytes()
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "mv").write_text("#!/bin/sh\nexit 1\n")
    (commands / "mv").chmod(0o755)
    monkeypatch.setenv("PATH", str(commands), prepend=os.pathsep)
    run = environment.run("-e", "secrets_rotate=bokeh_secret_key")
    assert run.status != 0
    assert any("are as they were" in message for message in run.messages["plots1"])
    assert environment.vault.read_bytes() == before
    (rest,) = environment.folder.glob(".vault*")
    assert rest.read_text().startswith("$ANSIBLE_VAULT;")
    monkeypatch.undo()
    assert environment.run("-e", "secrets_rotate=bokeh_secret_key").changed == 2
    assert not rest.exists()


def test_what_cannot_be_rotated_is_one_sentence(environment: Environment) -> None:
    before = environment.vault.read_bytes()
    run = environment.run("-e", "secrets_rotate=database_password,flask_secret_key")
    assert run.sentence == (
        "database_password is not a secret that can be rotated: set secrets_rotate to one of "
        "flask_secret_key, bokeh_secret_key, admin_password, or to several with commas between "
        "them."
    )
    run = environment.run("-e", "secrets_rotate=flask_secret_key", "--check")
    assert "leave out --check or secrets_rotate" in run.sentence
    assert environment.vault.read_bytes() == before


def test_a_replaced_key_needs_its_end(environment: Environment) -> None:
    encrypt(
        environment, decrypt(environment) + "vault_flask_secret_key_previous: {oldest: never}\n"
    )
    run = environment.run()
    assert run.sentence.startswith("vault_flask_secret_key_previous in ")
    assert "oldest" not in run.output


def test_what_the_provider_made_comes_from_the_environment(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.write_options(PROVIDER)
    before = environment.vault.read_bytes()
    for wrong in ("", "hunter 2"):
        monkeypatch.setenv("NEW_OIDC_CLIENT_SECRET", wrong)
        run = environment.run("-e", "secrets_rotate=oidc_client_secret")
        assert "environment variable NEW_OIDC_CLIENT_SECRET" in run.sentence
        assert "hunter" not in run.output
        assert environment.vault.read_bytes() == before
    monkeypatch.setenv("NEW_OIDC_CLIENT_SECRET", "a~B.c-8%!")
    run = environment.run("-e", "secrets_rotate=oidc_client_secret", "-vvv")
    assert (run.messages, run.unreachable) == ({}, 1)
    assert "a~B.c-8" not in run.output
    assert yaml.safe_load(decrypt(environment))["vault_oidc_client_secret"] == "a~B.c-8%!"


@contextmanager
def killed_after(seconds: float, process: subprocess.Popen[bytes]) -> Iterator[None]:
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def test_what_the_provider_made_is_asked_for_at_a_terminal(environment: Environment) -> None:
    environment.write_options(PROVIDER)
    encrypt(environment, decrypt(environment) + "vault_oidc_client_secret: before\n")
    program, playbook = COMMANDS / "ansible-playbook", ROOT / "playbook.yml"
    command = [
        program,
        "-i",
        environment.folder,
        playbook,
        "-e",
        "secrets_rotate=oidc_client_secret",
    ]
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_HOME": str(environment.folder.with_name("ansible")),
        "ANSIBLE_VAULT_PASSWORD_FILE": str(environment.password_file),
    }
    with subprocess.Popen(
        ["script", "--quiet", "--command", shlex.join(map(str, command)), "/dev/null"],
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as terminal:
        assert terminal.stdin
        assert terminal.stdout
        told = b""
        while b"made for this site" not in told:
            more = terminal.stdout.read1()
            assert more, told
            told += more
        # What is typed before Ansible listens, a moment after it has asked, is thrown away.
        time.sleep(2)
        terminal.stdin.write(b"typed-in-8%!\n")
        terminal.stdin.flush()
        with killed_after(120, terminal):
            told += terminal.stdout.read()
    assert b"typed-in" not in told
    assert yaml.safe_load(decrypt(environment))["vault_oidc_client_secret"] == "typed-in-8%!"
