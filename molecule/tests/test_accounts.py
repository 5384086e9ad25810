"""People and their rights, on the host: who may open what, and what is known of their sign-ins."""

import json
import re
import secrets
from collections.abc import Iterator

import pytest
from provisioned import Site
from visitor import OPENS, Visitor

testinfra_hosts = ["ansible://app"]
MEMBER = "analyst"
LIMITED = "metrics"  # open to a group, in the inventory of each scenario


@pytest.fixture(scope="module")
def member(site: Site) -> Iterator[Visitor]:
    """A visitor who has signed in as a member of the group that may open `LIMITED`."""
    password = secrets.token_urlsafe(16)
    site.keep_user(MEMBER, password)
    (*_, group) = site.variables["site_plots"][LIMITED]["groups"]
    site.cli("user", "groups", MEMBER, group)
    visitor = Visitor(site)
    assert visitor.sign_in(MEMBER, password).status == 303
    yield visitor
    site.cli("user", "disable", MEMBER)


def test_a_plot_for_a_group_opens_for_its_members_only(site, member):
    ticket = member.ticket(LIMITED)
    assert member.knock(ticket.websocket, "bokeh", ticket.token) == OPENS
    assert f'href="/{LIMITED}"' in member.get("/").text
    # Who leaves the group keeps the page, and it opens nothing any more.
    site.cli("user", "groups", MEMBER, "--none")
    assert member.knock(ticket.websocket, "bokeh", ticket.token) == 403
    assert member.get(f"/{LIMITED}").status == 403
    assert f'href="/{LIMITED}"' not in member.get("/").text


def test_the_groups_of_the_inventory_are_there_and_in_use(site):
    groups = {group["name"] for group in json.loads(site.cli("group", "list", "--json"))}
    assert {"admin", *site.variables["site_groups"]} <= groups
    command = site.variables["site_command"]
    refused = site.attempt(command, "group", "remove", "analysts", user="root")
    assert refused.stderr.startswith(
        f"Error: the group analysts decides who may open {LIMITED}: take it out of site_plots"
    )


def test_the_first_administrator_administers_and_stays(site):
    admin = site.variables["app_admin_user"]
    assert admin in json.loads(site.cli("group", "members", "admin", "--json"))
    visitor = Visitor(site)
    assert visitor.sign_in(admin, site.secrets["vault_admin_password"]).status == 303
    assert visitor.get("/admin/users").status == 200
    if json.loads(site.cli("group", "members", "admin", "--json")) == [admin]:
        command = site.variables["site_command"]
        refused = site.attempt(command, "user", "disable", admin, user="root")
        assert f"the last active member of the group admin is {admin}" in refused.stderr


def test_a_sign_in_tells_its_address(site, second_login):
    assert second_login.get("/account").status == 200
    (newest, *_) = json.loads(site.cli("user", "logins", "alice", "--json"))
    assert re.fullmatch(r"[0-9.]+", newest["address"])


def test_a_link_sets_a_password_and_is_in_no_log(site):
    """The test of the logs searches for what is kept in mind here."""
    name, password = "invited", secrets.token_urlsafe(16)
    site.keep_user(name, secrets.token_urlsafe(16))
    link = site.cli("user", "link", name)
    page, _, token = link.removeprefix(site.origin).partition("#")
    site.sensitive |= {token, password}
    visitor = Visitor(site)
    assert visitor.request("HEAD", page).status == 200
    form = {"token": token, "password": password, "again": password}
    assert visitor.post(page, page, **form).status == 303
    assert name in visitor.get("/account").text
    assert Visitor(site).post(page, page, **form).status == 410
    site.cli("user", "remove", name)


def test_failures_are_limited_across_processes(site):
    """Of a name that nobody has: any other account can still sign in."""
    name = f"nobody-{secrets.token_hex(8)}"
    for _ in range(10):
        assert Visitor(site).sign_in(name, "wrong").status == 401
    answer = Visitor(site).sign_in(name, "wrong")
    assert answer.status == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 15 * 60
    assert "try again in 15 minutes" in answer.text
