"""Reading what a plot's code could have written: where slots write, plots can."""

import json
import os
import stat
from pathlib import Path
from typing import Any

from app.wire import SlotStatus

_MOST_BYTES = 1 << 20


def read_file(path: Path) -> tuple[bytes, float]:
    """Read a file, whatever it is that was put there under its name.

    Args:
        path: The file.

    Returns:
        Its first MB, and when it was changed last, in seconds since the epoch.

    Raises:
        OSError: If there is no file, but perhaps a link to somewhere else, or a pipe.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        told = os.fstat(descriptor)
        if not stat.S_ISREG(told.st_mode):
            raise OSError(f"{path} is no file")
        return file.read(_MOST_BYTES), told.st_mtime


def parsed(text: bytes) -> Any:
    """Parse JSON.

    Args:
        text: The JSON.

    Raises:
        ValueError: If it is none, or too deep to be parsed.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def read_status(path: Path) -> tuple[SlotStatus, float]:
    """Read what a slot tells, as far as every release tells it.

    Args:
        path: The file.

    Returns:
        The status, and when it was told, in seconds since the epoch.

    Raises:
        OSError, ValueError, KeyError or TypeError: If there is none.
    """
    content, told_at = read_file(path)
    status: SlotStatus = parsed(content)
    cause, sessions = status["cause"], status["sessions"]
    if not (isinstance(cause, (str, type(None))) and isinstance(sessions, int) and sessions >= 0):
        raise ValueError("not the status of a slot")
    return status, told_at
