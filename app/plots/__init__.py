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
        groups: The groups whose members may open it, from its ``GROUPS``; none for everyone.
        path: Its file.
    """

    name: str
    title: str
    description: str
    groups: frozenset[str]
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
        found[path.stem] = _read(path)
    return found


def _read(path: Path) -> Plot:
    try:
        module = ast.parse(path.read_bytes())
    except SyntaxError:
        # The slot that tries to run it says what is wrong, with the line.
        return Plot(path.stem, path.stem, "", frozenset(), path)
    title, _, description = (ast.get_docstring(module) or path.stem).partition("\n")
    return Plot(path.stem, title.rstrip("."), description.strip(), _groups(path, module), path)


def _groups(path: Path, module: ast.Module) -> frozenset[str]:
    for statement in module.body:
        match statement:
            case ast.Assign(targets=[ast.Name("GROUPS")], value=value):
                break
    else:
        return frozenset()
    try:
        groups = ast.literal_eval(value)
    except ValueError:
        groups = None
    if not isinstance(groups, list | tuple) or not all(isinstance(g, str) for g in groups):
        raise ConfigError(
            f'{path.name}: write GROUPS as a list of names, such as ["finance"]; it is read '
            "without running the code"
        )
    return frozenset(groups)
