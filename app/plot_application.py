"""A plot as Bokeh runs it: one that raises, or never returns, is told of and harms nothing else."""

import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from bokeh.application import Application
from bokeh.application.application import ServerContext
from bokeh.application.handlers import FunctionHandler
from bokeh.application.handlers.code_runner import CodeRunner
from bokeh.application.handlers.handler import Handler, handle_exception
from bokeh.command.util import build_single_handler_application
from bokeh.document import Document
from bokeh.server.contexts import BokehSessionContext
from bokeh.settings import settings

from app.config import PLOT_BUILD_SECONDS
from app.plots import Plot
from app.session_ids import REQUEST, Visit
from app.time_limit import Limit, time_limit
from app.viewer import NOBODY
from app.wire import PlotStatus

_log = logging.getLogger(__name__)
# Bokeh would run them outside of any session, where no time limit holds.
_HOOKS = ("app_hooks.py", "server_lifecycle.py")
_REASON_LENGTH = 500
_run = CodeRunner.run


class PlotError(RuntimeError):
    """A plot cannot be built; the text names it and says why, in one line.

    Args:
        plot: Name of the plot.
        reason: Why it cannot be built.
        details: The traceback, if there is one.
    """

    def __init__(self, plot: str, reason: str, details: str = "") -> None:
        # An exception may hold data; this is in the status file, which is read all the time.
        self.reason = " ".join(reason.split())[:_REASON_LENGTH]
        self.details = details
        super().__init__(f"plot {plot}: {self.reason}")


class PlotApplication(Application):
    """A plot's Bokeh application.

    Args:
        plot: The plot.
        handler: Runs its code.
        build_seconds: How long it may take to build a document, in seconds.
    """

    def __init__(self, plot: Plot, handler: Handler, build_seconds: float) -> None:
        super().__init__(handler, FunctionHandler(_silence))
        self.plot = plot
        self.hangs = False
        """Whether the code did not return: it is not run again before it did in another process."""
        self.status: PlotStatus = {"components": [], "error": None}
        """What the site is told of the plot."""
        self._build_seconds = build_seconds

    def initialize_document(self, doc: Document) -> None:
        """Build the document of a session; it stays empty if that fails, which the page can tell.

        The log tells why, under the id of the page's request.
        """
        try:
            self.fill(doc)
        except PlotError as error:
            doc.clear()
            for callback in doc.session_callbacks:
                doc.callbacks.remove_session_callback(callback)
            request, viewer = _who(doc)
            _log.error(
                "request %s: plot %s failed for %s: %s\n%s",
                *(request, self.plot.name, viewer, error.reason, error.details),
            )

    def fill(self, document: Document) -> None:
        """Run the plot's code for a document.

        Args:
            document: An empty document.

        Raises:
            PlotError: If the code raises, does not return in time or did not once, or leaves
                nothing to show.
        """
        if self.hangs:
            raise PlotError(self.plot.name, "it is not run again here since it did not return")
        with time_limit(self._build_seconds) as limit:
            for handler in self.handlers:
                handler.modify_document(document)
        details = "\n".join(handler.error_detail or "" for handler in self.handlers).strip()
        if limit.passed:
            error = PlotError(self.plot.name, self._hung(limit), details)
            self.hangs, self.status["error"] = True, str(error)
            raise error
        for handler in self.handlers:
            if handler.failed:
                raise PlotError(self.plot.name, _reason(handler), details)
        if settings.perform_document_validation():
            document.validate()
        if not document.roots:
            raise PlotError(self.plot.name, "its code adds no root to the document")

    def on_server_loaded(self, server_context: ServerContext) -> None:
        """Run the ``__init__.py`` of a plot's folder, if there is one."""
        with time_limit(self._build_seconds) as limit:
            super().on_server_loaded(server_context)
        if limit.passed:
            error = PlotError(self.plot.name, self._hung(limit))
            self.hangs, self.status["error"] = True, str(error)
            _log.error("%s", error)

    def _hung(self, limit: Limit) -> str:
        """Where the code was, in the plot's own files if it can be told."""
        folder = self.plot.path if self.plot.path.is_dir() else self.plot.path.parent
        own = [call for call in limit.stack if folder in Path(call.filename).parents]
        call = (own or limit.stack)[-1]
        where = f"File {Path(call.filename).name!r}, line {call.lineno}, in {call.name}"
        return f"it has not returned after {limit.seconds:g} s ({where})"


def load(plot: Plot, build_seconds: float = PLOT_BUILD_SECONDS) -> PlotApplication:
    """Make a plot's Bokeh application.

    Args:
        plot: The plot.
        build_seconds: How long it may take to build a document, in seconds.

    Raises:
        PlotError: If its code cannot be compiled, or its folder holds what cannot be served.
    """
    CodeRunner.run = _run_to_its_end  # type: ignore[assignment, method-assign]
    for hook in _HOOKS:
        if (plot.path / hook).exists():
            raise PlotError(
                plot.name, f"remove {hook}: hooks are not run here; build each session in main.py"
            )
    try:
        handlers = build_single_handler_application(str(plot.path)).handlers
    except RuntimeError as error:
        # Bokeh puts a heading before what is wrong, and a traceback behind it.
        what = str(error).partition("\n\n")[2].splitlines()[0]
        raise PlotError(plot.name, what.rstrip(":"), str(error)) from error
    except Exception as error:  # whatever its theme or its encoding makes Bokeh raise
        raise PlotError(plot.name, str(error), traceback.format_exc()) from error
    return PlotApplication(plot, handlers[0], build_seconds)


def _run_to_its_end(
    runner: CodeRunner, module: ModuleType, post_check: Callable[[], None] | None = None
) -> None:
    """Run a plot's code, and record whatever it raises as Bokeh records an `Exception`.

    Anything else would pass through Bokeh, which would not tidy up, and end the process.
    """
    try:
        _run(runner, module, post_check)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 # sys.exit() in a plot, or a limit that passed
        handle_exception(runner, error)  # type: ignore[arg-type]


def _reason(handler: Handler) -> str:
    """What Bokeh has recorded: the error, and the file and line that raised it."""
    what, _, where = (handler.error or "").rpartition("\nFile ")
    # The traceback's end: Python's own errors say little without their names, such as KeyError.
    told = (handler.error_detail or "").rstrip()
    kind = (told.rpartition(what)[0] if what else told).rpartition("\n")[2]
    return f"{'' if '.' in kind else kind}{what} (File {where.splitlines()[0].rstrip(':')})"


def _who(document: Document) -> tuple[str, str]:
    """The id of the request that opened a session, and its viewer."""
    context = document.session_context
    if not isinstance(context, BokehSessionContext):
        return "-", NOBODY
    # A page of an older release did not tell, nor does a probe.
    request = context.token_payload.get(REQUEST) or "-"
    return request, Visit.of_session(context.id).user


def _silence(document: Document) -> None:
    """The page tells viewers of a lost connection itself, see ``static/plot.js``."""
    document.config.notify_connection_status = False
