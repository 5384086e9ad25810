"""Run a slot: ``python -m app.slot --name NAME --unix-socket PATH``."""

import argparse
import asyncio
import logging
import os
import sys
from dataclasses import MISSING, fields
from pathlib import Path

from bokeh.util import logconfig

from app.config import ConfigError, SlotConfig
from app.slot.options import Options
from app.slot.server import serve

_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def main() -> None:
    """Read the command line and the environment, and serve."""
    parser = argparse.ArgumentParser(prog="python -m app.slot", description="Serve all plots.")
    parser.add_argument("--name", required=True, help="the slot's name, as in its public URL")
    parser.add_argument("--unix-socket", required=True, type=Path, metavar="PATH")
    for field in fields(Options):
        if field.default is not MISSING:
            flag = f"--{field.name.replace('_', '-')}"
            parser.add_argument(flag, type=type(field.default), default=field.default)
    options = Options(**vars(parser.parse_args()))
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT)
    # Bokeh has a handler of its own.
    logconfig.basicConfig(format=_LOG_FORMAT)
    try:
        asyncio.run(serve(options, SlotConfig.from_environment(os.environ)))
    except ConfigError as error:
        sys.exit(f"slot {options.name}: {error}")


if __name__ == "__main__":
    main()
