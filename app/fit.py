"""Whether the code of one release works on the tables of another, told from descriptions alone."""

import re
from collections.abc import Iterator

from app.tables import Column, Table, Tables

# What the database may do to rows that refer to a deleted one, without refusing to delete it.
_LETS_DELETE = {"CASCADE", "SET NULL", "SET DEFAULT"}


def misfits(code: Tables, tables: Tables) -> list[str]:
    """Say what would break a release's code on tables that are not its own.

    More tables, more columns that an insert may leave out, and plain indexes break nothing. Nor
    does the loss of what the code does not use.

    Args:
        code: The tables, columns and rules that the code was written for.
        tables: The tables as it would find them.

    Returns:
        A sentence for each thing that would break; none if the code works on the tables.
    """
    return [*_in_tables(code, tables), *_kept_from_deleting(code, tables)]


def _in_tables(code: Tables, tables: Tables) -> Iterator[str]:
    for name in code:
        if name in tables:
            yield from _in_table(name, code[name], tables[name])
        else:
            yield f"{name} is gone"


def _in_table(name: str, code: Table, table: Table) -> Iterator[str]:
    for column, ours in code["columns"].items():
        if column in table["columns"]:
            for change in _in_column(ours, table["columns"][column]):
                yield f"{name}.{column} {change}"
        else:
            yield f"{name}.{column} is gone"
    for column in table["columns"].keys() - code["columns"].keys():
        added = table["columns"][column]
        if not added["nullable"] and not added["has_default"]:
            yield f"{name}.{column} is new and needs a value: let it be NULL or give it a default"
    if code["primary_key"] != table["primary_key"]:
        yield f"{name} has another primary key, {_join(table['primary_key'])}"
    yield from _new_rules(name, code, table)


def _in_column(code: Column, column: Column) -> Iterator[str]:
    if code["type"] != column["type"]:
        yield f"is {column['type']} instead of {code['type']}"
    if code["nullable"] and not column["nullable"]:
        yield "may not be NULL any more"
    if column["nullable"] and not code["nullable"]:
        yield "may be NULL, which the code does not expect: give it a default instead"
    if code["has_default"] and not column["has_default"]:
        yield "has lost its default"


def _new_rules(name: str, code: Table, table: Table) -> Iterator[str]:
    """Rules that rows may break which are written by code that does not know them."""
    implied = [set(columns) for columns in [*code["unique"], code["primary_key"]] if columns]
    for columns in table["unique"]:
        promised = any(known <= set(columns) for known in implied)
        if not promised and not _stays_null(columns, code, table):
            yield f"{name}: {_join(columns)} must be unique now"
    for key in table["foreign_keys"]:
        if key not in code["foreign_keys"] and not _stays_null(key["columns"], code, table):
            yield f"{name}: {_join(key['columns'])} must refer to a row of {key['table']} now"
    for check in table["checks"]:
        if check not in code["checks"] and code["columns"].keys() & set(re.findall(r"\w+", check)):
            yield f"{name}: rows must satisfy {check} now"


def _kept_from_deleting(code: Tables, tables: Tables) -> Iterator[str]:
    for name, table in tables.items():
        known = code[name]["foreign_keys"] if name in code else []
        for key in table["foreign_keys"]:
            if key in known or key["table"] not in code or key["on_delete"] in _LETS_DELETE:
                continue
            yield (
                f"{name}: {_join(key['columns'])} keeps rows of {key['table']} from being deleted: "
                "let it cascade"
            )


def _stays_null(columns: list[str], code: Table, table: Table) -> bool:
    """Whether one of the columns is NULL in all that the code writes, so that no rule applies."""
    return any(
        column not in code["columns"] and not table["columns"][column]["has_default"]
        for column in columns
    )


def _join(names: list[str]) -> str:
    return ", ".join(names) or "none"
