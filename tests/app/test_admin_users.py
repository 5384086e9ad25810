"""The pages with which administrators look after users and groups."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support import BASE, PASSWORD, entries, post, sign_in

from app.people import groups
from app.people.audit import Event

USERS, GROUPS, ALICE = "/admin/users", "/admin/groups", "/admin/users/alice"


@pytest.mark.parametrize("path", [USERS, GROUPS, ALICE])
def test_only_administrators_get_in_and_the_attempt_is_kept(site: Flask, alice, carol, path):
    assert carol.get(path, **BASE).status_code == 200
    assert alice.get(path, **BASE).status_code == 403
    (refused,) = entries(site, Event.REFUSED)
    assert (refused.user, refused.detail) == ("alice", path)


def test_every_admin_page_is_guarded(site: Flask):
    for rule in site.url_map.iter_rules():
        if str(rule).startswith("/admin"):
            assert getattr(site.view_functions[rule.endpoint], "admins", False), rule


def test_a_user_with_a_password(site: Flask, carol: FlaskClient):
    form = {"name": "dave", "password": PASSWORD, "group": "admin"}
    answer = post(carol, USERS, USERS, **form)
    assert (answer.status_code, answer.location) == (303, "/admin/users/dave")
    page = carol.get(answer.location, **BASE).text
    assert "The user dave is created." in page
    assert "The user dave is created." not in carol.get(answer.location, **BASE).text
    dave = site.test_client()
    assert sign_in(dave, "dave").status_code == 303
    assert dave.get(USERS, **BASE).status_code == 200
    created = entries(site, Event.USER_CREATED)[-1]
    assert (created.user, created.actor, created.detail) == ("dave", "carol", "in admin")


def test_a_user_with_a_link_that_is_shown_once(site: Flask, carol: FlaskClient):
    answer = post(carol, USERS, USERS, name="dave")
    assert answer.status_code == 200
    token = re.search(r"<code>https://plots.test/password#([\w-]{43})</code>", answer.text)[1]
    assert token not in carol.get("/admin/users/dave", **BASE).text
    # The signed cookie can be read by whoever holds it, so no secret is in it.
    assert all("code" not in cookie for cookie in answer.headers.getlist("Set-Cookie"))
    form = {"token": token, "password": PASSWORD, "again": PASSWORD}
    assert post(site.test_client(), "/password", "/password", **form).status_code == 303
    again = post(carol, "/admin/users/dave", "/admin/users/dave/link").text
    assert "https://plots.test/password#" in again
    assert token not in again


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"name": "alice"}, "A user named alice exists already."),
        ({"name": "x y"}, "A user name is up to 64 letters"),
        ({"name": "site-probe"}, "The name site-probe belongs to the site itself: take another."),
        ({"name": "dave", "password": "short"}, "A password has 12 to 1024 characters"),
        ({"name": "dave", "group": "sales"}, "There is no group named sales; there are admin."),
    ],
)
def test_what_cannot_be_is_said_in_the_layers_sentence(carol, form, sentence):
    answer = post(carol, USERS, USERS, **form)
    assert answer.status_code == 400
    assert sentence in answer.text
    assert f'value="{form["name"]}"' in answer.text
    assert "/admin/users/dave" not in carol.get(USERS, **BASE).text


def test_disable_and_enable(alice: FlaskClient, carol: FlaskClient):
    for active, status in (("no", 303), ("yes", 200)):
        assert post(carol, ALICE, f"{ALICE}/active", active=active).status_code == 303
        assert alice.get("/", **BASE).status_code == status


def test_rights_change_at_once(site: Flask, alice: FlaskClient, carol: FlaskClient):
    with site.app_context():
        groups.add("ops")
    post(carol, ALICE, f"{ALICE}/groups", group=["admin", "ops"])
    assert alice.get(USERS, **BASE).status_code == 200
    page = carol.get(ALICE, **BASE).text
    assert re.findall(r'value="(\w+)" checked', page) == ["admin", "ops"]
    post(carol, ALICE, f"{ALICE}/groups")
    assert alice.get(USERS, **BASE).status_code == 403
    told = [entry.detail for entry in entries(site, Event.GROUPS_CHANGED)]
    assert told == ["from none to admin, ops", "from admin, ops to none"]


def test_sign_out_everywhere(alice: FlaskClient, carol: FlaskClient):
    assert post(carol, ALICE, f"{ALICE}/sign-out").status_code == 303
    assert alice.get("/", **BASE).status_code == 303


def test_remove_a_user(alice: FlaskClient, carol: FlaskClient):
    assert post(carol, ALICE, f"{ALICE}/remove").location == USERS
    assert carol.get(ALICE, **BASE).status_code == 404
    assert alice.get("/", **BASE).status_code == 303


@pytest.mark.parametrize("path", ["active", "groups", "remove"])
def test_nobody_locks_the_site(carol: FlaskClient, path: str):
    own = "/admin/users/carol"
    answer = post(carol, own, f"{own}/{path}")
    assert answer.status_code == 400
    assert "The last active member of the group admin is carol" in answer.text
    assert carol.get(own, **BASE).status_code == 200


def test_groups_come_and_go(site: Flask, carol: FlaskClient, config):
    assert post(carol, GROUPS, GROUPS, name="finance").location == GROUPS
    assert "The group finance is created." in carol.get(GROUPS, **BASE).text
    assert "up to 64 lower-case letters" in post(carol, GROUPS, GROUPS, name="Sales").text
    config.plot_groups["bars"] = frozenset({"finance"})
    page = carol.get(GROUPS, **BASE).text
    assert "in use" in page
    assert "finance/remove" not in page
    refused = post(carol, GROUPS, f"{GROUPS}/finance/remove")
    assert "The group finance decides who may open bars" in refused.text
    config.plot_groups.clear()
    assert post(carol, GROUPS, f"{GROUPS}/finance/remove").status_code == 303
    assert "finance/remove" not in carol.get(GROUPS, **BASE).text
    assert [entry.actor for entry in entries(site, Event.GROUP_REMOVED)] == ["carol"]
