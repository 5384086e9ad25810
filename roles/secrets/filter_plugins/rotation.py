"""The filter ``secrets_rotated``: other values in a vault's text, whose comments stay."""

import json
import re
import secrets
import string
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import yaml
from ansible.errors import AnsibleFilterError

_CHARACTERS = string.ascii_letters + string.digits
# A scalar in quotes or without, and a comment behind it; or a mapping in one line.
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|\{.*\}|[^\s#{]\S*)(?=\s*(?:#.*)?$)"""


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """The filters by name."""
        return {"secrets_rotated": rotated}


def rotated(
    text: str, made: Sequence[Mapping[str, Any]], given: Mapping[str, str], hours: float
) -> str:
    """Put new values into the text of a vault.

    Args:
        text: The text, decrypted.
        made: The secrets to make up: ``name``, ``length``, and ``overlap`` where the value of now
            goes on to count for a while, which ``<name>_previous`` says then.
        given: The new values of other secrets, by name.
        hours: For how long replaced values count.

    Returns:
        The text with the new values.

    Raises:
        AnsibleFilterError: If the text is not as plain as a new vault's is.
    """
    known = _parsed(text)
    now = datetime.now(timezone.utc).replace(microsecond=0)
    changes: dict[str, Any] = dict(given)
    for secret in made:
        name, previous = secret["name"], f"{secret['name']}_previous"
        if secret["overlap"]:
            kept = _kept(known, name, previous, now, hours)
            changes |= {previous: kept} if kept or previous in known else {}
        changes[name] = "".join(secrets.choice(_CHARACTERS) for _ in range(secret["length"]))
    for name, value in changes.items():
        text = _with(text, name, json.dumps(value), is_known=name in known)
    if _parsed(text) != {**known, **changes}:
        raise AnsibleFilterError(f"one of {', '.join(changes)} is not as plain as in a new vault")
    return text


def _parsed(text: str) -> dict[str, Any]:
    try:
        known = yaml.safe_load(text)
    except yaml.YAMLError:
        known = None
    if not isinstance(known, dict):
        # Without the parser's own words, which quote the text.
        raise AnsibleFilterError("it is not a mapping, in YAML, from names to secrets")
    return known


def _kept(
    known: Mapping[str, Any], name: str, previous: str, now: datetime, hours: float
) -> dict[str, str]:
    """The values that count beside the new one, with the end of each."""
    if not hours or name not in known:
        return {}
    try:
        before = {
            value: until
            for value, until in (known.get(previous) or {}).items()
            if datetime.fromisoformat(until) > now
        }
    except (AttributeError, TypeError, ValueError) as error:
        wanted = 'keys with the end of each, such as {"<key>": "2026-12-31T12:00:00+00:00"}'
        raise AnsibleFilterError(f"{previous} does not hold {wanted}") from error
    return {**before, known[name]: (now + timedelta(seconds=round(hours * 3600))).isoformat()}


def _with(text: str, name: str, value: str, *, is_known: bool) -> str:
    line = re.compile(rf"(?m)^({re.escape(name)}:[ ]+){_VALUE}")
    if line.search(text):
        return line.sub(lambda found: found[1] + value, text)
    if is_known:
        raise AnsibleFilterError(f"{name} is not in a line of its own")
    return f"{text.rstrip()}\n{name}: {value}\n"
