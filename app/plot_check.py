"""Trying plots out: building their documents once, outside of any session."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from bokeh.application import Application
from bokeh.application.handlers import FunctionHandler
from bokeh.command.util import build_single_handler_application
from bokeh.document import Document
from bokeh.embed.bundle import bundle_for_objs_and_resources
from bokeh.resources import Resources

from app.plot_settings import use_settings
from app.plots import Plot, discover


class PlotError(RuntimeError):
    """A plot cannot be built; the text names it and says why."""


def load(plot: Plot) -> Application:
    """Make a plot's Bokeh application.

    Raises:
        PlotError: If its code cannot be compiled.
    """
    try:
        application = build_single_handler_application(str(plot.path))
    except RuntimeError as error:
        # Bokeh puts a heading before what is wrong, and a traceback behind it.
        what = str(error).partition("\n\n")[2].splitlines()[0]
        raise PlotError(f"plot {plot.name}: {what.rstrip(':')}") from error
    application.add(FunctionHandler(_silence))
    return application


def build(plot: Plot, application: Application) -> list[str]:
    """Build the plot's document once and throw it away.

    Returns:
        The BokehJS components that a page needs to show it, such as ``bokeh-widgets``.

    Raises:
        PlotError: If its code raises, or leaves nothing to show.
    """
    document = application.create_document()
    try:
        for handler in application.handlers:
            # Bokeh logs the traceback and goes on with an empty document.
            if handler.failed:
                what, where = f"{handler.error}\n".splitlines()[:2]
                raise PlotError(f"plot {plot.name}: {what} ({where.rstrip(':')})")
        if not document.roots:
            raise PlotError(f"plot {plot.name}: its code adds no root to the document")
        document.to_json()
        bundle = bundle_for_objs_and_resources(document.roots, Resources("server", root_url="/"))
        paths = (PurePosixPath(urlsplit(str(url)).path) for url in bundle.js_files)
        return [path.name.removesuffix(".min.js") for path in paths]
    finally:
        document.clear()
        document.modules.destroy()


def _silence(document: Document) -> None:
    """The page tells viewers of a lost connection itself, see ``static/plot.js``."""
    document.config.notify_connection_status = False


def check(settings: Mapping[str, Any]) -> list[str]:
    """Try every plot out.

    Args:
        settings: The environment's plot settings, by plot.

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
            build(plot, load(plot))
        except PlotError as error:
            problems.append(str(error))
    return problems
