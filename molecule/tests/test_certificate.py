"""The role certificate: a key and a chain for the site's names, made here or brought along."""

import datetime as dt
import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from provisioned import Inventory, Site, poll
from visitor import SECONDS, Line, Visitor, shown

testinfra_hosts = ["ansible://app"]


def names(certificate: x509.Certificate) -> set[str]:
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return {str(name.value) for name in extension.value}


def test_the_site_shows_the_certificate_of_the_file(site):
    chain = site.command("cat", site.variables["site_certificate_chain"]).stdout
    assert shown(site) == x509.load_pem_x509_certificate(chain.encode())


def test_the_certificate_is_for_every_name_of_the_site(site):
    assert names(shown(site)) == set(site.variables["site_names"])


def test_the_certificate_is_valid_for_a_while(site):
    certificate = shown(site)
    now = dt.datetime.now(dt.UTC)
    assert certificate.not_valid_before_utc <= now
    assert certificate.not_valid_after_utc > now + dt.timedelta(days=30)


def test_only_root_reads_the_keys(host, site):
    paths = [site.variables["site_certificate_key"]]
    paths.append(str(Path(paths[0]).with_name("issuer-key.pem")))
    with host.sudo():
        for path in site.command("readlink", "--canonicalize", *paths, user="root").stdout.split():
            key = host.file(path)
            assert (key.user, key.group, key.mode) == ("root", "root", 0o600)


def test_who_trusts_the_environments_authority_trusts_the_site(inventory: Inventory, site: Site):
    folder = site.variables.get("certificate_authority_dir", f"{inventory.path}/ca")
    trust = ssl.create_default_context(cafile=f"{folder}/ca.pem")
    for name in site.variables["site_names"]:
        Line(site.address, trust, name).connect().close()
    assert (Path(folder) / "ca-key.pem").read_text().startswith("$ANSIBLE_VAULT;")


def test_root_runs_nothing_of_the_directory_that_it_happens_to_be_in(site: Site):
    trap = "cd $(mktemp --directory) && echo 'raise SystemExit(9)' >argparse.py"
    site.command("sh", "-c", f"{trap} && site-certificate check", user="root")


def test_timers_renew_and_check(site: Site):
    """What they start works, within its sandbox."""
    for name in ("site-certificate-renew", "site-certificate-check"):
        assert site.command("systemctl", "is-enabled", f"{name}.timer").stdout == "enabled\n"
        assert site.command("systemctl", "is-active", f"{name}.timer").stdout == "active\n"
        site.command("systemctl", "start", f"{name}.service", user="root")


def test_a_renewal_cuts_nobody_off(site: Site, alice: Visitor):
    before = shown(site)
    with alice.session(alice.ticket("sliders")) as session:
        site.command("site-certificate", "renew", "--new-key", user="root")
        assert shown(site) != before
        assert shown(site).public_key() != before.public_key()
        session.change("amplitude", 2.5)
    site.command("site-certificate", "check", user="root")


def test_the_check_finds_a_name_that_is_not_served(site: Site):
    config = json.loads(site.command("cat", "/etc/site-certificate.json").stdout)
    asked = ("site-certificate", "--config", "/dev/stdin", "check")
    told = site.attempt(*asked, user="root", text=json.dumps({**config, "names": ["other.test"]}))
    assert told.returncode == 1
    assert "serves nothing good for other.test: " in told.stderr


def make_pair(folder: Path, domains: list[str]) -> x509.Certificate:
    """Write a key and a certificate as an authority might hand them over."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "brought along")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName(map(x509.DNSName, domains)), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "chain.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(private)
    (folder / "key.pem").chmod(0o600)
    return certificate


@pytest.fixture
def kept_pair(site: Site) -> Iterator[None]:
    """Key and certificate of before are back after the test."""
    folder = str(Path(site.variables["site_certificate_key"]).parent)
    kept = (folder, "/etc/site-certificate.json")
    for path in kept:
        site.command("cp", "--archive", path, f"{path}.kept", user="root")
    yield
    for path in kept:
        site.command("rm", "--recursive", path, user="root")
        site.command("mv", f"{path}.kept", path, user="root")
    site.command("systemctl", "reload", "nginx", user="root")
    own = x509.load_pem_x509_certificate(
        site.command("cat", site.variables["site_certificate_chain"]).stdout.encode()
    )
    poll(lambda: shown(site) == own, SECONDS)


@pytest.mark.usefixtures("kept_pair")
def test_a_provided_certificate_takes_effect(inventory: Inventory, site: Site, tmp_path: Path):
    """The web server shows it at once, although only the role certificate runs."""
    brought = make_pair(tmp_path, site.variables["site_names"])
    options = {
        "site_certificate_kind": "provided",
        "site_certificate_chain_file": str(tmp_path / "chain.pem"),
        "site_certificate_key_file": str(tmp_path / "key.pem"),
    }
    arguments = ("--tags", "certificate", "--limit", site.name, "-e", json.dumps(options))
    run = inventory.playbook("playbook.yml", *arguments)
    assert run.returncode == 0, run.stdout
    poll(lambda: shown(site) == brought, SECONDS)
