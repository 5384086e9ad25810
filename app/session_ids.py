"""Bokeh session ids that are bound to one visit, and the tokens that carry them.

Bokeh's own signed ids are bound to nobody and never expire. Bokeh checks no more of an id than
``base.signature`` with ``signature = HMAC-SHA256(key, base)`` (urlsafe base64 without padding, see
``bokeh.util.token``), so ``base`` is free to say whose it is, and that is what is enforced here.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from bokeh.core.types import ID
from bokeh.util.token import generate_jwt_token

REQUEST = "request_id"
"""What a token's payload calls the id of the request that it was made for."""


class InvalidTokenError(ValueError):
    """A token is not one of ours, was changed, or has expired."""


@dataclass(frozen=True)
class Visit:
    """One visit of a plot: what a session id is bound to.

    Attributes:
        plot: Name of the plot.
        user: Name of the user.
        login: Id of the user's login.
        slot: Name of the slot that holds the session.
        expires: End of the visit, in seconds since the epoch.
    """

    plot: str
    user: str
    login: str
    slot: str
    expires: int

    @classmethod
    def of_session(cls, session_id: str) -> "Visit":
        """Read a session id whose signature was verified before; see `read_token`."""
        fields = json.loads(_decode(session_id.partition(".")[0]))
        del fields["nonce"]
        return cls(**fields)


def mint_token(
    visit: Visit,
    key: bytes,
    arguments: Mapping[str, Sequence[str]] | None = None,
    request_id: str = "",
) -> str:
    """Sign a new session id for a visit, inside the token that opens its websocket.

    Args:
        visit: What the id is bound to.
        key: Bokeh's secret key.
        arguments: The page's query, which the plot finds in ``session_context.request.arguments``.
        request_id: Id of the page's request, under which the slot's log tells of the session. Not
            in the session id: releases before and after this one read that too.

    Returns:
        A token for Bokeh's websocket protocol header.
    """
    base = _encode(json.dumps({**asdict(visit), "nonce": secrets.token_urlsafe(16)}).encode())
    return generate_jwt_token(
        ID(f"{base}.{_signature(base, key)}"),
        secret_key=key,
        signed=True,
        expiration=visit.expires - int(time.time()),
        # What a plot sees of the request: without these, all headers of the websocket's handshake.
        extra_payload={
            "headers": {},
            "cookies": {},
            REQUEST: request_id,
            "arguments": {
                name: [value.encode() for value in values]
                for name, values in (arguments or {}).items()
            },
        },
    )


def read_token(token: str, *keys: bytes) -> tuple[str, Visit]:
    """Verify a token and the session id in it.

    Every signature is checked before what it signs is decoded.

    Args:
        token: The token, as a client sent it.
        *keys: Bokeh's secret key, or several of which any counts.

    Returns:
        The session id, and the visit that it is bound to.

    Raises:
        InvalidTokenError: If a signature is wrong, the id is not bound, or time is up.
    """
    try:
        payload = json.loads(_decode(_verified(token, keys)))
        session_id = payload["session_id"]
        _verified(session_id, keys)
        visit = Visit.of_session(session_id)
        ends = min(visit.expires, payload["session_expiry"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # Well signed but unbound: an id that Bokeh's own tools made with the key.
        raise InvalidTokenError("not a token of this site") from error
    if ends <= time.time():
        raise InvalidTokenError("the token has expired")
    return session_id, visit


def digest(session_id: str) -> str:
    """What a session is called where its id has no place: nothing leads back from it to the id."""
    return hashlib.sha256(session_id.encode()).hexdigest()


def token_of_protocols(header: str | None) -> str:
    """Take the token out of a ``Sec-WebSocket-Protocol: bokeh, <token>`` header.

    Raises:
        InvalidTokenError: If the header is not of that form.
    """
    protocol, _, token = (header or "").partition(",")
    if protocol.strip() != "bokeh" or not token.strip():
        raise InvalidTokenError("no token in the websocket's protocol header")
    return token.strip()


def _verified(signed: str, keys: Iterable[bytes]) -> str:
    base, _, signature = signed.partition(".")
    right = (_signature(base, key).encode() for key in keys)
    if not any(hmac.compare_digest(signature.encode(), one) for one in right):
        raise InvalidTokenError("the signature is wrong")
    return base


def _signature(base: str, key: bytes) -> str:
    return _encode(hmac.new(key, base.encode(), hashlib.sha256).digest())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
