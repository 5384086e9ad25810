"""Asking the slots of a host, all at once: one that hangs delays nobody."""

import http.client
import json
import logging
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

from app.config import SLOT
from app.unix_http import UnixConnection
from app.untrusted import parsed
from app.wire import SESSIONS_PATH, Presence, SlotAnswer, slot_path

_log = logging.getLogger(__name__)
# What a look waits for answers; later ones are good for the next look.
_PATIENCE_SECONDS = 0.4
# When the question is asked anew.
_ANSWER_SECONDS = 10.0
_MOST_AT_ONCE = 64
_MOST_BYTES = 16 << 20
_LONGEST_TEXT = 255
_LARGEST_NUMBER = 1 << 53
_SILENT = (OSError, http.client.HTTPException, ValueError, KeyError, TypeError)

Reasons = dict[str, str]
"""Why sessions shall end, by the digests of their ids."""


class Lines:
    """The way to the slots of all deployments on a host.

    Args:
        run_dir: Directory of their unix sockets.
    """

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._pool = ThreadPoolExecutor(_MOST_AT_ONCE)
        self._pending: dict[str, Future[SlotAnswer | None]] = {}
        self._unable: set[str] = set()
        self._silent: set[str] = set()

    def slots(self) -> list[str]:
        """Names of the slots that can be asked."""
        names = {path.stem for path in self._run_dir.glob("*.sock") if SLOT.fullmatch(path.stem)}
        return sorted(names - self._unable)

    def ask(self, reasons: Mapping[str, Reasons]) -> dict[str, SlotAnswer | None]:
        """Have slots end sessions, and tell of all that they hold.

        Args:
            reasons: Which sessions to end, by the slot's name.

        Returns:
            Each slot's answer, or None where no slot listens any more. One that is silent is not
            there; its answer may be among those of a later look.
        """
        asked = []
        for slot, ends in reasons.items():
            if slot not in self._pending:
                self._pending[slot] = self._pool.submit(self._post, slot, ends)
                asked.append(self._pending[slot])
        wait(asked, _PATIENCE_SECONDS)
        answers = {}
        for slot in [slot for slot, future in self._pending.items() if future.done()]:
            future = self._pending.pop(slot)
            try:
                answers[slot] = future.result()
            except _SILENT as error:
                if slot not in self._silent:
                    _log.warning("slot %s does not tell of its sessions: %r", slot, error)
                self._silent.add(slot)
            except UnableError:
                _log.info("slot %s is of a release that tells of no sessions", slot)
                self._unable.add(slot)
            else:
                self._silent.discard(slot)
        return answers

    def _post(self, slot: str, ends: Reasons) -> SlotAnswer | None:
        connection = UnixConnection(self._run_dir / f"{slot}.sock", _ANSWER_SECONDS)
        try:
            connection.connect()
            connection.request("POST", slot_path(slot) + SESSIONS_PATH, json.dumps(ends))
            with connection.getresponse() as answer:
                body = answer.read(_MOST_BYTES)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        finally:
            connection.close()
        if answer.status == HTTPStatus.NOT_FOUND:
            raise UnableError(slot)
        return _read(body)


class UnableError(RuntimeError):
    """A slot is of a release that cannot be asked."""


def _read(body: bytes) -> SlotAnswer:
    """Read an answer; what another release adds does not matter.

    A plot's code could have given it, so the database gets nothing from it that it cannot hold.

    Raises:
        ValueError, KeyError or TypeError: If it is no answer.
    """
    told = parsed(body)
    kinds = {**SlotAnswer.__annotations__, "sessions": list}
    answer = _typed(told, kinds)
    answer["sessions"] = [_typed(one, Presence.__annotations__) for one in answer["sessions"]]
    return cast("SlotAnswer", answer)


def _typed(told: dict[str, Any], kinds: Mapping[str, Any]) -> dict[str, Any]:
    for name, kind in kinds.items():
        value = told[name]
        if not isinstance(value, kind):
            raise TypeError(f"{name} is {value!r:.50}")
        if isinstance(value, str) and not (len(value) <= _LONGEST_TEXT and value.isprintable()):
            raise ValueError(f"{name} is {value!r:.50}")
        if isinstance(value, int) and not 0 <= value < _LARGEST_NUMBER:
            raise ValueError(f"{name} is {value!r:.50}")
    return {name: told[name] for name in kinds}
