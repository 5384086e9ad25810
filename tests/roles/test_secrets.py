"""The vault is made once, is never in plain text, and says what is wrong with it."""

import subprocess
from pathlib import Path

import yaml
from playbook_run import COMMANDS, Environment


def decrypt(environment: Environment) -> str:
    command = [COMMANDS / "ansible-vault", "view", environment.vault]
    password = ["--vault-password-file", str(environment.password_file)]
    return subprocess.run([*command, *password], capture_output=True, text=True, check=True).stdout


def encrypt(environment: Environment, text: str) -> None:
    environment.vault.write_text(text)
    command = [COMMANDS / "ansible-vault", "encrypt", "--encrypt-vault-id", "default"]
    password = ["--vault-password-file", str(environment.password_file)]
    subprocess.run([*command, *password, environment.vault], capture_output=True, check=True)


def test_vault_holds_long_random_secrets_with_a_comment_each(founded: Environment) -> None:
    text = decrypt(founded)
    secrets = yaml.safe_load(text)
    assert {name: len(value) for name, value in secrets.items()} == {
        "vault_flask_secret_key": 43,
        "vault_bokeh_secret_key": 43,
        "vault_admin_password": 24,
    }
    assert len(set(secrets.values())) == 3
    assert text.count("\n# ") == 3


def test_vault_is_encrypted_as_a_whole_and_private(founded: Environment) -> None:
    assert founded.vault.read_text().startswith("$ANSIBLE_VAULT;1.1;AES256\n")
    assert founded.vault.stat().st_mode & 0o777 == 0o600


def test_second_run_changes_nothing_and_shows_nothing(founded: Environment) -> None:
    before = founded.vault.read_bytes()
    run = founded.run("-e", "secrets_create=true", "--diff", "-vvv")
    assert (run.changed, founded.vault.read_bytes()) == (0, before)
    for secret in yaml.safe_load(decrypt(founded)).values():
        assert secret not in run.output


def test_vault_is_not_made_unless_asked_for(bare: Environment) -> None:
    assert bare.run().sentence == (
        f"There is no {bare.vault}: create it with ansible-playbook -i {bare.folder} playbook.yml "
        "--tags secrets -e secrets_create=true"
    )
    assert not bare.vault.exists()


def test_check_mode_makes_no_vault(bare: Environment) -> None:
    assert bare.run("--check", "-e", "secrets_create=true").sentence.startswith("There is no ")
    assert not bare.vault.exists()


def test_making_a_vault_needs_a_password(bare: Environment) -> None:
    bare.password_file = None
    sentence = bare.run("-e", "secrets_create=true").sentence
    assert "cannot be encrypted without a vault password" in sentence
    assert not bare.vault.exists()


def test_reading_the_vault_needs_a_password(environment: Environment) -> None:
    environment.password_file = None
    assert "cannot be decrypted without its vault password" in environment.run().sentence


def test_wrong_password(environment: Environment, tmp_path: Path) -> None:
    environment.password_file = tmp_path / "wrong"
    environment.password_file.write_text("wrong\n")
    assert "give the one it was encrypted with" in environment.run().sentence


def test_plain_text_is_refused(bare: Environment) -> None:
    bare.vault.write_text("vault_admin_password: hunter2\n")
    bare.vault.chmod(0o600)
    run = bare.run()
    assert "is not encrypted" in run.sentence
    assert "hunter2" not in run.output


def test_missing_secret_is_named(environment: Environment) -> None:
    secrets = yaml.safe_load(decrypt(environment))
    del secrets["vault_bokeh_secret_key"]
    encrypt(environment, yaml.safe_dump(secrets))
    assert environment.run().sentence.startswith("vault_bokeh_secret_key is missing from")


def test_secret_that_somebody_else_makes_is_asked_for(environment: Environment) -> None:
    secrets = yaml.safe_load(decrypt(environment))
    environment.write_options(
        {
            "site_domain": "plots.test",
            "site_oidc_issuer": "https://login.test",
            "site_oidc_client_id": "site",
        }
    )
    for wrong in ({}, {"vault_oidc_client_secret": "hunter 2"}):
        encrypt(environment, yaml.safe_dump({**secrets, **wrong}))
        run = environment.run()
        assert run.sentence.startswith(
            "vault_oidc_client_secret, the client secret that the provider made for this site, is "
            f"missing from {environment.vault}"
        )
        assert "hunter" not in run.output
    encrypt(environment, yaml.safe_dump({**secrets, "vault_oidc_client_secret": "a~B.c-8%!"}))
    run = environment.run()
    assert (run.messages, run.unreachable) == ({}, 1)
