"""Many sessions at once, each moving its slider at a steady rate, all in one thread."""

import heapq
import random
import selectors
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from bench.percentiles import percentile
from bench.session import Server, Session, Ticket

_OPENING_AT_ONCE = 4


class Stampede:
    """Open sessions, kept alive whether they move or not."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._sessions: list[Session] = []

    def open(self, server: Server, tickets: Sequence[Callable[[], Ticket]]) -> list[Session]:
        """Open more sessions.

        Args:
            server: The server.
            tickets: What opens each session, called in several threads.
        """
        opened = []
        with ThreadPoolExecutor(_OPENING_AT_ONCE) as threads:
            for session in threads.map(lambda ticket: Session(server, ticket()), tickets):
                session.socket.setblocking(False)
                self._selector.register(session.socket, selectors.EVENT_READ, session)
                opened.append(session)
                self._answered(0)
        self._sessions += opened
        return opened

    def lateness(self, moving: Sequence[Session], rate: float, seconds: float) -> float:
        """How late the answers to moves are, counted from when the move was due.

        Args:
            moving: The sessions that move.
            rate: Their moves per second, all together.
            seconds: How long they move.

        Returns:
            The 99th percentile, in seconds.
        """
        pause = len(moving) / rate
        began = time.perf_counter()
        # A viewer moves when it likes: at random, then steadily.
        due = [(began + random.random() * pause, index) for index in range(len(moving))]  # noqa: S311
        heapq.heapify(due)
        waiting: dict[Session, float] = {}
        late: list[float] = []
        while (now := time.perf_counter()) < began + seconds:
            while due[0][0] <= now:
                at, index = heapq.heapreplace(due, (due[0][0] + pause, due[0][1]))
                session = moving[index]
                if session in waiting:
                    late.append(now - waiting[session])  # which makes it fall behind, too
                else:
                    waiting[session] = at
                    session.begin()
            for session in self._answered(max(0.0, due[0][0] - now)):
                late.append(time.perf_counter() - waiting.pop(session))
        while waiting:
            for session in self._answered(1):
                late.append(time.perf_counter() - waiting.pop(session))
        return percentile(late, 99)

    def close(self) -> None:
        """Leave, all of them."""
        self._selector.close()
        for session in self._sessions:
            session.close()

    def _answered(self, seconds: float) -> list[Session]:
        """Read what comes within a time, and return the sessions whose move is answered."""
        ready = self._selector.select(seconds)
        return [key.data for key, _ in ready if _proceeds(key.data)]


def _proceeds(session: Session) -> bool:
    try:
        return session.proceed()
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
