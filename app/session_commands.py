"""The commands about live sessions: ``session``."""

from typing import Any

import click
from flask.cli import AppGroup

from app.people import live
from app.people.live import Open
from app.telling import show, tells
from app.times import iso

session_group = AppGroup("session", help="The plots that are open, on all hosts.")


@session_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_sessions(as_json: bool) -> None:
    """List the plots that are open, the newest first."""
    show(
        [_described(one) for one in live.everything()],
        lambda one: "  ".join(one[name] for name in ("id", "opened", "user", "plot", "slot")),
        as_json,
    )


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
