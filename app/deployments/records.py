"""The deployments that a host knows: each has a file with its settings, named by its id."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from app.config import RELEASE
from app.deployments.host import Host


@dataclass(frozen=True)
class Record:
    """A deployment, as it was written down.

    Attributes:
        deployment: Its id.
        path: The file.
        since: When it began to serve, or was written, in seconds since the epoch.
        settings: Its environment variables, secrets included.
    """

    deployment: str
    path: Path
    since: float
    settings: dict[str, str]

    @property
    def release(self) -> str:
        """The release that it runs."""
        return self.settings["SITE_RELEASE"]

    @property
    def release_dir(self) -> Path:
        """Directory of its code."""
        return Path(self.settings["SITE_RELEASE_DIR"])

    @property
    def venv_dir(self) -> Path:
        """Its virtual environment."""
        return Path(self.settings["SITE_VENV_DIR"])


def records(host: Host) -> list[Record]:
    """All deployments, the one that served last first."""
    found = [
        Record(path.name, path, path.stat().st_mtime, _settings(path.read_text()))
        for path in host.records_dir.iterdir()
        if RELEASE.fullmatch(path.name)
    ]
    return sorted(found, key=lambda record: record.since, reverse=True)


def _settings(text: str) -> dict[str, str]:
    """Read a file that a shell could source."""
    assignments = (word.partition("=") for word in shlex.split(text, comments=True))
    return {name: value for name, _, value in assignments}
