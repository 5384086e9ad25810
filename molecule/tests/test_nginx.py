"""The role nginx: TLS, redirects, headers, limits and logs."""

import json
import ssl
import warnings
from collections.abc import Mapping

import pytest
from provisioned import Inventory, Site
from visitor import Answer, Line, careless

testinfra_hosts = ["ansible://app"]

# Mozilla's intermediate profile for TLS 1.2, without its DHE ciphers.
MODERN = {
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
}

# A request of the host itself.
ASK_AT_HOME = """
import socket, ssl, sys
name = sys.stdin.read()
lines = ["GET /readyz HTTP/1.1", f"Host: {name}", "Connection: close", "", ""]
tls = ssl._create_unverified_context()
with tls.wrap_socket(socket.create_connection(("127.0.0.1", 443)), server_hostname=name) as asking:
    asking.sendall("\\r\\n".join(lines).encode())
    print(asking.makefile().read().partition("\\n\\n")[2])
"""


def plain(site: Site, path: str, headers: Mapping[str, str]) -> Answer:
    return Line(site.plain_address).exchange("GET", path, headers)


def handshake(
    site: Site, version: ssl.TLSVersion, ciphers: str = "ALL:@SECLEVEL=0"
) -> tuple[str, str]:
    """Version and cipher that the site agrees to, or its refusal."""
    tls = careless()
    tls.set_ciphers(ciphers)
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        tls.minimum_version = tls.maximum_version = version
    try:
        with Line(site.address, tls, site.domain).connect() as connection:
            return connection.version(), connection.cipher()[0]
    except ssl.SSLError as refusal:
        return "refused", refusal.reason


@pytest.mark.parametrize("path", ["/", "/sliders?x=1&y=%2F", "/bokeh_plots/", "//evil.test/"])
def test_http_leads_to_https_under_the_name_that_was_typed(site, path):
    for name, origin in zip(
        site.variables["site_names"], site.variables["site_origins"], strict=True
    ):
        answer = plain(site, path, {"Host": name})
        assert (answer.status, answer.headers["Location"]) == (308, f"{origin}{path}")
        assert "Strict-Transport-Security" not in answer.headers


def test_http_leads_nobody_elsewhere(site):
    for host in ("evil.test", f"{site.domain}.evil.tld", f"evil.test:{site.domain}"):
        answer = plain(site, "/", {"Host": host})
        assert answer.status in {400, 421}
        assert "Location" not in answer.headers


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_old_tls_is_refused(site, version):
    outcome, reason = handshake(site, ssl.TLSVersion[version])
    assert outcome == "refused"
    assert "ALERT_PROTOCOL_VERSION" in reason


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_current_tls_is_spoken(site, version):
    agreed, _ = handshake(site, ssl.TLSVersion[version])
    assert agreed == version.replace("_", ".")


def test_tls_1_2_takes_modern_ciphers_only(site):
    def agreed(ciphers: str) -> str:
        return handshake(site, ssl.TLSVersion.TLSv1_2, ciphers)[1]

    assert agreed("ALL:@SECLEVEL=0") in MODERN
    others = ":".join(f"-{cipher}" for cipher in MODERN)
    assert "HANDSHAKE_FAILURE" in agreed(f"ALL:{others}:@SECLEVEL=0")


def test_http_2_is_offered(site):
    tls = site.trust
    tls.set_alpn_protocols(["h2", "http/1.1"])
    with Line(site.address, tls, site.domain).connect() as connection:
        assert connection.selected_alpn_protocol() == "h2"


def test_a_form_that_is_too_large_is_refused(nobody):
    answer = nobody.request("POST", "/login", body="x" * 200_000)
    assert answer.status == 413
    assert "more data than the site takes" in answer.text


def test_only_the_host_itself_asks_whether_the_site_is_ready(site, nobody):
    assert nobody.get("/readyz").status == 404
    told = json.loads(site.python(ASK_AT_HOME, "nobody", text=site.domain))
    assert told == {"status": "ok", "problems": []}


def log_lines(site: Site, containing: str) -> list[dict]:
    """The lines of the access log that hold a text; every line of it is JSON."""
    log = site.command("cat", "/var/log/nginx/access.log", user="root").stdout
    return [json.loads(line) for line in log.splitlines() if containing in line]


def test_the_log_tells_who_asked_for_what_and_who_answered(site, alice):
    page = alice.get("/unknown-page?secret=argument")
    request_id = page.text.split("<code>")[1].split("</code>")[0]
    (line,) = log_lines(site, request_id)
    assert line["viewer"] == "alice"
    assert line["path"] == "/unknown-page"
    assert line["status"] == 404
    assert line["upstream"] == f"unix:{site.variables['site_serving_socket']}"
    assert "argument" not in json.dumps(line)


def test_the_log_tells_who_opened_a_plot_and_where(site, alice):
    ticket = alice.ticket("bars")
    before = len(log_lines(site, ticket.websocket))
    alice.knock(ticket.websocket, "bokeh", ticket.token)
    *_, line = log_lines(site, ticket.websocket)
    assert len(log_lines(site, ticket.websocket)) == before + 1
    assert (line["viewer"], line["status"]) == ("alice", 101)
    assert ticket.slot in line["upstream"]


def test_a_configuration_that_is_wrong_does_not_replace_the_one_that_works(
    inventory: Inventory, site: Site, nobody
):
    before = site.command("sha256sum", "/etc/nginx/nginx.conf").stdout
    wrong = ("-e", "nginx_websocket_timeout=nonsense")
    run = inventory.playbook("playbook.yml", "--tags", "nginx", "--limit", site.name, *wrong)
    assert run.returncode != 0
    assert "invalid value" in run.stdout
    assert site.command("sha256sum", "/etc/nginx/nginx.conf").stdout == before
    assert nobody.get("/login").status == 200
