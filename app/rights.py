"""Which plots a viewer may open."""

from collections.abc import Set as AbstractSet

from app.flask_config import current_config
from app.plots import Plot, discover


def groups_of(plot: str) -> frozenset[str]:
    """The groups whose members may open a plot: as the inventory says, or else its own file.

    None for a plot that this release does not have: its viewers drain, and had the right.
    """
    known = discover().get(plot)
    return current_config().plot_groups.get(plot, known.groups if known else frozenset())


def may_open(plot: str, groups: AbstractSet[str]) -> bool:
    """Whether somebody in these groups may open a plot; one without groups is open to everyone."""
    wanted = groups_of(plot)
    return not wanted or bool(wanted & groups)


def open_to(groups: AbstractSet[str]) -> dict[str, Plot]:
    """The plots that somebody in these groups may open, by name."""
    return {name: plot for name, plot in discover().items() if may_open(name, groups)}


def plots_of(group: str) -> list[str]:
    """Names of the plots that a group's members may open because they are in it."""
    return [plot for plot in discover() if group in groups_of(plot)]


def unknown_names(known: AbstractSet[str]) -> list[str]:
    """What is wrong with the plots' groups, each in a sentence.

    Args:
        known: Names of the groups that there are, or will be.
    """
    plots = discover()
    problems = [
        f"site_plots: there is no plot {plot}; there are {', '.join(plots)}"
        for plot in sorted(current_config().plot_groups.keys() - plots.keys())
    ]
    for plot in plots:
        unknown = sorted(groups_of(plot) - known)
        source = "site_plots" if plot in current_config().plot_groups else "its GROUPS"
        if unknown:
            problems.append(
                f"plot {plot}: {source} names the group {', '.join(unknown)}, which does not "
                f"exist; there are {', '.join(sorted(known))}: correct it, or add it to site_groups"
            )
    return problems
