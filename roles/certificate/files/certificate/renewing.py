"""The next certificate: when it is due, and how it comes into its place."""

import datetime as dt
import hashlib
import subprocess  # nosec B404 # reloads what serves, below
import time
from collections.abc import Callable
from dataclasses import dataclass

from certificate import served
from certificate.own import Issuer, new_key, request
from certificate.pair import Pair, Place, ends, life
from certificate.settings import CertificateError, Settings

_SERVED_WITHIN = 15.0


@dataclass(frozen=True)
class Source:
    """Where a pair comes from.

    Attributes:
        name: What tells it from other sources.
        pair: Makes the next pair from the key of before, or from a new one if there is none.
        lasts: Whether its pairs stay until there are others, whatever their age and names.
    """

    name: str
    pair: Callable[[bytes | None], Pair]
    lasts: bool = False


def sources(settings: Settings, place: Place, *, own_only: bool) -> list[Source]:
    """Where the site's pair comes from, the last one being the one that counts.

    Args:
        settings: The site's certificate.
        place: What is in place.
        own_only: Whether nobody else is asked.
    """
    if settings.kind == "provided":
        return [_brought(settings)]
    issuer = Issuer(settings.folder)
    signed = Source(
        issuer.source,
        lambda key: _signed(key, issuer.source, lambda key: issuer.sign(key, settings.names)),
    )
    if settings.kind == "selfsigned":
        return [signed]
    asked = Source(asked_name(settings), lambda key: _asked(settings, key))
    # A site whose authority has not answered yet, or not for its new domain, serves all the same.
    pair = place.pair
    is_there = pair is not None and pair.source.startswith(("acme ", "provided "))
    has_other = pair is not None and is_there and _covers(pair, settings.names[0])
    return ([] if has_other else [signed]) + ([] if own_only else [asked])


def _covers(pair: Pair, name: str) -> bool:
    return not pair.names.isdisjoint({name, f"*.{name.partition('.')[2]}"})


def asked_name(settings: Settings) -> str:
    """The source of what an authority signs."""
    return f"acme {settings.authority.url}"


def why(pair: Pair | None, source: Source, names: list[str]) -> str:
    """Why a pair has to make room for the next one; empty if it need not."""
    if pair is None:
        return "there was no certificate"
    if pair.source != source.name:
        return "it comes from elsewhere now"
    if source.lasts:
        return ""
    if pair.names != set(names):
        return "the names have changed"
    if dt.datetime.now(dt.timezone.utc) > ends(pair.leaf) - life(pair.leaf) / 3:
        return f"the one before ends on {ends(pair.leaf):%Y-%m-%d}"
    return ""


def renew(
    settings: Settings, *, now: bool, new_key: bool, own_only: bool, dry_run: bool
) -> list[str]:
    """Have the right pair in place, and served.

    Args:
        settings: The site's certificate.
        now: Whether it is renewed although it is not due.
        new_key: Whether it is renewed with another key.
        own_only: Whether nobody else is asked.
        dry_run: Whether nothing is done.

    Returns:
        What was done, a sentence each.

    Raises:
        CertificateError: If it is not served in the end; then that of before is, if any was.
    """
    place = Place(settings.folder)
    done = []
    todo = sources(settings, place, own_only=own_only)
    for source in todo:
        is_forced = (now or new_key) and source is todo[-1]
        reason = why(place.pair, source, settings.names) or (
            "as was asked for" if is_forced else ""
        )
        if not reason:
            continue
        if not dry_run:
            _put(settings, place, source.pair(None if new_key else _kept_key(settings, place)))
        done.append(f"renewed: {reason}")
    if not dry_run:
        done += _catch_up(settings, place)
    return done


def _kept_key(settings: Settings, place: Place) -> bytes | None:
    # One that was brought along may be of a kind that is not made here.
    if place.pair and settings.keeps_key and place.pair.source.startswith(("own ", "acme ")):
        return place.pair.key
    return None


def _put(settings: Settings, place: Place, pair: Pair) -> None:
    before = place.pair
    place.put(pair)
    try:
        _serve(settings, pair, before)
    except CertificateError:
        if before:
            place.put(before)
            _serve(settings, before, pair)
        raise
    place.forget_others()


def _catch_up(settings: Settings, place: Place) -> list[str]:
    # Somebody may have been interrupted between the two steps.
    pair = place.pair
    if pair is None or not _serve(settings, pair):
        return []
    return ["reloaded: another one was served"]


def _serve(settings: Settings, pair: Pair, other: Pair | None = None) -> bool:
    # A server may not know the site by its new names yet, or by its old ones any more.
    names = [*settings.names, *sorted(other.names if other else [])]
    shown = {name: served.fingerprint(settings.port, name) for name in names}
    name = next((name for name in names if shown[name]), "")
    if not name or shown[name] == pair.fingerprint:
        return False
    reloaded = subprocess.run(  # noqa: S603 # nosec B603 # the role names the command
        settings.reload, check=False, capture_output=True, text=True
    )
    if reloaded.returncode != 0:
        raise CertificateError(
            f"{' '.join(settings.reload)} fails, so that of before is still served: "
            f"{reloaded.stderr.strip()}"
        )
    ends_at = time.monotonic() + _SERVED_WITHIN
    while served.fingerprint(settings.port, name) != pair.fingerprint:
        if time.monotonic() > ends_at:
            raise CertificateError(
                f"port {settings.port} does not serve it after {' '.join(settings.reload)}"
            )
        time.sleep(0.1)
    return True


def _signed(key: bytes | None, source: str, sign: Callable[[bytes], bytes]) -> Pair:
    key = key or new_key()
    return Pair(key, sign(key), source)


def _asked(settings: Settings, key: bytes | None) -> Pair:
    # Only there for this kind.
    from certificate.asking import ask  # noqa: PLC0415

    return _signed(
        key,
        asked_name(settings),
        lambda key: ask(settings.authority, settings.folder, request(key, settings.names)),
    )


def _brought(settings: Settings) -> Source:
    folder = settings.folder / "provided"
    key, chain = (folder / "key.pem").read_bytes(), (folder / "chain.pem").read_bytes()
    name = f"provided {hashlib.sha256(chain).hexdigest()}"
    return Source(name, lambda _: Pair(key, chain, name), lasts=True)
