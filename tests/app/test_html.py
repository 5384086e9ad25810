"""Every page is HTML as the standard has it: a parser that forgives nothing reads it."""

import re
from html.parser import HTMLParser

import pytest
from flask import Flask
from html5lib import HTMLParser as Html5Parser
from html5lib.html5parser import ParseError
from support import BASE, sign_in, tell

from app.people import groups

# Path, who looks at it, and the status that the page comes with.
PAGES = [
    ("/login", None, 200),
    ("/healthz/nothing", "viewer", 404),
    ("/", "viewer", 200),
    ("/?q=wave", "viewer", 200),
    ("/?q=<nothing>", "viewer", 200),
    ("/sliders", "viewer", 200),
    ("/sliders?x=" + "a" * 3000, "viewer", 414),
    ("/admin/audit", "viewer", 403),
    ("/account", "viewer", 200),
    ("/admin/users", "admin", 200),
    ("/admin/users/bob", "admin", 200),
    ("/admin/users/nobody", "admin", 404),
    ("/admin/groups", "admin", 200),
    ("/admin/sessions", "admin", 200),
    ("/admin/audit", "admin", 200),
    ("/password", None, 200),
    ("/account", "viewer", 200),
    ("/admin/users", "admin", 200),
    ("/admin/users/alice", "admin", 200),
    ("/admin/groups", "admin", 200),
]


class Ids(HTMLParser):
    """The ids of a page, and those that its labels and links speak of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.given: list[str] = []
        self.meant: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if "id" in values:
            self.given.append(values["id"])
        if "for" in values:
            self.meant.add(values["for"])
        if tag == "a" and values.get("href", "").startswith("#"):
            self.meant.add(values["href"][1:])


@pytest.mark.parametrize(("path", "who", "status"), PAGES)
def test_a_page_is_valid_html(site: Flask, slots, path: str, who: str | None, status: int):
    tell(slots[0])
    client = site.test_client()
    if who:
        with site.app_context():
            groups.set_of("alice", {groups.ADMIN} if who == "admin" else set())
        sign_in(client, "alice")
    page = client.get(path, **BASE)
    assert page.status_code == status
    Html5Parser(strict=True).parse(page.text)
    ids = Ids(page.text)
    assert len(ids.given) == len(set(ids.given))
    assert ids.meant <= set(ids.given)
    assert len(re.findall("<h1", page.text)) == 1


def test_the_parser_forgives_nothing():
    with pytest.raises(ParseError):
        Html5Parser(strict=True).parse("<!doctype html><title>x</title><p><b>bold</p>")
