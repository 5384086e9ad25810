"""The flights, read once in each process, and what a choice of them comes to."""

import csv
import gzip
import io
from collections.abc import Sequence
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

Columns = dict[str, list[Any]]

AIRPORTS = [("EWR", "Newark"), ("JFK", "John F. Kennedy"), ("LGA", "LaGuardia")]
EDGES = list(range(-60, 181, 15))
"""Of the bars of arrival delays, in minutes; the outer bars hold all that is beyond, too."""
LATE_MINUTES = 15
"""Airlines and authorities count a flight as late from here on."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Summary(NamedTuple):
    """What some flights have in common.

    Attributes:
        flights: How many there are.
        median_delay: Of their arrivals, in minutes; None without flights.
        late: Share of those that arrived late, from 0 to 1; None without flights.
        shares: Share in each bar of arrival delays, from 0 to 1.
    """

    flights: int
    median_delay: float | None
    late: float | None
    shares: list[float]


@cache
def flights() -> Columns:
    """The flights by column. Everybody on this process shares the lists: do not change them."""
    packed = (Path(__file__).parent / "flights.csv.gz").read_bytes()
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(packed).decode())))
    times = [
        datetime.fromisoformat(f"{row['date']}T{row['scheduled']}").replace(tzinfo=timezone.utc)
        for row in rows
    ]
    return {
        "scheduled": [int(time.timestamp()) * 1000 for time in times],
        "hour": [round(time.hour + time.minute / 60, 2) for time in times],
        **{name: [row[name] for row in rows] for name in ("flight", "origin", "destination")},
        **{
            name: [int(row[name]) for row in rows]
            for name in ("miles", "departure_delay", "arrival_delay")
        },
    }


def of_airport(airport: str | None) -> list[int]:
    """The places of the flights from an airport, or of all flights."""
    origins = flights()["origin"]
    return [place for place, origin in enumerate(origins) if airport in (None, origin)]


def summary(places: Sequence[int]) -> Summary:
    """Sum flights up."""
    delays = [flights()["arrival_delay"][place] for place in places]
    width, last = EDGES[1] - EDGES[0], len(EDGES) - 2
    counts = [0] * (last + 1)
    for delay in delays:
        counts[min(max((delay - EDGES[0]) // width, 0), last)] += 1
    if not delays:
        return Summary(0, None, None, [0.0] * len(counts))
    late = sum(delay >= LATE_MINUTES for delay in delays)
    shares = [count / len(delays) for count in counts]
    return Summary(len(delays), median(delays), late / len(delays), shares)


def as_csv(places: Sequence[int]) -> str:
    """Write flights as a table that is safe to open in a spreadsheet."""
    columns = {name: column for name, column in flights().items() if name != "hour"}
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(columns)
    for place in places:
        row = {name: column[place] for name, column in columns.items()}
        moment = datetime.fromtimestamp(row["scheduled"] / 1000, timezone.utc)
        row["scheduled"] = f"{moment:%Y-%m-%d %H:%M}"
        writer.writerow([harmless(value) for value in row.values()])
    return text.getvalue()


def harmless(value: Any) -> Any:
    """A value for a cell: a text that a spreadsheet would take for a formula is marked as text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
