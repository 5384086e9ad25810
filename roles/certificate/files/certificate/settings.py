"""What the role certificate has told this host about the site's certificate."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class CertificateError(Exception):
    """What is wrong with the certificate, in a sentence."""


@dataclass(frozen=True)
class Authority:
    """A certificate authority that is asked over ACME.

    Attributes:
        url: Its directory.
        email: Whom it may write to; nobody if empty.
        ca_file: The certificates that it is trusted by; those of the system if empty.
        challenge_dir: Where a web server shows what proves that the names are ours.
    """

    url: str
    email: str
    ca_file: str
    challenge_dir: Path


@dataclass(frozen=True)
class Settings:
    """The site's certificate, as it shall be.

    Attributes:
        kind: ``selfsigned``, ``provided`` or ``acme``.
        names: DNS names and IP addresses.
        folder: Where everything is kept.
        port: The port on which this host serves it.
        reload: The command after which a server that runs serves what is in place.
        keeps_key: Whether a new certificate is for the key of before.
        authority: Who is asked, for ``acme``.
    """

    kind: str
    names: list[str]
    folder: Path
    port: int
    reload: list[str]
    keeps_key: bool
    authority: Authority

    @classmethod
    def read(cls, file: Path) -> "Settings":
        """Read the file that the role writes."""
        told: dict[str, Any] = json.loads(file.read_text())
        authority = told.pop("authority")
        authority["challenge_dir"] = Path(authority["challenge_dir"])
        told["folder"] = Path(told["folder"])
        return cls(authority=Authority(**authority), **told)
