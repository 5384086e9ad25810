"""The authority of an environment: made once, its key encrypted on the way to the disk."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from playbook_run import COMMANDS, Environment, Run

PLAY = {
    "hosts": "app",
    "gather_facts": False,
    "tasks": [
        {
            "ansible.builtin.include_role": {
                "name": "certificate",
                "tasks_from": "authority.yml",
                "apply": {"tags": ["always"]},
            },
            "vars": {"certificate_names": ["plots.test"]},
            "tags": ["always"],
        }
    ],
}


def make(environment: Environment, *arguments: str) -> Run:
    """Run the part of the role that makes the authority."""
    playbook = environment.folder.parent / "playbook.yml"
    playbook.write_text(yaml.safe_dump([PLAY]))
    return environment.run(*arguments, playbook=playbook)


@pytest.fixture
def files(bare: Environment) -> tuple[Path, Path]:
    """Where the authority's certificate and key are."""
    return bare.folder / "ca/ca.pem", bare.folder / "ca/ca-key.pem"


def test_it_is_made_with_an_encrypted_key(
    bare: Environment, password_file: Path, files: tuple[Path, Path]
) -> None:
    bare.write_hosts({"plots1": {}, "plots2": {}})
    run = make(bare)
    assert (run.status, run.messages) == (0, {}), run.output
    assert run.changed == 1
    assert "PRIVATE KEY" not in run.output
    certificate, key = files
    assert key.read_text().startswith("$ANSIBLE_VAULT;")
    assert key.stat().st_mode & 0o077 == 0
    variables = {**os.environ, "ANSIBLE_VAULT_PASSWORD_FILE": str(password_file)}
    command = [COMMANDS / "ansible-vault", "decrypt", "--output", "-", key]
    plain = subprocess.run(command, env=variables, check=True, capture_output=True).stdout
    public = serialization.load_pem_private_key(plain, None).public_key()
    made = x509.load_pem_x509_certificate(certificate.read_bytes())
    assert made.public_key() == public
    assert made.subject.rfc4514_string() == "CN=Certificate authority of plots.test"


def test_checking_makes_none(bare: Environment, files: tuple[Path, Path]) -> None:
    assert make(bare, "--check").status == 0
    assert not any(file.exists() for file in files)


@pytest.mark.parametrize("there", [0, 1])
def test_half_an_authority_is_refused(
    bare: Environment, files: tuple[Path, Path], there: int
) -> None:
    files[0].parent.mkdir()
    files[there].write_text("what is left")
    sentence = make(bare).sentence
    assert sentence.startswith(f"Of {files[0]} and {files[1]} only one is there: bring the other")
    assert files[there].read_text() == "what is left"


def test_without_a_vault_password_there_is_none(
    bare: Environment, files: tuple[Path, Path]
) -> None:
    bare.password_file = None
    assert "cannot be encrypted without a vault password" in make(bare).sentence
    assert not any(file.exists() for file in files)
