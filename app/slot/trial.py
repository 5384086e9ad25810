"""Try one plot out in a process of its own: ``python -m app.slot.trial``, told on its input."""

import json
import sys

from app.plot_application import PlotError, load
from app.plot_check import build
from app.plot_settings import use_settings
from app.plots import discover


def main() -> None:
    """Exit with 0 if the plot can be built."""
    trial = json.load(sys.stdin)
    use_settings(trial["settings"])
    try:
        build(load(discover()[trial["plot"]], trial["seconds"]))
    except PlotError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
