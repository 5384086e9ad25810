"""The headers of every kind of answer: exactly those that it needs, each once."""

import http.client
import io
import re
from collections.abc import Callable

import pytest
from provisioned import Site
from visitor import OPENS, Answer, Line, Ticket, Visitor

testinfra_hosts = ["ansible://app"]

# What browsers go by, whoever of the site says it.
WATCHED = (
    "Cache-Control",
    "Content-Security-Policy",
    "Cross-Origin-Embedder-Policy",
    "Cross-Origin-Opener-Policy",
    "Cross-Origin-Resource-Policy",
    "Permissions-Policy",
    "Referrer-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-Powered-By",
)
PLAIN = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
SECURE = {**PLAIN, "Strict-Transport-Security": "max-age=31536000"}
DENIED = "FEATURES"
PLAIN_ERROR = {
    **PLAIN,
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": DENIED,
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'nonce-NONCE'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
}
ERROR = {**PLAIN_ERROR, **SECURE, "Cross-Origin-Opener-Policy": "same-origin"}
PAGE = {
    **ERROR,
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
}
SCRIPTED = {
    **PAGE,
    "Content-Security-Policy": f"{PAGE['Content-Security-Policy']}; script-src 'nonce-NONCE'",
}
PLOT = {
    **PAGE,
    "Content-Security-Policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "connect-src 'self'; font-src 'self' data:; script-src 'nonce-NONCE'",
}
FILE = {**SECURE, "Cache-Control": "public, max-age=31536000, immutable"}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "c2l4dGVlbiBieXRlcyEhIQ==",
}


def watched(answer: Answer) -> dict[str, str]:
    """The watched headers of an answer, each of which it has once; what is random is replaced."""
    told = {name: answer.headers.get_all(name, []) for name in WATCHED}
    assert {name: values for name, values in told.items() if len(values) > 1} == {}
    found = {name: values[0] for name, values in told.items() if values}
    if "Content-Security-Policy" in found:
        hidden = re.sub(r"'nonce-[\w-]{22,}'", "'nonce-NONCE'", found["Content-Security-Policy"])
        found["Content-Security-Policy"] = hidden
    if re.fullmatch(r"([a-z-]+=\(\),?){20,}", found.get("Permissions-Policy", "")):
        found["Permissions-Policy"] = DENIED
    return found


def raw(line: Line, request: bytes) -> Answer:
    """Send what no client would, and return the answer."""
    with line.connect() as connection:
        connection.sendall(request)
        with connection.makefile("rb") as reading:
            return parsed(reading.read())


def parsed(text: bytes) -> Answer:
    """An answer as it came."""
    head, _, body = text.partition(b"\r\n\r\n")
    status, _, fields = head.partition(b"\r\n")
    headers = http.client.parse_headers(io.BytesIO(fields + b"\r\n\r\n"))
    return Answer(int(status.split()[1]), headers, body)


def plain(site: Site, host: str) -> Answer:
    return Line(site.plain_address).exchange("GET", "/login", {"Host": host})


def handshake(visitor: Visitor, path: str, *protocols: str) -> Answer:
    headers = {**UPGRADE, "Origin": visitor.site.origin}
    if protocols:
        headers["Sec-WebSocket-Protocol"] = ", ".join(protocols)
    return visitor.request("GET", path, headers)


def icon(visitor: Visitor) -> str:
    return f"/static/app/{visitor.site.variables['site_release']}/icon.svg"


def script(visitor: Visitor) -> str:
    found = re.search(r'src="(/static/bokeh/[^"]+)"', visitor.get("/sliders").text)
    assert found
    return found[1]


def unchanged(visitor: Visitor) -> Answer:
    modified = visitor.get(icon(visitor)).headers["Last-Modified"]
    return visitor.get(icon(visitor), If_Modified_Since=modified)


KINDS: dict[str, tuple[int, dict[str, str], Callable[[Visitor], Answer]]] = {
    "page": (200, PAGE, lambda alice: alice.get("/")),
    "page without its body": (200, PAGE, lambda alice: alice.request("HEAD", "/")),
    "page with a script": (200, SCRIPTED, lambda alice: alice.get("/password")),
    "page of a plot": (200, PLOT, lambda alice: alice.get("/sliders")),
    "image of a plot": (200, PAGE, lambda alice: alice.get("/previews/bars")),
    "page for everybody": (200, PAGE, lambda alice: Visitor(alice.site).get("/login")),
    "health": (200, PAGE, lambda alice: alice.get("/healthz")),
    "state": (204, PAGE, lambda alice: alice.get("/state/bars")),
    "redirect": (303, PAGE, lambda alice: Visitor(alice.site).get("/")),
    "bad form": (400, PAGE, lambda alice: alice.request("POST", "/logout", body="x=y")),
    "wrong password": (401, PAGE, lambda alice: Visitor(alice.site).sign_in("alice", "wrong")),
    "not allowed": (403, PAGE, lambda alice: alice.get("/admin/users")),
    "unknown page": (404, PAGE, lambda alice: alice.get("/unknown")),
    "wrong method": (405, PAGE, lambda alice: alice.request("DELETE", "/login")),
    "long query": (414, PAGE, lambda alice: alice.get(f"/sliders?x={'a' * 3000}")),
    "no such path": (404, ERROR, lambda alice: alice.get("/bokeh_plots/")),
    "double slash": (404, ERROR, lambda alice: alice.get("//")),
    "internal path": (404, ERROR, lambda alice: alice.get("/-/access")),
    "no such file": (404, ERROR, lambda alice: alice.get("/static/unknown")),
    "no such release": (404, ERROR, lambda alice: alice.get("/static/app/0123456789ab/x.js")),
    "not the host itself": (404, ERROR, lambda alice: alice.get("/readyz")),
    "forbidden method": (405, ERROR, lambda alice: alice.request("TRACE", "/")),
    "large body": (413, ERROR, lambda alice: alice.request("POST", "/login", body="x" * 99_999)),
    "long address": (414, ERROR, lambda alice: alice.get("/" + "a" * 20_000)),
    "large cookies": (431, ERROR, lambda alice: alice.get("/", Cookie="x" * 20_000)),
    "nonsense": (400, ERROR, lambda alice: raw(alice.line, b"GET / HTTP/1.1\r\nHost\0\r\n\r\n")),
    "plain HTTP on the port for HTTPS": (
        400,
        PLAIN_ERROR,
        lambda alice: Line(alice.site.address).exchange("GET", "/", {"Host": alice.site.netloc}),
    ),
    "file": (200, FILE, lambda alice: alice.get(icon(alice))),
    "compressed file": (200, FILE, lambda alice: alice.get(script(alice), Accept_Encoding="br")),
    "file without its body": (200, FILE, lambda alice: alice.request("HEAD", icon(alice))),
    "unchanged file": (304, FILE, unchanged),
    "part of a file": (206, FILE, lambda alice: alice.get(icon(alice), Range="bytes=0-3")),
    "http": (308, PLAIN, lambda alice: plain(alice.site, alice.site.domain)),
    "http for another site": (421, PLAIN_ERROR, lambda alice: plain(alice.site, "evil.test")),
    "another site": (421, ERROR, lambda alice: alice.get("/", Host="evil.test")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_has_its_headers_once(alice, kind):
    status, wanted, ask = KINDS[kind]
    answer = ask(alice)
    assert (answer.status, watched(answer)) == (status, wanted)
    assert answer.headers["Server"] == "nginx"


def test_an_open_websocket_has_its_headers_once(alice):
    ticket = alice.ticket("sliders")
    answer = handshake(alice, ticket.websocket, "bokeh", ticket.token)
    assert (answer.status, watched(answer)) == (OPENS, SECURE)


def test_a_refused_websocket_has_its_headers_once(alice, nobody, ticket: Ticket):
    for visitor, protocols, status in ((nobody, (ticket.token,), 401), (alice, (), 403)):
        answer = handshake(visitor, ticket.websocket, "bokeh", *protocols)
        assert (answer.status, watched(answer)) == (status, ERROR)


def test_what_a_slot_refuses_has_its_headers_once(alice):
    ticket = alice.ticket("sliders")
    told = {"Origin": alice.site.origin, "Sec-WebSocket-Protocol": f"bokeh, {ticket.token}"}
    answer = alice.request("GET", ticket.websocket, told)
    assert (answer.status, watched(answer)) == (400, ERROR)


@pytest.mark.parametrize("path", ["/", "/sliders", "/password", "/unknown"])
def test_every_script_is_one_that_its_page_names_as_its_own(alice, path):
    seen = set()
    for _ in range(2):
        answer = alice.get(path)
        allowed = re.findall(r"'nonce-([^']+)'", answer.headers["Content-Security-Policy"])
        tags = re.findall(r"<script(?! type=\"application/json\")[^>]*>", answer.text)
        assert len(tags) == len(re.findall(r"<script(?=[^>]* src=)", answer.text))
        assert {nonce for tag in tags for nonce in re.findall('nonce="([^"]+)"', tag)} == set(
            allowed
        )
        assert [tag for tag in tags if "nonce=" not in tag] == []
        assert re.findall(r"<[^>]+\son[a-z]+=", answer.text) == []
        seen.update(allowed)
    assert len(seen) == (2 if tags else 0)
