"""The commands that operators and scripts use; `app.cli` runs them."""

import logging
import os
import sys

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext

from app import health, schema, tables
from app.audit_command import print_audit
from app.fit import misfits
from app.flask_config import current_config
from app.oidc.commands import oidc_group
from app.people.commands import group_group, user_group
from app.plot_check import check
from app.plots import discover
from app.probe import ProbeError
from app.schema import State
from app.session_commands import session_group
from app.smoke import Gate, try_out
from app.telling import report, tells

database_group = AppGroup("database", help="The tables that the site needs.")
plot_group = AppGroup("plot", help="The plots that the site serves.")


def install(app: Flask) -> None:
    """Add the commands to an application's ``flask`` command."""
    schema.install(app)
    for command in (
        *(user_group, group_group, session_group, oidc_group, database_group, plot_group),
        *(print_audit, ready, smoke),
    ):
        app.cli.add_command(command)


@database_group.command("status")
def database_status() -> None:
    """Say whether the tables fit this release."""
    click.echo(schema.state().value)


@database_group.command("upgrade")
@tells
def upgrade_database() -> None:
    """Bring the tables to what this release needs."""
    state = schema.state()
    if state is State.BEHIND:
        click.echo(f"upgraded to {schema.upgrade()}")
    else:
        report(schema.misfits_here(), state.value)


@database_group.command("describe")
@click.option("--if-behind", is_flag=True, help="Print nothing if the tables need no upgrade.")
@tells
def describe_tables(if_behind: bool) -> None:
    """Print the tables that this release's migrations make, as JSON."""
    if not if_behind or schema.state() is State.BEHIND:
        click.echo(tables.dump(schema.made()))


@database_group.command("fits")
@tells
def compare_tables() -> None:
    """Check that this release works on the tables that standard input describes."""
    described = tables.load(sys.stdin.read())
    report(misfits(schema.needed(), described), "this release works on those tables")


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
    config = current_config()
    report(check(config.plot_settings, config.plot_build_seconds), "every plot can be built")


@click.command("ready")
@with_appcontext
def ready() -> None:
    """Open a real session of every plot in every slot that takes visits."""
    report(health.problems(), "every plot opens in every slot that takes visits")


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
