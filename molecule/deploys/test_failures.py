"""Whatever goes wrong in a deploy, the old release serves on, and the next run puts it right."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest
from checkout import Checkout
from deploying import WHAT_DEPLOYS, assert_serves, deployments, said, serving
from provisioned import REPOSITORY, Inventory, Site
from visitor import Visitor

MIGRATION = """\
\"\"\"A change of the tables.\"\"\"

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "0002"
branch_labels = depends_on = None


def upgrade() -> None:
    \"\"\"Change the tables.\"\"\"
    {}
"""


@dataclass(frozen=True)
class Fault:
    """A release that must not serve.

    Attributes:
        files: What is appended to its files.
        says: What the playbook has to say.
    """

    files: dict[str, str]
    says: tuple[str, ...]


FAULTS = {
    "a plot that cannot be built": Fault(
        {"plots/sliders.py": "\nraise RuntimeError('built badly')\n"},
        ("plot sliders:", "built badly", "sliders.py"),
    ),
    "a control that fails": Fault(
        {
            "plots/sliders.py": "\n\ndef fail(attr, old, new):\n    1 / 0\n\n\n"
            "offset.on_change('value', fail)\n"
        },
        (
            "plot sliders: moving Slider 'Offset' fails",
            "division by zero",
            "goes on serving",
            "The last lines of /var/log/bokeh-site/bokeh_apps-",
        ),
    ),
    "a control without an effect": Fault(
        {
            "plots/quiet.py": "from bokeh.io import curdoc\nfrom bokeh.models import Slider\n"
            "curdoc().add_root(Slider(title='Idle', start=0, end=1, value=0))\n"
        },
        ("plot quiet: moving Slider 'Idle' shows no new data", "goes on serving"),
    ),
    "a website that does not start": Fault(
        {
            "wsgi.py": "\nif 'gunicorn' in sys.argv[0]:\n"
            "    raise SystemExit('the website gave up')\n"
        },
        ("does not run", "goes on serving", "the website gave up"),
    ),
    "a migration that fails half-way": Fault(
        {
            "migrations/9999_fails.py": MIGRATION.format(
                'op.create_table("notes", sa.Column("id", sa.Integer(), primary_key=True))\n'
                '    op.execute("INSERT INTO nowhere VALUES (1)")'
            )
        },
        ("9999", "no such table: nowhere"),
    ),
    "a migration that takes away what is used": Fault(
        {
            "migrations/9999_removes.py": MIGRATION.format(
                'with op.batch_alter_table("users") as users:\n        users.drop_column("active")'
            )
        },
        ("users", "active"),
    ),
}


@contextmanager
def full_disk(site: Site) -> Iterator[None]:
    """Have no room left where releases are installed; what is there stays readable."""
    folder = site.variables["site_releases_dir"]
    script = (
        f"set -e; size=$(du -sk {folder} | cut -f1); mkdir -p /mnt/full; "
        "mount -t tmpfs -o size=$((size * 2 + 512))k tmpfs /mnt/full; "
        f"cp -a {folder}/. /mnt/full; "
        "dd if=/dev/zero of=/mnt/full/.fill bs=1k 2>/dev/null || true; "
        f"mount --move /mnt/full {folder}"
    )
    site.command("sh", user="root", text=script)
    try:
        yield
    finally:
        # Lazily, for nginx may still send a file of a page.
        site.command("umount", "--lazy", folder, user="root")


@dataclass
class StartedRun:
    """A run of the playbook that goes on."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def wait_for(self, task: str) -> None:
        """Read on until a task begins."""
        for line in self.process.stdout or ():
            self.lines.append(line)
            if re.match(rf"TASK \[.*{re.escape(task)}", line):
                return
        raise AssertionError(f"no task {task}: {''.join(self.lines)}")


@contextmanager
def started(inventory: Inventory, checkout: Checkout) -> Iterator[StartedRun]:
    """Start a run of the playbook, as an operator in a terminal of their own does."""
    command = ["ansible-playbook", "-i", inventory.path, checkout.playbook, WHAT_DEPLOYS]
    plain = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env={**inventory.environment, **plain},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield StartedRun(process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_release_with_a_fault_never_serves(
    site: Site, inventory: Inventory, checkout: Checkout, viewer: Visitor, fault: str
):
    before = serving(site)
    checkout.commit(FAULTS[fault].files)
    run = inventory.playbook(checkout.playbook, WHAT_DEPLOYS)
    assert run.returncode != 0
    for part in FAULTS[fault].says:
        assert part in said(run), run.stdout
    for secret in site.secrets.values():
        assert secret not in said(run)
    assert serving(site) == before
    assert {d["state"] for d in deployments(site)} <= {"serving", "kept", "draining"}
    assert site.cli("database", "status") == "up to date"
    assert_serves(viewer, before)


def test_a_full_disk_is_told_and_the_next_run_succeeds(
    site: Site, inventory: Inventory, checkout: Checkout, viewer: Visitor
):
    before = serving(site)
    release = checkout.commit({"plots/bars.py": "\n# for the full disk\n"})
    with full_disk(site):
        run = inventory.playbook(checkout.playbook, WHAT_DEPLOYS)
        assert run.returncode != 0
        assert "cannot be installed" in said(run)
        assert "No space left on device" in said(run)
        assert serving(site) == before
        assert_serves(viewer, before)
    run = inventory.playbook(checkout.playbook, WHAT_DEPLOYS)
    assert run.returncode == 0, run.stdout
    assert deployments(site)[0]["release"] == release
    assert_serves(viewer, serving(site))


def lose_ssh(site: Site, _run: StartedRun) -> None:
    """Cut every SSH connection to the host."""
    site.cut_connections()


def press_ctrl_c(_site: Site, run: StartedRun) -> None:
    """Interrupt the run, as a terminal does, and again if it does not end."""
    # Ansible may wait for ever for a worker that it had just started, and that is gone.
    for _ in range(3):
        os.killpg(run.process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            run.process.wait(20)
            return


def kill(_site: Site, run: StartedRun) -> None:
    """End the run without a warning."""
    os.killpg(run.process.pid, signal.SIGKILL)


def test_an_interrupted_run_leaves_the_old_release_and_the_next_one_completes(
    site: Site, inventory: Inventory, checkout: Checkout, viewer: Visitor
):
    before = serving(site)
    release = checkout.commit({"plots/bars.py": "\n# for the interrupted run\n"})
    for task, interrupt in (
        ("app : Compile the release", press_ctrl_c),
        ("supervisor : Define the programs", kill),
        ("release : Start the deployment", lose_ssh),
    ):
        with started(inventory, checkout) as run:
            run.wait_for(task)
            interrupt(site, run)
            assert run.process.wait(120) != 0
        assert serving(site) == before
        assert_serves(viewer, before)
    run = inventory.playbook(checkout.playbook, WHAT_DEPLOYS)
    assert run.returncode == 0, run.stdout
    assert deployments(site)[0]["release"] == release
    assert_serves(viewer, serving(site))


def test_a_second_operator_is_refused_with_who_and_since_when(
    site: Site, inventory: Inventory, checkout: Checkout
):
    release = checkout.commit({"plots/bars.py": "\n# for the first of two operators\n"})
    with started(inventory, checkout) as first:
        first.wait_for("Install the interpreter")
        second = inventory.playbook(str(REPOSITORY / "playbook.yml"), WHAT_DEPLOYS)
        assert second.returncode != 0
        who = rf"\S+@\S+ has been deploying release {release} to {site.name} since 20\d\d-\d\d-\d\d"
        assert re.search(who, said(second)), said(second)
        assert "changed=0" in said(second)
        rest, _ = first.process.communicate()
        assert first.process.returncode == 0, rest
    assert deployments(site)[0]["release"] == release
