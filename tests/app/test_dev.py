"""The laptop loop: one command, a login, live plots, and an edit that shows."""

import http.cookiejar
import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import REPOSITORY, csrf_token
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

# As `make dev` runs it.
LOOP = (sys.executable, "-m", "tornado.autoreload", "--until-success", "-m", "app.dev")


def free_port() -> int:
    with socket.create_server(("localhost", 0)) as server:
        return server.getsockname()[1]


class Loop:
    """A running laptop loop, and a browser of sorts."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.url = f"http://localhost:{port}"
        self.cookies = http.cookiejar.CookieJar()
        self._open = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self.cookies)
        ).open

    def page(self, path: str, **form: str) -> str:
        data = urllib.parse.urlencode(form).encode() if form else None
        with self._open(self.url + path, data, timeout=5) as answer:
            return answer.read().decode()

    def until(self, condition: Callable[[], object], pause: float = 0.1) -> object:
        ends = time.monotonic() + 60
        while True:
            try:
                if found := condition():
                    return found
            except OSError:  # not listening yet, or not any more
                pass
            assert time.monotonic() < ends, (self.folder / "log").read_text()
            time.sleep(pause)

    def websocket(self, page: str, **headers: str):
        session = json.loads(re.search(r'id="session">(.*?)</script>', page)[1])
        return connect(
            self.url.replace("http", "ws") + session["path"] + "/ws",
            subprotocols=["bokeh", session["token"]],
            origin=self.url,
            additional_headers=headers,
        )


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    folder = tmp_path_factory.mktemp("dev")
    shutil.copytree(REPOSITORY / "app", folder / "app")
    port = free_port()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*LOOP, "--", "--port", str(port)],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        try:
            running = Loop(folder, port)
            running.until(lambda: running.page("/healthz"))
            yield running
        finally:
            process.kill()
            process.wait()


def test_the_printed_login_opens_a_live_plot(loop: Loop):
    printed = dict(
        re.findall(r"^(url|user|password)=(.*)$", (loop.folder / "log").read_text(), re.MULTILINE)
    )
    assert printed["url"] == loop.url
    login = loop.page("/login")
    form = {"name": printed["user"], "password": printed["password"]}
    assert "Sliders" in loop.page("/login", csrf_token=csrf_token(login), **form)
    cookie = "; ".join(f"{cookie.name}={cookie.value}" for cookie in loop.cookies)
    page = loop.page("/sliders")
    with loop.websocket(page, Cookie=cookie) as websocket:
        assert json.loads(websocket.recv(10))["msgtype"] == "ACK"
    with pytest.raises(InvalidStatus, match="401"), loop.websocket(page):
        pass


def test_static_files_are_served(loop: Loop):
    for path in re.findall(r'src="(/static/[^"]+)"', loop.page("/sliders")):
        assert loop.page(path)


def test_an_edit_shows_and_keeps_the_login(loop: Loop):
    plot = loop.folder / "app" / "plots" / "sliders.py"
    plot.write_text(plot.read_text().replace('"""Sliders.', '"""Waves.', 1))

    def shown() -> bool:
        # Once more at each try: an edit in the loop's first moments goes unnoticed.
        plot.touch()
        return "Waves" in loop.page("/")

    loop.until(shown, pause=4)


def test_a_mistake_is_a_sentence_and_its_correction_brings_the_loop_back(loop: Loop):
    plots = loop.folder / "app" / "plots"
    (plots / "login.py").touch()

    def told() -> bool:
        plots.touch()
        return "rename login.py: /login is a page of" in (loop.folder / "log").read_text()

    def back() -> str:
        plots.touch()
        return loop.page("/")

    loop.until(told, pause=4)
    (plots / "login.py").unlink()
    loop.until(back, pause=4)
