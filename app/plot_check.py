"""Trying plots out: building their documents once, outside of any session."""

import traceback
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from bokeh.document import Document
from bokeh.embed.bundle import bundle_for_objs_and_resources
from bokeh.resources import Resources

from app.plot_application import PlotApplication, PlotError, load
from app.plot_settings import use_settings
from app.plots import discover
from app.time_limit import process_limit


def build(application: PlotApplication) -> list[str]:
    """Build the plot's document once and throw it away.

    Returns:
        The BokehJS components that a page needs to show it, such as ``bokeh-widgets``.

    Raises:
        PlotError: If its code raises, does not return in time, or leaves nothing that can be shown.
    """
    document = Document()
    try:
        application.fill(document)
        document.to_json()
        bundle = bundle_for_objs_and_resources(document.roots, Resources("server", root_url="/"))
    except PlotError:
        raise
    except Exception as error:  # a property without a value, a number that JSON cannot hold, ...
        sentence = f"what it shows cannot be sent: {error}"
        raise PlotError(application.plot.name, sentence, traceback.format_exc()) from error
    finally:
        document.clear()
        document.modules.destroy()
    paths = (PurePosixPath(urlsplit(str(url)).path) for url in bundle.js_files)
    return [path.name.removesuffix(".min.js") for path in paths]


def check(settings: Mapping[str, Any], build_seconds: float) -> list[str]:
    """Try every plot out.

    Args:
        settings: The environment's plot settings, by plot.
        build_seconds: How long a plot may take to build a document, in seconds.

    Returns:
        A sentence for each plot that cannot be built, and for settings of plots that do not exist.
    """
    use_settings(settings)
    plots = discover()
    problems = [
        f"site_plot_settings: there is no plot {name}; there are {', '.join(plots)}"
        for name in settings
        if name not in plots
    ]
    for plot in plots.values():
        try:
            # The traceback names the plot.
            with process_limit(build_seconds):
                build(load(plot, build_seconds))
        except PlotError as error:
            problems.append(str(error))
    return problems
