"""Certificates that this host signs itself, with a key that may sign the site's names only.

The environment's authority, on the controller, has signed that key's certificate.
"""

import datetime as dt
import hashlib
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from certificate.pair import ends, starts, write
from certificate.settings import CertificateError

_LIFE = dt.timedelta(days=90)
# For visitors whose clock is behind.
_EARLIER = dt.timedelta(hours=1)


def new_key() -> bytes:
    """A new key, in PEM."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def load(key: bytes) -> ec.EllipticCurvePrivateKey:
    """Read a key of `new_key`."""
    loaded = serialization.load_pem_private_key(key, None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        raise TypeError("not a key of an elliptic curve")
    return loaded


def public(key: bytes) -> bytes:
    """The public part of a key, in PEM."""
    return (
        load(key)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def general(name: str) -> x509.GeneralName:
    """A name as certificates have it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def request(key: bytes, names: list[str]) -> bytes:
    """A request for a certificate, in PEM."""
    return (
        x509.CertificateSigningRequestBuilder(x509.Name([]))
        .add_extension(
            x509.SubjectAlternativeName([general(name) for name in names]), critical=True
        )
        .sign(load(key), hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


class Issuer:
    """The key with which the host signs.

    Args:
        folder: Where it is, with its certificate beside it.
    """

    def __init__(self, folder: Path) -> None:
        self._key = folder / "issuer-key.pem"
        self._certificate = folder / "issuer.pem"

    @property
    def certificate(self) -> bytes:
        """Its certificate, in PEM; empty as long as there is none."""
        return self._certificate.read_bytes() if self._certificate.exists() else b""

    @property
    def source(self) -> str:
        """What tells its certificates from those of another."""
        return f"own {hashlib.sha256(self.certificate).hexdigest()}"

    @property
    def has_key(self) -> bool:
        """Whether there is a key."""
        return self._key.exists()

    @property
    def public_key(self) -> bytes:
        """What the authority has to know of the key, in PEM."""
        return public(self._key.read_bytes())

    def renew_key(self) -> None:
        """Make another key."""
        write(self._key, new_key(), 0o600)

    def sign(self, key: bytes, names: list[str]) -> bytes:
        """Sign a certificate for a key, and return the chain in PEM.

        Raises:
            CertificateError: If nobody has signed this very key.
        """
        if not self._fits:
            raise CertificateError("its own issuing certificate is missing, run the playbook")
        issuer = x509.load_pem_x509_certificate(self.certificate)
        now = dt.datetime.now(dt.timezone.utc)
        public_key, above = load(key).public_key(), load(self._key.read_bytes()).public_key()
        usage = dict.fromkeys(_USAGES, False) | {"digital_signature": True}
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            # There is no subject, so that what counts is in one place.
            (x509.SubjectAlternativeName([general(name) for name in names]), True),
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (x509.KeyUsage(**usage), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (x509.SubjectKeyIdentifier.from_public_key(public_key), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(above), False),
        ]
        builder = x509.CertificateBuilder(
            issuer.subject,
            x509.Name([]),
            public_key,
            x509.random_serial_number(),
            max(now - _EARLIER, starts(issuer)),
            min(now + _LIFE, ends(issuer)),
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        leaf = builder.sign(load(self._key.read_bytes()), hashes.SHA256())
        return leaf.public_bytes(serialization.Encoding.PEM) + self.certificate

    @property
    def _fits(self) -> bool:
        if not (self.certificate and self.has_key):
            return False
        certified = x509.load_pem_x509_certificate(self.certificate).public_key()
        return certified.public_bytes(*_PUBLIC) == self.public_key


_PUBLIC = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
