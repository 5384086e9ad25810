"""Groups: they decide who may open which plot, and who administers the site."""

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from sqlalchemy import delete, inspect, select, update

from app import rights
from app.db import engine, session
from app.flask_config import current_config
from app.models import Group, Membership, User
from app.people import accounts, admins, audit, rows
from app.people.audit import Event
from app.people.errors import AccountError
from app.wire import PROBE

ADMIN = admins.ADMIN
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def everything() -> list[Group]:
    """All groups, by name."""
    return list(session().scalars(select(Group).order_by(Group.name)))


def find(name: str) -> Group | None:
    """The group of that name."""
    return session().scalar(select(Group).where(Group.name == name))


def add(name: str) -> Group:
    """Create a group.

    Raises:
        AccountError: If the name is malformed or taken.
    """
    if not NAME.fullmatch(name):
        raise AccountError(
            f"a group name is up to 64 lower-case letters, digits, _ and - and starts with a "
            f"letter or digit, not {name!r}"
        )
    taken = f"a group named {name} exists already"
    if find(name):
        raise AccountError(taken)
    group = Group(name=name)
    rows.insert(group, taken)
    audit.record(Event.GROUP_CREATED, detail=name)
    session().commit()
    return group


def remove(name: str) -> None:
    """Delete a group; its members lose what it let them open.

    Raises:
        AccountError: If there is no such group, a plot of this release or the provider's groups
            name it, or it is `ADMIN`.
    """
    (group,) = existing({name})
    if name == ADMIN:
        raise AccountError(f"the group {ADMIN} administers the site and stays")
    plots = rights.plots_of(name)
    if plots:
        raise AccountError(
            f"the group {name} decides who may open {', '.join(plots)}: take it out of site_plots "
            f"or of the plot's GROUPS first, and deploy"
        )
    provider = current_config().oidc
    if provider and name in provider.groups.values():
        raise AccountError(
            f"site_oidc_groups puts people into the group {name}: take it out of there first, "
            f"and deploy"
        )
    left = ", ".join(members(name)) or "nobody"
    session().execute(delete(Group).where(Group.id == group.id))
    audit.record(Event.GROUP_REMOVED, detail=f"{name}, with {left} in it")
    session().commit()


def members(name: str) -> list[str]:
    """Names of the users in a group, active or not.

    Raises:
        AccountError: If there is no such group.
    """
    (group,) = existing({name})
    inside = select(User.name).join(Membership, Membership.user_id == User.id)
    wanted = (Membership.group_id == group.id, User.name != PROBE)
    return list(session().scalars(inside.where(*wanted).order_by(User.name)))


def of(user_name: str) -> list[str]:
    """Names of the groups that a user is in.

    Raises:
        AccountError: If there is no such user.
    """
    return [group.name for group in accounts.get(user_name).groups]


def set_of(user_name: str, names: AbstractSet[str]) -> None:
    """Put a user into these groups, and out of all others.

    Raises:
        AccountError: If there is no such user or group, or it would take the last administrator
            out of `ADMIN`.
    """
    user = accounts.get(user_name)
    found = existing(names)
    with admins.one_is_left():
        # Of two who change the same user's groups, one waits here and sees what the other made.
        session().execute(update(User).where(User.id == user.id).values(active=User.active))
        session().expire(user, ["groups"])
        before = _told(group.name for group in user.groups)
        if _told(names) != before:
            user.groups = found
            change = f"from {before} to {_told(names)}"
            audit.record(Event.GROUPS_CHANGED, user=user.name, detail=change)
    session().commit()


def existing(names: AbstractSet[str]) -> list[Group]:
    """The groups of these names.

    Raises:
        AccountError: If one does not exist.
    """
    found = list(session().scalars(select(Group).where(Group.name.in_(names))))
    missing = names - {group.name for group in found}
    if missing:
        known = ", ".join(group.name for group in everything())
        raise AccountError(
            f"there is no group named {', '.join(sorted(missing))}; there are {known}"
        )
    return found


def known() -> set[str]:
    """Names of all groups, also where the tables are still to be made."""
    if not inspect(engine()).has_table(Group.__tablename__):
        return {ADMIN}
    return {group.name for group in everything()}


def _told(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
