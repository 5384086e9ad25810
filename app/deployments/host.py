"""Where things are on this host, and which deployment serves."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.config import RELEASE, Variables, a_number, full_path, matching, read_variables

_SOCKET = "application-{}.sock"


class DeploymentError(RuntimeError):
    """A deployment cannot go on; the text says why, and what serves meanwhile."""


@dataclass(frozen=True)
class Host:
    """The host, as a deployment's own settings describe it.

    Attributes:
        deployment: The deployment whose settings these are, 12 hexadecimal digits.
        slots: How many slots shall take visits.
        slot_memory: What a slot may need before it is replaced, in MB.
        kept: How many deployments stay on the host to go back to, the serving one included.
        command: The application's command line.
        run_dir: Directory of the slots' sockets and statuses, where plots may write.
        application_dir: Directory of the websites' sockets, where they may not.
        records_dir: Directory of each deployment's settings, in a file named by its id.
        programs_dir: Directory of Supervisor's program definitions.
        supervisor_socket: Socket that supervisord listens on.
        log_dir: Directory of the programs' logs.
        release_dir: This deployment's code; beside it is that of the others.
        venv_dir: This deployment's virtual environment; beside it are the others.
        bokehjs_dir: Directory of BokehJS, by version.
        serving_link: The link that nginx follows to the website.
        candidate_link: The link that nginx follows to the website that is tried out.
        lock_file: Holds who deploys, and nothing while nobody does.
    """

    deployment: str
    slots: int
    slot_memory: int
    kept: int
    command: Path
    run_dir: Path
    application_dir: Path
    records_dir: Path
    programs_dir: Path
    supervisor_socket: Path
    log_dir: Path
    release_dir: Path
    venv_dir: Path
    bokehjs_dir: Path
    serving_link: Path
    candidate_link: Path
    lock_file: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Host":
        """Read the ``SITE_*`` variables.

        Raises:
            ConfigError: Naming every variable that is missing or wrong.
        """
        return cls(**read_variables(environ, _VARIABLES))

    @property
    def serving(self) -> str | None:
        """The deployment that new visitors get, if there is one."""
        return deployment_of(self.serving_link)

    @property
    def candidate(self) -> str | None:
        """The deployment that is being tried out, if it is another than the one that serves."""
        candidate = deployment_of(self.candidate_link)
        return None if candidate == self.serving else candidate

    @property
    def locked(self) -> bool:
        """Whether somebody deploys, or was interrupted."""
        return self.lock_file.exists() and self.lock_file.stat().st_size > 0

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Have nobody else change what serves and what runs meanwhile: no steward, no playbook."""
        directory = os.open(self.records_dir, os.O_RDONLY)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            yield
        finally:
            os.close(directory)

    def socket_of(self, deployment: str) -> Path:
        """The website's socket of a deployment."""
        # Another release may have another place for it.
        if deployment == self.serving:
            return self.serving_link.readlink()
        return self.application_dir / _SOCKET.format(deployment)

    def definitions_of(self, deployment: str) -> Path:
        """Supervisor's definitions of a deployment's programs."""
        return self.programs_dir / f"{deployment}.conf"

    def point(self, link: Path, deployment: str | None) -> None:
        """Let a link lead to a deployment's website, in one step, or nowhere."""
        if not deployment:
            link.unlink(missing_ok=True)
            return
        new = link.with_suffix(".new")
        new.unlink(missing_ok=True)
        new.symlink_to(self.socket_of(deployment))
        new.rename(link)


def deployment_of(link: Path) -> str | None:
    """The deployment whose website a link leads to, if there is one."""
    try:
        name = link.readlink().name
    except FileNotFoundError:
        return None
    before, after = _SOCKET.split("{}")
    return name.removeprefix(before).removesuffix(after)


def _path(name: str) -> tuple[str, Any, str]:
    return name, full_path, ""


_VARIABLES: Variables = {
    "deployment": ("SITE_DEPLOYMENT", matching(RELEASE, "12 hexadecimal digits"), ""),
    "slots": ("SITE_SLOT_COUNT", a_number, ""),
    "slot_memory": ("SITE_SLOT_MEMORY_MAX", a_number, ""),
    "kept": ("SITE_DEPLOYMENTS_KEPT", a_number, ""),
    "command": _path("SITE_COMMAND"),
    "run_dir": _path("SITE_RUN_DIR"),
    "application_dir": _path("SITE_APPLICATION_DIR"),
    "records_dir": _path("SITE_RECORDS_DIR"),
    "programs_dir": _path("SITE_PROGRAMS_DIR"),
    "supervisor_socket": _path("SITE_SUPERVISOR_SOCKET"),
    "log_dir": _path("SITE_LOG_DIR"),
    "release_dir": _path("SITE_RELEASE_DIR"),
    "venv_dir": _path("SITE_VENV_DIR"),
    "bokehjs_dir": _path("SITE_BOKEHJS_DIR"),
    "serving_link": _path("SITE_SERVING_SOCKET"),
    "candidate_link": _path("SITE_CANDIDATE_SOCKET"),
    "lock_file": _path("SITE_LOCK_FILE"),
}
