"""The web server's configuration for each system and for each kind of domain."""

import re
from ipaddress import ip_address
from typing import Any

import pytest
from repository import evaluate, load, render, site_variables


def render_nginx(
    release: str = "bookworm", names: tuple[str, ...] = ("plots.test",), **changes: Any
) -> str:
    site = site_variables()
    inputs = {
        "ansible_facts": {"distribution_release": release, "all_ipv6_addresses": ["fe80::1"]},
        "nginx_server_names": list(names),
        "nginx_certificate_chain": "/chain.pem",
        "nginx_certificate_key": "/key.pem",
        "nginx_application_socket": "/opt/site/serving.sock",
        "nginx_candidate_socket": "/opt/site/candidate.sock",
        "nginx_gate_socket": "/run/site/gate.sock",
        "nginx_slot_socket_dir": "/run/site",
        "nginx_slot_pattern": site["site_slot_pattern"],
        "nginx_plot_pattern": site["site_plot_pattern"],
        "nginx_bokehjs_dir": "/srv/bokeh",
        "nginx_releases_dir": "/srv/releases",
        "nginx_release_pattern": site["site_release_pattern"],
    }
    return render("nginx", "nginx.conf.j2", **{**inputs, **changes})


def locations(text: str) -> list[str]:
    """Cut out the locations, by their indentation."""
    found = re.finditer(r"^( *)location .*?^\1}$", text, re.MULTILINE | re.DOTALL)
    return [match.group() for match in found]


@pytest.mark.parametrize("release", ["jammy", "bookworm", "noble", "trixie"])
def test_braces_balance(release: str) -> None:
    code = re.sub(r'"[^"]*"|#.*', "", render_nginx(release))
    assert code.count("{") == code.count("}")


@pytest.mark.parametrize(
    ("release", "listens", "directive"),
    [
        ("jammy", " http2", False),
        ("bookworm", " http2", False),
        ("noble", " http2", False),
        ("trixie", "", True),
    ],
)
def test_http2_is_said_the_way_each_version_understands(
    release: str, listens: str, directive: bool
) -> None:
    text = render_nginx(release)
    assert f"listen 443 ssl{listens};" in text
    assert f"listen [::]:443 ssl{listens} default_server;" in text
    assert ("http2 on;" in text) is directive


@pytest.mark.parametrize(
    ("release", "known"), [("jammy", False), ("bookworm", True), ("trixie", True)]
)
def test_old_versions_get_nothing_they_do_not_know(release: str, known: bool) -> None:
    text = render_nginx(release)
    assert ("brotli_static on;" in text) is known
    assert ("ssl_reject_handshake on;" in text) is known
    assert ("if ($is_for_this_site = 0)" in text) is not known
    assert ("http2_max_field_size" in text) is not known
    assert ("http2_max_requests" in text) is not known
    assert ("keepalive_requests" in text) is known
    facts = {"ansible_facts": {"distribution_release": release}}
    variables = load("roles/nginx/vars/main.yml") | load("roles/nginx/defaults/main.yml") | facts
    packages = evaluate("{{ nginx_packages }}", variables)
    assert ("libnginx-mod-http-brotli-static" in packages) is known


@pytest.mark.parametrize("names", [("192.0.2.1",), ("[2001:db8::1]",), ("plots.test", "192.0.2.1")])
def test_strangers_get_a_handshake_where_browsers_send_no_name(names: tuple[str, ...]) -> None:
    text = render_nginx(names=names)
    assert "ssl_reject_handshake" not in text
    assert "$ssl_server_name" not in text
    assert "return 421;" in text
    assert f"server_name {' '.join(names)};" in text


@pytest.mark.parametrize(
    ("port", "target"),
    [(443, "https://$host$request_uri"), (8443, "https://$host:8443$request_uri")],
)
def test_redirects_and_programs_get_the_port_that_visitors_type(port: int, target: str) -> None:
    text = render_nginx(nginx_visitor_port=port)
    assert f"return 308 {target};" in text
    assert f"proxy_set_header Host {target[8:-12]};" in text


def test_hosts_without_ipv6_are_not_asked_to_listen_on_it() -> None:
    facts = {"distribution_release": "bookworm", "all_ipv6_addresses": []}
    assert "[::]" not in render_nginx(ansible_facts=facts)


def test_who_adds_headers_of_its_own_adds_those_of_every_answer_too() -> None:
    text = render_nginx()
    servers = re.findall(r"^    server \{\n.*?^    \}$", text, re.MULTILINE | re.DOTALL)
    assert len(servers) == 4
    saying = [text for text in locations(text) if "add_header" in text]
    assert len(saying) >= 4 * 2
    for block in saying + [text.partition(" location ")[0] for text in servers]:
        added = re.findall(r"add_header (\S+) .*always;", block)
        assert len(added) == len(set(added))
        assert set(load("roles/nginx/vars/main.yml")["__nginx_headers"]) <= set(added)


def test_no_program_behind_it_says_a_header_a_second_time() -> None:
    variables = load("roles/nginx/vars/main.yml")
    own = {*variables["__nginx_headers"], *variables["__nginx_page_headers"]}
    for text in locations(render_nginx()):
        if "proxy_pass" in text:
            assert own <= set(re.findall(r"proxy_hide_header (\S+);", text))


def test_every_way_to_a_program_overwrites_what_a_client_says_of_itself() -> None:
    passing = [text for text in locations(render_nginx()) if "proxy_pass" in text]
    assert len(passing) == 4 * 2  # for visitors, and for the one who tries a deployment out
    for text in passing:
        assert re.search(r'proxy_set_header X-Site-Viewer (""|\$viewer);', text)
        assert re.search(r'proxy_set_header X-Original-URI (""|\$request_uri);', text)
        assert "proxy_set_header X-Forwarded-For $remote_addr;" in text
        assert "proxy_hide_header X-Site-Viewer;" in text


def test_what_is_tried_out_is_served_as_to_visitors() -> None:
    servers = re.findall(r"^    server \{\n.*?^    \}$", render_nginx(), re.MULTILINE | re.DOTALL)
    public, gate = servers[-2:]
    assert "listen unix:/run/site/gate.sock ssl http2;" in gate
    gate = gate.replace("unix:/run/site/gate.sock", "443").replace("candidate", "application")
    assert gate == public.replace("        listen [::]:443 ssl http2;\n", "")


def limits(people: int) -> dict[str, tuple[int, ...]]:
    """The numbers of each limit: requests a minute and burst, or requests at once."""
    text = render_nginx(nginx_people_per_address=people)
    found: dict[str, tuple[int, ...]] = {}
    for zone, rate in re.findall(r"limit_req_zone \S+ zone=(\w+):\S+ rate=(\d+)r/m;", text):
        bursts = set(re.findall(rf"limit_req zone={zone} burst=(\d+) nodelay;", text))
        (burst,) = bursts
        found[zone] = (int(rate), int(burst))
    for zone in re.findall(r"limit_conn_zone \S+ zone=(\w+):", text):
        (most,) = set(re.findall(rf"limit_conn {zone} (\d+);", text))
        found[zone] = (int(most),)
    return found


def test_an_address_may_do_what_so_many_people_do() -> None:
    assert limits(300) == {
        "requests": (6000, 600),
        "previews": (120000, 15000),
        "sign_in": (300, 75),
        "plot_pages": (1200, 300),
        "websockets": (1200, 900),
        "requests_at_once": (300,),
        "websockets_at_once": (900,),
    }
    assert all(min(numbers) >= 1 for numbers in limits(10).values())


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", b"\xc0\x00\x02\x01"),
        ("10.10.10.10", b"\n\n\n\n"),
        ("2001:db8::1", b"\x20\x01\x0d\xb8" + bytes(4)),
        ("2001:db8:0:0:ffff::2", b"\x20\x01\x0d\xb8" + bytes(4)),
        ("2001:db8:a0a:a0a:a0a:a0a:a0a:a0a", b"\x20\x01\x0d\xb8" + b"\n" * 4),
    ],
)
def test_an_ipv6_network_is_one_client(address: str, client: bytes) -> None:
    found = re.search(r'map \$binary_remote_addr \$client_network \{\n *"~(.*)" ', render_nginx())
    assert found
    pattern = found[1].replace("(?<network>", "(?P<network>").replace(r"\z", r"\Z")
    packed = ip_address(address).packed
    match = re.search(pattern.encode(), packed)
    assert (match["network"] if match else packed) == client


@pytest.mark.parametrize(
    ("method_and_path", "limited"),
    [
        ("POST /login", {"signing_in"}),
        ("POST /password", {"signing_in"}),
        ("GET /login/oidc", {"signing_in"}),
        ("GET /sliders", {"opening"}),
        ("HEAD /sliders", {"opening"}),
        ("POST /logout", set()),
        ("GET /", set()),
        ("GET /admin/users", set()),
        ("GET /login/oidc/callback", set()),
        ("POST /login\n", set()),
    ],
)
def test_what_costs_more_is_limited_more(method_and_path: str, limited: set[str]) -> None:
    maps = re.findall(
        r'map "\$request_method \$uri" \$(\w+)_client \{\n *"~(.*)" \$limited_client;',
        render_nginx(),
    )
    assert {name for name, _ in maps} == {"signing_in", "opening"}
    found = {n for n, pattern in maps if re.search(pattern.replace(r"\z", r"\Z"), method_and_path)}
    assert found == limited


def test_nothing_that_may_hold_a_token_is_logged() -> None:
    format_ = re.search(r"log_format site.*?;", render_nginx(), re.DOTALL)
    assert format_
    assert not re.search(
        r"args|query|\$request\b|\$request_uri|\$uri|referer|cookie|sec_websocket", format_.group()
    )


@pytest.mark.parametrize(
    ("path", "slot"),
    [
        ("/bokeh_plots/plots1-0123456789ab-0/sliders/ws", "plots1-0123456789ab-0"),
        ("/bokeh_plots/a-b-0123456789ab-11/my_plot2/ws", "a-b-0123456789ab-11"),
        ("/bokeh_plots/plots1-0123456789ab-0/sliders/ws/", None),
        ("/bokeh_plots/plots1-0123456789ab-0/sliders/ws\n", None),
        ("/bokeh_plots/plots1-0123456789ab-0/sliders/", None),
        ("/bokeh_plots/plots1-0123456789ab-0//sliders/ws", None),
        ("/bokeh_plots/../application/sliders/ws", None),
        ("/bokeh_plots/a/b-0123456789ab-0/sliders/ws", None),
        ("/x/bokeh_plots/plots1-0123456789ab-0/sliders/ws", None),
    ],
)
def test_only_a_websocket_of_a_slot_is_routed_to_one(path: str, slot: str | None) -> None:
    pattern = re.search(r'location ~ "(\^/bokeh_plots.*)"', render_nginx())
    assert pattern
    # Python's \Z is what PCRE calls \z.
    match = re.search(pattern.group(1).replace("(?<slot>", "(?P<slot>").replace(r"\z", r"\Z"), path)
    assert (match["slot"] if match else None) == slot


def test_an_authority_finds_answers_over_plain_http_only_where_it_is_asked() -> None:
    path = "location ^~ /.well-known/acme-challenge/ {"
    assert path not in render_nginx()
    text = render_nginx(nginx_challenge_dir="/srv/challenges")
    assert text.count(path) == 1
    assert "alias /srv/challenges/;" in text
    servers = re.split(r"^ *server \{$", text, flags=re.MULTILINE)
    (asked,) = (server for server in servers if path in server)
    assert "listen 80;" in asked
    assert "443" not in asked
