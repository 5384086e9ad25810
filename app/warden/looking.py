"""The warden's look: ask, judge, end, write down."""

import logging
import time
from collections.abc import Callable

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from app.flask_config import config_of
from app.people import audit_log
from app.warden.judging import reasons
from app.warden.ledger import Known, host_of, write
from app.warden.lines import Lines, Reasons
from app.wire import SlotAnswer

_log = logging.getLogger(__name__)
LOOK_SECONDS = 0.5
"""From the beginning of one look to that of the next."""
_PRUNE_SECONDS = 3600.0


class Warden:
    """Looks after the live sessions of a host.

    Args:
        site: An application with the settings and the database.
    """

    def __init__(self, site: Flask) -> None:
        self._site = site
        config = config_of(site)
        self._host = host_of(config.slots[0])
        self._audit_days = config.audit_days
        self._lines = Lines(config.run_dir)
        self._fails = False
        self._prunes_at = 0.0

    def watch(self, serves: Callable[[], bool] = lambda: True) -> None:
        """Look for ever.

        Args:
            serves: Whether this deployment is the one that serves; another one has its own warden.
        """
        while True:
            begun = time.monotonic()
            if serves():
                self.try_look()
            time.sleep(max(0.0, begun + LOOK_SECONDS - time.monotonic()))

    def try_look(self) -> None:
        """Look once; without the database nothing is ended, and nothing lost by that."""
        try:
            with self._site.app_context():
                self._look()
        except SQLAlchemyError as error:
            if not self._fails:
                _log.error("nothing is ended while the database fails: %s", error)
            self._fails = True
        else:
            if self._fails:
                _log.info("the database answers again")
            self._fails = False

    def _look(self) -> None:
        listening = self._lines.slots()
        answers = self._lines.ask({slot: {} for slot in listening})
        known = Known.of(self._host)
        answers.update(dict.fromkeys(known.names - set(listening)))
        answers.update(self._end(answers, known))
        write(known, answers)
        if time.monotonic() >= self._prunes_at:
            audit_log.prune(self._audit_days)
            self._prunes_at = time.monotonic() + _PRUNE_SECONDS

    def _end(
        self, answers: dict[str, SlotAnswer | None], known: Known
    ) -> dict[str, SlotAnswer | None]:
        """End the sessions whose right has ended, and return what their slots tell now."""
        told = {slot: answer["sessions"] for slot, answer in answers.items() if answer}
        to_end = reasons([one for sessions in told.values() for one in sessions], known.ended)
        ends: dict[str, Reasons] = {}
        for slot, sessions in told.items():
            for one in sessions:
                if reason := to_end.get(one["id"]):
                    ends.setdefault(slot, {})[one["id"]] = reason
                    if one["closed_at"] is None:
                        _log.info("%s's session of %s ends: %s", one["user"], one["plot"], reason)
        return self._lines.ask(ends)
