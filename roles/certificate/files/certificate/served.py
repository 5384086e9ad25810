"""What the host's port serves to whom connects."""

import hashlib
import socket
import ssl

_SECONDS = 10.0


def fingerprint(port: int, name: str) -> str:
    """The SHA-256 of the certificate that is served for a name; empty where none is."""
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    careless.check_hostname = False
    careless.verify_mode = ssl.CERT_NONE
    try:
        return _handshake(careless, port, name)
    except OSError:
        return ""


def trusted_fingerprint(port: int, name: str, anchor: str) -> str:
    """The same, for a visitor who trusts a certificate and asks for a name.

    Args:
        port: The port.
        name: A DNS name or an IP address.
        anchor: The certificate, in PEM.

    Raises:
        OSError: If that visitor is not served: the text says why.
    """
    strict = ssl.create_default_context(cadata=anchor)
    strict.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # Newer versions of Python mind what no browser does.
    strict.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return _handshake(strict, port, name)


def _handshake(context: ssl.SSLContext, port: int, name: str) -> str:
    with (
        socket.create_connection(("127.0.0.1", port), _SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=name) as connection,
    ):
        return hashlib.sha256(connection.getpeercert(binary_form=True) or b"").hexdigest()
