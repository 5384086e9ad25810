"""Identities: the accounts of people who sign in through an OpenID Connect provider."""

import logging
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from sqlalchemy import select

from app.db import session
from app.models import Group, Identity, User
from app.people import accounts, audit
from app.people.audit import Event
from app.people.errors import AccountError

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
    """Put a user into the groups that a provider says, once the caller commits.

    Args:
        user: The user.
        claimed: The user's groups at the provider.
        mapping: A group here for each group there that counts; no other group is touched.
    """
    current = {group.name for group in user.groups}
    wanted = (current - set(mapping.values())) | {
        mapping[name] for name in claimed & mapping.keys()
    }
    groups = list(session().scalars(select(Group).where(Group.name.in_(wanted))))
    names = {group.name for group in groups}
    for missing in sorted(wanted - names):
        _log.warning("there is no group named %s, which a group of the provider maps to", missing)
    if names != current:
        user.groups = groups
        audit.record(
            Event.GROUPS_CHANGED, user=user.name, detail=", ".join(sorted(names)) or "none"
        )


def unknown_groups(mapping: Mapping[str, str]) -> list[str]:
    """The groups of a mapping that do not exist here, by name."""
    known = set(session().scalars(select(Group.name)))
    return sorted(set(mapping.values()) - known)
