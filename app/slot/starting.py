"""Loading the plots of a slot, in spite of any that fail, hang, or end the process."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.plot_application import PlotApplication, PlotError, load
from app.plots import discover
from app.slot.healing import try_out
from app.slot.state import State
from app.time_limit import process_limit

_log = logging.getLogger(__name__)


def load_plots(state: State, socket: Path, build_seconds: float) -> dict[str, PlotApplication]:
    """Load every plot and build it once, so that the first viewer waits for no import.

    A plot that fails is told of in the slot's state, and takes down nothing else. One that took
    the process with it is not built by the next process, which only tries it in another one.

    Args:
        state: The slot's state.
        socket: The slot's unix socket.
        build_seconds: How long a plot may take to build a document, in seconds.

    Returns:
        The plots' applications, by path.
    """
    applications = {}
    trace = socket.with_suffix(".trying")
    deadly = trace.read_text() if trace.exists() else None
    for plot in discover().values():
        try:
            application = load(plot, build_seconds)
        except PlotError as error:
            state.plots[plot.name] = {"components": [], "error": str(error)}
            _log.error("%s\n%s", error, error.details)
            continue
        applications[f"/{plot.name}"] = application
        state.plots[plot.name] = application.status
        if plot.name == deadly:
            deadly_error = PlotError(plot.name, "it ended the process that built it, see its log")
            application.status["error"] = str(deadly_error)
            _log.error("%s", deadly_error)
            continue
        with _traced(trace, plot.name), process_limit(build_seconds):
            try_out(application)
    return applications


@contextmanager
def _traced(trace: Path, plot: str) -> Iterator[None]:
    """Leave a trace of the plot, for as long as it may end the process."""
    trace.write_text(plot)
    try:
        yield
    finally:
        trace.unlink()
