"""Nobody notices a deploy, a rollback or a changed setting: neither who is here nor who comes."""

import time
from collections.abc import Iterator

import pytest
from checkout import Checkout
from deploying import SESSIONS, Come, assert_nobody_noticed, deployments, serving
from provisioned import REPOSITORY, Inventory, Site, poll

from bench.crowd_process import CrowdProcess

# Another table, which the releases before and after do not know.
MIGRATION = """\
revision = "with_notes"
down_revision = "0002"
branch_labels = depends_on = None


def upgrade():
    from alembic import op
    from sqlalchemy import Column, Integer

    op.create_table("notes", Column("id", Integer(), primary_key=True))
"""
TAKE_BACK = """
import sqlite3, sys
with sqlite3.connect(sys.stdin.read()) as database:
    database.execute("DROP TABLE notes")
    database.execute("UPDATE alembic_version SET version_num = '0002'")
"""
# The last viewers are waited for a minute, in case that they come back.
GONE_WITHIN = 120.0


@pytest.fixture
def migration(site: Site) -> Iterator[dict[str, str]]:
    """The files of a migration, which is taken back at the end."""
    yield {"migrations/9998_notes.py": MIGRATION}
    database = f"{site.variables['site_data_dir']}/site.db"
    site.python(TAKE_BACK, site.variables["site_app_user"], text=database)
    assert site.cli("database", "status") == "up to date"


def slots_of(people: CrowdProcess) -> list[str]:
    """The deployments that visitors were sent to, in order of time, each once in a row."""
    order = [
        seen["slot"].rsplit("-", 2)[1]
        for seen in sorted(people.report["seen"], key=lambda seen: seen["at"])
    ]
    return [one for one, before in zip(order, [None, *order], strict=False) if one != before]


def test_three_deploys_and_a_rollback_under_load(
    site: Site,
    inventory: Inventory,
    checkout: Checkout,
    migration: dict[str, str],
    come: Come,
):
    original, first = site.variables["site_release"], serving(site)
    wanted, returned = [first], []
    with come() as people:
        for number, files in enumerate(({}, migration, migration)):
            release = checkout.commit({"plots/bars.py": f"\n# change {number}\n", **files})
            run = inventory.playbook(checkout.playbook)
            assert run.returncode == 0, run.stdout
            returned.append(time.time())
            wanted.append(serving(site))
            assert deployments(site)[0]["release"] == release
        assert site.cli("database", "status") == "up to date"
        run = inventory.playbook(checkout.playbook, "-e", f"app_release={original}")
        assert run.returncode == 0, run.stdout
        assert site.cli("database", "status") == "newer than this release needs"
        assert deployments(site)[0]["release"] == original
        states = {d["deployment"]: (d["state"], d["sessions"]) for d in deployments(site)}
        # Those who came before the first deploy are still there, where they were.
        assert states[first] == ("serving", states[first][1])
        assert states[first][1] >= SESSIONS
        wanted.append(first)
    assert_nobody_noticed(people)
    assert slots_of(people) == wanted
    for moment, deployment in zip(returned, wanted[1:], strict=False):
        after = [s["slot"] for s in people.report["seen"] if moment < s["at"] < moment + 5]
        assert after
        assert all(f"-{deployment}-" in slot for slot in after)

    def only_one_runs() -> bool:
        return [d["deployment"] for d in deployments(site) if d["slots"]] == [first]

    poll(only_one_runs, GONE_WITHIN)
    poll(lambda: leftovers(site) == {first}, 30)
    keep = int(site.variables["site_deployments_to_keep"])
    poll(lambda: len(deployments(site)) == keep, 30)
    kept = {d["release"] for d in deployments(site)}
    assert set(site.command("ls", site.variables["site_releases_dir"]).stdout.split()) == kept


def leftovers(site: Site) -> set[str]:
    """Deployments of which there is a socket, a status, a definition or a program."""
    names = ("site_run_dir", "site_application_run_dir", "site_programs_dir")
    told = site.command("ls", *(site.variables[name] for name in names), user="root").stdout
    # Its status is not 0 where something does not run, as no spare does.
    told += site.attempt("supervisorctl", "status", user="root").stdout.replace(":", " ")
    words = {word for line in told.splitlines() for word in line.replace(".", "-").split("-")}
    return {d["deployment"] for d in deployments(site)} & words


def test_changed_settings_under_load(site: Site, inventory: Inventory, come: Come):
    first = serving(site)
    change = '{"site_slots": 3, "site_login_hours": 11}'
    with come() as people:
        run = inventory.playbook(str(REPOSITORY / "playbook.yml"), "-e", change)
        assert run.returncode == 0, run.stdout
        told = {d["deployment"]: d for d in deployments(site)}
        assert told[first]["state"] == "draining"
        assert told[first]["sessions"] >= SESSIONS
        assert told[serving(site)]["slots"] == 3
    assert_nobody_noticed(people)
    assert slots_of(people) == [first, serving(site)]
