"""A checkout of its own, in which tests commit what they deploy."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioned import REPOSITORY

_AUTHOR = ("-c", "user.name=tests", "-c", "user.email=tests@localhost")


@dataclass(frozen=True)
class Checkout:
    """A clone of the repository under test.

    Attributes:
        path: Where it is.
        base: The commit that was cloned.
    """

    path: Path
    base: str

    @classmethod
    def clone(cls, path: Path) -> "Checkout":
        """Clone what is committed."""
        subprocess.run(["git", "clone", "--quiet", REPOSITORY, path], check=True)
        return cls(path, _git(path, "rev-parse", "HEAD"))

    @property
    def playbook(self) -> str:
        """The playbook of this checkout."""
        return str(self.path / "playbook.yml")

    def commit(self, files: Mapping[str, str]) -> str:
        """Commit one change on top of what was cloned.

        Args:
            files: What to append to files of ``app/``; one that does not exist is made.

        Returns:
            Id of the release.
        """
        _git(self.path, "reset", "--hard", "--quiet", self.base)
        for name, text in files.items():
            with (self.path / "app" / name).open("a") as file:
                file.write(text)
        _git(self.path, "add", "--all")
        _git(self.path, *_AUTHOR, "commit", "--quiet", "--message=A change")
        return _git(self.path, "rev-parse", "HEAD:app")[:12]


def _git(path: Path, *arguments: str) -> str:
    command = ["git", "-C", str(path), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
