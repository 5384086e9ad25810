"""Every secret can be rotated: nobody is signed out, nothing is cut off, and nothing leaks."""

import itertools
import json
import re
import secrets
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from urllib.parse import urlencode

import leaks
import pytest
import yaml
from bokeh_session import Session
from deploying import VIEWER, Come, assert_nobody_noticed, assert_serves, serving
from leaks import Secrets, Watched
from provisioned import REPOSITORY, Inventory, Site, poll
from visitor import SECONDS, Ticket, Visitor

from bench.crowd_process import CrowdProcess

USER = "rotation-viewer"
PLAYBOOK = str(REPOSITORY / "playbook.yml")
ROTATED = ("flask_secret_key", "bokeh_secret_key", "admin_password", "oidc_client_secret")
# Nobody asks this provider anything before somebody signs in through it.
PROVIDER = {"site_oidc_issuer": "http://localhost:9", "site_oidc_client_id": "site"}
SESSIONS = 8
SHORT_HOURS = 0.015


class Vault:
    """A copy of the environment's vault, which the tests rotate in its place."""

    def __init__(self, site: Site, path: Path) -> None:
        self.path = path
        self._site = site
        text = ansible_vault(site, "view", site.variables["secrets_file"])
        text += f"vault_oidc_client_secret: {secrets.token_hex(16)}\n"
        ansible_vault(site, "encrypt", "--output", str(path), "-", text=text)

    def read(self) -> dict[str, Any]:
        """Its secrets."""
        return dict(yaml.safe_load(ansible_vault(self._site, "view", str(self.path))))


def ansible_vault(site: Site, *arguments: str, text: str = "") -> str:
    """Run ``ansible-vault`` with the password of the site's environment."""
    done = subprocess.run(
        ["ansible-vault", *arguments],
        check=True,
        env=site.environment,
        input=text,
        capture_output=True,
        text=True,
    )
    return done.stdout


Form = tuple[Visitor, str, dict[str, str]]


@dataclass
class Rotation:
    """A rotation of every secret, while people use the site.

    Attributes:
        before: The vault before it.
        after: The vault after it.
        said: What Ansible said, as much as it can be made to say.
        watched: What was to be seen of processes meanwhile.
        people: Those who use the site.
        viewer: One of them, who signed in before it.
        cookies: The viewer's cookies of before it.
        ticket: What the viewer's page opens its websocket with.
        session: The viewer's session, in which somebody moves a slider all the time.
        admin: The administrator's browser.
        forms: Forms that were open before it: whose, where they go to, and what is in them.
    """

    before: dict[str, Any] = field(repr=False)
    after: dict[str, Any] = field(repr=False)
    said: str = field(repr=False)
    watched: Watched = field(repr=False)
    people: CrowdProcess = field(repr=False)
    viewer: Visitor
    cookies: dict[str, str] = field(repr=False)
    ticket: Ticket
    session: Session
    admin: Visitor
    forms: list[Form] = field(repr=False)


def filled(visitor: Visitor, page: str, path: str, **form: str) -> Form:
    """A form of a page that a visitor has open."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', visitor.get(page).text)
    assert token
    return visitor, path, {"csrf_token": token[1], **form}


def differs(session: Session, wave: list[float]) -> bool:
    return list(session.model("wave").data["y"]) != wave


@contextmanager
def moving(session: Session) -> Iterator[list[int]]:
    """Have a slider moved, and its answer looked at, now and then; yields the positions so far."""
    left, moves = threading.Event(), list[int]()

    def move() -> None:
        for offset in itertools.cycle((2, 4)):
            wave = list(session.model("wave").data["y"])
            session.change("offset", offset)
            session.wait_until(partial(differs, session, wave))
            moves.append(offset)
            if left.wait(1):
                return

    with ThreadPoolExecutor(1) as pool:
        moved = pool.submit(move)
        try:
            yield moves
        finally:
            left.set()
        moved.result()


def administrator(site: Site) -> str:
    return str(site.variables["app_admin_user"])


def signed_in(site: Site, name: str, password: str) -> Visitor:
    visitor = Visitor(site)
    assert visitor.sign_in(name, password).status == 303
    return visitor


def is_signed_in(visitor: Visitor) -> bool:
    return visitor.get("/account").status == 200


@pytest.fixture(scope="module")
def vault(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """The copy; at the end the administrator has the password of the original again."""
    yield Vault(site, tmp_path_factory.mktemp("vault") / "vault.yml")
    password = site.secrets["vault_admin_password"]
    site.cli("user", "password", "--keep-logins", administrator(site), text=password)


@pytest.fixture(scope="module")
def own_password(site: Site) -> Iterator[str]:
    """The password of `USER`."""
    with site.kept_user(USER) as chosen:
        yield chosen


@pytest.fixture(scope="module")
def rotation(
    site: Site,
    inventory: Inventory,
    vault: Vault,
    own_password: str,
    come: Come,
) -> Iterator[Rotation]:
    before = vault.read()
    admin = signed_in(site, administrator(site), before["vault_admin_password"])
    viewer, other = (signed_in(site, USER, own_password) for _ in range(2))
    forms = [
        filled(other, "/account", "/logout"),
        filled(Visitor(site), "/login", "/login", name=USER, password=own_password),
    ]
    ticket, cookies = viewer.ticket("sliders"), dict(viewer.cookies)
    asked = {"secrets_file": str(vault.path), "secrets_rotate": ",".join(ROTATED), **PROVIDER}
    # What Ansible itself prints is looked at, as users run it.
    made = {"NEW_OIDC_CLIENT_SECRET": secrets.token_hex(16), "ANSIBLE_STRATEGY": "linear"}
    with ExitStack() as stack:
        session = stack.enter_context(viewer.session(ticket))
        stack.enter_context(moving(session))
        with come(SESSIONS) as people, leaks.watch(site) as watched:
            run = inventory.playbook(PLAYBOOK, "-vvv", "-e", json.dumps(asked), environment=made)
        said = f"{run.stdout}{run.stderr}"
        assert run.returncode == 0, run.stdout[-3000:]
        yield Rotation(
            *(before, vault.read(), said, watched, people),
            *(viewer, cookies, ticket, session, admin, forms),
        )


def private_lines(site: Site) -> dict[str, str]:
    """What is private in the keys of certificates, on the host and encrypted beside the vault."""
    folder = str(site.variables["site_certificate_dir"])
    files = site.command("grep", "-rlF", "PRIVATE KEY", folder, user="root").stdout.split()
    keys = {file: site.command("cat", file, user="root").stdout for file in files}
    vault = Path(site.variables["secrets_file"])
    for file in vault.parent.rglob("*.pem"):
        if file.read_bytes().startswith(b"$ANSIBLE_VAULT;"):
            keys[str(file)] = ansible_vault(site, "view", str(file))
    # The end of a key is its public half, and the last line is shorter than the others.
    return {
        f"line {number} of {file}": line
        for file, key in keys.items()
        for number, line in enumerate(key.split("\n"))
        if len(line) == 64
    }


@pytest.fixture(scope="module")
def known(site: Site, rotation: Rotation, password: str, own_password: str) -> Secrets:
    """All that must be nowhere."""
    vaults = {"before": rotation.before, "after": rotation.after}
    values = {
        f"{name} {when}": value
        for when, vault in vaults.items()
        for name, value in vault.items()
        if isinstance(value, str)
    }
    passwords = {VIEWER: password, USER: own_password}
    values |= {f"password of {name}": value for name, value in passwords.items()}
    told = subprocess.run(
        [site.environment["ANSIBLE_VAULT_PASSWORD_FILE"]],
        check=True,
        capture_output=True,
        text=True,
    )
    values["vault password"] = told.stdout.strip()
    values |= private_lines(site)
    assert all(len(value) >= leaks.SHORTEST for value in values.values())
    return Secrets(values)


def test_every_secret_is_another_one(rotation: Rotation):
    assert {f"vault_{name}" for name in ROTATED} <= set(rotation.after)
    for name in ROTATED:
        assert rotation.before[f"vault_{name}"] != rotation.after[f"vault_{name}"]
    for name in ("vault_flask_secret_key", "vault_bokeh_secret_key"):
        assert list(rotation.after[f"{name}_previous"]) == [rotation.before[name]]


def test_nobody_notices(rotation: Rotation):
    assert_nobody_noticed(rotation.people, SESSIONS)


def test_an_open_session_goes_on_and_comes_back(site: Site, rotation: Rotation):
    assert f"-{serving(site)}-" not in rotation.ticket.slot
    with rotation.viewer.session(rotation.ticket) as again, moving(again) as moves:
        poll(lambda: len(moves) > 1, SECONDS)


def test_who_was_signed_in_still_is(site: Site, rotation: Rotation):
    for visitor in (rotation.viewer, rotation.admin):
        assert is_signed_in(visitor)
    assert_serves(rotation.viewer, serving(site))


def test_forms_of_before_can_be_sent(rotation: Rotation):
    for visitor, path, form in rotation.forms:
        assert visitor.request("POST", path, body=urlencode(form)).status == 303
    assert is_signed_in(rotation.forms[1][0])


def test_the_administrator_has_the_new_password(site: Site, rotation: Rotation):
    old, new = (v["vault_admin_password"] for v in (rotation.before, rotation.after))
    assert Visitor(site).sign_in(administrator(site), old).status == 401
    assert is_signed_in(signed_in(site, administrator(site), new))


def test_ansible_tells_no_secret(known: Secrets, rotation: Rotation):
    assert "TASK [secrets : Encrypt the new secrets]" in rotation.said
    assert leaks.in_text(known, rotation.said) == set()


def test_no_process_shows_a_secret(known: Secrets, rotation: Rotation):
    places = {place for place, _ in rotation.watched.seen}
    assert {"a command line here", "a command line of the host"} <= places
    assert leaks.in_processes(known, rotation.watched) == set()


def test_no_log_holds_a_secret(known: Secrets, site: Site):
    assert leaks.in_logs(known, site) == set()


def test_nobody_else_can_read_a_secret(known: Secrets, site: Site):
    assert leaks.in_readable_files(known, site, "nobody") == set()


def test_git_holds_no_secret(known: Secrets):
    assert leaks.in_git(known, REPOSITORY) == set()


def test_the_controller_keeps_no_secret(known: Secrets, site: Site):
    state = Path(site.environment["STATE"])
    folders = (Path(gettempdir()), Path.home() / ".ansible", state, REPOSITORY / "inventory")
    known_to_hold = [state / "vault-password"]
    assert leaks.in_folders(known, folders, known_to_hold) == set()
    assert leaks.in_folders(known, folders) == {str(known_to_hold[0])}


def test_what_is_planted_is_found_everywhere(site: Site, tmp_path: Path):
    planted = f"canary {secrets.token_hex(16)}'&\"%"
    canary = Secrets({"canary": planted})
    for form in leaks.forms(planted):
        assert leaks.in_text(canary, f"...{form}...") == {"canary"}
    assert leaks.in_text(canary, planted[:-1]) == set()

    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    assert leaks.in_git(canary, tmp_path) == set()
    written = ["git", "-C", tmp_path, "hash-object", "-w", "--stdin"]
    subprocess.run(written, check=True, input=planted.encode(), capture_output=True)
    assert leaks.in_git(canary, tmp_path) == {"canary"}

    file = tmp_path / "folder" / "file"
    file.parent.mkdir()
    file.write_text(f"a\n{planted}\n")
    assert leaks.in_folders(canary, [tmp_path]) == {str(file)}
    assert leaks.in_folders(canary, [tmp_path], [file]) == set()

    theirs, own = (f"/srv/canary-{secrets.token_hex(4)}" for _ in range(2))
    for path, mode in ((theirs, "0644"), (own, "0600")):
        site.command("install", "-m", mode, "/dev/stdin", path, user="root", text=planted)
    assert leaks.in_readable_files(canary, site, "nobody") == {theirs}
    site.command("rm", theirs, own, user="root")

    site.command("systemd-cat", text=planted)
    site.command("sh", "-c", "gzip > /var/log/canary.gz", user="root", text=planted)
    found = {("canary", "the journal"), ("canary", "/var/log/canary.gz")}
    assert leaks.in_logs(canary, site) == found
    site.command("rm", "/var/log/canary.gz", user="root")

    with leaks.watch(site) as watched:
        site.command("env", f"CANARY={planted}", "sleep", "1", user="nobody")
    assert leaks.in_processes(canary, watched) == {
        ("canary", "a command line here"),
        ("canary", "a command line of the host"),
        ("canary", "an environment of the host"),
    }


def test_after_the_overlap_nothing_of_the_old_key_counts(
    site: Site, inventory: Inventory, vault: Vault, rotation: Rotation, own_password: str
):
    """But what is open lives on: it needs no key any more."""
    viewer = signed_in(site, USER, own_password)
    ticket = viewer.ticket("sliders")
    cookies = dict(viewer.cookies)
    asked = {
        "secrets_file": str(vault.path),
        "secrets_rotate": "flask_secret_key,bokeh_secret_key",
        "site_secret_overlap_hours": SHORT_HOURS,
    }
    with viewer.session(ticket) as session, moving(session) as moves:
        run = inventory.playbook(PLAYBOOK, "-e", json.dumps({**asked, **PROVIDER}))
        assert run.returncode == 0, run.stdout
        # A new browser each time: a page with a form would sign the cookie anew.
        poll(lambda: not is_signed_in(Visitor(site, dict(cookies))), SHORT_HOURS * 3600)
        assert Visitor(site, dict(cookies)).knock(ticket.websocket, "bokeh", ticket.token) == 401
        before = len(moves)
        poll(lambda: len(moves) > before, SECONDS)
        # What was signed before the rotation before has its own time.
        assert is_signed_in(Visitor(site, dict(rotation.cookies)))
