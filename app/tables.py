"""What tables look like, in a form that one release can hand to another."""

import json
from typing import Any, TypedDict, cast

from sqlalchemy import Engine, Inspector, inspect

_FORMAT = 1


class Column(TypedDict):
    """A column: its SQL type, whether it holds NULL, and whether an insert may leave it out."""

    type: str
    nullable: bool
    has_default: bool


class ForeignKey(TypedDict):
    """Columns that refer to those of a table, and what deleting a row there does to them."""

    columns: list[str]
    table: str
    referred: list[str]
    on_delete: str


class Table(TypedDict):
    """A table: its columns, and the rules that its rows keep."""

    columns: dict[str, Column]
    primary_key: list[str]
    unique: list[list[str]]
    foreign_keys: list[ForeignKey]
    checks: list[str]


Tables = dict[str, Table]


class DescriptionError(ValueError):
    """A text that describes no tables; it says what to do, in a sentence."""


def describe(engine: Engine) -> Tables:
    """Describe the tables of a database."""
    inspector = inspect(engine)
    return {name: _table(inspector, name) for name in inspector.get_table_names()}


def dump(tables: Tables) -> str:
    """Write a description as JSON."""
    return json.dumps({"format": _FORMAT, "tables": tables}, indent=2)


def load(text: str) -> Tables:
    """Read what `dump` wrote, maybe in another release.

    Raises:
        DescriptionError: If the text is something else.
    """
    try:
        read = json.loads(text)
    except ValueError:
        read = None
    if not isinstance(read, dict) or read.get("format") != _FORMAT:
        raise DescriptionError(
            "standard input describes no tables in a form that this release can read: pipe what "
            "`database describe` of another release prints into it"
        )
    return cast("Tables", read["tables"])


def _table(inspector: Inspector, name: str) -> Table:
    return {
        "columns": {
            column["name"]: {
                "type": str(column["type"]),
                "nullable": column["nullable"],
                "has_default": bool({"computed", "identity"} & column.keys())
                or column["default"] is not None,
            }
            for column in inspector.get_columns(name)
        },
        "primary_key": inspector.get_pk_constraint(name)["constrained_columns"],
        "unique": _unique(inspector, name),
        "foreign_keys": [_foreign_key(key) for key in inspector.get_foreign_keys(name)],
        "checks": [check["sqltext"] for check in inspector.get_check_constraints(name)],
    }


def _unique(inspector: Inspector, name: str) -> list[list[str]]:
    rules: list[Any] = [index for index in inspector.get_indexes(name) if index["unique"]]
    return [rule["column_names"] for rule in rules + inspector.get_unique_constraints(name)]


def _foreign_key(key: Any) -> ForeignKey:
    return {
        "columns": key["constrained_columns"],
        "table": key["referred_table"],
        "referred": key["referred_columns"],
        "on_delete": key["options"].get("ondelete", "NO ACTION"),
    }
