"""How a command tells what it cannot do: in sentences, with exit code 1."""

import json
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

import click

from app.people.audit_log import FilterError
from app.people.errors import AccountError
from app.schema import MigrationError
from app.tables import DescriptionError

Command = TypeVar("Command", bound=Callable[..., Any])
_TOLD = (AccountError, FilterError, MigrationError, DescriptionError)


def tells(command: Command) -> Command:
    """Show what cannot be done as one sentence instead of a traceback."""

    @wraps(command)
    def told(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except _TOLD as error:
            raise click.ClickException(str(error)) from error

    return cast("Command", told)


def report(problems: list[str], success: str) -> None:
    """Tell that all is well.

    Args:
        problems: What is not, each in a sentence.
        success: What to say where there are none.

    Raises:
        ClickException: If there are problems.
    """
    if problems:
        raise click.ClickException("\n".join(problems))
    click.echo(success)


def show(items: Sequence[Any], line: Callable[[Any], str], as_json: bool) -> None:
    """Print a list.

    Args:
        items: What is listed.
        line: Writes one of them for people.
        as_json: Whether to print a JSON array instead.
    """
    if as_json:
        click.echo(json.dumps(items))
        return
    for item in items:
        click.echo(line(item))
