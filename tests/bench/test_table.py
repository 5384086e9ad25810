"""The table of a measurement, and what it says of the bars."""

import json

import pytest

from bench.percentiles import percentile, spread
from bench.table import Row, as_json, as_text


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (Row("a ratio at its bar", 1.15, "ms", 1.0, most=1.15), True),
        (Row("a ratio past its bar", 1.16, "ms", 1.0, most=1.15), False),
        (Row("a ratio that is to be high", 90, "", 50, least=1.8), True),
        (Row("a ratio that is too low", 89, "", 50, least=1.8), False),
        (Row("an absolute bar, met", 0, "", most=0), True),
        (Row("an absolute bar, missed", 1, "", most=0), False),
        (Row("a number that must be exact", 2, "", least=1, most=1), False),
        (Row("no bar", 5, "s", 1), None),
    ],
    ids=lambda value: value.what if isinstance(value, Row) else "",
)
def test_a_row_is_judged_by_its_bar(row: Row, met: bool | None) -> None:
    assert row.met is met


def test_the_table_shows_every_row_with_ratio_bar_and_verdict() -> None:
    rows = [Row("fast", 1.0, "ms", 2.0, most=1.15), Row("slow", 1234, "/s", 5678, least=0.6)]
    _, rule, fast, slow = as_text(rows).splitlines()
    assert set(rule) == {"|", "-"}
    assert [cell.strip() for cell in fast.split("|")[1:-1]] == [
        *("fast", "1 ms", "2", "0.50x", "at most 1.15x", "met")
    ]
    assert [cell.strip() for cell in slow.split("|")[1:-1]] == [
        *("slow", "1,234 /s", "5,678", "0.22x", "at least 0.6x", "MISSED")
    ]


def test_the_json_holds_what_the_table_shows() -> None:
    (told,) = json.loads(as_json([Row("fast", 1.0, "ms", 2.0, most=1.15)]))
    assert (told["ratio"], told["met"], told["what"]) == (0.5, True, "fast")


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(200, 0, -1)]
    assert (percentile(values, 50), percentile(values, 99), percentile([3.0], 99)) == (100, 198, 3)
    assert spread(values, 1000) == {"count": 200, "p50": 100e3, "p99": 198e3, "max": 200e3}
    assert spread([]) == {"count": 0}
