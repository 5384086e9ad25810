"""What is wrong with a certificate chain: the first thing that is found, or nothing.

The chain is read from standard input, in PEM.
"""

import datetime as dt
import sys
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature


def fault(chain: bytes) -> str:
    """Find what is wrong with a chain.

    Args:
        chain: The certificates, in PEM.

    Returns:
        The rest of a sentence that starts with the chain; empty if it is good.
    """
    try:
        certificates = x509.load_pem_x509_certificates(chain)
    except ValueError:
        return "holds no readable certificate"
    for number, (certificate, above) in enumerate(pairwise(certificates), start=1):
        if not _is_signed_by(certificate, above):
            return (
                f"is not in order, certificate {number} ({_name(certificate)}) is not signed by the"
                f" one after it ({_name(above)})"
            )
    now = dt.datetime.now(dt.timezone.utc)
    for number, certificate in enumerate(certificates, start=1):
        starts, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if not starts <= now < ends:
            return (
                f"is not valid now, certificate {number} ({_name(certificate)}) is from"
                f" {starts:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC"
            )
    return ""


def _is_signed_by(certificate: x509.Certificate, above: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(above)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or "without a subject"


if __name__ == "__main__":
    sys.stdout.write(fault(sys.stdin.buffer.read()))
