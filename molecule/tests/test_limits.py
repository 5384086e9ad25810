"""The limits of nginx and of users: who exceeds one is told so, and nobody else notices.

Most are tried on a copy of the host's nginx with the limits of few people and little patience, for
whom a test has to open a few connections only; it asks the same website. Everyone who asks comes
from an address of its own.
"""

import json
import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest
from provisioned import Site, poll
from test_headers import ERROR, UPGRADE, watched
from visitor import Answer, Ticket, Visitor

testinfra_hosts = ["ansible://app"]

# Asks a web server on this host the same again and again, until it is limited, from an address or
# through a unix socket.
ASK = """
import http.client, json, socket, ssl, sys
told = json.load(sys.stdin)
tls = ssl._create_unverified_context()
def connected():
    if told["source"].startswith("/"):
        way = socket.socket(socket.AF_UNIX)
        way.connect(told["source"])
    else:
        there = "::1" if ":" in told["source"] else "127.0.0.1"
        way = socket.create_connection((there, told["port"]), 20, (told["source"], 0))
    return tls.wrap_socket(way, server_hostname=told["name"])
statuses = []
for _ in range(told["times"]):
    connection = http.client.HTTPConnection(told["name"])
    connection.sock = connected()
    connection.request(told["method"], told["path"], headers=told["headers"])
    answer = connection.getresponse()
    statuses.append(answer.status)
    body = answer.read().decode()
    connection.close()
    if answer.status == 429:
        break
print(json.dumps({"statuses": statuses, "headers": dict(answer.getheaders()), "body": body}))
"""
FOLDER = "/run/test-limits"
PORTS = 10_000  # how far above nginx's own ports those of the copy are
# A thirtieth of the people, who do a third of that at once.
FEWER, AT_ONCE = 30, 100
MOVE = """
import json, os, re, sys
told = json.load(sys.stdin)
text = open("/etc/nginx/nginx.conf").read()
def fewer(by):
    return lambda found: f"{found[1]}{max(1, int(found[2]) // by)}"
text = re.sub(r"(rate=|burst=)([0-9]+)", fewer(told["fewer"]), text)
text = re.sub(r"(limit_conn \\w+ )([0-9]+)", fewer(told["at_once"]), text)
text = re.sub(r"((?:client_header|client_body|send)_timeout) [0-9]+s;", r"\\1 1s;", text)
def moved(found):
    return f"{found[1]}{int(found[2]) + told['ports']}"
text = re.sub(r"(listen (?:\\S*:)?)(443|80)\\b", moved, text)
text = re.sub(r"(listen unix:)[^ ;]+", rf"\\g<1>{told['folder']}/gate.sock", text)
text = re.sub(r"(?m)^pid .*;", f"pid {told['folder']}/nginx.pid;", text)
os.makedirs(told["folder"], exist_ok=True)
open(f"{told['folder']}/nginx.conf", "w").write(text)
"""
# As many open plots as there may be, on a host that is not there.
FILL = """
import json, sqlite3, sys, time
told = json.load(sys.stdin)
now = int(time.time())
columns = ("id", "login_id", "user", "plot", "slot", "release", "opened_at", "last_event_at",
           "expires_at", "ended")
rows = [(f"test-limits-{n}", "x", told["user"], "bars", "elsewhere-0123456789ab-0", "0" * 12, now,
         now, now + 60, False) for n in range(told["count"])]
with sqlite3.connect(told["database"], timeout=20) as database:
    database.execute("DELETE FROM live_sessions WHERE id LIKE 'test-limits-%'")
    marks = ", ".join("?" for _ in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    database.executemany(f"INSERT INTO live_sessions ({names}) VALUES ({marks})", rows)
"""


@dataclass
class Asked:
    """What was answered to someone who asked again and again."""

    statuses: list[int]
    headers: dict[str, str]
    body: str


@dataclass
class Few:
    """The copy of a host's nginx, for few people.

    Attributes:
        site: The same website behind it.
        host: The host.
    """

    site: Site
    host: Site
    addresses: Iterator[int]

    def ask(self, source: str, method: str, path: str, times: int = 1) -> Asked:
        """Ask the same again and again, from an address of the host."""
        told = {
            "port": 443 + PORTS,
            "name": self.host.domain,
            "source": source,
            "method": method,
            "path": path,
            "headers": {"Host": self.host.netloc},
            "times": times,
        }
        return Asked(**json.loads(self.host.python(ASK, "root", text=json.dumps(told))))

    def own_address(self) -> str:
        """An address that nobody else has asked from."""
        return f"127.0.1.{next(self.addresses)}"

    def logged(self, zone: str, client: str) -> list[str]:
        """What the error log says of a client that was limited."""
        log = self.host.command("cat", "/var/log/nginx/error.log", user="root").stdout
        lines = (line for line in log.splitlines() if f'by zone "{zone}"' in line)
        return [line for line in lines if f"client: {client}," in line]


@pytest.fixture(scope="module")
def few(site: Site) -> Iterator[Few]:
    """The copy, while the tests run."""
    told = {"fewer": FEWER, "at_once": AT_ONCE, "ports": PORTS, "folder": FOLDER}
    site.python(MOVE, "root", text=json.dumps(told))
    nginx = ("nginx", "-c", f"{FOLDER}/nginx.conf")
    site.command(*nginx, user="root")
    there = replace(site)
    there.address = (site.plain_address[0], 443 + PORTS)
    with site.letting_in(there.address[1]):
        yield Few(there, site, iter(range(1, 255)))
    site.command(*nginx, "-s", "stop", user="root")
    site.command("rm", "--recursive", FOLDER, user="root")


@pytest.fixture
def near(few: Few, alice: Visitor) -> Visitor:
    """Alice, at the copy."""
    return replace(alice, site=few.site)


@pytest.mark.parametrize(
    ("zone", "request_line", "answer", "burst"),
    [
        ("sign_in", "POST /login", 400, 2),
        ("sign_in", "POST /password", 400, 2),
        ("plot_pages", "GET /sliders", 303, 10),
        ("requests", "GET /admin/users", 303, 20),
        ("websockets", "GET /bokeh_plots/{slot}/sliders/ws", 401, 30),
    ],
)
def test_an_address_that_asks_too_often_is_told_so_and_no_other(
    few: Few, zone: str, request_line: str, answer: int, burst: int
):
    method, path = request_line.format(slot=few.host.slots[0]).split()
    client, other = few.own_address(), few.own_address()
    asked = few.ask(client, method, path, times=2 * burst + 5)
    allowed = asked.statuses.index(429)
    # What flows in meanwhile is allowed, too.
    assert burst + 1 <= allowed <= 2 * burst
    assert set(asked.statuses[:allowed]) == {answer}
    assert asked.headers["Retry-After"] == "10"
    assert "Too many requests come from your network" in asked.body
    assert few.ask(client, "GET", "/static/unknown").statuses == [404]
    assert few.ask(other, method, path).statuses == [answer]
    lines = few.logged(zone, client)
    assert lines
    assert all("[warn]" in line and "limiting requests" in line for line in lines)


def test_the_host_itself_is_not_limited(few: Few):
    for source in ("127.0.0.1", f"{FOLDER}/gate.sock"):
        assert 429 not in few.ask(source, "POST", "/login", times=8).statuses


def test_the_addresses_of_one_ipv6_network_are_limited_together(few: Few):
    ours = ["2001:db8:0:a0a::1", "2001:db8:0:a0a:ffff::2", "2001:db8:0:a0b::1"]
    for address in ours:
        few.host.command("ip", "address", "add", f"{address}/128", "dev", "lo", user="root")
    try:
        one, same, other = ours
        assert few.ask(one, "POST", "/login", times=3).statuses == [400] * 3
        assert few.ask(same, "POST", "/login").statuses == [429]
        assert few.ask(other, "POST", "/login").statuses == [400]
    finally:
        for address in ours:
            few.host.command("ip", "address", "del", f"{address}/128", "dev", "lo", user="root")


def test_a_refusal_has_the_headers_of_every_error(near: Visitor):
    def refused() -> Answer | None:
        answer = near.request("POST", "/login", body="x=y")
        return answer if answer.status == 429 else None

    assert watched(poll(refused, 5)) == ERROR


def opened(visitor: Visitor, head: str) -> ssl.SSLSocket:
    """A connection over which only so much was sent."""
    connection = visitor.line.connect()
    connection.sendall(head.encode())
    return connection


def handshake(visitor: Visitor, ticket: Ticket) -> str:
    lines = {
        **UPGRADE,
        "Host": visitor.site.netloc,
        "Origin": visitor.site.origin,
        "Cookie": visitor.cookie_header,
        "Sec-WebSocket-Protocol": f"bokeh, {ticket.token}",
    }
    told = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"GET {ticket.websocket} HTTP/1.1\r\n{told}\r\n"


def status(connection: ssl.SSLSocket) -> int:
    return int(connection.recv(4096).split()[1])


def test_an_address_has_only_so_many_websockets_open(few: Few, alice: Visitor, near: Visitor):
    tickets = [alice.ticket("sliders") for _ in range(2)]
    with ExitStack() as stack:

        def knock(number: int) -> tuple[int, ssl.SSLSocket]:
            ticket = tickets[number % len(tickets)]
            connection = stack.enter_context(opened(near, handshake(near, ticket)))
            return status(connection), connection

        held = [knock(number) for number in range(9)]
        assert {answer for answer, _ in held} == {101}
        assert knock(9)[0] == 429
        # The plots that are open, and those of other addresses, are where they were.
        with alice.session(alice.ticket("sliders")) as session:
            session.change("phase", 0.5)
        held[0][1].close()
        poll(lambda: knock(10)[0] == 101, 5)
    assert few.logged("websockets_at_once", few.host.gateway)


def test_an_address_has_only_so_many_requests_at_once(few: Few, alice: Visitor, near: Visitor):
    head = f"POST /logout HTTP/1.1\r\nHost: {near.site.netloc}\r\nContent-Length: 9\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(opened(near, head))
        poll(lambda: near.get("/healthz").status == 429, 1)
        assert alice.get("/healthz").status == 200
        assert few.ask(few.own_address(), "GET", "/healthz").statuses == [200]
    poll(lambda: near.get("/healthz").status == 200, 5)
    assert few.logged("requests_at_once", few.host.gateway)


@pytest.mark.parametrize(
    "head",
    [
        "",
        "GET / HTTP/1.1\r\nHost: x",
        "POST /logout HTTP/1.1\r\nHost: {}\r\nContent-Length: 9\r\n\r\nx",
    ],
)
def test_who_sends_too_slowly_is_given_up(near: Visitor, head: str):
    with opened(near, head.format(near.site.netloc)) as slow:
        slow.settimeout(5)
        begun = time.monotonic()
        with suppress(ConnectionError):
            assert slow.recv(1) == b""
        assert 0.5 < time.monotonic() - begun < 4


def test_who_reads_too_slowly_is_given_up(near: Visitor):
    script = re.search(r'src="(/static/bokeh/[^"]+)"', near.get("/sliders").text)
    assert script
    script_text = near.get(script[1]).body
    ask = f"GET {script[1]} HTTP/1.1\r\nHost: {near.site.netloc}\r\n\r\n"
    with opened(near, ask * 30) as slow:
        time.sleep(2.5)
        read = 0
        with suppress(ConnectionError, ssl.SSLError):
            while data := slow.recv(1 << 20):
                read += len(data)
        assert 0 < read < len(script_text) * 30


def test_hundreds_of_silent_connections_keep_nobody_out(site: Site, alice: Visitor):
    with ExitStack() as stack:
        for _ in range(400):
            silent = stack.enter_context(socket.create_connection(site.address, 20))
            silent.sendall(b"\x16")
        begun = time.monotonic()
        assert alice.get("/").status == 200
        assert time.monotonic() - begun < 2


def test_a_viewer_never_notices_the_limits_of_few(few: Few, passwords: dict[str, str]):
    poll(lambda: Visitor(few.site).get("/healthz").status == 200, 10)
    visitor = Visitor(few.site)
    poll(lambda: visitor.sign_in("bob", passwords["bob"]).status == 303, 10)
    pictures = re.findall(r'src="(/previews/[^"]+)"', visitor.get("/").text)
    assert {visitor.get(picture).status for picture in pictures * 10} == {200}
    page = visitor.get("/sliders")
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    assert len(files) > 5
    assert {visitor.get(file).status for file in files} == {200}
    with visitor.session(Ticket.of_page(page)) as session:
        for step in range(100):
            session.change("offset", step % 40 / 10)


def test_a_user_has_only_so_many_plots_open_and_others_as_before(
    site: Site, alice: Visitor, bob: Visitor
):
    most = int(site.variables.get("site_sessions_per_user", 100))
    before = alice.ticket("sliders")
    told: dict[str, Any] = {"database": f"{site.variables['site_data_dir']}/site.db"}

    def have_open(count: int) -> None:
        data = json.dumps({**told, "user": "alice", "count": count})
        site.python(FILL, site.variables["site_app_user"], text=data)

    have_open(most)
    try:
        answer = alice.get("/sliders")
        assert answer.status == 429
        assert "You have as many plots open as one person may" in answer.text
        assert alice.get("/state/sliders").status == 429
        assert alice.knock(before.websocket, "bokeh", before.token) == 403
        assert bob.get("/sliders").status == 200
    finally:
        have_open(0)
    assert alice.get("/sliders").status == 200
