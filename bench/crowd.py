"""A crowd of viewers who notice every cut: ``python -m bench.crowd --help``.

Holds live sessions that each move a slider, and beside them an HTTP client and whole visits, from
page to moved slider, at steady rates. It signs in with the password that is the first line of
standard input, writes the line ``holding`` when every session was opened, goes on until another
line comes or standard input ends, and then writes what happened as one line of JSON.
`bench.crowd_process` starts one.
"""

import argparse
import asyncio
import dataclasses
import http.client
import json
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.exceptions import WebSocketException

from bench.live import PLOT, Live, LiveError
from bench.percentiles import spread
from bench.visitor import Page, RefusedError, Visitor

# What a cut looks like; anything else is a mistake in here.
_CUTS = (
    OSError,
    TimeoutError,
    http.client.HTTPException,
    WebSocketException,
    LiveError,
    RefusedError,
)
_OPENING_AT_ONCE = 4
_POSITIONS = 50  # of the slider, a tenth apart


@dataclass
class Report:
    """What happened. Times are seconds since the epoch.

    Attributes:
        opened: Number of sessions that were opened to be held.
        moves: Number of moves in them that were answered with new data.
        requests: Number of requests that the HTTP client got answers to.
        visits: Number of visits that moved their slider.
        dropped: Held sessions that did not open or were cut: session, slot, at, reason.
        failed: Requests and visits that failed: path, at, reason.
        seen: Where a page sent its visitor: at, slot, and release of its static files.
        round_trips: Seconds from each move to its new data.
    """

    opened: int = 0
    moves: int = 0
    requests: int = 0
    visits: int = 0
    dropped: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    seen: list[dict[str, Any]] = field(default_factory=list)
    round_trips: list[float] = field(default_factory=list)

    def as_json(self) -> str:
        """The report in a line, with percentiles of the round trips in milliseconds."""
        told = dataclasses.asdict(self)
        return json.dumps({**told, "round_trips": spread(told["round_trips"], 1000)})


@dataclass
class Held:
    """A session that is held.

    Attributes:
        number: Its number.
        page: Its page.
        live: The session.
    """

    number: int
    page: Page
    live: Live


class Crowd:
    """The viewers.

    Args:
        visitor: Who they all are: a visitor who has signed in.
    """

    def __init__(self, visitor: Visitor) -> None:
        self.report = Report()
        self._visitor = visitor
        self._stopped = asyncio.Event()
        # Static files of the pages that are held, which may be of an older release by and by.
        self._files: set[str] = set()

    async def open_sessions(self, count: int, stack: AsyncExitStack) -> list[Held]:
        """Open sessions to be held, a few at once.

        Args:
            count: How many.
            stack: Closes them.

        Returns:
            Those that opened.
        """
        places = asyncio.Semaphore(_OPENING_AT_ONCE)
        held: list[Held] = []

        async def open_one(number: int) -> None:
            async with places:
                with _noting(self.report.dropped, session=number):
                    page = await self._open_page()
                    live = await stack.enter_async_context(self._visitor.session(page))
                    self._files.update(page.files)
                    held.append(Held(number, page, live))

        await asyncio.gather(*(open_one(number) for number in range(count)))
        self.report.opened = len(held)
        return held

    async def move(self, held: Held, rate: float, delay: float) -> None:
        """Move the slider of a session, so many times a second.

        Args:
            held: The session.
            rate: Moves per second.
            delay: Seconds before the first.
        """
        with _noting(self.report.dropped, session=held.number, slot=held.page.slot):
            async for tick in self._ticks(rate, delay):
                # From 0.1, for it stands at 0 already.
                position = (tick % _POSITIONS + 1) / 10
                self.report.round_trips.append(await held.live.move(position))
                self.report.moves += 1

    async def browse(self, rate: float, group: asyncio.TaskGroup) -> None:
        """Ask for the gallery, a plot's page and static files, so many requests a second.

        A slow answer holds up no other request.
        """
        paths: deque[str] = deque()
        async for _ in self._ticks(rate):
            if not paths:
                paths.extend(["/", f"/{PLOT}", *self._files])
            group.create_task(self._request(paths.popleft(), paths))

    async def visit(self, rate: float, group: asyncio.TaskGroup) -> None:
        """Come, see the plot, move the slider and leave, so many times a second."""
        async for tick in self._ticks(rate):
            group.create_task(self._come_and_go((tick % _POSITIONS + 1) / 10))

    def leave(self) -> None:
        """Begin nothing more; what has begun goes to its end."""
        self._stopped.set()

    async def _request(self, path: str, paths: deque[str]) -> None:
        with _noting(self.report.failed, path=path):
            if path == f"/{PLOT}":
                page = await self._open_page()
                paths.extend(set(page.files) - self._files)
            else:
                await self._visitor.get_file(path)
            self.report.requests += 1

    async def _come_and_go(self, position: float) -> None:
        with _noting(self.report.failed, path=f"/{PLOT}, its websocket"):
            async with self._visitor.session(await self._open_page()) as live:
                await live.move(position)
            self.report.visits += 1

    async def _open_page(self) -> Page:
        page = await self._visitor.open_page()
        self.report.seen.append({"at": _now(), "slot": page.slot, "release": page.release})
        return page

    async def _ticks(self, rate: float, delay: float = 0.0) -> AsyncIterator[int]:
        """Count at a steady rate until the crowd leaves; not at all with a rate of 0."""
        if not rate:
            return
        due = asyncio.get_running_loop().time() + delay
        tick = 0
        while True:
            try:
                async with asyncio.timeout_at(due):
                    await self._stopped.wait()
            except TimeoutError:
                yield tick
            else:
                return
            tick += 1
            due += 1 / rate


@contextmanager
def _noting(notes: list[dict[str, Any]], **what: object) -> Iterator[None]:
    try:
        yield
    except _CUTS as error:
        notes.append({**what, "at": _now(), "reason": f"{type(error).__name__}: {error}"})


def _now() -> float:
    return round(time.time(), 3)


async def _main(arguments: argparse.Namespace) -> None:
    told = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(told), sys.stdin)
    password = (await told.readline()).decode().rstrip("\n")
    visitor = Visitor.of_site(arguments.origin, arguments.connect, arguments.ca)
    await visitor.sign_in(arguments.user, password)

    crowd = Crowd(visitor)
    async with AsyncExitStack() as stack:
        held = await crowd.open_sessions(arguments.sessions, stack)
        _say("holding")
        async with asyncio.TaskGroup() as group:
            for one in held:
                delay = one.number / arguments.sessions / (arguments.moves or 1)
                group.create_task(crowd.move(one, arguments.moves, delay))
            group.create_task(crowd.browse(arguments.requests, group))
            group.create_task(crowd.visit(arguments.visits, group))
            await told.readline()
            crowd.leave()
    _say(crowd.report.as_json())


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    """Read the command line, and be a crowd."""
    parser = argparse.ArgumentParser(prog="python -m bench.crowd", description=__doc__)
    parser.add_argument("--origin", required=True, help="such as https://plots.example.com")
    parser.add_argument("--connect", required=True, metavar="HOST:PORT", help="where it is reached")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="certificates to trust, in PEM")
    parser.add_argument("--user", required=True, help="who signs in")
    parser.add_argument("--sessions", type=int, default=40, help="live sessions to hold")
    for option, rate, what in (
        ("--moves", 1.0, "moves of a slider, in each session"),
        ("--requests", 10.0, "requests of the HTTP client"),
        ("--visits", 1.0, "visits from page to moved slider"),
    ):
        parser.add_argument(
            option, type=float, default=rate, metavar="RATE", help=f"{what}, a second"
        )
    asyncio.run(_main(parser.parse_args()))


if __name__ == "__main__":
    main()
