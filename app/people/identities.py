"""Identities: the accounts of people who sign in through an OpenID Connect provider."""

import logging
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from app.db import session
from app.models import Identity, User
from app.people import accounts, audit, groups
from app.people.audit import Event
from app.people.errors import AccountError
from app.people.groups import ADMIN

_log = logging.getLogger(__name__)


def find(issuer: str, subject: str) -> User | None:
    """The user whom a provider names so, active or not."""
    identity = session().get(Identity, (issuer, subject))
    return session().get(User, identity.user_id) if identity else None


def found(issuer: str, subject: str, name: str) -> User:
    """Create a user without a password for a new identity, once the caller commits.

    Raises:
        AccountError: If the name is malformed or taken.
    """
    user = accounts.new(name)
    session().flush()
    session().add(Identity(issuer=issuer, subject=subject, user_id=user.id))
    return user


def link(issuer: str, subject: str, name: str) -> None:
    """Let an existing user sign in through a provider as well.

    Args:
        issuer: The provider.
        subject: How it names the user.
        name: Name of the user here.

    Raises:
        AccountError: If there is no such user, or the identity is another user's.
    """
    user = accounts.get(name)
    owner = find(issuer, subject)
    if owner and owner is not user:
        raise AccountError(f"{subject} is already linked to {owner.name}")
    if not owner:
        session().add(Identity(issuer=issuer, subject=subject, user_id=user.id))
        audit.record(Event.IDENTITY_LINKED, user=user.name, detail=subject)
        session().commit()


def set_groups(user: User, claimed: AbstractSet[str], mapping: Mapping[str, str]) -> None:
    """Put a user into the groups that a provider says.

    A group that does not exist any more is left out, and the last administrator stays one.

    Args:
        user: The user.
        claimed: The user's groups at the provider.
        mapping: A group here for each group there that counts; no other group is touched.
    """
    current = {group.name for group in user.groups}
    granted = {mapping[name] for name in claimed & mapping.keys()}
    wanted = (current - set(mapping.values())) | (granted & groups.known())
    try:
        groups.set_of(user.name, wanted)
    except AccountError as error:
        if ADMIN not in current:
            raise
        _log.warning("%s stays in %s, whatever the provider says: %s", user.name, ADMIN, error)
        groups.set_of(user.name, wanted | {ADMIN})


def unknown_groups(mapping: Mapping[str, str]) -> list[str]:
    """The groups of a mapping that do not exist here, by name."""
    return sorted(set(mapping.values()) - groups.known())
