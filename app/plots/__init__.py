"""Bokeh plots: every module here whose name does not start with ``_`` is one.

Adding a plot is adding one file. Its docstring's first line is its title, the rest its description.
"""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app.config import ConfigError

NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Plot:
    """A plot that the site serves.

    Attributes:
        name: Its name in URLs, the stem of its file.
        title: First line of its docstring, or its name.
        description: The rest of its docstring; may be empty.
        path: Its file.
    """

    name: str
    title: str
    description: str
    path: Path


@cache
def discover(folder: Path = Path(__file__).parent) -> dict[str, Plot]:
    """Find the plots; their code is parsed, not run.

    Args:
        folder: Where to look.

    Returns:
        The plots by name, in order of their names.

    Raises:
        ConfigError: If a file's name cannot be a plot's name.
    """
    found = {}
    for path in sorted(folder.glob("[!_]*.py")):
        if not NAME.fullmatch(path.stem):
            raise ConfigError(
                f"rename {path.name}: a plot's name is lower-case letters, digits and _, and "
                f"starts with a letter"
            )
        title, description = _docstring(path)
        found[path.stem] = Plot(path.stem, title or path.stem, description, path)
    return found


def _docstring(path: Path) -> tuple[str, str]:
    try:
        text = ast.get_docstring(ast.parse(path.read_bytes())) or ""
    except SyntaxError:
        return "", ""  # The slot that tries to run it says what is wrong, with the line.
    title, _, description = text.partition("\n")
    return title.rstrip("."), description.strip()
