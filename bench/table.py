"""What was measured, beside its reference and the bar that it has to clear: a table and JSON."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        what: What was measured.
        value: Its value.
        unit: The unit of value and reference.
        reference: The value of what it is compared with; None where the bar is absolute.
        least: The least that value, or its ratio to the reference, may be; None for no such bar.
        most: The most that it may be.
    """

    what: str
    value: float
    unit: str
    reference: float | None = None
    least: float | None = None
    most: float | None = None

    @property
    def ratio(self) -> float | None:
        """The value as a multiple of its reference."""
        return self.value / self.reference if self.reference else None

    @property
    def met(self) -> bool | None:
        """Whether it clears its bar; None without one."""
        if self.least is None and self.most is None:
            return None
        judged = self.value if self.ratio is None else self.ratio
        return (self.least is None or judged >= self.least) and (
            self.most is None or judged <= self.most
        )

    @property
    def bar(self) -> str:
        """The bar in words."""
        times = "" if self.ratio is None else "x"
        bounds = {"at least": self.least, "at most": self.most}
        return " and ".join(f"{w} {b:g}{times}" for w, b in bounds.items() if b is not None)


_COLUMNS: dict[str, Callable[[Row], str]] = {
    "what": lambda row: row.what,
    "measured": lambda row: f"{_number(row.value)} {row.unit}".strip(),
    "reference": lambda row: "-" if row.reference is None else _number(row.reference),
    "ratio": lambda row: "-" if row.ratio is None else f"{row.ratio:.2f}x",
    "bar": lambda row: row.bar or "-",
    "": lambda row: {True: "met", False: "MISSED", None: ""}[row.met],
}


def as_text(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    cells = [list(_COLUMNS), *([show(row) for show in _COLUMNS.values()] for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    lines = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def as_json(rows: Sequence[Row]) -> str:
    """The rows, with their ratios and whether they clear their bars."""
    told = [{**dataclasses.asdict(row), "ratio": row.ratio, "met": row.met} for row in rows]
    return json.dumps(told, indent=1)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004
