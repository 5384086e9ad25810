"""Who may not be there any more, and why."""

import time
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from app.people.live import BY_ADMINISTRATOR
from app.people.logins import LiveLogin, live_logins
from app.rights import may_open
from app.wire import Presence

LOGIN_ENDED = "the login has ended"
NO_RIGHT = "no right to the plot any more"


def reasons(presences: Iterable[Presence], ended: AbstractSet[str]) -> dict[str, str]:
    """Why sessions shall end, by the digests of their ids.

    Args:
        presences: What slots told of their sessions.
        ended: Those that an administrator ended.
    """
    asked = [presence for presence in presences if presence["ended"] is None]
    live = live_logins({presence["login"] for presence in asked}) if asked else {}
    # Where slots tell differently of a session, a plot's code has made up something: it ends.
    found = [
        (presence["id"], _reason(presence, live.get(presence["login"]), ended))
        for presence in asked
    ]
    return {key: reason for key, reason in found if reason}


def _reason(presence: Presence, login: LiveLogin | None, ended: AbstractSet[str]) -> str | None:
    if login is None or login.user != presence["user"] or presence["expires"] <= time.time():
        return LOGIN_ENDED
    if not may_open(presence["plot"], login.groups):
        return NO_RIGHT
    return BY_ADMINISTRATOR if presence["id"] in ended else None
