"""The laptop loop: the whole site in one process on localhost, started anew at each edit.

Flask, one slot, and a router in nginx's place that asks the same access endpoint. What must outlive
a restart (keys, database, the development login's password) is kept in ``.local/dev/``.
"""

import argparse
import asyncio
import json
import logging
import os
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from flask import Flask
from tornado import autoreload
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.routing import Router, RuleRouter
from tornado.web import Application, ErrorHandler, StaticFileHandler
from tornado.wsgi import WSGIContainer

from app import schema
from app.config import Config, ConfigError
from app.factory import create_app
from app.people import accounts, groups
from app.slot.life import Life
from app.slot.options import Options
from app.slot.server import running
from app.warden.looking import Warden
from app.wire import ADDRESS_HEADER, PREFIX, VIEWER_HEADER

_log = logging.getLogger(__name__)
_USER = "dev"
_RELEASE = "0" * 12
_SLOT = f"dev-{_RELEASE}-0"
_PACKAGE = Path(__file__).parent
_STATE = Path(".local/dev").resolve()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m app.dev", description="Serve on localhost.")
    parser.add_argument("--port", type=int, default=5006)
    port = parser.parse_args().port
    for folder in ("plots", "templates", "static"):
        for path in (_PACKAGE / folder, *(_PACKAGE / folder).rglob("*")):
            # What Python itself writes when it starts would start it again.
            if "__pycache__" not in path.parts:
                autoreload.watch(str(path))
    try:
        _run(port)
    except ConfigError as error:
        _log.error("%s", error)
        autoreload.wait()
    except KeyboardInterrupt:
        _log.info("stopped")


def _run(port: int) -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    _STATE.mkdir(parents=True, exist_ok=True)
    kept = _kept_secrets()
    config = Config.from_environment(
        {
            "SITE_SECRET_KEY": kept["secret_key"],
            "SITE_BOKEH_SECRET_KEY": kept["bokeh_secret_key"],
            "SITE_DATABASE_URL": f"sqlite:///{_STATE / 'site.db'}",
            "SITE_ORIGINS": f"http://localhost:{port},http://127.0.0.1:{port}",
            "SITE_SLOTS": _SLOT,
            "SITE_SLOT_COUNT": "1",
            "SITE_RUN_DIR": str(_STATE),
            "SITE_RELEASE": _RELEASE,
            "SITE_LOGIN_HOURS": "168",
            "SITE_PLOT_SETTINGS": os.environ.get("SITE_PLOT_SETTINGS", ""),
        }
    )
    site = create_app(config)
    schema.install(site)
    with site.app_context():
        schema.upgrade()
        if not accounts.find(_USER):
            accounts.add(_USER, kept["password"], groups.existing({groups.ADMIN}))
    asyncio.run(_serve(site, config, port, kept["password"]))


async def _serve(site: Flask, config: Config, port: int, password: str) -> None:
    options = Options(_SLOT, _STATE / f"{_SLOT}.sock")
    with running(options, config, Life(options.rules())) as state:
        slot = state.tornado
        if slot is None:
            raise RuntimeError("the slot has no application")
        HTTPServer(_front(site, slot)).listen(port, "localhost")
        threading.Thread(target=Warden(site).watch, daemon=True).start()
        autoreload.start()
        _log.info("url=http://localhost:%d\nuser=%s\npassword=%s", port, _USER, password)
        await asyncio.Event().wait()


def _kept_secrets() -> dict[str, str]:
    """Keys and password that stay the same from one start to the next, readable to the owner."""
    path = _STATE / "secrets.json"
    if not path.exists():
        made = {name: secrets.token_urlsafe(32) for name in ("secret_key", "bokeh_secret_key")}
        path.touch(mode=0o600)
        path.write_text(json.dumps({**made, "password": secrets.token_urlsafe(12)}))
    kept: dict[str, str] = json.loads(path.read_text())
    return kept


def _front(site: Flask, slot: Application) -> RuleRouter:
    """Route requests as nginx does on a host."""
    bokeh_js = files("bokeh") / "server/static/js"
    static = Application(
        [
            (rf"/static/bokeh/{version('bokeh')}/js/(.*)", StaticFileHandler, {"path": bokeh_js}),
            (rf"/static/app/{_RELEASE}/(.*)", StaticFileHandler, {"path": _PACKAGE / "static"}),
        ]
    )
    # In threads, since /readyz opens sessions in the slot, which runs on this very loop.
    pages = WSGIContainer(site, ThreadPoolExecutor())
    return RuleRouter(
        [
            (r"/static/.*", static),
            (r"/-/.*", _refusal(404)),
            (rf"{PREFIX}/.*", _Access(site, slot)),
            (r".*", pages),
        ]
    )


class _Access(Router):
    """Lets a request through to the slot if the site's access endpoint says so."""

    def __init__(self, site: Flask, slot: Application) -> None:
        self._site = site
        self._slot = slot

    def find_handler(
        self, request: HTTPServerRequest, **_kwargs: object
    ) -> HTTPMessageDelegate | None:
        names = ("Cookie", "Origin", "Sec-WebSocket-Protocol")
        headers = {name: request.headers[name] for name in names if name in request.headers}
        headers["X-Original-URI"] = str(request.uri)
        answer = self._site.test_client(use_cookies=False).get("/-/access", headers=headers)
        if answer.status_code != HTTPStatus.NO_CONTENT:
            return _refusal(answer.status_code).find_handler(request)
        request.headers[VIEWER_HEADER] = answer.headers[VIEWER_HEADER]
        request.headers[ADDRESS_HEADER] = str(request.remote_ip)
        return self._slot.find_handler(request)


def _refusal(status: int) -> Application:
    return Application([(".*", ErrorHandler, {"status_code": status})])


if __name__ == "__main__":
    main()
