"""Memory of an idle slot and of a session, beside a bare Bokeh server's."""

from bench.bare import bare
from bench.copies import copies
from bench.session import Session
from bench.site import Site

_SESSIONS = 60
_WARM_UP = 5


def measure(site: Site) -> object:
    """Open sessions in a slot of their own and in a bare server, and see both grow."""
    with bare() as reference, copies(1) as (slot,):
        ways = {
            "site": (slot.process, site.server, slot.ticket(site)),
            "bare": (reference.process, reference.server, reference.ticket),
        }
        told = {}
        for name, (process, server, ticket) in ways.items():
            idle = process.memory
            sessions = [Session(server, ticket()) for _ in range(_WARM_UP)]
            before = process.memory
            sessions += [Session(server, ticket()) for _ in range(_SESSIONS)]
            each = (process.memory - before) / _SESSIONS
            told[name] = {"idle": idle, "session": each}
            for session in sessions:
                session.close()
    return told
