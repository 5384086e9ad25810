"""The reference: the same plot on a bare ``bokeh serve`` on loopback."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bokeh.util.token import generate_jwt_token, generate_session_id

from bench.live import PLOT
from bench.running import Process, slots
from bench.session import Server, Ticket
from bench.started import free_port, started

_KEY = b"the reference's own key, which protects nothing"


@dataclass(frozen=True)
class Bare:
    """A bare Bokeh server.

    Attributes:
        server: Where it is.
        process: Its process.
    """

    server: Server
    process: Process

    def ticket(self) -> Ticket:
        """What opens a session without asking for a page first."""
        return Ticket(f"/{PLOT}", generate_jwt_token(generate_session_id()))

    def page_ticket(self) -> Ticket:
        """Open the page of a signed session, as a site does that embeds it."""
        session_id = generate_session_id(_KEY, signed=True)
        page = self.server.get(f"/{PLOT}?bokeh-session-id={session_id}", {}).body.decode()
        token = re.search(r'"token":"([^"]+)"', page)
        if not token:
            raise LookupError(f"no token in {page}")
        return Ticket(f"/{PLOT}", token[1])


@contextmanager
def bare(*, signed: bool = False) -> Iterator[Bare]:
    """Run one, with the plot of the site, its Python and its user.

    Args:
        signed: Whether it takes signed session ids only.
    """
    slot = slots()[0]
    port = free_port()
    ids = ["--session-ids", "external-signed"] if signed else []
    key = {"BOKEH_SECRET_KEY": _KEY.decode(), "BOKEH_SIGN_SESSIONS": "true"} if signed else {}
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory)
        here.chmod(0o755)
        shutil.copy(slot.directory / f"app/plots/{PLOT}.py", here)
        with started(
            slot,
            [slot.arguments[0], "-m", "bokeh", "serve", f"{PLOT}.py", "--port", str(port), *ids],
            directory=here,
            environment={"HOME": directory, **key},
            ready=port,
        ) as process:
            yield Bare(Server(port, f"localhost:{port}"), process)
