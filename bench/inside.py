"""One measurement on the host itself: ``python -m bench.inside NAME``.

Standard input says who signs in; what was measured is written as one line of JSON.
"""

import importlib
import json
import sys

from bench.site import signed_in


def main() -> None:
    """Measure."""
    print(json.dumps(importlib.import_module(f"bench.{sys.argv[1]}").measure(signed_in())))


if __name__ == "__main__":
    main()
