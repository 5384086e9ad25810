"""Try one plot out in a process of its own: ``python -m app.slot.trial``, told on its input."""

import ctypes
import json
import signal
import sys

from app.plot_application import PlotError, load
from app.plot_check import build
from app.plot_settings import use_settings
from app.plots import discover

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Exit with 0 if the plot can be built."""
    # A slot that was killed ends no trial, and a plot in an endless loop would run for ever.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    trial = json.load(sys.stdin)
    use_settings(trial["settings"])
    try:
        build(load(discover()[trial["plot"]], trial["seconds"]))
    except PlotError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
