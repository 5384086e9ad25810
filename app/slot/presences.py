"""Who is here, and was a moment ago: a slot's sessions as the warden sees them."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from bokeh.server.connection import ServerConnection
from bokeh.server.contexts import ApplicationContext
from bokeh.server.session import ServerSession
from bokeh.server.views.ws import WSHandler

from app.session_ids import Visit, digest
from app.wire import ADDRESS_HEADER, PROBE, Presence

# Many looks of the warden, so that it misses no short visit, and may be started again meanwhile.
_TOLD_SECONDS = 10


@dataclass(eq=False)
class Present:
    """One presence, with what it takes to end it.

    Attributes:
        told: What is told of it.
        session: The session.
        context: The plot that it is a session of.
        sockets: The open websockets, by connection.
        ending: Whether its session is being discarded.
    """

    told: Presence
    session: ServerSession
    context: ApplicationContext
    sockets: dict[ServerConnection, WSHandler] = field(default_factory=dict)
    ending: bool = False

    @property
    def ended(self) -> bool:
        """Whether the viewer may do nothing here any more."""
        return self.told["ended"] is not None


class Presences:
    """The presences at a slot's sessions, but for those of the viewer who tries plots out.

    Args:
        clock: Tells the time, in seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._all: list[Present] = []
        self._latest: dict[str, Present] = {}

    def opened(self, connection: ServerConnection, socket: WSHandler) -> Present | None:
        """A websocket has become a connection; None if it is nobody's.

        Args:
            connection: The connection.
            socket: Its websocket.
        """
        visit = Visit.of_session(connection.session.id)
        if visit.user == PROBE:
            return None
        self._forget()
        key = digest(connection.session.id)
        present = self._latest.get(key)
        if present is None or present.told["closed_at"] is not None:
            earliest = present.told["opened_at"] + 1 if present else 0
            now = max(int(self._clock()), earliest)
            told = Presence(
                id=key,
                login=visit.login,
                user=visit.user,
                plot=visit.plot,
                address=socket.request.headers.get(ADDRESS_HEADER),
                expires=visit.expires,
                opened_at=now,
                last_event_at=now,
                closed_at=None,
                ended=None,
            )
            present = self._latest[key] = Present(
                told, connection.session, connection.application_context
            )
            self._all.append(present)
        present.sockets[connection] = socket
        return present

    def heard(self, present: Present) -> None:
        """A viewer has sent something."""
        present.told["last_event_at"] = max(int(self._clock()), present.told["opened_at"])

    def lost(self, connection: ServerConnection) -> None:
        """A websocket is gone."""
        for present in self._all:
            if present.sockets.pop(connection, None) and not present.sockets:
                present.told["closed_at"] = max(int(self._clock()), present.told["opened_at"])

    def to_end(self, reasons: Mapping[str, str]) -> Iterator[Present]:
        """Those whose sessions shall end now.

        Args:
            reasons: Why, by the digest of the session's id.
        """
        for key, reason in reasons.items():
            present = self._latest.get(key)
            if not present or present.ending:
                continue
            present.ending = True
            # Of one that was over before, only the session that waits for its viewer has to go.
            if present.told["closed_at"] is None:
                present.told["ended"] = reason
            yield present

    def told(self) -> list[Presence]:
        """What is told of them now, each session's in the order of time."""
        self._forget()
        return [present.told for present in self._all]

    def _forget(self) -> None:
        """Drop those that were over a while ago, unless their viewers may still come back."""
        past = self._clock() - _TOLD_SECONDS
        kept = []
        for present in self._all:
            closed_at, key = present.told["closed_at"], present.told["id"]
            is_latest = self._latest.get(key) is present
            may_return = is_latest and not present.session.destroyed
            if closed_at is None or closed_at > past or may_return:
                kept.append(present)
            elif is_latest:
                del self._latest[key]
        self._all = kept
