"""docs/security.md makes no claim without a test, and no test of the sandbox goes untold."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PAGE = REPOSITORY / "docs/security.md"
SANDBOX = "molecule/tests/test_sandbox.py"
_CLAIMS = re.compile(r"\|[^|\n]+\| shown by \|\n\|---\|---\|\n(?P<rows>(?:\|.*\n?)+)")
_TEST = re.compile(r"`(?P<path>[\w/]+\.py)::(?P<name>test_\w+)`")


@cache
def defined_in(path: str) -> frozenset[str]:
    """Names of the tests that a file of the repository defines."""
    file = REPOSITORY / path
    if not file.is_file():
        return frozenset()
    defined = ast.parse(file.read_text()).body
    return frozenset(
        node.name
        for node in defined
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def claims(page: str) -> list[tuple[str, str]]:
    """Each claim of a page, and what is said to show it."""
    rows = [row for table in _CLAIMS.finditer(page) for row in table["rows"].splitlines()]
    cells = [row.strip().strip("|").split("|") for row in rows]
    return [(claim.strip(), shown.strip()) for claim, shown in cells]


def problems(page: str) -> list[str]:
    """A sentence for each claim that is not shown."""
    found = []
    for claim, shown in claims(page):
        named = list(_TEST.finditer(shown))
        if not named or _TEST.sub("", shown).strip():
            found.append(f"name the tests that show: {claim}")
        found += [
            f"{test['path']} has no test {test['name']}, which should show: {claim}"
            for test in named
            if test["name"] not in defined_in(test["path"])
        ]
    return found


def test_every_claim_names_tests_that_exist():
    page = PAGE.read_text()
    assert problems(page) == []
    headings = re.findall(r"(?m)^## (?:A|Another) (.+)$", page)
    for heading in headings:
        section = page.split(f" {heading}\n")[1].split("\n## ")[0]
        assert len(claims(section)) >= 3, heading
    assert {"malicious plot", "malicious viewer", "network peer"} <= set(headings)


def test_every_test_of_the_sandbox_shows_a_claim():
    named = {test["name"] for test in _TEST.finditer(PAGE.read_text()) if test["path"] == SANDBOX}
    assert named == defined_in(SANDBOX)


@pytest.mark.parametrize(
    ("shown", "problem"),
    [
        ("", "name the tests that show: cannot fly"),
        ("common sense", "name the tests that show: cannot fly"),
        (f"`{SANDBOX}::test_nothing`", f"{SANDBOX} has no test test_nothing"),
        ("`molecule/tests/test_none.py::test_it`", "test_none.py has no test test_it"),
        ("`molecule/tests/beside.py::test_it`", "beside.py has no test test_it"),
    ],
)
def test_a_claim_without_a_real_test_is_found(shown, problem):
    table = f"| it | shown by |\n|---|---|\n| cannot fly | {shown} |\n"
    (found,) = problems(table)
    assert problem in found
