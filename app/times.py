"""How times are written for people and programs: in UTC."""

from datetime import datetime, timezone

from flask import Flask


def install(app: Flask) -> None:
    """Let templates write times."""
    app.add_template_global(iso)


def iso(seconds: int) -> str:
    """A time as ISO 8601 writes it, in UTC.

    Args:
        seconds: Since the epoch.
    """
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
