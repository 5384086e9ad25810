"""The commands about live sessions: ``session``."""

import json
from typing import Any

import click
from flask.cli import AppGroup

from app.people import live
from app.people.live import Open
from app.telling import tells
from app.times import iso

session_group = AppGroup("session", help="The plots that are open, on all hosts.")


@session_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_sessions(as_json: bool) -> None:
    """List the plots that are open, the newest first."""
    found = [_described(one) for one in live.everything()]
    if as_json:
        click.echo(json.dumps(found))
        return
    for one in found:
        click.echo(f"{one['id']}  {one['opened']}  {one['user']}  {one['plot']}  {one['slot']}")


@session_group.command("end")
@click.argument("session_id", metavar="ID")
@tells
def end_session(session_id: str) -> None:
    """End a session, which the list calls ID; its viewer may open the plot anew."""
    ended = live.end(session_id)
    click.echo(f"ended {ended.user}'s session of {ended.plot}")


@session_group.command("end-all")
@click.argument("user")
def end_sessions(user: str) -> None:
    """End all sessions of a user."""
    click.echo(f"ended {live.end_all(user)} sessions of {user}")


def _described(one: Open) -> dict[str, Any]:
    found, slot = one
    return {
        "id": found.id,
        "user": found.user,
        "plot": found.plot,
        "slot": found.slot,
        "release": found.release,
        "address": found.address,
        "opened": iso(found.opened_at),
        "last_event": iso(found.last_event_at),
        "slot_resident_bytes": slot.resident_bytes if slot else None,
    }
