"""Trying plots out, and those that failed again and again until they work.

What a plot needs may come back, such as its database. A plot that failed once may do worse the next
time, so it is tried in a process of its own first: nobody here waits for it.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from app.plot_application import PlotApplication, PlotError
from app.plot_check import build

_log = logging.getLogger(__name__)
# To start, and to end.
_SPARE_SECONDS = 30.0


def try_out(application: PlotApplication) -> None:
    """Build a plot once, and say in its status what came of it."""
    try:
        application.status["components"] = build(application)
    except PlotError as error:
        application.status["error"] = str(error)
        _log.error("%s\n%s", error, error.details)
    else:
        application.status["error"] = None


async def heal(
    applications: Iterable[PlotApplication],
    settings: Mapping[str, Any],
    build_seconds: float,
    pause_seconds: float,
) -> None:
    """Try plots that failed again until each works; one that hangs is left alone.

    Args:
        applications: All plots.
        settings: The environment's plot settings, by plot.
        build_seconds: How long a plot may take to build a document, in seconds.
        pause_seconds: How long to wait between two tries.
    """
    while failed := [a for a in applications if a.status["error"] and not a.hangs]:
        await asyncio.sleep(pause_seconds)
        for application in failed:
            trial = {"plot": application.plot.name, "settings": settings, "seconds": build_seconds}
            if await _succeeds(json.dumps(trial), build_seconds + _SPARE_SECONDS):
                try_out(application)
                if not application.status["error"]:
                    _log.info("plot %s can be built again", application.plot.name)


async def _succeeds(trial: str, seconds: float) -> bool:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.slot.trial"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await asyncio.wait_for(process.communicate(trial.encode()), seconds)
    except asyncio.TimeoutError:
        return False
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode == 0
