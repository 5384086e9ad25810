"""Discarding closed sessions without freezing the ones that live on.

Stock Bokeh runs a full garbage collection for every session that it discards, one after the other
without yielding: when a hundred viewers leave at once, everybody else on the process waits for
seconds. Here one collection serves all sessions discarded in a while, and the loop runs in between.

This touches names that Bokeh does not document, in this file only; Bokeh's version is pinned, and
a test holds the effect.
"""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import bokeh.document.document
from bokeh.server.contexts import ApplicationContext
from bokeh.server.session import ServerSession
from bokeh.server.tornado import BokehTornado

_COLLECT_SECONDS = 5.0
_RETRY_SECONDS = 0.25
_Discard = Callable[..., Coroutine[Any, Any, None]]


async def discard_gently(tornado: BokehTornado) -> None:
    """Coalesce the collections for discarded sessions, for ever."""
    pending = asyncio.Event()
    # Document.destroy() calls gc.collect() through this name of its module.
    vars(bokeh.document.document)["gc"] = SimpleNamespace(collect=pending.set)
    for context in tornado.applications.values():
        context._discard_session = _yielding(context._discard_session)  # type: ignore[method-assign]
    # What is there before the first session stays for good: no collection needs to look at it.
    gc.collect()
    gc.freeze()
    while True:
        await pending.wait()
        await asyncio.sleep(_COLLECT_SECONDS)
        pending.clear()
        gc.collect()


async def discard_now(context: ApplicationContext, session: ServerSession) -> None:
    """Discard a session that nobody is connected to, once none of its callbacks runs any more.

    Args:
        context: The plot that it is a session of.
        session: The session.
    """
    while not session.destroyed and not session.connection_count:
        await context._discard_session(session, _is_left)
        if not session.destroyed:
            await asyncio.sleep(_RETRY_SECONDS)


def _is_left(session: ServerSession) -> bool:
    return not session.destroyed and not session.connection_count


def _yielding(discard: _Discard) -> _Discard:
    async def discard_and_yield(*args: Any) -> None:
        await discard(*args)
        await asyncio.sleep(0)

    return discard_and_yield
