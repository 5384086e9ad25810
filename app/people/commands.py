"""The commands about people: ``user`` and ``group``."""

import sys

import click
from flask.cli import AppGroup

from app import rights
from app.flask_config import current_config
from app.people import accounts, admins, groups, identities, links, logins
from app.telling import report, show, tells
from app.times import iso

user_group = AppGroup("user", help="The people who may sign in.")
group_group = AppGroup("group", help="Who may open which plot, and who administers the site.")

_as_json = click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
_name = click.argument("name")


@user_group.command("add")
@_name
@click.option("--group", "-g", "names", multiple=True, help="A group to be in; repeatable.")
@click.option("--if-missing", is_flag=True, help="Succeed if the user exists, changing nothing.")
@tells
def add_user(name: str, names: tuple[str, ...], if_missing: bool) -> None:
    """Create a user; the password is asked for, or read from a pipe."""
    if if_missing and accounts.find(name):
        click.echo(f"exists {name}")
        return
    found = groups.existing(set(names))
    accounts.add(name, _ask_password(), found)
    click.echo(f"created {name}")


@user_group.command("first-admin")
@_name
@tells
def add_first_admin(name: str) -> None:
    """Have an administrator, unless there is an active one; a password is read from a pipe.

    A user of that name keeps the password, or stays disabled, and only joins the group.
    """
    if admins.active():
        click.echo(f"exists {', '.join(admins.active())}")
    elif not accounts.find(name):
        accounts.add(name, _ask_password(), groups.existing({groups.ADMIN}))
        click.echo(f"created {name}")
    elif groups.ADMIN in groups.of(name):
        click.echo(f"exists {name}, disabled")
    else:
        groups.set_of(name, {*groups.of(name), groups.ADMIN})
        click.echo(f"put {name} into {groups.ADMIN}")


@user_group.command("list")
@_as_json
def list_users(as_json: bool) -> None:
    """List all users."""
    show(
        [
            {
                "name": user.name,
                "active": user.active,
                "groups": [group.name for group in user.groups],
            }
            for user in accounts.everyone()
        ],
        lambda user: f"{user['name']}  {'active' if user['active'] else 'disabled'}",
        as_json,
    )


@user_group.command("password")
@_name
@click.option("--keep-logins", is_flag=True, help="Sign the user out nowhere.")
@tells
def set_password(name: str, keep_logins: bool) -> None:
    """Set a user's password and sign the user out everywhere."""
    accounts.get(name)
    accounts.set_password(name, _ask_password(), keep_logins=keep_logins)
    click.echo(f"changed password of {name}")


@user_group.command("link")
@_name
@tells
def make_link(name: str) -> None:
    """Print a link with which the user chooses a password, once, within a day."""
    click.echo(links.make(name))


@user_group.command("link-oidc")
@_name
@click.argument("subject")
@tells
def link_user(name: str, subject: str) -> None:
    """Let a user sign in through the provider, which calls the user SUBJECT."""
    provider = current_config().oidc
    if not provider:
        raise click.ClickException("this site has no provider: set site_oidc_issuer")
    identities.link(provider.issuer, subject, name)
    click.echo(f"linked {name}")


@user_group.command("disable")
@_name
@tells
def disable_user(name: str) -> None:
    """Keep a user out, from this moment."""
    accounts.set_active(name, active=False)
    click.echo(f"disabled {name}")


@user_group.command("enable")
@_name
@tells
def enable_user(name: str) -> None:
    """Let a disabled user in again."""
    accounts.set_active(name, active=True)
    click.echo(f"enabled {name}")


@user_group.command("remove")
@_name
@tells
def remove_user(name: str) -> None:
    """Delete a user; the audit log keeps what the user did."""
    accounts.remove(name)
    click.echo(f"removed {name}")


@user_group.command("groups")
@_name
@click.argument("names", nargs=-1, metavar="[GROUP]...")
@click.option("--none", "no_group", is_flag=True, help="Take the user out of every group.")
@tells
def set_groups(name: str, names: tuple[str, ...], no_group: bool) -> None:
    """Put a user into these groups and out of all others; without any, print those of now."""
    if names and no_group:
        raise click.UsageError("name groups or say --none, not both")
    if names or no_group:
        groups.set_of(name, set(names))
    inside = groups.of(name)
    click.echo(f"{name} is in {', '.join(inside) if inside else 'no group'}")


@user_group.command("sign-out")
@_name
@tells
def sign_out(name: str) -> None:
    """Sign a user out everywhere, from this moment."""
    logins.sign_out_everywhere(accounts.get(name))
    click.echo(f"signed {name} out everywhere")


@user_group.command("logins")
@_name
@_as_json
@tells
def list_logins(name: str, as_json: bool) -> None:
    """List where a user is signed in; times are UTC."""
    show(
        [
            {
                "since": iso(login.created_at),
                "until": iso(login.expires_at),
                "address": login.address,
                "browser": login.browser,
            }
            for login in logins.live_of(accounts.get(name))
        ],
        lambda login: "  ".join(value or "unknown" for value in login.values()),
        as_json,
    )


@group_group.command("add")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--if-missing", is_flag=True, help="Leave groups alone that exist.")
@tells
def add_groups(names: tuple[str, ...], if_missing: bool) -> None:
    """Create groups."""
    for name in names:
        if if_missing and groups.find(name):
            click.echo(f"exists {name}")
        else:
            groups.add(name)
            click.echo(f"created {name}")


@group_group.command("list")
@_as_json
def list_groups(as_json: bool) -> None:
    """List all groups, with how many users are in each."""
    show(
        [
            {"name": group.name, "members": len(groups.members(group.name))}
            for group in groups.everything()
        ],
        lambda group: f"{group['name']}  {group['members']}",
        as_json,
    )


@group_group.command("remove")
@_name
@tells
def remove_group(name: str) -> None:
    """Delete a group that no plot of this release names."""
    groups.remove(name)
    click.echo(f"removed {name}")


@group_group.command("members")
@_name
@_as_json
@tells
def list_members(name: str, as_json: bool) -> None:
    """List who is in a group."""
    show(groups.members(name), str, as_json)


@group_group.command("check")
@click.argument("planned", nargs=-1, metavar="[NAME]...")
@tells
def check_groups(planned: tuple[str, ...]) -> None:
    """Check that every group exists that a plot names, or is among those to be created."""
    problems = rights.unknown_names(groups.known() | set(planned))
    report(problems, "every group that a plot names exists")


def _ask_password() -> str:
    """Read a password from the pipe or the person at the other end of standard input."""
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")
