"""Measure the site that is up: ``python -m bench [NAME...]``, by default everything."""

import argparse
import sys
import time
from pathlib import Path

from bench.commands import environment
from bench.host import LocalHost
from bench.rows import ROWS
from bench.table import Row, as_json, as_text


def main() -> None:
    """Measure, print the table, and keep it as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ROWS))
    names = parser.parse_args().names or list(ROWS)
    if unknown := set(names) - set(ROWS):
        parser.error(
            f"no measurement is called {', '.join(unknown)}: choose from {', '.join(ROWS)}"
        )
    host = LocalHost()
    host.bring()
    rows: list[Row] = []
    try:
        for name in names:
            began = time.monotonic()
            rows += ROWS[name](host)
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    finally:
        # What was measured is not lost with what could not be.
        (Path(environment()["STATE"]) / "bench.json").write_text(as_json(rows))
        print(as_text(rows))


if __name__ == "__main__":
    main()
