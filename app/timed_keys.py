"""Keys that a rotation has replaced, which verify what they signed until their time is over."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.parsing import json_object

KEY_LENGTH = 32
_WANTED = 'a JSON object of random keys such as {"<key>": "2026-12-31T12:00:00+00:00"}'


@dataclass(frozen=True)
class TimedKeys:
    """Keys, each with a time until which it counts. Iterating gives those that count right now.

    So whoever keeps them, such as Flask's configuration, needs no restart when a time is over.

    Attributes:
        until: The end of each key, in seconds since the epoch.
    """

    until: Mapping[str, float] = field(default_factory=dict, repr=False)

    def __iter__(self) -> Iterator[str]:
        """The keys that count at this moment."""
        now = time.time()
        return (key for key, until in self.until.items() if now < until)

    def followed_by(self, key: str) -> "TimedKeys":
        """These keys and, in the last place, one without an end: itsdangerous signs with that."""
        before = {other: until for other, until in self.until.items() if other != key}
        return TimedKeys({**before, key: math.inf})


def parse(text: str) -> TimedKeys:
    """Parse a JSON object of keys with the end of each, in ISO 8601 with its offset from UTC.

    Raises:
        ValueError: Naming what to set, if it is none.
    """
    given = json_object(text, str, _WANTED)
    try:
        until = {key: datetime.fromisoformat(end) for key, end in given.items()}
    except ValueError as error:
        raise ValueError(_WANTED) from error
    if any(len(key) < KEY_LENGTH or not end.tzinfo for key, end in until.items()):
        raise ValueError(_WANTED)
    return TimedKeys({key: end.timestamp() for key, end in until.items()})
