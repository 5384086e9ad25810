"""What viewers lose when nginx reloads its configuration."""

import time
from typing import Any

from bench.crowd_process import crowd
from bench.host import LocalHost

_RELOADS = 5
_PAUSE = 1.5  # seconds between two


def measure(host: LocalHost) -> dict[str, Any]:
    """Reload nginx again and again under a crowd."""
    with crowd(*host.crowd, "--requests=50") as viewers:
        for _ in range(_RELOADS):
            host.command("nginx", "-s", "reload")
            time.sleep(_PAUSE)
    return viewers.report
