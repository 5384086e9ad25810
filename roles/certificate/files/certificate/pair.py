"""A private key with its certificate chain, and the one that is in place."""

import datetime as dt
import functools
import os
import re
import secrets
import shutil
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from certificate.settings import CertificateError

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


def starts(certificate: x509.Certificate) -> dt.datetime:
    """When a certificate starts to be valid. Old versions of the library know no time zones."""
    if hasattr(certificate, "not_valid_before_utc"):
        return certificate.not_valid_before_utc
    return certificate.not_valid_before.replace(tzinfo=dt.timezone.utc)


def ends(certificate: x509.Certificate) -> dt.datetime:
    """When a certificate ends to be valid."""
    if hasattr(certificate, "not_valid_after_utc"):
        return certificate.not_valid_after_utc
    return certificate.not_valid_after.replace(tzinfo=dt.timezone.utc)


def life(certificate: x509.Certificate) -> dt.timedelta:
    """For how long a certificate is valid in all."""
    return ends(certificate) - starts(certificate)


def write(file: Path, content: bytes, mode: int) -> None:
    """Write a file that is there in whole, and for whom it is meant, or not at all."""
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as opened:
        os.fchmod(opened.fileno(), mode)
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    fresh.rename(file)


def _link(file: Path, target: Path) -> None:
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.rename(file)


@dataclass(frozen=True)
class Pair:
    """A key and a chain.

    Attributes:
        key: The key, in PEM.
        chain: The site's certificate and then those above it, in PEM.
        source: Where the chain comes from: another source is another certificate.
    """

    key: bytes
    chain: bytes
    source: str

    @functools.cached_property
    def certificates(self) -> list[x509.Certificate]:
        """The chain's certificates."""
        return [x509.load_pem_x509_certificate(block) for block in _BLOCK.findall(self.chain)]

    @property
    def leaf(self) -> x509.Certificate:
        """The site's own certificate."""
        return self.certificates[0]

    @property
    def top(self) -> str:
        """The chain's last certificate, in PEM."""
        return str(_BLOCK.findall(self.chain)[-1].decode())

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the site's own certificate."""
        return self.leaf.fingerprint(hashes.SHA256()).hex()

    @property
    def names(self) -> set[str]:
        """The names that the certificate is for."""
        extensions = self.leaf.extensions
        return {
            str(name.value)
            for name in extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        }


class Place:
    """The pair that is in place: two files that are replaced in one step.

    ``chain.pem`` and ``key.pem`` lead through the link ``pair``.

    Args:
        folder: Where the files are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pairs = folder / "pairs"
        self._live = folder / "pair"

    @property
    def pair(self) -> Pair | None:
        """The pair in place, if there is one."""
        key, chain = self._folder / "key.pem", self._folder / "chain.pem"
        if not (key.exists() and chain.exists()):
            return None
        source = self._live / "source"
        known = source.read_text() if source.exists() else ""
        return Pair(key.read_bytes(), chain.read_bytes(), known)

    def put(self, pair: Pair) -> None:
        """Put a pair in place.

        Raises:
            CertificateError: If its key is that of another certificate.
        """
        before = self.pair
        if before and not self._live.is_symlink():
            # Two plain files, as earlier releases wrote them: they stay what they are meanwhile.
            self._show(before)
        self._show(pair)

    def forget_others(self) -> None:
        """Delete every pair but the one in place."""
        for folder in self._pairs.iterdir():
            if folder.name != self._live.readlink().name:
                shutil.rmtree(folder)

    def _show(self, pair: Pair) -> None:
        folder = self._pairs / secrets.token_hex(8)
        folder.mkdir(mode=0o755, parents=True)
        write(folder / "key.pem", pair.key, 0o600)
        write(folder / "chain.pem", pair.chain, 0o644)
        write(folder / "source", pair.source.encode(), 0o644)
        try:
            ssl.create_default_context().load_cert_chain(folder / "chain.pem", folder / "key.pem")
        except ssl.SSLError as error:
            shutil.rmtree(folder)
            raise CertificateError("the new key and certificate do not match") from error
        _link(self._live, folder.relative_to(self._folder))
        for name in ("key.pem", "chain.pem"):
            if not (self._folder / name).is_symlink():
                _link(self._folder / name, Path(self._live.name) / name)
