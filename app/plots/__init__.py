"""Bokeh plots: each is one file here, or a folder with its ``main.py``.

Adding a plot is adding one of them; names that start with ``_`` are no plots. The docstring's first
line is the plot's title, the rest its description.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from app.config import ConfigError

NAME = re.compile(r"[a-z][a-z0-9_]*")
PREVIEWS = {
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".jpg": "image/jpeg",
}
"""The kinds of preview images, each with its content type; the first one that exists is shown."""

_MAIN = "main.py"


@dataclass(frozen=True)
class Plot:
    """A plot that the site serves.

    Attributes:
        name: Its name in URLs, the stem of its file or the name of its folder.
        title: First line of its docstring, or its name.
        description: The rest of its docstring; may be empty.
        groups: The groups whose members may open it, from its ``GROUPS``; none for everyone.
        path: Its file or folder.
        preview: An image of it, if there is one: of the file's name, or ``preview`` in the folder.
    """

    name: str
    title: str
    description: str
    groups: frozenset[str]
    path: Path
    preview: Path | None = None


@cache
def discover(folder: Path = Path(__file__).parent) -> dict[str, Plot]:
    """Find the plots; their code is parsed, not run.

    Args:
        folder: Where to look.

    Returns:
        The plots by name, in order of their names.

    Raises:
        ConfigError: If a name cannot be a plot's name or is there twice, or plots are nested.
    """
    found: dict[str, Plot] = {}
    for path in _candidates(folder):
        name = path.name.removesuffix(".py")
        if not NAME.fullmatch(name):
            raise ConfigError(
                f"rename {path.name}: a plot's name is lower-case letters, digits and _, and "
                f"starts with a letter"
            )
        if name in found:
            raise ConfigError(
                f"rename {name}.py or the folder {name}: both would be the plot {name}"
            )
        found[name] = _read(name, path)
    return dict(sorted(found.items()))


def _candidates(folder: Path) -> Iterator[Path]:
    """The files and folders that are plots; a folder without any code is none."""
    for path in sorted(folder.glob("[!_.]*")):
        if path.suffix == ".py" or (path.is_dir() and _is_plot(path)):
            yield path


def _is_plot(folder: Path) -> bool:
    """Whether a folder is a plot: one that holds other plots is refused."""
    for code in sorted(folder.rglob("*.py")):
        inner = code.relative_to(folder.parent)
        if not (folder / _MAIN).exists():
            raise ConfigError(
                f"move {inner} one folder up, or name it {folder.name}/{_MAIN}: a folder is one "
                f"plot, whose code is in {_MAIN}; one that is none has a name that starts with _"
            )
        if code.name == _MAIN and code.parent != folder:
            raise ConfigError(
                f"move {inner.parent} out of {folder.name}: a plot's folder holds no other plot"
            )
    return (folder / _MAIN).exists()


def _read(name: str, path: Path) -> Plot:
    code, image = (path / _MAIN, path / "preview") if path.is_dir() else (path, path)
    images = (image.with_suffix(suffix) for suffix in PREVIEWS)
    preview = next((image for image in images if image.is_file()), None)
    try:
        module = ast.parse(code.read_bytes())
    except (SyntaxError, ValueError):
        # The slot that tries to run it says what is wrong, with the line.
        return Plot(name, name, "", frozenset(), path, preview)
    title, _, description = (ast.get_docstring(module) or name).partition("\n")
    groups = _groups(str(code.relative_to(path.parent)), module)
    return Plot(name, title.rstrip("."), description.strip(), groups, path, preview)


def _groups(file: str, module: ast.Module) -> frozenset[str]:
    stored = [node for node in ast.walk(module) if _stores_groups(node)]
    # Whatever else looks like GROUPS is refused: overlooked, it would open the plot to everyone.
    if not stored:
        return frozenset()
    groups = _literal(module, stored[0]) if len(stored) == 1 else None
    if not isinstance(groups, list | tuple) or not all(isinstance(g, str) for g in groups):
        raise ConfigError(
            f'{file}: write GROUPS as a list of names, such as ["finance"]; it is read '
            "without running the code"
        )
    return frozenset(groups)


def _stores_groups(node: ast.AST) -> bool:
    match node:
        case ast.Name("GROUPS", ast.Store()) | ast.alias(asname="GROUPS"):
            return True
        case ast.alias(name="GROUPS", asname=None):
            return True
    return False


def _literal(module: ast.Module, name: ast.AST) -> Any:
    """The value that the module itself gives to a name; None if it is no literal."""
    for statement in module.body:
        match statement:
            case ast.Assign(targets=[target], value=value) if target is name:
                break
            case ast.AnnAssign(target=target, value=ast.expr() as value) if target is name:
                break
    else:
        return None
    try:
        return ast.literal_eval(value)
    except ValueError:
        return None
