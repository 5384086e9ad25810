"""The provider that this site trusts to say who somebody is: all of its settings, or none."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from app.parsing import is_private, json_object

_MAXIMUM_LENGTH = 255  # of an issuer in the database


@dataclass(frozen=True)
class Provider:
    """An OpenID Connect provider, as this site is registered there.

    Attributes:
        issuer: Its name, exactly as its tokens and its discovery document write it.
        client_id: What it calls this site.
        client_secret: What proves to it that this site is asking.
        name: What people call it.
        name_claim: The claim that names a user here at the first sign-in.
        groups_claim: The claim that lists a user's groups there.
        groups: A group here for each group there that counts.
    """

    issuer: str
    client_id: str
    client_secret: str
    name: str
    name_claim: str
    groups_claim: str
    groups: dict[str, str]


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Whether any of the settings is there that have to be there together."""
    return any(environ.get(name) for name, _, default in VARIABLES.values() if not default)


def _issuer(text: str) -> str:
    url = urlsplit(text)
    plain = url.hostname and not (url.query or url.fragment or "@" in url.netloc)
    if not (is_private(url) and plain) or len(text) > _MAXIMUM_LENGTH:
        raise ValueError(
            f"the issuer of the provider, such as https://login.example.com, not {text!r}"
        )
    return text


def _given(what: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not re.fullmatch(r"[^\x00-\x1f]+", text):
            raise ValueError(what)
        return text

    return parse


def _groups(text: str) -> dict[str, str]:
    return json_object(text, str, 'a JSON object such as {"group at the provider": "group here"}')


# As `app.config.Variables`; those without a default have to be there together.
VARIABLES: dict[str, tuple[str, Callable[[str], Any], str]] = {
    "issuer": ("SITE_OIDC_ISSUER", _issuer, ""),
    "client_id": ("SITE_OIDC_CLIENT_ID", _given("the client id at the provider"), ""),
    "client_secret": ("SITE_OIDC_CLIENT_SECRET", _given("the client secret at the provider"), ""),
    "name": ("SITE_OIDC_NAME", _given("what people call the provider"), "single sign-on"),
    "name_claim": ("SITE_OIDC_NAME_CLAIM", _given("the name of a claim"), "preferred_username"),
    "groups_claim": ("SITE_OIDC_GROUPS_CLAIM", _given("the name of a claim"), "groups"),
    "groups": ("SITE_OIDC_GROUPS", _groups, "{}"),
}
