"""``tools/rekey``: all that is encrypted gets another password, or nothing does."""

import os
import subprocess
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from playbook_run import COMMANDS, Environment
from repository import ROOT

OLD, OTHER = b"correct horse battery staple", b"another password"
PLAIN = b"a private key\n"

_spec = spec_from_loader("rekey", SourceFileLoader("rekey", str(ROOT / "tools/rekey")))
assert _spec
assert _spec.loader
program: Any = module_from_spec(_spec)
_spec.loader.exec_module(program)


def vault(password: bytes) -> VaultLib:
    return VaultLib([("default", VaultSecret(password))])


class Operator:
    """Somebody with a password file and encrypted files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.password = folder / "password"
        self.password.write_bytes(OLD + b"\n")
        self.files = [folder / "certificates" / f"key{number}.pem" for number in (1, 2)]
        self.files[0].parent.mkdir()
        for file in self.files:
            file.write_bytes(vault(OLD).encrypt(PLAIN))
        self.files[1].chmod(0o640)

    def rekey(self, given: Path | None = None) -> Path:
        return Path(program.rekey(self.files, self.password, given))

    def passwords(self) -> set[bytes]:
        """The passwords that the operator could look up."""
        return {OLD} | {path.read_bytes().strip() for path in self.folder.glob("password*")}

    def assert_all_open_with(self, password: bytes) -> None:
        for file in self.files:
            assert vault(password).decrypt(file.read_bytes()) == PLAIN

    def assert_nothing_remains(self) -> None:
        assert set(self.files[0].parent.iterdir()) == set(self.files)
        assert set(self.folder.iterdir()) == {self.password, self.files[0].parent}


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    folder = tmp_path / "operator"
    folder.mkdir()
    return Operator(folder)


def test_everything_gets_a_new_password(operator: Operator) -> None:
    assert operator.rekey() == operator.password
    new = operator.password.read_bytes().strip()
    assert new != OLD
    assert len(new) == 32
    operator.assert_all_open_with(new)
    operator.assert_nothing_remains()
    modes = [file.stat().st_mode & 0o777 for file in (operator.password, operator.files[1])]
    assert modes == [0o600, 0o640]


@pytest.mark.parametrize("done", range(3))
@pytest.mark.parametrize("killed", [False, True])
def test_stopped_at_any_point_it_goes_on(
    operator: Operator, done: int, killed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every point each file opens with a password that is at hand."""
    replace, replaced = Path.replace, []

    def stop(path: Path, target: Path) -> Path:
        if len(replaced) == done:
            raise KeyboardInterrupt
        replaced.append(target)
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stop)
        if killed:
            patch.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            operator.rekey()
    for file in operator.files:
        content = file.read_bytes()
        opened = [program.decrypted(content, vault(one)) for one in operator.passwords()]
        assert PLAIN in opened
    operator.rekey()
    operator.assert_all_open_with(operator.password.read_bytes().strip())
    operator.assert_nothing_remains()


def test_a_file_that_no_password_opens_stops_it(operator: Operator) -> None:
    operator.files[1].write_bytes(vault(OTHER).encrypt(PLAIN))
    before = [file.read_bytes() for file in operator.files]
    with pytest.raises(SystemExit, match=r"key2.pem opens with neither password: nothing was"):
        operator.rekey()
    assert [file.read_bytes() for file in operator.files] == before
    assert operator.password.read_bytes() == OLD + b"\n"
    operator.assert_nothing_remains()


def test_a_password_that_a_program_tells_is_given(operator: Operator, tmp_path: Path) -> None:
    operator.password.write_bytes(b"#!/bin/sh\necho " + OLD)
    operator.password.chmod(0o755)
    with pytest.raises(SystemExit, match="is a program: name a file with the new password"):
        operator.rekey()
    given = tmp_path / "given"
    given.write_bytes(OTHER)
    assert operator.rekey(given) == given
    operator.assert_all_open_with(OTHER)
    operator.assert_nothing_remains()


def test_it_finds_all_of_an_environment(
    environment: Environment, operator: Operator, password_file: Path
) -> None:
    environment.write_options(
        {
            "site_domain": "plots.test",
            "site_certificate_kind": "provided",
            "site_certificate_chain_file": "chain.pem",
            "site_certificate_key_file": str(operator.files[0]),
        }
    )
    inside = environment.folder / "ca" / "key.pem"
    inside.parent.mkdir()
    inside.write_bytes(vault(OLD).encrypt(PLAIN))
    # As if a run had been interrupted that has made a new password, and used it here.
    becoming = environment.folder / "group_vars/all/become.yml"
    becoming.write_bytes(vault(OTHER).encrypt(b"ansible_become_password: x\n"))
    operator.password.with_name("password.new").write_bytes(OTHER + b"\n")
    operator.password.write_bytes(password_file.read_bytes())
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_VAULT_PASSWORD_FILE": str(operator.password),
        "ANSIBLE_HOME": str(environment.folder.with_name("ansible")),
        "PATH": f"{COMMANDS}{os.pathsep}{os.environ['PATH']}",
    }
    command = [COMMANDS / "python", ROOT / "tools/rekey", environment.folder]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    wanted = sorted(map(str, (environment.vault, inside, becoming, operator.files[0])))
    assert done.stdout.splitlines()[1:] == wanted, done.stderr
    new = operator.password.read_bytes().strip()
    assert new.decode() not in done.stdout
    assert b"vault_flask" in vault(new).decrypt(environment.vault.read_bytes())
    assert vault(new).decrypt(inside.read_bytes()) == PLAIN


@pytest.mark.parametrize("missing", [True, False])
def test_a_password_for_nothing_stays(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, missing: bool
) -> None:
    inventory = tmp_path / "inventory"
    if not missing:
        inventory.mkdir()
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(operator.password))
    monkeypatch.setattr(program, "_named", lambda *_: [])
    monkeypatch.setattr("sys.argv", ["rekey", str(inventory)])
    with pytest.raises(SystemExit, match=r"There is no environment|Nothing of .* is encrypted"):
        program.main()
    assert operator.password.read_bytes() == OLD + b"\n"


def test_single_encrypted_values_stop_it(tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text("a: !vault |\n  $ANSIBLE_VAULT;\n")
    with pytest.raises(SystemExit, match=r"more.yml: move them into vault.yml"):
        program.encrypted(tmp_path, tmp_path / "new")
