"""Migrations: they make what the models need, all at once, and spare the other releases."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent, indent

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from argon2 import PasswordHasher
from click.testing import Result
from flask import Flask
from support import BASE, PASSWORD, sign_in

from app import commands, db, schema, tables
from app.config import Config
from app.factory import create_app
from app.fit import misfits

Run = Callable[..., Result]
HEADER = """\
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "0002"


def upgrade():
"""


@pytest.fixture
def next_release(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Run]:
    """Make a release with one more migration, and return what runs its commands."""
    folder = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, folder)

    def run(*arguments: str) -> Result:
        with monkeypatch.context() as patch:
            patch.setattr(schema, "MIGRATIONS", folder)
            site = create_app(config)
            commands.install(site)
            result = site.test_cli_runner().invoke(args=arguments)
            site.extensions["engine"].dispose()
            return result

    def release(upgrade: str) -> Run:
        (folder / "next.py").write_text(HEADER + indent(dedent(upgrade).strip(), "    ") + "\n")
        return run

    return release


def tables_of(site: Flask) -> tables.Tables:
    with site.app_context():
        return tables.describe(db.engine())


def test_the_models_fit_the_tables(site):
    """What the models do not use any more may still be there, for the release before."""
    with site.app_context(), db.engine().connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), schema.METADATA)
    assert [entry for entry in differences if "remove" not in str(entry[0])] == []
    assert misfits(schema.needed(), schema.made()) == []


def test_a_migration_that_fails_changes_nothing(site, next_release):
    before = tables_of(site)
    failing = next_release(
        """
        op.create_table("plots", sa.Column("name", sa.Text()))
        op.add_column("users", sa.Column("email", sa.Text()))
        op.execute("UPDATE users SET name = 'mallory' WHERE name = 'alice'")
        op.execute("INSERT INTO nowhere VALUES (1)")
        """
    )
    result = failing("database", "upgrade")
    assert result.exit_code == 1
    assert result.stderr == "Error: migration next.py, line 12: no such table: nowhere\n"
    assert tables_of(site) == before
    assert failing("database", "status").stdout == "behind\n"
    assert sign_in(site.test_client(), "alice").status_code == 303


def test_a_failure_outside_the_database_is_told_alike(next_release):
    failing = next_release("raise LookupError('no rows')")
    assert failing("database", "upgrade").stderr == (
        "Error: migration next.py, line 9: LookupError: no rows\n"
    )


def test_a_table_may_be_copied_without_losing_what_refers_to_it(alice, next_release):
    copying = next_release(
        """
        with op.batch_alter_table("users", recreate="always") as users:
            users.alter_column("name", type_=sa.Text())
        """
    )
    assert copying("database", "upgrade").stdout == "upgraded to next\n"
    assert alice.get("/", **BASE).status_code == 200


def test_users_and_passwords_of_before_groups_live_on(config, run, tmp_path, monkeypatch):
    folder = tmp_path / "first"
    folder.mkdir()
    shutil.copy(schema.MIGRATIONS / "0001_users_and_logins.py", folder)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", folder)
        before = create_app(config)
        commands.install(before)
        upgraded = before.test_cli_runner().invoke(args=["database", "upgrade"])
        assert upgraded.stdout == "upgraded to 0001\n"
        known = PasswordHasher(time_cost=1, memory_cost=16, parallelism=1).hash(PASSWORD)
        with before.app_context(), db.engine().begin() as connection:
            row = "INSERT INTO users VALUES (7, 'dora', ?, 1, 1700000000)"
            connection.exec_driver_sql(row, (known,))
        before.extensions["engine"].dispose()
    assert run("database", "upgrade").stdout == "upgraded to 0002\n"
    assert run("user", "list").stdout == "dora  active\n"
    assert run("user", "first-admin", "dora").stdout == "put dora into admin\n"
    now = create_app(config)
    dora = now.test_client()
    assert sign_in(dora, "dora", PASSWORD[::-1]).status_code == 401
    assert sign_in(dora, "dora").status_code == 303
    assert dora.get("/admin/users", **BASE).status_code == 200
    now.extensions["engine"].dispose()


def test_references_to_nothing_are_refused(alice, next_release):
    deleting = next_release("op.execute('DELETE FROM users')")
    assert deleting("database", "upgrade").stderr == (
        "Error: migration next: it leaves rows of logins that refer to missing rows of users\n"
    )
    assert alice.get("/", **BASE).status_code == 200


def test_a_release_older_than_the_tables_works_on_them(run, next_release):
    newer = next_release(
        """
        op.add_column("users", sa.Column("email", sa.Text()))
        op.create_index("ix_users_created_at", "users", ["created_at"])
        """
    )
    assert newer("database", "upgrade").exit_code == 0
    assert run("database", "status").stdout == "newer than this release needs\n"
    result = run("database", "upgrade")
    assert (result.exit_code, result.stdout) == (0, "newer than this release needs\n")


def test_a_release_too_old_for_the_tables_is_refused(run, next_release):
    newer = next_release("op.drop_column('users', 'active')")
    assert newer("database", "upgrade").exit_code == 0
    result = run("database", "upgrade")
    assert (result.exit_code, result.stderr) == (1, "Error: users.active is gone\n")


def test_two_upgrades_at_once_run_each_migration_once(config):
    # One after the other: Python 3.11 cannot compile in threads (cpython issue 106905).
    sites = [create_app(config) for _ in range(4)]

    def upgrade(site: Flask) -> str:
        with site.app_context():
            return schema.upgrade()

    for site in sites:
        schema.install(site)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(upgrade, sites)) == ["0002"] * 4


def test_a_release_tells_another_what_its_tables_will_be(run, next_release, config):
    candidate = next_release(
        """
        op.drop_column("users", "active")
        with op.batch_alter_table("logins") as logins:
            logins.create_unique_constraint("one_login", ["user_id"])
        """
    )
    result = run("database", "fits", stdin=candidate("database", "describe").stdout)
    assert result.exit_code == 1
    assert result.stderr == "Error: logins: user_id must be unique now\nusers.active is gone\n"
    same = run("database", "describe").stdout
    assert run("database", "fits", stdin=same).stdout == "this release works on those tables\n"
    assert not Path(config.database_url.removeprefix("sqlite:///")).exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2, "tables": {}}'])
def test_what_describes_no_tables_is_refused(run, text):
    result = run("database", "fits", stdin=text)
    assert result.exit_code == 1
    assert "pipe what `database describe` of another release prints into it" in result.stderr
