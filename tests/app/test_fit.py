"""Whether a release's code works on another's tables, told by the tables' descriptions."""

import json
from functools import reduce

import pytest

from app.fit import misfits
from app.tables import Tables

TEXT = {"type": "VARCHAR(64)", "nullable": False, "has_default": False}
NULLABLE = {**TEXT, "nullable": True}
DEFAULTED = {**TEXT, "has_default": True}
TO_USERS = {"columns": ["user"], "table": "users", "referred": ["id"], "on_delete": "CASCADE"}
RESTRICTED = {**TO_USERS, "on_delete": "RESTRICT"}
CODE: Tables = {
    "users": {
        "columns": {
            "id": {"type": "INTEGER", "nullable": False, "has_default": False},
            "name": TEXT,
            "motto": NULLABLE,
            "state": DEFAULTED,
        },
        "primary_key": ["id"],
        "unique": [["name"]],
        "foreign_keys": [],
        "checks": ["motto <> ''"],
    },
    "logins": {
        "columns": {"id": TEXT, "user": TEXT},
        "primary_key": ["id"],
        "unique": [],
        "foreign_keys": [TO_USERS],
        "checks": [],
    },
}
GONE = object()
NEW_TABLE = {**CODE["logins"], "foreign_keys": []}


def changed(changes: dict) -> Tables:
    """The code's own tables, with values replaced at dotted paths."""
    tables = json.loads(json.dumps(CODE))
    for path, value in changes.items():
        *parents, last = path.split(".")
        parent = reduce(dict.__getitem__, parents, tables)
        if value is GONE:
            del parent[last]
        else:
            parent[last] = value
    return tables


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"plots": NEW_TABLE},
        {"plots": {**NEW_TABLE, "foreign_keys": [TO_USERS]}},
        {"plots": {**NEW_TABLE, "foreign_keys": [{**RESTRICTED, "table": "mottos"}]}},
        {"users.columns.email": NULLABLE},
        {"users.columns.email": DEFAULTED},
        {"users.unique": []},
        {"users.unique": [["name"], ["name", "motto"]]},
        {"users.unique": [["name"], ["id", "state"]]},
        {"users.columns.email": NULLABLE, "users.unique": [["name"], ["motto", "email"]]},
        {"logins.foreign_keys": []},
        {
            "logins.columns.by": NULLABLE,
            "logins.foreign_keys": [TO_USERS, {**TO_USERS, "columns": ["by"]}],
        },
        {"users.checks": []},
        {"users.columns.email": NULLABLE, "users.checks": ["motto <> ''", "email <> ''"]},
        {"users.columns.motto.has_default": True},
    ],
)
def test_additions_and_lifted_rules_fit(changes):
    assert misfits(CODE, changed(changes)) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"logins": GONE}, "logins is gone"),
        ({"users.columns.motto": GONE}, "users.motto is gone"),
        ({"users.columns.name.type": "INTEGER"}, "users.name is INTEGER instead of VARCHAR(64)"),
        ({"users.columns.motto.nullable": False}, "users.motto may not be NULL any more"),
        (
            {"users.columns.name.nullable": True},
            "users.name may be NULL, which the code does not expect: give it a default instead",
        ),
        ({"users.columns.state.has_default": False}, "users.state has lost its default"),
        (
            {"users.columns.email": TEXT},
            "users.email is new and needs a value: let it be NULL or give it a default",
        ),
        ({"users.primary_key": ["id", "name"]}, "users has another primary key, id, name"),
        ({"users.unique": [["name"], ["motto"]]}, "users: motto must be unique now"),
        (
            # Each row that the code writes would hold the same default.
            {
                "users.columns.email": {**NULLABLE, "has_default": True},
                "users.unique": [["name"], ["email"]],
            },
            "users: email must be unique now",
        ),
        (
            {"users.foreign_keys": [{**TO_USERS, "columns": ["motto"], "table": "mottos"}]},
            "users: motto must refer to a row of mottos now",
        ),
        ({"users.checks": ["name <> ''"]}, "users: rows must satisfy name <> '' now"),
        (
            {"plots": {**NEW_TABLE, "foreign_keys": [RESTRICTED]}},
            "plots: user keeps rows of users from being deleted: let it cascade",
        ),
    ],
)
def test_what_would_break_is_told(changes, sentence):
    assert misfits(CODE, changed(changes)) == [sentence]


def test_what_the_code_does_not_use_may_go():
    code = changed({"users.columns.motto": GONE})
    assert misfits(code, changed({"users.columns.motto": GONE, "users.checks": []})) == []
    assert misfits({}, CODE) == []


def test_a_rule_that_changes_its_effect_is_a_new_rule():
    tables = changed({"logins.foreign_keys": [RESTRICTED]})
    assert misfits(tables, tables) == []
    assert misfits(CODE, tables) == [
        "logins: user must refer to a row of users now",
        "logins: user keeps rows of users from being deleted: let it cascade",
    ]
