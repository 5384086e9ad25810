"""Run a slot: ``python -m app.slot --name NAME --unix-socket PATH``."""

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

from bokeh.util import logconfig

from app.config import ConfigError, SlotConfig
from app.slot.server import Options, serve

_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def main() -> None:
    """Read the command line and the environment, and serve."""
    parser = argparse.ArgumentParser(prog="python -m app.slot", description="Serve all plots.")
    parser.add_argument("--name", required=True, help="the slot's name, as in its public URL")
    parser.add_argument("--unix-socket", required=True, type=Path, metavar="PATH")
    for seconds in ("drain_seconds", "unused_session_seconds", "stall_seconds"):
        flag = f"--{seconds.replace('_', '-')}"
        parser.add_argument(flag, type=float, default=getattr(Options, seconds), metavar="S")
    options = Options(**vars(parser.parse_args()))
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT)
    # Bokeh has a handler of its own.
    logconfig.basicConfig(format=_LOG_FORMAT)
    try:
        config = SlotConfig.from_environment(os.environ)
    except ConfigError as error:
        sys.exit(f"slot {options.name}: {error}")
    asyncio.run(serve(options, config))


if __name__ == "__main__":
    main()
