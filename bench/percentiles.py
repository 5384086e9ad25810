"""Percentiles of what was measured."""

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of the values do not exceed.

    Args:
        values: At least one value.
        percent: More than 0, at most 100.
    """
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def spread(values: Sequence[float], unit: float = 1.0) -> dict[str, float]:
    """Number, median, 99th percentile and maximum of the values.

    Args:
        values: Any number of values.
        unit: What they are multiplied with: 1000 for seconds that are told in milliseconds.
    """
    if not values:
        return {"count": 0}
    told = {"p50": percentile(values, 50), "p99": percentile(values, 99), "max": max(values)}
    return {"count": len(values), **{name: round(one * unit, 3) for name, one in told.items()}}
