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
from app.slot.trial import PASSED

_log = logging.getLogger(__name__)
# To start, and to end.
_SPARE_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 1800.0


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
    """Try plots that failed again, for ever, and each less often the longer it fails.

    Args:
        applications: All plots.
        settings: The environment's plot settings, by plot.
        build_seconds: How long a plot may take to build a document, in seconds.
        pause_seconds: How long to wait before the first try, in seconds.
    """
    turn = asyncio.Lock()

    async def heal_one(application: PlotApplication) -> None:
        trial = {"plot": application.plot.name, "settings": settings, "seconds": build_seconds}
        pause = pause_seconds
        while True:
            await asyncio.sleep(pause)
            if not application.status["error"]:
                pause = pause_seconds
                continue
            async with turn:
                healed = await _succeeds(json.dumps(trial), build_seconds + _SPARE_SECONDS)
            if healed:
                application.hangs = False
                try_out(application)
            if application.status["error"]:
                pause = min(2 * pause, max(pause_seconds, _LONGEST_PAUSE_SECONDS))
            else:
                _log.info("plot %s can be built again", application.plot.name)

    await asyncio.gather(*map(heal_one, applications))


async def _succeeds(trial: str, seconds: float) -> bool:
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.slot.trial"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as error:
        _log.warning("no plot can be tried again now: %s", error)
        return False
    try:
        await asyncio.wait_for(process.communicate(trial.encode()), seconds)
    except asyncio.TimeoutError:
        return False
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode == PASSED
