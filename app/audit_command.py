"""The command that hands the audit log to other programs; `app.commands` adds it."""

import json

import click
from flask.cli import with_appcontext

from app.people import audit_log
from app.people.audit_log import Filter
from app.telling import tells


@click.command("audit")
@click.option("--user", help="Only what happened to this user.")
@click.option("--plot", help="Only what happened with this plot.")
@click.option("--event", help="Only this event, such as 'sign-in refused'.")
@click.option("--since", help="From this day or time on, ISO 8601, UTC.")
@click.option("--until", help="Up to this day or time, included.")
@with_appcontext
@tells
def print_audit(**texts: str | None) -> None:
    """Print the audit log as JSON lines, oldest first."""
    for entry in audit_log.export(Filter.of(texts)):
        click.echo(json.dumps(audit_log.as_record(entry)))
