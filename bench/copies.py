"""Further slots beside those that the site runs: the same program with other names."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from app.session_ids import mint_token, read_token
from app.wire import slot_path
from bench.live import PLOT
from bench.running import Process, slots
from bench.session import Ticket
from bench.site import Site
from bench.started import started

_FIRST = 900  # far above the numbers that the site uses


@dataclasses.dataclass(frozen=True)
class Copy:
    """A further slot.

    Attributes:
        name: Its name.
        process: Its process.
    """

    name: str
    process: Process

    def ticket(self, site: Site) -> Callable[[], Ticket]:
        """What opens a session in this very slot, whatever slot the site would choose.

        Args:
            site: The site, which shows a page of the visitor's to learn of the login.
        """
        key = slots()[0].environment["SITE_BOKEH_SECRET_KEY"].encode()
        _, visit = read_token(site.page().token, key)
        here = dataclasses.replace(visit, slot=self.name)
        path = f"{slot_path(self.name)}/{PLOT}"
        return lambda: Ticket(path, mint_token(here, key), site.headers)


@contextmanager
def copies(count: int) -> Iterator[list[Copy]]:
    """Run further slots.

    Args:
        count: How many.
    """
    like = slots()[0]
    name, socket = like.argument("--name"), Path(like.argument("--unix-socket"))
    with ExitStack() as stack:
        running = []
        for number in range(_FIRST, _FIRST + count):
            own_name = f"{name.rpartition('-')[0]}-{number}"
            own_socket = socket.with_name(f"{own_name}.sock")
            own = {name: own_name, str(socket): str(own_socket)}
            process = started(
                like,
                [own.get(argument, argument) for argument in like.arguments],
                directory=like.directory,
                environment=like.environment,
                ready=own_socket,
            )
            running.append(Copy(own_name, stack.enter_context(process)))
        yield running
