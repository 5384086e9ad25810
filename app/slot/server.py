"""Putting a slot together: Bokeh's server, with everything that protects a plot switched on.

Composed from the parts that ``bokeh serve`` uses itself (``bokeh.server.server.BaseServer``), so
that no flag and no variable can switch a protection off.
"""

import asyncio
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from bokeh.server.server import BaseServer
from bokeh.server.util import create_hosts_allowlist
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.netutil import bind_unix_socket

from app.config import ConfigError, SlotConfig
from app.plot_settings import use_settings
from app.slot.connections import Tornado
from app.slot.discarding import discard_gently
from app.slot.gate import Gate
from app.slot.gathering import send_in_one_piece
from app.slot.healing import heal
from app.slot.health import Healthz, Metrics
from app.slot.heartbeat import beat
from app.slot.life import Cause, Life
from app.slot.memory import Budget, build_wall
from app.slot.options import Options
from app.slot.refusing import refuse_in_a_line
from app.slot.sessions import Sessions
from app.slot.starting import load_plots
from app.slot.state import State
from app.slot.status import StatusFile, describe
from app.wire import SESSIONS_PATH, slot_path

_log = logging.getLogger(__name__)
_PING_SECONDS = 20
_LOOK_SECONDS = 0.25
# nginx's user belongs to the socket's group, which the directory's setgid bit sets.
_SOCKET_MODE = 0o660


async def serve(options: Options, config: SlotConfig) -> None:
    """Serve the plots until a cause to drain (see `app.slot.life`), and then until that is over.

    SIGUSR2 drains for a newer deployment, SIGUSR1 takes that back, SIGTERM stops.

    Args:
        options: How the slot runs.
        config: Its settings.

    Raises:
        ConfigError: If the plots alone take more memory than the slot may.
    """
    life = Life(options.rules())
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR2, life.drain, Cause.REPLACED)
    loop.add_signal_handler(signal.SIGUSR1, life.resume)
    loop.add_signal_handler(signal.SIGTERM, life.stop)
    # Allocations beyond it end the callback that asks for them, rather than the host.
    build_wall(2 * options.memory_max_mb)
    with running(options, config, life) as state:
        while not life.is_over(state.sessions):
            await asyncio.sleep(_LOOK_SECONDS)
        _log.info("slot %s ends, %d connections cut off", state.name, state.connections)


@contextmanager
def running(options: Options, config: SlotConfig, life: Life) -> Iterator[State]:
    """Have a slot run on the current event loop.

    Args:
        options: How the slot runs.
        config: Its settings.
        life: Its life, from here on.

    Yields:
        The slot's state.

    Raises:
        ConfigError: If the plots alone take more memory than the slot may.
    """
    use_settings(config.plot_settings)
    send_in_one_piece()
    refuse_in_a_line()
    state = State(options.name, config.release, life, Budget(options.memory_max_mb))
    applications = load_plots(state, options.unix_socket, config.plot_build_seconds)
    if overrun := state.budget.overrun():
        raise ConfigError(
            f"set site_slot_memory_max to more than the plots take by themselves ({overrun})"
        )
    tornado = Tornado(applications, **_tornado_arguments(options, config, state))
    state.tornado = tornado
    http = HTTPServer(tornado)
    server = BaseServer(IOLoop.current(), tornado, http)
    server.start()
    http.add_socket(bind_unix_socket(str(options.unix_socket), _SOCKET_MODE))
    status_file = StatusFile(options.unix_socket)

    def at_each_beat() -> None:
        state.watch_memory()
        status_file.write(describe(state))

    loop = asyncio.get_running_loop()
    tasks = [
        loop.create_task(beat(state, options.stall_seconds, at_each_beat)),
        loop.create_task(discard_gently(tornado)),
        loop.create_task(
            heal(
                applications.values(),
                config.plot_settings,
                config.plot_build_seconds,
                options.retry_seconds,
            )
        ),
    ]
    _log.info("slot %s serves %s", options.name, ", ".join(state.plots))
    try:
        yield state
    finally:
        for task in tasks:
            task.cancel()
        server.stop()
        status_file.remove()
        # Its absence tells the access endpoint that the slot is gone.
        options.unix_socket.unlink(missing_ok=True)


def _tornado_arguments(options: Options, config: SlotConfig, state: State) -> dict[str, Any]:
    hosts = [urlsplit(origin).netloc for origin in config.origins]
    return {
        "prefix": slot_path(options.name),
        # Session ids are signed by the site; this process makes none, and lists no plots.
        "sign_sessions": True,
        "generate_session_ids": False,
        "secret_key": config.bokeh_secret_key,
        "auth_provider": Gate(options.name, config.bokeh_secret_key, state.admits),
        "message_bytes": config.message_max_mb << 20,
        "use_index": False,
        "redirect_root": False,
        "extra_websocket_origins": create_hosts_allowlist(hosts, None),
        "extra_patterns": [
            (r"/-/healthz", Healthz, {"state": state}),
            (r"/-/metrics", Metrics, {"state": state}),
            (SESSIONS_PATH, Sessions, {"state": state}),
        ],
        "unused_session_lifetime_milliseconds": int(options.unused_session_seconds * 1000),
        "check_unused_sessions_milliseconds": int(min(options.unused_session_seconds, 10) * 1000),
        # Bokeh's own ping never looks at the answer, so that dead peers would stay for ever.
        "keep_alive_milliseconds": 0,
        "websocket_ping_interval": _PING_SECONDS,
        "websocket_ping_timeout": _PING_SECONDS,
    }
