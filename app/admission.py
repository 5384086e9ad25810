"""How many plots one user may have open, and how fast they may be opened.

What is open is counted in the database, where all hosts tell of it, though a moment later. What is
opened in that moment is held to a pace, by each process for itself.
"""

import logging
import threading
from typing import cast

from flask import Flask, current_app
from werkzeug.exceptions import TooManyRequests

from app.flask_config import current_config
from app.people import live
from app.people.logins import LiveLogin
from app.token_bucket import TokenBucket
from app.wire import PROBE

_log = logging.getLogger(__name__)
# BokehJS tries for so long to come back: all that a user may have open can, on a bad network.
_ALL_AGAIN_SECONDS = 30


class TooManyPlotsError(TooManyRequests):
    """The user has as many plots open as one may have."""


class TooFastError(TooManyRequests):
    """The user opens plots too fast."""


class Paces:
    """How fast users open plots, in this process; there are no more of them than accounts."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, str], TokenBucket] = {}

    def keeps(self, user: str, what: str) -> bool:
        """Whether a user opens things of one kind no faster than one may; this one counts.

        Args:
            user: Name of the user.
            what: The kind.
        """
        with self._lock:
            bucket = self._buckets.setdefault(
                (user, what), TokenBucket(self._at_once, self._at_once / _ALL_AGAIN_SECONDS)
            )
            kept = bucket.take()
        if not kept:
            _log.warning("%s is turned away: opens %s too fast", user, what)
        return kept


def install(app: Flask) -> None:
    """Let the application's views ask."""
    config = app.extensions["site"]
    app.extensions["paces"] = Paces(config.sessions_per_user)


def check(login: LiveLogin) -> None:
    """Refuse the page of a plot to a user who can open no more now.

    Raises:
        TooFastError: If the user opens pages too fast.
        TooManyPlotsError: If the user has too many plots open.
    """
    if not _keeps_pace(login, "pages of plots"):
        raise TooFastError
    if not has_place(login.user):
        _log.warning("%s is turned away: has too many plots open", login.user)
        raise TooManyPlotsError


def admits(login: LiveLogin, session_id: str) -> bool:
    """Whether a user may open a websocket now.

    Args:
        login: The user's login.
        session_id: The digest of its session's id. One that is open already takes no more place.
    """
    return _keeps_pace(login, "websockets") and has_place(login.user, session_id)


def has_place(user: str, session_id: str = "") -> bool:
    """Whether a user may have one more plot open.

    Args:
        user: Name of the user.
        session_id: The digest of the id of the session that it is for, if there is one.
    """
    return live.count_others(user, session_id) < current_config().sessions_per_user


def _keeps_pace(login: LiveLogin, what: str) -> bool:
    # The gate of a deploy opens every plot, one after the other.
    return login.user == PROBE or cast("Paces", current_app.extensions["paces"]).keeps(
        login.user, what
    )
