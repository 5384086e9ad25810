"""A look at what the port serves, before anybody else finds fault with it."""

import datetime as dt

from cryptography import x509

from certificate import served
from certificate.pair import Pair, Place, ends, life
from certificate.settings import Settings

# A human may have to act, and nothing that renews by itself gets that close to its end.
_LEAST = dt.timedelta(days=30)


def faults(settings: Settings) -> list[str]:
    """What is wrong with the site's certificate, a sentence each."""
    pair = Place(settings.folder).pair
    if pair is None:
        return [f"there is no certificate in {settings.folder}"]
    found = [*_of_source(settings, pair)]
    for certificate in pair.certificates:
        found += _of_dates(certificate)
    for name in settings.names:
        found += _of_port(settings.port, name, pair)
    return found


def _of_source(settings: Settings, pair: Pair) -> list[str]:
    if settings.kind != "acme" or pair.source.startswith("acme "):
        return []
    url = settings.authority.url
    return [f"{url} has issued no certificate yet: journalctl -u site-certificate-renew tells why"]


def _of_dates(certificate: x509.Certificate) -> list[str]:
    left = ends(certificate) - dt.datetime.now(dt.timezone.utc)
    if left > min(_LEAST, life(certificate) / 4):
        return []
    name = certificate.subject.rfc4514_string() or "the site"
    ending = f"{ends(certificate):%Y-%m-%d %H:%M} UTC"
    return [f"the certificate of {name} ends on {ending} and has not been renewed"]


def _of_port(port: int, name: str, pair: Pair) -> list[str]:
    try:
        shown = served.trusted_fingerprint(port, name, pair.top)
    except OSError as error:
        reason = getattr(error, "verify_message", "") or error
        return [f"port {port} serves nothing good for {name}: {reason}"]
    if shown != pair.fingerprint:
        return [f"port {port} serves another certificate for {name} than the one in place"]
    return []
