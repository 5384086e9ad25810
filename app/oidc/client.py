"""Talking to the provider: where to send a browser, and who it is that comes back.

Everything is asked anew at each sign-in: a provider that changes its keys or its addresses needs no
restart here, and what it answered wrongly once is not remembered.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import FlaskIntegration, FlaskOAuth2App
from authlib.integrations.requests_client import OAuth2Session
from flask import request, session
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError

from app.oidc.refusal import RefusalError
from app.oidc.settings import Provider

TIMEOUT = 5  # seconds
_SCOPE = "openid profile email"
_CLOCKS_DIFFER = 60  # seconds
# Whoever knows the client secret could sign with it; "none" is no signature at all.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_STATE = "_state_oidc_"  # Authlib's own
_PENDING = 3  # sign-ins that a browser may have begun; each takes its place in the cookie
# So many threads of a process may wait for the provider; the others have pages to serve.
waiting = BoundedSemaphore(4)


class _Session(OAuth2Session):  # type: ignore[misc] # it has no types
    """Trusts the machine's certificates, to which an operator can add, and not a package's."""

    def request(self, method: str, url: str, **options: Any) -> Any:
        """Send a request; each says whom it trusts, for the environment overrules a session."""
        trusted = ssl.get_default_verify_paths()
        return super().request(method, url, verify=trusted.cafile or trusted.capath, **options)


class _Client(FlaskOAuth2App):  # type: ignore[misc] # it has no types
    client_cls = _Session


@dataclass(frozen=True)
class Arrival:
    """Somebody whom the provider has sent back.

    Attributes:
        claims: What it says of them; the signature and the claims about the token itself hold.
        target: The page of this site that they came for.
    """

    claims: dict[str, Any]
    target: str


def start(provider: Provider, redirect_uri: str, target: str) -> str:
    """Begin a sign-in in this browser.

    Args:
        provider: Where to sign in.
        redirect_uri: Where the provider sends the browser back to.
        target: The page of this site to go to in the end.

    Returns:
        The provider's page to send the browser to.

    Raises:
        RefusalError: If the provider cannot be asked.
    """
    client = _client(provider)
    with _asking(provider):
        _discover(client, provider)
        begun = client.create_authorization_url(redirect_uri)
    url = str(begun.pop("url"))
    pending = [key for key in session if key.startswith(_STATE)]
    for key in sorted(pending, key=lambda key: session[key]["exp"])[: 1 - _PENDING]:
        session.pop(key)
    client.save_authorize_data(redirect_uri=redirect_uri, target=target, **begun)
    return url


def finish(provider: Provider) -> Arrival:
    """Hear from the provider who it is that the current request brings back.

    Raises:
        RefusalError: If that cannot be trusted, or cannot be asked.
    """
    client = _client(provider)
    state = request.args.get("state", "")
    begun = client.framework.get_state_data(session, state)
    if not begun:
        raise RefusalError(
            400,
            "This sign-in was not begun in this browser, or has ended already. Sign in again.",
            "unknown state",
        )
    if "code" not in request.args:
        client.framework.clear_state_data(session, state)
        raise _told_no(provider, request.args.get("error", ""))
    with _asking(provider):
        metadata = _discover(client, provider)
        token = client.authorize_access_token(
            claims_options=_wanted(provider), leeway=_CLOCKS_DIFFER
        )
        # Authlib only reads an ID token that is there.
        if "id_token" not in token:
            raise _malformed(provider, "no ID token")
        claims = dict(token["userinfo"])
        missing = {provider.name_claim, provider.groups_claim} - claims.keys()
        if missing and "userinfo_endpoint" in metadata:
            more = client.userinfo(token=token)
            if more["sub"] != claims["sub"]:
                raise _malformed(provider, "user info of somebody else")
            claims = {**more, **claims}
    return Arrival(claims, begun["target"])


def _client(provider: Provider) -> Any:
    return _Client(
        FlaskIntegration("oidc"),
        "oidc",
        client_id=provider.client_id,
        client_secret=provider.client_secret,
        server_metadata_url=f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={
            "scope": _SCOPE,
            "code_challenge_method": "S256",
            "default_timeout": TIMEOUT,
        },
    )


def _wanted(provider: Provider) -> dict[str, Any]:
    """What has to be true of an ID token, beside its signature."""
    return {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": provider.client_id},
        **{name: {"essential": True} for name in ("sub", "exp", "iat", "nonce")},
    }


def _discover(client: Any, provider: Provider) -> dict[str, Any]:
    """Fetch the provider's own description, and check what the rest relies on."""
    metadata: dict[str, Any] = client.load_server_metadata()
    if metadata["issuer"] != provider.issuer:
        raise _untrusted(provider, "wrong issuer in the discovery document")
    scheme = urlsplit(provider.issuer).scheme
    for name in _ENDPOINTS:
        if urlsplit(metadata[name]).scheme not in ("https", scheme):
            raise _malformed(provider, f"no {name} that can be trusted")
    offered = metadata.get("id_token_signing_alg_values_supported", ["RS256"])
    metadata["id_token_signing_alg_values_supported"] = [a for a in _ALGORITHMS if a in offered]
    return metadata


@contextmanager
def _asking(provider: Provider) -> Iterator[None]:
    """Ask the provider something, and say in a sentence what is wrong with its answers."""
    if not waiting.acquire(blocking=False):
        raise RefusalError(
            503,
            f"Too many people are waiting for {provider.name}. Try again in a moment.",
            "too many are waiting for the provider",
        )
    try:
        yield
    except requests.exceptions.JSONDecodeError as error:
        raise _malformed(provider, "no JSON") from error
    except requests.exceptions.RequestException as error:
        raise RefusalError(
            503,
            f"{provider.name} does not answer. Try again later, or sign in with a password.",
            f"provider down: {error}",
        ) from error
    except OAuthError as error:
        raise _told_no(provider, str(error.error)) from error
    except ExpiredTokenError as error:
        raise _untrusted(provider, "expired token") from error
    except ClaimError as error:
        reason = {"aud": "wrong audience", "iss": "wrong issuer", "nonce": "wrong nonce"}
        raise _untrusted(provider, reason.get(error.claim, f"wrong {error.claim}")) from error
    except JoseError as error:
        raise _untrusted(provider, f"wrong signature: {error.error}") from error
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise _malformed(provider, type(error).__name__) from error
    finally:
        waiting.release()


def _told_no(provider: Provider, error: str) -> RefusalError:
    # Anybody can make a link to the callback: what it says is not shown, nor logged as it is.
    told = f"the provider says {error[:60]!r}"
    if error == "access_denied":
        return RefusalError(403, f"{provider.name} did not let you in, or you cancelled.", told)
    return RefusalError(
        502,
        f"{provider.name} refused the sign-in. If that goes on, tell an administrator.",
        told,
    )


def _untrusted(provider: Provider, reason: str) -> RefusalError:
    return RefusalError(
        403,
        f"What {provider.name} says of you cannot be trusted. Sign in again; if that goes on, tell "
        "an administrator.",
        reason,
    )


def _malformed(provider: Provider, reason: str) -> RefusalError:
    return RefusalError(
        502,
        f"{provider.name} gave an answer that cannot be understood. Tell an administrator.",
        f"malformed answer: {reason}",
    )
