"""A certificate from an authority: the first one, those after it, and what stands in the way.

The tests follow each other: the authority is not there when the site is deployed.
"""

import json
import re
import secrets
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from subprocess import CompletedProcess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from provisioned import Inventory, Site, poll
from visitor import Line, Visitor, shown

VIEWERS = 5
RENEW = "site-certificate-renew.service"
CHECK = "site-certificate-check.service"
FAILURE = "The certificate is not renewed: "
NOW = """[Service]
ExecStart=
ExecStart=/usr/local/sbin/site-certificate renew --now
"""


@pytest.fixture(scope="session")
def inventory(pytestconfig: pytest.Config) -> Inventory:
    return Inventory(pytestconfig.getoption("ansible_inventory"))


@pytest.fixture(scope="session")
def authority(inventory: Inventory) -> Site:
    """The host of the authority, which is only talked to."""
    return Site("answering", {}, inventory.environment)


@pytest.fixture(scope="session")
def site(inventory: Inventory) -> Site:
    (site,) = inventory.sites().values()
    return site


@pytest.fixture(scope="session")
def first_run(inventory: Inventory, authority: Site) -> CompletedProcess[str]:
    """The first run of the playbook, without an authority."""
    authority.attempt("systemctl", "stop", "pebble", user="root")
    return inventory.playbook("playbook.yml")


@pytest.fixture(scope="session")
def issued(
    inventory: Inventory, authority: Site, first_run: CompletedProcess[str]
) -> CompletedProcess[str]:
    """The run of the playbook that finds the authority."""
    assert first_run.returncode
    start(authority)
    return inventory.playbook("playbook.yml", "--tags", "acme")


@pytest.fixture(scope="session")
def always_due(site: Site, issued: CompletedProcess[str]) -> None:
    """Have the timer's service renew whenever it is started."""
    assert issued.returncode == 0, issued.stdout
    folder = f"/run/systemd/system/{RENEW}.d"
    site.command("mkdir", "--parents", folder, user="root")
    site.command("tee", f"{folder}/now.conf", user="root", text=NOW)
    site.command("systemctl", "daemon-reload", user="root")


def start(authority: Site) -> None:
    """Have the authority, which has another key each time that it starts."""
    authority.command("systemctl", "start", "pebble", user="root")
    poll(lambda: "14000" in authority.command("ss", "-lnt").stdout, 20)


def public_key(certificate: x509.Certificate) -> bytes:
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return certificate.public_key().public_bytes(*form)


def check(site: Site) -> CompletedProcess[str]:
    return site.attempt("site-certificate", "check", user="root")


def renew(site: Site, **other: object) -> CompletedProcess[str]:
    """Renew with other settings."""
    settings = json.loads(site.command("cat", "/etc/site-certificate.json").stdout)
    url = other.pop("url", settings["authority"]["url"])
    text = json.dumps({**settings, **other, "authority": {**settings["authority"], "url": url}})
    asked = ("site-certificate", "--config", "/dev/stdin", "renew")
    return site.attempt(*asked, user="root", text=text)


def run_timer(site: Site) -> CompletedProcess[str]:
    return site.attempt("systemctl", "start", RENEW, user="root")


def test_a_first_run_without_the_authority_ends_with_one_sentence(
    first_run: CompletedProcess[str], site: Site
) -> None:
    assert first_run.returncode != 0
    said = re.sub(r"\s+", " ", first_run.stdout.partition("fatal: [asking]: FAILED!")[2])
    assert said.count(f"{FAILURE}ca.test:14000 cannot be reached: ") == 1, first_run.stdout
    assert "Traceback" not in said
    assert re.search(r"asking +: .* failed=1 ", first_run.stdout)
    # Everything else is done.
    assert "TASK [release : Let the deployment serve" in first_run.stdout
    assert Visitor(site).get("/healthz").status == 200


def test_before_the_first_certificate_the_site_has_its_own(
    first_run: CompletedProcess[str], inventory: Inventory, site: Site
) -> None:
    assert first_run.returncode
    trust = ssl.create_default_context(
        cafile=f"{inventory.environment['MOLECULE_EPHEMERAL_DIRECTORY']}/ca/ca.pem"
    )
    for name in site.variables["site_names"]:
        Line(site.address, trust, name).connect().close()
    told = check(site)
    assert told.returncode == 1
    assert told.stderr.startswith("https://ca.test:14000/dir has issued no certificate yet")


def test_the_first_certificate(issued: CompletedProcess[str], authority: Site, site: Site) -> None:
    assert issued.returncode == 0, issued.stdout
    asked = (
        "import ssl, urllib.request as u; print(u.urlopen('https://ca.test:15000/roots/0', "
        "context=ssl._create_unverified_context()).read().decode())"
    )
    trust = ssl.create_default_context(cadata=authority.python(asked, "nobody"))
    for name in site.variables["site_names"]:
        Line(site.address, trust, name).connect().close()
    assert check(site).returncode == 0, check(site).stderr
    # An answer to the authority is there only while it is asked for.
    folder = site.variables["site_challenge_dir"]
    assert site.command("ls", folder).stdout == ""


@contextmanager
def viewers(site: Site) -> Iterator[list]:
    """Sessions that are open, and must be so afterwards."""
    password = secrets.token_urlsafe(16)
    site.keep_user("acme-viewer", password)
    site.__dict__.pop("certificate", None)
    visitor = Visitor(site)
    assert visitor.sign_in("acme-viewer", password).status == 303
    with ExitStack() as opened:
        yield [
            opened.enter_context(visitor.session(visitor.ticket("sliders"))) for _ in range(VIEWERS)
        ]


@pytest.mark.usefixtures("always_due")
def test_three_renewals_drop_nobody(site: Site) -> None:
    seen = [shown(site)]
    with viewers(site) as sessions:
        for number in range(3):
            assert run_timer(site).returncode == 0
            seen.append(shown(site))
            for session in sessions:
                session.change("amplitude", 1.5 + number / 2)
    assert len({certificate.serial_number for certificate in seen}) == 4
    assert len({public_key(certificate) for certificate in seen}) == 4
    assert check(site).returncode == 0


@pytest.mark.usefixtures("always_due")
def test_a_key_is_kept_as_set_until_a_new_one_is_asked_for(
    inventory: Inventory, site: Site
) -> None:
    options = json.dumps({"site_acme_key": "kept", "certificate_new_key": True})
    before = shown(site)
    run = inventory.playbook("playbook.yml", "--tags", "certificate,acme", "-e", options)
    assert run.returncode == 0, run.stdout
    new = shown(site)
    assert public_key(new) != public_key(before)
    assert run_timer(site).returncode == 0
    assert shown(site) != new
    assert public_key(shown(site)) == public_key(new)


@pytest.mark.usefixtures("always_due")
def test_a_renewal_without_the_authority_leaves_what_is_served(authority: Site, site: Site) -> None:
    before = shown(site)
    authority.command("systemctl", "stop", "pebble", user="root")
    assert run_timer(site).returncode != 0
    assert site.attempt("systemctl", "is-failed", RENEW).stdout == "failed\n"
    journal = site.command("journalctl", "--output=cat", f"--unit={RENEW}", user="root").stdout
    assert journal.count(f"{FAILURE}ca.test:14000 cannot be reached: ") == 1
    assert shown(site) == before
    # There is time: nobody has to get up.
    assert site.attempt("systemctl", "start", CHECK, user="root").returncode == 0
    start(authority)
    assert run_timer(site).returncode == 0
    assert shown(site) != before


REFUSING = "https://ca.test:14001"
FAILURES: dict[str, tuple[dict[str, object], str]] = {
    "a name that points nowhere": (
        {"names": ["plots.test", "nowhere.test"]},
        "nowhere.test does not point to this host",
    ),
    "a name that points elsewhere": (
        {"names": ["plots.test", "elsewhere.test"]},
        "another server than this one answers for elsewhere.test: ",
    ),
    "a name that the authority does not sign": (
        {"names": ["plots.test", "blocked.test"]},
        "ca.test:14000 issues nothing for a name of the site, correct site_domain",
    ),
    "too many requests": (
        {"url": f"{REFUSING}/newOrder/rateLimited"},
        "ca.test:14001 has had too many requests of this site and asks to wait: told by the test",
    ),
    "a contact that is refused": (
        {"url": f"{REFUSING}/newAccount/invalidContact"},
        "ca.test:14001 refuses the contact address, correct site_acme_email: told by the test",
    ),
    "no authority": (
        {"url": "https://ca.test/dir"},
        "ca.test cannot be reached: ",
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.usefixtures("always_due")
def test_a_failure_is_told_in_a_sentence(site: Site, failure: str) -> None:
    before = shown(site)
    other, sentence = FAILURES[failure]
    told = renew(site, **other)
    assert told.returncode == 1
    (line,) = told.stderr.splitlines()
    assert line.startswith(f"{FAILURE}{sentence}"), line
    assert "The site goes on with the one before, which ends on " in line
    assert shown(site) == before
    assert check(site).returncode == 0
