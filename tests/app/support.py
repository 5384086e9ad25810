"""What the tests of the app do over and over: signing in, and running a slot."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from app.db import session
from app.models import AuditEntry
from app.people.audit import Event
from app.plots import discover
from app.slots import Slot, SlotAwayError
from app.wire import SlotStatus, status_path

PASSWORD = "correct horse battery"
REPOSITORY = Path(__file__).parents[2]
RELEASE = "0123456789ab"
KEY = "b" * 40
BASE = {"base_url": "https://plots.test"}


def csrf_token(page: str) -> str:
    """The token in a page's form."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found, page
    return found[1]


def post(client: FlaskClient, page: str, path: str, **form: Any) -> Any:
    """Send a form of a page, as a browser would, and return the answer."""
    token = csrf_token(client.get(page, **BASE).text)
    return client.post(
        path,
        **BASE,
        headers={"Referer": f"https://plots.test{page}"},
        data={"csrf_token": token, **form},
    )


def sign_in(client: FlaskClient, name: str, password: str = PASSWORD, **form: str) -> Any:
    """Sign in through the form, as a browser would, and return the answer."""
    return post(client, "/login", "/login", name=name, password=password, **form)


def entries(site: Flask, event: Event) -> list[AuditEntry]:
    """What the audit log says of an event, the oldest first."""
    with site.app_context():
        wanted = select(AuditEntry).where(AuditEntry.event == event.value)
        return list(session().scalars(wanted.order_by(AuditEntry.id)))


def before_the_next_change(site: Flask, change: Callable[[], Any]) -> None:
    """Have somebody else change something, right before the next change is written."""

    def overtake(*_: Any) -> None:
        with site.app_context():  # a database session of its own
            change()

    event.listen(Session, "before_flush", overtake, once=True)


def tell(slot: Slot, age: float = -0.8, **changes: Any) -> None:
    """Have a slot that does not run tell that all is well, but for some changes, a while ago.

    By default that is a little ahead of time, since it counts for a second only.
    """
    status = {
        "status": "ok",
        "cause": None,
        "sessions": 0,
        "plots": {name: {"components": ["bokeh"], "error": None} for name in discover()},
    }
    path = status_path(slot.socket)
    path.write_text(json.dumps(status | changes))
    told = time.time() - age
    os.utime(path, (told, told))


@dataclass
class RunningSlot:
    """A slot's process, and the slot as the site sees it."""

    process: subprocess.Popen[str]
    slot: Slot

    def wait_until(
        self, condition: Callable[[SlotStatus], bool], seconds: float = 20
    ) -> SlotStatus:
        """Look at the slot's status until it is as wanted, and return it."""
        ends = time.monotonic() + seconds
        while True:
            try:
                told = self.slot.status()
                if condition(told):
                    return told
            except SlotAwayError as error:
                told = error
            assert self.process.poll() is None, "the slot has exited"
            assert time.monotonic() < ends, f"still {told}"
            time.sleep(0.05)


@contextmanager
def run_slot(
    folder: Path, *arguments: str, cwd: Path = REPOSITORY, build_seconds: float = 20
) -> Iterator[RunningSlot]:
    """Run ``python -m app.slot`` in a folder, and end it."""
    slot = Slot(f"unit-{RELEASE}-0", folder / f"unit-{RELEASE}-0.sock")
    environment = {
        **os.environ,
        "SITE_BOKEH_SECRET_KEY": KEY,
        "SITE_ORIGINS": "https://plots.test",
        "SITE_RELEASE": RELEASE,
        "SITE_PLOT_BUILD_SECONDS": str(build_seconds),
    }
    command = [sys.executable, "-m", "app.slot", "--name", slot.name, "--unix-socket", slot.socket]
    with (folder / "slot.log").open("w") as log:
        process = subprocess.Popen(
            [*map(str, command), *arguments], cwd=cwd, env=environment, stderr=log, text=True
        )
        try:
            running = RunningSlot(process, slot)
            running.wait_until(lambda status: status["status"] == "ok")
            yield running
        finally:
            process.kill()
            process.wait()
