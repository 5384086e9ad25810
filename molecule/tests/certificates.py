"""Certificates for tests."""

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def write_pair(folder: Path, *names: str, days: int = 30) -> dict[str, str]:
    """Write a key and its certificate for these names, and return the options that say so."""
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    now = dt.datetime.now(dt.timezone.utc)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), serial_number=1)
        .not_valid_before(now - dt.timedelta(days=60))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([_general(name) for name in names]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    return write_options(folder, key, certificate)


def write_options(
    folder: Path, key: ec.EllipticCurvePrivateKey, *chain: x509.Certificate
) -> dict[str, str]:
    """Write a key and a chain, and return the options that say so."""
    form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem = serialization.Encoding.PEM
    (folder / "chain.pem").write_bytes(b"".join(link.public_bytes(pem) for link in chain))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, *form))
    (folder / "key.pem").chmod(0o600)
    return {
        "site_certificate_kind": "provided",
        "site_certificate_chain_file": str(folder / "chain.pem"),
        "site_certificate_key_file": str(folder / "key.pem"),
    }


def sign(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    above: tuple[str, ec.EllipticCurvePrivateKey],
    days: int = 30,
) -> x509.Certificate:
    """A certificate of that name for a key, signed by who is above."""
    subject, issuer = (
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in (name, above[0])
    )
    now = dt.datetime.now(dt.timezone.utc)
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=60))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([_general(name)]), critical=False)
        .sign(above[1], hashes.SHA256())
    )


def write_chain(folder: Path, *order: str, ended: str = "") -> dict[str, str]:
    """Write a chain of plots.test, *issuer* and *root*, and return the options that say so.

    Args:
        folder: Where to write.
        *order: The certificates, as the file has them.
        ended: The one whose time is over.
    """
    folder.mkdir()
    keys = {
        name: ec.generate_private_key(ec.SECP256R1()) for name in ("plots.test", "issuer", "root")
    }
    above = {"plots.test": "issuer", "issuer": "root", "root": "root"}
    chain = [
        sign(name, keys[name], (above[name], keys[above[name]]), -1 if name == ended else 30)
        for name in order
    ]
    return write_options(folder, keys["plots.test"], *chain)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
