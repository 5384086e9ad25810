"""An environment to run the playbook against."""

import shutil
from pathlib import Path

import pytest
from playbook_run import Environment


@pytest.fixture(scope="session")
def password_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("password") / "vault-password"
    file.write_text("correct horse battery staple\n")
    return file


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory, password_file: Path) -> Environment:
    """An environment whose vault the playbook has just made."""
    environment = Environment(tmp_path_factory.mktemp("founded") / "inventory", password_file)
    run = environment.run("-e", "secrets_create=true")
    assert run.changed == 1, run.output
    return environment


@pytest.fixture
def bare(tmp_path: Path, password_file: Path) -> Environment:
    """An environment without a vault."""
    return Environment(tmp_path / "inventory", password_file)


@pytest.fixture
def environment(bare: Environment, founded: Environment) -> Environment:
    """An environment with a vault."""
    shutil.copy(founded.vault, bare.vault)
    return bare
