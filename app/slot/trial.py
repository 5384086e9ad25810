"""Try one plot out in a process of its own: ``python -m app.slot.trial``, told on its input."""

import ctypes
import json
import signal
import sys

from app.plot_application import PlotError, load
from app.plot_check import build
from app.plot_settings import use_settings
from app.plots import discover
from app.time_limit import process_limit

PASSED = 86
"""What to exit with if the plot can be built; 0 may be what the plot itself has ended with."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Exit with `PASSED` if the plot can be built."""
    # A slot that was killed ends no trial, and a plot in an endless loop would run for ever.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    trial = json.load(sys.stdin)
    use_settings(trial["settings"])
    try:
        with process_limit(trial["seconds"]):
            build(load(discover()[trial["plot"]], trial["seconds"]))
    except PlotError as error:
        sys.exit(str(error))
    sys.exit(PASSED)


if __name__ == "__main__":
    main()
