"""The environment's own certificate authority, on the controller.

``found`` makes it, ``fits`` says what is wrong with a host's issuing certificate, and ``issue``
signs another one. The last two read what they need from standard input, as JSON.
"""

import argparse
import datetime as dt
import ipaddress
import json
import subprocess  # nosec B404 # runs ansible-vault, below
import sys
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

_YEAR = dt.timedelta(days=365)
_AUTHORITY_LIFE = 20 * _YEAR
_ISSUER_LIFE = 5 * _YEAR
_RENEWED_BEFORE = _YEAR
_EVERYWHERE = [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")]


def found(name: str) -> tuple[bytes, bytes]:
    """Make an authority.

    Args:
        name: What a browser calls it.

    Returns:
        Its certificate and its key, in PEM.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:64])])
    certificate = _sign(key, subject, key.public_key(), subject, _AUTHORITY_LIFE, [])
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return certificate, private


def issue(authority: bytes, key: bytes, public_key: bytes, names: list[str]) -> bytes:
    """Sign the certificate with which a host signs its own, for these names only.

    Args:
        authority: The authority's certificate, in PEM.
        key: The authority's key, in PEM.
        public_key: The host's key, in PEM. What its certificate may do is not the host's to say.
        names: DNS names and IP addresses.

    Returns:
        The certificate, in PEM.
    """
    above = x509.load_pem_x509_certificate(authority)
    signing = serialization.load_pem_private_key(key, None)
    certified = serialization.load_pem_public_key(public_key)
    if not isinstance(signing, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is not of an elliptic curve")
    if not isinstance(certified, ec.EllipticCurvePublicKey):
        raise TypeError("the host's key is not of an elliptic curve")
    subject = x509.Name(
        [x509.NameAttribute(x509.NameOID.COMMON_NAME, f"Issuer for {names[0]}"[:64])]
    )
    extensions = [
        (_constraints(names), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
    ]
    return _sign(signing, above.subject, certified, subject, _ISSUER_LIFE, extensions, depth=0)


def misfit(authority: bytes, public_key: bytes, names: list[str], certificate: bytes) -> str:
    """Why a host needs another issuing certificate; empty if it does not.

    Args:
        authority: The authority's certificate, in PEM.
        public_key: The host's key, in PEM.
        names: DNS names and IP addresses.
        certificate: The issuing certificate that the host has, in PEM.
    """
    if not certificate:
        return "it has none"
    issuer = x509.load_pem_x509_certificate(certificate)
    try:
        issuer.verify_directly_issued_by(x509.load_pem_x509_certificate(authority))
    except (InvalidSignature, ValueError, TypeError):
        return "another authority signed it"
    if issuer.public_key() != serialization.load_pem_public_key(public_key):
        return "the key is another one"
    if issuer.extensions.get_extension_for_class(x509.NameConstraints).value != _constraints(names):
        return "the names have changed"
    if issuer.not_valid_after_utc < dt.datetime.now(dt.timezone.utc) + _RENEWED_BEFORE:
        return f"it ends on {issuer.not_valid_after_utc:%Y-%m-%d}"
    return ""


def _constraints(names: list[str]) -> x509.NameConstraints:
    permitted: list[x509.GeneralName] = []
    for name in names:
        try:
            permitted.append(x509.IPAddress(ipaddress.ip_network(name)))
        except ValueError:
            permitted.append(x509.DNSName(name))
    # A kind of name of which none is permitted would be free.
    excluded: list[x509.GeneralName] = []
    if not any(isinstance(name, x509.DNSName) for name in permitted):
        excluded.append(x509.DNSName(""))
    versions = {name.value.version for name in permitted if isinstance(name, x509.IPAddress)}
    excluded += [x509.IPAddress(net) for net in _EVERYWHERE if net.version not in versions]
    return x509.NameConstraints(permitted, excluded or None)


def _sign(  # noqa: PLR0913, PLR0917
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    subject: x509.Name,
    life: dt.timedelta,
    extensions: list[tuple[x509.ExtensionType, bool]],
    depth: int | None = None,
) -> bytes:
    now = dt.datetime.now(dt.timezone.utc)
    unused = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    usage = dict.fromkeys((*unused, "digital_signature", "encipher_only", "decipher_only"), False)
    builder = x509.CertificateBuilder(
        issuer,
        subject,
        public_key,
        x509.random_serial_number(),
        now - dt.timedelta(hours=1),
        now + life,
    )
    for extension, critical in [
        (x509.BasicConstraints(ca=True, path_length=depth), True),
        (x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), True),
        (x509.SubjectKeyIdentifier.from_public_key(public_key), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False),
        *extensions,
    ]:
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _write_down(name: str, certificate: Path, key: Path, encrypt: list[str]) -> None:
    """Make an authority in two files; its key is never on a disk in plain text."""
    certificate.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made, private = found(name)
    told = [*encrypt, "--output", str(key), "-"]
    subprocess.run(told, input=private, check=True)  # noqa: S603 # nosec B603 # the role names it
    certificate.write_bytes(made)


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    founding = commands.add_parser("found")
    founding.add_argument("name")
    founding.add_argument("certificate", type=Path)
    founding.add_argument("key", type=Path)
    founding.add_argument("encrypt", nargs="+", help="the command that encrypts the key")
    commands.add_parser("fits")
    commands.add_parser("issue")
    arguments = parser.parse_args()
    if arguments.command == "found":
        _write_down(arguments.name, arguments.certificate, arguments.key, arguments.encrypt)
        return
    told = json.load(sys.stdin)
    names = told.pop("names")
    material = {name: text.encode() for name, text in told.items()}
    if arguments.command == "fits":
        sys.stdout.write(misfit(names=names, **material))
    else:
        sys.stdout.write(issue(names=names, **material).decode())


if __name__ == "__main__":
    main()
