"""Refusing what no page sends: with one line in the log, and a close that says why.

For each message that it cannot read, stock Bokeh logs all of it and a traceback, as often as
somebody likes to send one; and it closes with codes that no websocket knows, and with reasons that
do not fit a frame. Only what fails in a plot's own code keeps its traceback, for the plot's author.

This touches names that Bokeh does not document, in this file only; its version is pinned, and tests
hold the effect.
"""

import logging
import traceback
from pathlib import Path
from typing import Any

from bokeh.protocol.exceptions import ProtocolError
from bokeh.protocol.message import Message
from bokeh.server.connection import ServerConnection
from bokeh.server.protocol_handler import ProtocolHandler
from bokeh.server.views.ws import WSHandler

from app import plots
from app.session_ids import Visit

_PLOTS = Path(plots.__file__).parent
_log = logging.getLogger(__name__)
_PROTOCOL_ERROR = 1002  # RFC 6455, 7.4.1
_LOGGED, _ANSWERED = 200, 1000  # characters
# A control frame has 125 bytes, of which the code takes 2.
_REASON_BYTES = 123


def refuse_in_a_line() -> None:
    """Have every websocket of this process refuse so."""
    WSHandler.on_message = _on_message  # type: ignore[assignment, method-assign]
    ProtocolHandler.handle = _handle  # type: ignore[method-assign]
    # It would tell of a wrong header too, and all of it.
    logging.getLogger("bokeh.protocol").setLevel(logging.CRITICAL)


# Bokeh declares the parts of a handler by their first value, None.
async def _on_message(handler: Any, fragment: str | bytes) -> None:
    if handler.ws_connection is None or handler.ws_connection.is_closing():
        return
    if handler.connection is None:
        return  # Pages wait for the session's first message; closing now would disturb its making.
    try:
        message = await handler.receiver.consume(fragment)
        answer = await handler.handler.handle(message, handler.connection) if message else None
    except Exception as error:  # noqa: BLE001 # a message may be wrong in any way
        _log.warning(
            "a message of %s closes the connection: %s", handler.current_user, _told(error)
        )
        reason = str(error).encode()[:_REASON_BYTES].decode(errors="ignore")
        handler.close(_PROTOCOL_ERROR, reason)
        return
    if answer:
        await handler.send_message(answer)


async def _handle(
    protocol: ProtocolHandler, message: Message[Any], connection: ServerConnection
) -> Message[Any]:
    handle = protocol._handlers.get(message.msgtype)  # noqa: SLF001
    if handle is None:
        raise ProtocolError(f"{message.msgtype} is not for a server")
    if "msgid" not in message.header:
        raise ProtocolError(f"{message.msgtype} has no id to answer to")
    try:
        answer: Message[Any] = await handle(message, connection)
    except Exception as error:  # noqa: BLE001 # of the plot, or because of what was sent
        visit = Visit.of_session(connection.session.id)
        own = error if _is_of_a_plot(error) else None
        _log.log(
            logging.ERROR if own else logging.WARNING,
            "%s of %s to %s fails: %s",
            *(message.msgtype, visit.user, visit.plot, _told(error)),
            exc_info=own,
        )
        return connection.error(message, repr(error)[:_ANSWERED])
    return answer


def _told(error: Exception) -> str:
    """What an error says, in one line."""
    return ascii(f"{type(error).__name__}: {error}"[:_LOGGED])[1:-1]


def _is_of_a_plot(error: Exception) -> bool:
    """Whether it was raised below the code of a plot."""
    frames = traceback.extract_tb(error.__traceback__)
    return any(_PLOTS in Path(frame.filename).parents for frame in frames)
