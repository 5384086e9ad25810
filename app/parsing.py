"""Parsers of settings that more than one module reads."""

import json
from typing import Any
from urllib.parse import SplitResult

LOCAL_HOSTS = {"localhost", "127.0.0.1"}


def is_private(url: SplitResult) -> bool:
    """Whether nobody can listen in on the way: it is by TLS, or to this very machine."""
    return url.scheme == "https" or (url.scheme == "http" and url.hostname in LOCAL_HOSTS)


def json_object(text: str, of: type, wanted: str) -> dict[str, Any]:
    """Parse a JSON object.

    Args:
        text: The text.
        of: The type of its values.
        wanted: What to set, in words.

    Raises:
        ValueError: Naming what to set, if it is none.
    """
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{wanted} ({error})") from error
    if not isinstance(found, dict) or not all(isinstance(value, of) for value in found.values()):
        raise ValueError(wanted)
    return found
