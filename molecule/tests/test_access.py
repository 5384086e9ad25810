"""Nobody reaches a plot round the login: every attempt, over the public URL."""

import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from beside import beside
from bokeh.util.token import generate_jwt_token, generate_session_id
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from provisioned import Site
from visitor import OPENS, Line, Ticket, Visitor, careless

from app.session_ids import Visit, mint_token
from app.wire import PREFIX, VIEWER_HEADER

testinfra_hosts = ["ansible://app"]
pytestmark = pytest.mark.usefixtures("show_observed")

IDENTITY = (VIEWER_HEADER, "X-Forwarded-User", "X-Remote-User", "Remote-User", "X-Auth-User")
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "c2l4dGVlbiBieXRlcyEhIQ==",
}


@pytest.fixture(scope="module")
def visit(ticket: Ticket) -> Visit:
    """What the session id of alice's own page is bound to."""
    return Visit.of_session(ticket.session_id)


@pytest.fixture
def ended(second_login: Visitor) -> tuple[Visitor, Ticket]:
    """A login that has ended, still with its cookies, and the ticket it had got before."""
    ticket = second_login.ticket("sliders")
    assert second_login.knock(ticket.websocket, "bokeh", ticket.token) == OPENS
    second_login.sign_out()
    return second_login, ticket


# Logged in, own id, own plot.


def test_the_own_plot_opens_and_answers(alice):
    with alice.session(alice.ticket("sliders")) as session:
        wave = session.model("wave")
        before = list(wave.data["y"])
        session.change("offset", 2.5)
        session.wait_until(lambda: wave.data["y"] != before)
        assert wave.data["y"] == pytest.approx([y + 2.5 for y in before])
    alice.site.observed.append("101, document, new data")


# No login, with somebody's valid token.


@pytest.mark.parametrize("cookie", ["none", "garbage", "another key's", "unknown login"])
def test_without_a_login_a_valid_token_is_worth_nothing(site, alice, ticket, cookie):
    name, own = next(iter(alice.cookies.items()))
    forge = {
        "none": dict,
        "garbage": lambda: {name: "garbage"},
        "another key's": lambda: {name: flask_cookie("x" * 43, own, site)},
        "unknown login": lambda: {
            name: flask_cookie(site.secrets["vault_flask_secret_key"], own, site, login="nobody's")
        },
    }
    stranger = Visitor(site, forge[cookie]())
    assert stranger.knock(ticket.websocket, "bokeh", ticket.token) == 401


def test_without_a_login_identity_headers_are_worth_nothing(nobody, ticket):
    forged = {**dict.fromkeys(IDENTITY, "alice"), "X-Original-URI": "/login"}
    assert nobody.knock(ticket.websocket, "bokeh", ticket.token, headers=forged) == 401


# Logged in, with another user's token.


@pytest.mark.parametrize("header", [None, *IDENTITY])
def test_another_users_token_is_refused(bob, ticket, header):
    forged = {header: "alice"} if header else {}
    assert bob.knock(ticket.websocket, "bokeh", ticket.token, headers=forged) == 403


# Own token of another login of the same user; of a login that has ended.


def test_a_token_of_another_login_of_the_same_user_is_refused(second_login, ticket):
    assert second_login.knock(ticket.websocket, "bokeh", ticket.token) == 403


def test_a_login_that_has_ended_opens_nothing(ended):
    visitor, own = ended
    assert visitor.knock(own.websocket, "bokeh", own.token) == 401


def test_a_token_of_a_login_that_has_ended_is_refused(ended, alice):
    _, old = ended
    assert alice.knock(old.websocket, "bokeh", old.token) == 403


# Own token for another plot, or sent to another slot.


def test_a_token_for_another_plot_is_refused(alice, ticket):
    other = ticket.path.replace("/sliders", "/bars")
    assert alice.knock(f"{other}/ws", "bokeh", ticket.token) == 403


def test_a_token_for_another_slot_is_refused(site, alice, visit, ticket):
    for slot in (f"another-{site.variables['site_deployment']}-0", *site.slots):
        if slot == visit.slot:
            continue
        sent_elsewhere = ticket.websocket.replace(visit.slot, slot)
        assert alice.knock(sent_elsewhere, "bokeh", ticket.token) == 403
        made_for_elsewhere = mint_token(replace(visit, slot=slot), site.bokeh_key)
        assert alice.knock(ticket.websocket, "bokeh", made_for_elsewhere) == 403


# Expired, tampered, or unsigned token; signed with another key; id from Bokeh's own generator.


def flip(text: str, index: int) -> str:
    """The text with another character at one place."""
    return text[:index] + ("A" if text[index] != "A" else "B") + text[index + 1 :]


def bokehs_own(site: Site, **token: Any) -> str:
    session_id = generate_session_id(secret_key=site.bokeh_key, signed=True)
    return generate_jwt_token(session_id, secret_key=site.bokeh_key, signed=True, **token)


BAD_TOKENS: dict[str, Callable[[Site, Visit, Ticket], str]] = {
    "expired id": lambda site, visit, _: mint_token(
        replace(visit, expires=int(time.time()) - 1), site.bokeh_key
    ),
    "expired token": lambda site, _, ticket: generate_jwt_token(
        ticket.session_id, secret_key=site.bokeh_key, signed=True, expiration=-1
    ),
    "tampered payload": lambda _, __, ticket: flip(ticket.token, 20),
    "tampered signature": lambda _, __, ticket: flip(ticket.token, -5),
    "tampered id": lambda site, _, ticket: generate_jwt_token(
        flip(ticket.session_id, 20), secret_key=site.bokeh_key, signed=True
    ),
    "signature cut off": lambda _, __, ticket: ticket.token.partition(".")[0],
    "unsigned token": lambda _, __, ticket: generate_jwt_token(ticket.session_id, signed=False),
    "unsigned id": lambda site, _, ticket: generate_jwt_token(
        ticket.session_id.partition(".")[0], secret_key=site.bokeh_key, signed=True
    ),
    "another key": lambda _, visit, __: mint_token(visit, b"x" * 43),
    "the other key of the site": lambda site, visit, _: mint_token(
        visit, site.secrets["vault_flask_secret_key"].encode()
    ),
    "Bokeh's own id": lambda site, _, __: bokehs_own(site),
    "Bokeh's own id that expires": lambda site, _, __: bokehs_own(site, expiration=300),
    "the bare id": lambda _, __, ticket: ticket.session_id,
    "not a token": lambda _, __, ___: "garbage",
    "8 KB of garbage": lambda _, __, ___: "A" * 8192,
}


@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_a_bad_token_is_refused(site, alice, visit, ticket, kind):
    token = BAD_TOKENS[kind](site, visit, ticket)
    assert token != ticket.token
    assert alice.knock(ticket.websocket, "bokeh", token) == 403


@pytest.mark.parametrize("protocols", [(), ("bokeh",), ("other", "token")])
def test_a_missing_token_is_refused(alice, ticket, protocols):
    assert alice.knock(ticket.websocket, *protocols) == 403


def test_a_token_under_another_protocol_is_refused(alice, ticket):
    assert alice.knock(ticket.websocket, "chat", ticket.token) == 403
    assert alice.knock(ticket.websocket, ticket.token) == 403


# Account disabled a moment ago; re-enabled.


def test_a_disabled_account_is_out_at_once_and_in_again_at_once(site, bob):
    own = bob.ticket("bars")
    site.cli("user", "disable", "bob")
    try:
        assert bob.knock(own.websocket, "bokeh", own.token) == 401
        assert bob.get("/bars").headers["Location"] == "/login?next=/bars"
    finally:
        site.cli("user", "enable", "bob")
    assert bob.knock(own.websocket, "bokeh", own.token) == OPENS


# Id or token in the query string, header and query both.


@pytest.mark.parametrize(
    "name", ["bokeh-session-id", "bokeh-token", "Bokeh-Token", "bokeh%2Dtoken"]
)
@pytest.mark.parametrize("header", ["without header", "with header"])
def test_a_token_in_the_query_is_refused(alice, ticket, name, header):
    value = ticket.session_id if "session" in name else ticket.token
    protocols = ("bokeh", ticket.token) if header == "with header" else ("bokeh",)
    assert alice.knock(f"{ticket.websocket}?{name}={value}", *protocols) == 403


# Forged identity header with a valid session.


@pytest.fixture(scope="module")
def known_to_a_plot(site: Site, alice: Visitor, visit: Visit) -> Iterator[Callable[..., dict]]:
    """Ask a plot, over the public URL, what it knows of its viewer.

    The plot is plots/who.py, in one more slot: nginx finds a slot by its name.
    """
    with beside(site, "who.py", 99) as who:

        def ask(headers: Mapping[str, str]) -> dict[str, Any]:
            token = mint_token(replace(visit, plot="who", slot=who.slot), site.bokeh_key)
            with alice.session(Ticket(token, f"{PREFIX}/{who.slot}/who"), headers) as session:
                known: dict[str, Any] = json.loads(session.model("known").text)
                return known

        yield ask


@pytest.mark.parametrize("header", IDENTITY)
def test_a_plot_sees_the_real_user_whatever_a_header_says(site, known_to_a_plot, header):
    known = known_to_a_plot({header: "mallory"})
    site.observed.append(f"the plot sees {known['viewer']}")
    assert known["viewer"] == "alice"
    assert known["headers"].get(VIEWER_HEADER, "alice") == "alice"


def test_a_plot_sees_no_cookie(known_to_a_plot, alice):
    known = known_to_a_plot({})
    alice.site.observed.append(f"the plot sees {known['cookies']}")
    assert known["cookies"] == {}
    for value in alice.cookies.values():
        assert value not in json.dumps(known)


# Foreign Origin on the websocket; unknown Host or SNI.


FOREIGN = {
    "evil": "https://evil.test",
    "ours at its start": "{origin}.evil.tld",
    "ours at its end": "https://evil-{domain}",
    "without TLS": "http://{domain}",
    "another port": "https://{domain}:1",
    "null": "null",
    "none": None,
}


@pytest.mark.parametrize("fetch_site", [None, "same-origin", "same-site", "cross-site", "none"])
@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_origin_is_refused(site, alice, ticket, origin, fetch_site):
    foreign = FOREIGN[origin]
    if foreign:
        foreign = foreign.format(origin=site.origin, domain=site.domain)
    headers = {"Sec-Fetch-Site": fetch_site} if fetch_site else {}
    answer = alice.knock(ticket.websocket, "bokeh", ticket.token, origin=foreign, headers=headers)
    assert answer == 403


def knock_raw(
    visitor: Visitor, ticket: Ticket, path: str, host: str = "", line: Line | None = None
) -> int:
    """The answer to a websocket's handshake under any name."""
    headers = {
        **UPGRADE,
        "Host": host or visitor.site.netloc,
        "Origin": visitor.site.origin,
        "Cookie": visitor.cookie_header,
        "Sec-WebSocket-Protocol": f"bokeh, {ticket.token}",
    }
    status = (line or visitor.line).exchange("GET", path, headers).status
    visitor.site.observed.append(str(status))
    return status


def test_the_raw_handshake_opens_under_the_sites_own_name(alice, ticket):
    """Without this, the refusals below would prove nothing."""
    assert knock_raw(alice, ticket, ticket.websocket) == OPENS


@pytest.mark.parametrize("name", ["other.test", "{domain}.evil.tld", "{slot}", "localhost"])
def test_an_unknown_host_is_refused(site, alice, ticket, name):
    unknown = name.format(domain=site.domain, slot=ticket.slot)
    for path in ("/", ticket.websocket):
        assert knock_raw(alice, ticket, path, host=unknown) == 421


@pytest.mark.parametrize("name", ["other.test", "{domain}.evil.tld", None])
def test_an_unknown_name_in_the_handshake_is_refused(site, alice, ticket, name):
    unknown = name.format(domain=site.domain) if name else None
    line = Line(site.address, careless(), unknown)
    try:
        answer = knock_raw(alice, ticket, ticket.websocket, host=unknown or "", line=line)
    except ssl.SSLError as refusal:
        answer = refusal.reason
        site.observed.append(answer)
    assert answer in {421, "TLSV1_UNRECOGNIZED_NAME", "TLSV1_ALERT_UNRECOGNIZED_NAME"}


# 12 KB of cookies.


@pytest.mark.parametrize(("size", "count"), [(12 * 1024, 1), (300, 40)])
def test_twelve_kilobytes_of_cookies_do_not_matter(alice, size, count):
    laden = replace(alice, cookies={**alice.cookies, **{f"c{n}": "x" * size for n in range(count)}})
    assert laden.get("/").status == 200
    own = laden.ticket("sliders")
    assert laden.knock(own.websocket, "bokeh", own.token) == OPENS


@pytest.mark.parametrize(("size", "count"), [(64 * 1024, 1), (4000, 30)])
def test_far_too_many_cookies_get_a_page_that_says_so(alice, ticket, size, count):
    laden = replace(alice, cookies={**alice.cookies, **{f"c{n}": "x" * size for n in range(count)}})
    page = laden.get("/")
    assert page.status == 431
    assert "cookies" in page.text
    assert laden.knock(ticket.websocket, "bokeh", ticket.token) == 431


# Every other path that leads, or might lead, to Bokeh.


PATHS = [
    "/bokeh_plots",
    "/bokeh_plots/",
    "/bokeh_plots/{slot}",
    "/bokeh_plots/{slot}/",
    "/bokeh_plots/{slot}/ws",
    "/bokeh_plots/{slot}/sliders",
    "/bokeh_plots/{slot}/sliders/",
    "/bokeh_plots/{slot}/sliders/autoload.js",
    "/bokeh_plots/{slot}/sliders/autoload.js?bokeh-autoload-element=x&bokeh-app-path=/sliders",
    "/bokeh_plots/{slot}/sliders/metadata",
    "/bokeh_plots/{slot}/sliders/ws/",
    "/bokeh_plots/{slot}/sliders/ws/ws",
    "/bokeh_plots/{slot}/sliders/ws%0a",
    "/bokeh_plots/{slot}/sliders/ws;x",
    "/bokeh_plots/{slot}/sliders/../sliders/ws",
    "/bokeh_plots/{slot}/bars/%2e%2e/sliders/ws",
    "/bokeh_plots/{slot}/bars/..%2fsliders/ws",
    "/bokeh_plots/{slot}%2fsliders/ws",
    "/bokeh_plots/{slot}/%73liders/ws",
    "/bokeh_plots//{slot}/sliders/ws",
    "/bokeh_plots/{slot}//sliders/ws",
    "//bokeh_plots/{slot}/sliders/ws",
    "/x/../bokeh_plots/{slot}/sliders/ws",
    "/x/%2e%2e/bokeh_plots/{slot}/sliders/ws",
    "/static/../bokeh_plots/{slot}/sliders/ws",
    "/BOKEH_PLOTS/{slot}/sliders/ws",
    "/bokeh_plots/{slot}/static/js/bokeh.min.js",
    "/bokeh_plots/{slot}/sliders/static/js/bokeh.min.js",
    "/bokeh_plots/static/js/bokeh.min.js",
    "/static/js/bokeh.min.js",
    "/bokeh_plots/{slot}/-/healthz",
    "/bokeh_plots/{slot}/-/metrics",
    "/bokeh_plots/-/healthz",
    "/-/healthz",
    "/-/metrics",
    "/-/access",
    "/-/access/",
    "/-/access?x=y",
    "/%2d/access",
    "/x/../-/access",
    "//-/access",
    "/-/error",
    "/-/",
    "/readyz",
    "/bokeh_plots/unknown/sliders/ws",
    "/bokeh_plots/unknown-0123456789ab-0/sliders/ws",
    "/bokeh_plots/..%2fapplication/sliders/ws",
    "/bokeh_plots/application/sliders/ws",
    "/bokeh_plots/{slot}/unknown/ws",
    "/bokeh_plots/{slot}/_private/ws",
]


@pytest.mark.parametrize("path", PATHS)
def test_every_other_path_is_closed(alice, nobody, ticket, path):
    sent = path.format(slot=ticket.slot)
    for visitor, expected in ((alice, {403, 404}), (nobody, {401, 403, 404})):
        plain = visitor.get(sent)
        assert plain.status in expected, plain.text
        assert knock_raw(visitor, ticket, sent) in expected
        for plot in ("sliders", "bars"):
            assert f'"/{plot}"' not in plain.text


@pytest.mark.parametrize("path", ["{websocket}%00", "/../bokeh_plots/", "/%zz", "{websocket}?%00"])
def test_a_malformed_path_is_refused(alice, ticket, path):
    answer = alice.get(path.format(websocket=ticket.websocket))
    alice.site.observed.append(str(answer.status))
    assert answer.status in {400, 403}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_every_other_method_is_refused(alice, ticket, method):
    headers = {"Sec-WebSocket-Protocol": f"bokeh, {ticket.token}"}
    answer = alice.request(method, ticket.websocket, headers)
    alice.site.observed.append(str(answer.status))
    assert answer.status in {403, 405}


def test_without_an_upgrade_the_websockets_path_tells_nothing(alice, ticket):
    headers = {"Sec-WebSocket-Protocol": f"bokeh, {ticket.token}", "Origin": alice.site.origin}
    answer = alice.request("GET", ticket.websocket, headers)
    alice.site.observed.append(str(answer.status))
    assert answer.status == 400


@pytest.mark.parametrize("unknown", [{"plot": "unknown"}, {"slot": "gone-0123456789ab-0"}])
def test_even_a_good_token_does_not_open_what_is_not_there(site, alice, visit, unknown):
    elsewhere = replace(visit, **unknown)
    token = mint_token(elsewhere, site.bokeh_key)
    path = f"{PREFIX}/{elsewhere.slot}/{elsewhere.plot}/ws"
    assert alice.knock(path, "bokeh", token) in {403, 404}


# A slot's socket, and its ports.


KNOCK_AT_SOCKET = """
import json, socket, sys
question = json.load(sys.stdin)
with socket.socket(socket.AF_UNIX) as knocking:
    knocking.settimeout(10)
    try:
        knocking.connect(question["socket"])
    except PermissionError:
        sys.exit(print("no permission"))
    knocking.sendall(question["request"].encode())
    print(knocking.makefile("rb").readline().split()[1].decode())
"""


def knock_at_socket(
    site: Site, user: str, name: str, path: str, folder: str = "site_run_dir", **headers: str
) -> str:
    """The status that a socket on the host answers a user of the host."""
    lines = [f"GET {path} HTTP/1.1", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
    question = {
        "socket": f"{site.variables[folder]}/{name}.sock",
        "request": "\r\n".join([*lines, "", ""]),
    }
    answer = site.python(KNOCK_AT_SOCKET, user, text=json.dumps(question))
    site.observed.append(answer)
    return answer


@pytest.mark.parametrize(
    ("viewer", "answer"),
    [({}, "401"), ({"X_Site_Viewer": "bob"}, "403"), ({"X_Site_Viewer": "alice"}, "101")],
    ids=["no header", "the wrong user", "the right user"],
)
def test_a_slots_own_gate(site, visit, ticket, viewer, answer):
    """Behind nginx's back, as the user that nginx runs as."""
    headers = {
        **{name.replace("-", "_"): value for name, value in UPGRADE.items()},
        "Host": site.netloc,
        "Origin": site.origin,
        "Sec_WebSocket_Protocol": f"bokeh, {ticket.token}",
    }
    web_user = site.variables["site_web_user"]
    told = knock_at_socket(site, web_user, visit.slot, ticket.websocket, **headers, **viewer)
    assert told == answer


@pytest.mark.parametrize("page", ["", "/", "/autoload.js", "/metadata"])
def test_a_slot_serves_nothing_but_websockets(site, visit, ticket, page):
    path = ticket.path + page
    web_user = site.variables["site_web_user"]
    told = knock_at_socket(
        site, web_user, visit.slot, path, Host=site.netloc, X_Site_Viewer="alice"
    )
    assert told == "404"


@pytest.mark.parametrize("path", ["/-/healthz", "/-/metrics", "/sliders/ws"])
def test_other_users_of_the_host_reach_no_slot(site, path):
    operator = site.command("id", "--user", "--name").stdout.strip()
    for user in ("nobody", operator):
        for slot in site.slots:
            asked = f"{PREFIX}/{slot}{path}"
            assert knock_at_socket(site, user, slot, asked, Host="localhost") == "no permission"


def test_other_users_of_the_host_do_not_reach_the_website_behind_nginx(site):
    operator = site.command("id", "--user", "--name").stdout.strip()
    website, folder = site.program("application"), "site_application_run_dir"
    for user in ("nobody", operator, site.variables["site_plots_user"]):
        assert knock_at_socket(site, user, website, "/healthz", folder) == "no permission"
    web_user = site.variables["site_web_user"]
    assert knock_at_socket(site, web_user, website, "/healthz", folder) == "200"


def test_no_program_of_ours_listens_on_a_port(site):
    lines = site.command("ss", "--no-header", "--tcp", "--listening", "--numeric").stdout
    addresses = (line.split()[3] for line in lines.splitlines())
    # Ubuntu's own resolver listens to its host.
    public = (address for address in addresses if not address.startswith("127.0.0.5"))
    ports = {address.rpartition(":")[2] for address in public}
    site.observed.append(f"ports {sorted(ports)}")
    assert {"80", "443"} <= ports <= {"80", "443", "22"}


def flask_cookie(key: str, original: str, site: Site, **changed: str) -> str:
    """A login cookie with the content of another one, signed with a key."""

    def serializer(key: str) -> Any:
        app = Flask(__name__)
        app.secret_key = key
        return SecureCookieSessionInterface().get_signing_serializer(app)

    content = serializer(site.secrets["vault_flask_secret_key"]).loads(original)
    forged = str(serializer(key).dumps({**content, **changed}))
    assert forged != original
    return forged
