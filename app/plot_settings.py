"""Settings of a plot that an environment can change without touching its code."""

from collections.abc import Mapping
from typing import Any

from app.config import ConfigError

_given: dict[str, Mapping[str, Any]] = {}


def use_settings(given: Mapping[str, Mapping[str, Any]]) -> None:
    """Give this process's plots their settings.

    Args:
        given: Names and values by plot, as in ``site_plot_settings`` of the inventory.
    """
    _given.clear()
    _given.update(given)


def plot_settings(plot: str, **defaults: Any) -> dict[str, Any]:
    """A plot's settings: its own defaults, changed by ``site_plot_settings`` of the inventory.

    Args:
        plot: Name of the plot.
        **defaults: Each setting's name and default; the default's type is the setting's type.

    Returns:
        The value of every setting.

    Raises:
        ConfigError: If a setting is unknown to the plot or of another type than its default.
    """
    changed = _given.get(plot, {})
    for name, value in changed.items():
        if name not in defaults:
            known = ", ".join(sorted(defaults))
            raise ConfigError(f"site_plot_settings: {plot} has no setting {name}; it has {known}")
        wanted = type(defaults[name])
        if type(value) is not wanted:
            raise ConfigError(
                f"site_plot_settings: set {plot}.{name} to a value of type {wanted.__name__}, "
                f"not {value!r}"
            )
    return {**defaults, **changed}
