"""A certificate from an authority that speaks ACME, by answering its questions over HTTP.

`acme` is the library that certbot is made of: it has the errors in a form that can be told on.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import josepy
import requests
from acme import challenges, client, errors, messages
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from certificate.pair import write
from certificate.settings import Authority, CertificateError

_NAMES = "issues nothing for a name of the site, correct site_domain and site_domain_aliases"
_CONTACT = "refuses the contact address, correct site_acme_email"
# What an authority answers, and what it means to the one who reads it.
_OF_THE_REQUEST = {
    "rateLimited": "has had too many requests of this site and asks to wait",
    "rejectedIdentifier": _NAMES,
    "unsupportedIdentifier": _NAMES,
    "invalidContact": _CONTACT,
    "unsupportedContact": _CONTACT,
    "externalAccountRequired": "takes accounts made elsewhere only, correct site_acme_directory",
    "caa": "is not among those that the CAA records of the domain allow",
}
_OF_A_NAME = {
    "dns": "{name} does not point to this host",
    "connection": "{name} does not point to this host, or port 80 is closed to the authority",
    "unauthorized": "another server than this one answers for {name}",
    "incorrectResponse": "another server than this one answers for {name}",
    "caa": "the CAA records of {name} do not allow this authority",
}


def ask(authority: Authority, folder: Path, request: bytes) -> bytes:
    """Ask for a certificate, and return its chain in PEM.

    Args:
        authority: Who is asked.
        folder: Where the key of our account there is.
        request: The certificate request, in PEM.

    Raises:
        CertificateError: If there is none.
    """
    host = urlsplit(authority.url).netloc
    try:
        asked = _client(authority, folder)
        with contextlib.ExitStack() as shown:
            order = asked.new_order(request)
            for authorization in order.authorizations:
                if authorization.body.status != messages.STATUS_VALID:
                    shown.enter_context(_answered(asked, authority, authorization))
            return str(asked.poll_and_finalize(order).fullchain_pem).encode()
    except errors.ValidationError as error:
        raise CertificateError("; ".join(_doubts(error))) from error
    except messages.Error as error:
        raise CertificateError(f"{host} {_refusal(error)}") from error
    except errors.IssuanceError as error:
        raise CertificateError(f"{host} {_refusal(error.error)}") from error
    except requests.exceptions.SSLError as error:
        raise CertificateError(
            f"{host} shows no certificate that this host trusts, set site_acme_ca_file: {error}"
        ) from error
    except errors.TimeoutError as error:
        raise CertificateError(f"{host} does not come to an end with the request") from error
    # The library makes a ValueError of some failures to connect.
    except (requests.exceptions.RequestException, ValueError) as error:
        raise CertificateError(f"{host} cannot be reached: {error}") from error
    except errors.Error as error:
        raise CertificateError(f"{host} does not answer as it should: {error!r}") from error


def _client(authority: Authority, folder: Path) -> client.ClientV2:
    key = josepy.JWKRSA(key=_account_key(folder / "account.pem"))
    trusted = authority.ca_file or True
    net = client.ClientNetwork(key, verify_ssl=trusted, user_agent="bokeh-site")
    directory = messages.Directory.from_json(net.get(authority.url).json())
    asked = client.ClientV2(directory, net)
    account = messages.NewRegistration.from_data(
        email=authority.email or None, terms_of_service_agreed=True
    )
    try:
        asked.new_account(account)
    except errors.ConflictError as known:
        registered = messages.RegistrationResource(uri=known.location, body=account)
        asked.update_registration(registered, messages.Registration(contact=account.contact))
    return asked


def _account_key(file: Path) -> rsa.RSAPrivateKey:
    if not file.exists():
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        write(file, made.private_bytes(serialization.Encoding.PEM, *form), 0o600)
    key = serialization.load_pem_private_key(file.read_bytes(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise CertificateError(f"{file} is no RSA key: delete it, and another one is made")
    return key


@contextlib.contextmanager
def _answered(
    asked: client.ClientV2, authority: Authority, authorization: messages.AuthorizationResource
) -> Iterator[None]:
    for challenge in authorization.body.challenges:
        if isinstance(challenge.chall, challenges.HTTP01):
            break
    else:
        name = authorization.body.identifier.value
        raise CertificateError(
            f"{urlsplit(authority.url).netloc} has no question over HTTP for {name}"
        )
    answer, content = challenge.response_and_validation(asked.net.key)
    file = authority.challenge_dir / challenge.chall.encode("token")
    write(file, content.encode(), 0o644)
    try:
        asked.answer_challenge(challenge, answer)
        yield
    finally:
        file.unlink()


def _refusal(error: messages.Error) -> str:
    meaning = _OF_THE_REQUEST.get(_code(error), f"refuses ({_code(error)})")
    return f"{meaning}: {_detail(error)}"


def _doubts(error: errors.ValidationError) -> list[str]:
    found = {}
    for authorization in error.failed_authzrs:
        name = authorization.body.identifier.value
        for challenge in authorization.body.challenges:
            if challenge.error:
                meaning = _OF_A_NAME.get(
                    _code(challenge.error), "{name} is not believed to be ours"
                )
                found[name] = f"{meaning.format(name=name)}: {_detail(challenge.error)}"
    return list(found.values())


def _code(error: messages.Error) -> str:
    return str(error.typ).rpartition(":")[2]


def _detail(error: messages.Error) -> str:
    return " ".join(str(error.detail or "it gives no reason").split())
