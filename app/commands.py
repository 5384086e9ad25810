"""The commands that operators and scripts use; `app.cli` runs them."""

import json
import logging
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext

from app import health, schema, tables
from app.fit import misfits
from app.flask_config import current_config
from app.people import accounts, identities
from app.people.errors import AccountError
from app.plot_check import check
from app.plots import discover
from app.probe import ProbeError
from app.schema import State
from app.smoke import Gate, try_out

Command = TypeVar("Command", bound=Callable[..., Any])
_TOLD = (AccountError, schema.MigrationError, tables.DescriptionError)

user_group = AppGroup("user", help="The people who may sign in.")
oidc_group = AppGroup("oidc", help="The provider through which people may sign in.")
database_group = AppGroup("database", help="The tables that the site needs.")
plot_group = AppGroup("plot", help="The plots that the site serves.")


def install(app: Flask) -> None:
    """Add the commands to an application's ``flask`` command."""
    schema.install(app)
    for command in (user_group, oidc_group, database_group, plot_group, ready, smoke):
        app.cli.add_command(command)


def _tells(command: Command) -> Command:
    """Show what cannot be done as one sentence instead of a traceback."""

    @wraps(command)
    def told(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except _TOLD as error:
            raise click.ClickException(str(error)) from error

    return cast("Command", told)


def _ask_password() -> str:
    """Read a password from the pipe or the person at the other end of standard input."""
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


@user_group.command("add")
@click.argument("name")
@click.option("--if-missing", is_flag=True, help="Succeed if the user exists, changing nothing.")
@_tells
def add_user(name: str, if_missing: bool) -> None:
    """Create a user; the password is asked for, or read from a pipe."""
    if if_missing and accounts.find(name):
        click.echo(f"exists {name}")
        return
    accounts.add(name, _ask_password())
    click.echo(f"created {name}")


@user_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_users(as_json: bool) -> None:
    """List all users."""
    users = [{"name": user.name, "active": user.active} for user in accounts.everyone()]
    if as_json:
        click.echo(json.dumps(users))
        return
    for user in users:
        click.echo(f"{user['name']}  {'active' if user['active'] else 'disabled'}")


@user_group.command("password")
@click.argument("name")
@_tells
def set_password(name: str) -> None:
    """Set a user's password and sign the user out everywhere."""
    accounts.get(name)
    accounts.set_password(name, _ask_password())
    click.echo(f"changed password of {name}")


@user_group.command("disable")
@click.argument("name")
@_tells
def disable_user(name: str) -> None:
    """Keep a user out, from this moment."""
    accounts.set_active(name, False)
    click.echo(f"disabled {name}")


@user_group.command("enable")
@click.argument("name")
@_tells
def enable_user(name: str) -> None:
    """Let a disabled user in again."""
    accounts.set_active(name, True)
    click.echo(f"enabled {name}")


@user_group.command("link-oidc")
@click.argument("name")
@click.argument("subject")
@_tells
def link_user(name: str, subject: str) -> None:
    """Let a user sign in through the provider, which calls the user SUBJECT."""
    provider = current_config().oidc
    if not provider:
        raise click.ClickException("this site has no provider: set site_oidc_issuer")
    identities.link(provider.issuer, subject, name)
    click.echo(f"linked {name}")


@oidc_group.command("check")
def check_oidc() -> None:
    """Check that the groups exist that the provider's groups map to."""
    provider = current_config().oidc
    unknown = identities.unknown_groups(provider.groups) if provider else []
    _report(
        [f"site_oidc_groups names the group {name}, which does not exist" for name in unknown],
        "every group that the provider's groups map to exists",
    )


@database_group.command("status")
def database_status() -> None:
    """Say whether the tables fit this release."""
    click.echo(schema.state().value)


@database_group.command("upgrade")
@_tells
def upgrade_database() -> None:
    """Bring the tables to what this release needs."""
    state = schema.state()
    if state is State.BEHIND:
        click.echo(f"upgraded to {schema.upgrade()}")
    else:
        _report(schema.misfits_here(), state.value)


@database_group.command("describe")
@click.option("--if-behind", is_flag=True, help="Print nothing if the tables need no upgrade.")
@_tells
def describe_tables(if_behind: bool) -> None:
    """Print the tables that this release's migrations make, as JSON."""
    if not if_behind or schema.state() is State.BEHIND:
        click.echo(tables.dump(schema.made()))


@database_group.command("fits")
@_tells
def compare_tables() -> None:
    """Check that this release works on the tables that standard input describes."""
    described = tables.load(sys.stdin.read())
    _report(misfits(schema.needed(), described), "this release works on those tables")


@plot_group.command("list")
def list_plots() -> None:
    """List the plots, with their titles."""
    for plot in discover().values():
        click.echo(f"{plot.name}  {plot.title}")


@plot_group.command("check")
def check_plots() -> None:
    """Build every plot once, with this environment's settings."""
    # A sentence for each problem is enough; the laptop loop shows tracebacks.
    logging.getLogger("bokeh").setLevel(logging.CRITICAL)
    _report(check(current_config().plot_settings), "every plot can be built")


@click.command("ready")
@with_appcontext
def ready() -> None:
    """Open a real session of every plot in every slot that takes visits."""
    _report(health.problems(), "every plot opens in every slot that takes visits")


@click.command("smoke")
@with_appcontext
def smoke() -> None:
    """Use every plot through nginx, as a viewer does, before any viewer gets this release."""
    gate = Gate.from_environment(os.environ)
    try:
        for line in try_out(gate, current_config().origins[0]):
            click.echo(line)
    except ProbeError as error:
        raise click.ClickException(str(error)) from error


def _report(problems: list[str], success: str) -> None:
    if problems:
        raise click.ClickException("\n".join(problems))
    click.echo(success)
