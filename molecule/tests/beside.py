"""A slot with plots of the tests' own, beside those of a provisioned host."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from provisioned import Site, poll

PLOTS = Path(__file__).parent / "plots"
_STARTS_WITHIN = 20.0


@dataclass(frozen=True)
class Beside:
    """A copy of the host's release, with more plots, and the programs that run from it.

    Attributes:
        site: The host.
        folder: Where the copy is; it is also the prefix of the units' names.
        slot: Name of its slot, which nginx finds like any other.
    """

    site: Site
    folder: str
    slot: str

    @property
    def socket(self) -> str:
        """The slot's unix socket."""
        return f"{self.site.variables['site_run_dir']}/{self.slot}.sock"

    @property
    def log(self) -> str:
        """What its programs have logged."""
        command = ("journalctl", "--no-pager", "--output=cat", f"--unit={self._unit('*')}")
        return self.site.command(*command, user="root").stdout

    def run(
        self, program: str, *command: str, user: str = "site_app_user", **settings: str
    ) -> None:
        """Start a program with the settings of what serves, but for some.

        Args:
            program: A name for it.
            *command: Its command, below the virtual environment.
            user: The variable that names that user.
            **settings: Other values of the environment.
        """
        variables = self.site.variables
        record = f"{variables['site_records_dir']}/{variables['site_deployment']}"
        self.site.command(
            *("systemd-run", "--collect"),
            f"--unit={self._unit(program)}",
            f"--property=EnvironmentFile={record}",
            f"--property=User={variables[user]}",
            f"--property=WorkingDirectory={self.folder}",
            "/usr/bin/env",
            *(f"{name}={value}" for name, value in settings.items()),
            *(f"{variables['site_venv_dir']}/bin/{command[0]}", *command[1:]),
            user="root",
        )

    def wait(self) -> None:
        """Wait until its slot listens."""
        poll(
            lambda: self.site.attempt("test", "-S", self.socket, user="root").returncode == 0,
            _STARTS_WITHIN,
        )

    def write(self, name: str, text: str) -> None:
        """Write a file of the copy."""
        self.site.command("tee", f"{self.folder}/{name}", user="root", text=text)

    def stop(self) -> None:
        """Stop its programs, and leave nothing behind."""
        self.site.attempt("systemctl", "stop", self._unit("*"), user="root")
        self.site.command("rm", "--recursive", "--force", self.folder, self.socket, user="root")

    def _unit(self, program: str) -> str:
        return f"{Path(self.folder).name}-{program}.service"


@contextmanager
def copied(site: Site, name: str, number: int) -> Iterator[Beside]:
    """Have a copy of a host's release with more plots, and no program that runs from it yet.

    Args:
        site: The host.
        name: A file, or a folder of files, in `PLOTS`.
        number: The number of its slot, which no other slot has.
    """
    slot = f"{site.variables['site_slot_prefix']}{number}"
    copy = Beside(site, f"/opt/test-{Path(name).stem}", slot)
    files = sorted((PLOTS / name).glob("*.py")) or [PLOTS / name]
    site.command("mkdir", copy.folder, user="root")
    try:
        release = site.variables["site_release_dir"]
        site.command("cp", "--recursive", f"{release}/app", copy.folder, user="root")
        for file in files:
            copy.write(f"app/plots/{file.name}", file.read_text())
        yield copy
    finally:
        copy.stop()


@contextmanager
def beside(site: Site, name: str, number: int, *options: str, **settings: str) -> Iterator[Beside]:
    """Have one more slot on a host, with plots that only it has.

    Args:
        site: The host.
        name: A file, or a folder of files, in `PLOTS`.
        number: The slot's number, which no other slot has.
        *options: More options of the slot.
        **settings: Other values of the slot's environment.
    """
    with copied(site, name, number) as copy:
        command = ("python", "-m", "app.slot", "--name", copy.slot, "--unix-socket", copy.socket)
        options = ("--drain-seconds", "0", *options)
        copy.run("slot", *command, *options, user="site_plots_user", **settings)
        copy.wait()
        yield copy
