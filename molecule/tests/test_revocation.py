"""Rights that end: what is open closes at once, on every slot, and nothing else does."""

import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from itertools import cycle, islice

import pytest
from bokeh_session import Session
from provisioned import Site
from visitor import Ticket, Visitor

from app.session_ids import Visit, mint_token

testinfra_hosts = ["ansible://app"]

WITHIN_SECONDS = 2.0
EACH = 5
CONTROLS = {"sliders": ("amplitude", (2.0, 3.0)), "bars": ("days", (3, 4))}
WAYS = ("signs out", "is signed out everywhere", "is disabled", "leaves the group")


@dataclass
class Holder:
    """A user who has plots open.

    Attributes:
        name: The user's name.
        visitor: The user's browser.
        plots: The plots, one for each websocket.
        tickets: What each was opened with.
        sessions: The open sessions.
    """

    name: str
    visitor: Visitor
    plots: list[str]
    tickets: list[Ticket] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)

    def open(self, site: Site, stack: ExitStack) -> None:
        """Open the plots, spread over all slots."""
        for plot, slot in zip(self.plots, cycle(site.slots), strict=False):
            visit = replace(Visit.of_session(self.visitor.ticket(plot).session_id), slot=slot)
            path = f"{site.variables['site_plots_prefix']}/{slot}/{plot}"
            ticket = Ticket(mint_token(visit, site.bokeh_key), path)
            self.tickets.append(ticket)
            self.sessions.append(stack.enter_context(self.visitor.session(ticket)))

    def use(self, turn: int) -> None:
        """Move a control of each plot, and see it answer."""
        for plot, session in zip(self.plots, self.sessions, strict=True):
            control, values = CONTROLS[plot]
            session.change(control, values[turn % 2])

    def knocks(self) -> set[int]:
        """What the site answers to each websocket that is opened anew."""
        return {
            self.visitor.knock(ticket.websocket, "bokeh", ticket.token) for ticket in self.tickets
        }


class Closing:
    """Waits for a websocket to close, and notes when.

    Args:
        session: The session over it.
    """

    def __init__(self, session: Session) -> None:
        self.at = float("inf")
        self._session = session
        self.thread = threading.Thread(target=self._wait, daemon=True)
        self.thread.start()

    def _wait(self) -> None:
        with suppress(ConnectionError):
            self._session.wait_until(lambda: False)
        self.at = time.monotonic()


@pytest.fixture(scope="module")
def limited(site: Site) -> tuple[str, str]:
    """A plot that only members of a group may open, and that group."""
    plots: Mapping[str, Mapping[str, list[str]]] = site.variables["site_plots"]
    plot, given = next(iter(plots.items()))
    return plot, given["groups"][0]


@pytest.fixture
def admin(site: Site) -> Visitor:
    """A visitor who has signed in as the administrator."""
    visitor = Visitor(site)
    name = site.variables["app_admin_user"]
    assert visitor.sign_in(name, site.secrets["vault_admin_password"]).status == 303
    return visitor


@pytest.fixture
def holders(site: Site, admin: Visitor, limited: tuple[str, str]) -> Iterator[dict[str, Holder]]:
    """A user for each way in which rights end."""
    plot, group = limited
    made = {}
    for number, way in enumerate(WAYS):
        name, password = f"holder-{number}-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
        site.sensitive.add(password)
        form = {"name": name, "password": password, "group": group}
        assert admin.post("/admin/users", "/admin/users", **form).status == 303
        visitor = Visitor(site)
        assert visitor.sign_in(name, password).status == 303
        # Who leaves the group keeps the right to the others.
        plots = [plot] if way == "leaves the group" else list(CONTROLS)
        made[way] = Holder(name, visitor, list(islice(cycle(plots), EACH)))
    yield made
    for holder in made.values():
        page = f"/admin/users/{holder.name}"
        assert admin.post(page, f"{page}/remove").status == 303


def revoke(way: str, holder: Holder, admin: Visitor) -> None:
    """End a user's right, through the pages of the site."""
    page = f"/admin/users/{holder.name}"
    if way == "signs out":
        holder.visitor.sign_out()
    elif way == "is signed out everywhere":
        assert admin.post(page, f"{page}/sign-out").status == 303
    elif way == "is disabled":
        assert admin.post(page, f"{page}/active").status == 303
    else:
        assert admin.post(page, f"{page}/groups").status == 303


@pytest.mark.usefixtures("show_observed")
def test_what_a_user_has_open_closes_with_the_right_to_it(site, admin, holders):
    with ExitStack() as stack:
        for holder in holders.values():
            holder.open(site, stack)
        left = dict(holders)
        for turn, way in enumerate(WAYS):
            holder = left.pop(way)
            closing = [Closing(session) for session in holder.sessions]
            begun = time.monotonic()
            revoke(way, holder, admin)
            # Not only once the websockets are closed.
            refused = holder.knocks()
            for one in closing:
                one.thread.join(WITHIN_SECONDS)
            slowest = max(one.at for one in closing) - begun
            site.observed.append(f"{way}: all {EACH} closed after {slowest:.2f} s")
            assert slowest < WITHIN_SECONDS
            assert refused <= {401, 403}
            for other in left.values():
                other.use(turn)
