"""The site's certificate: who signs it, when it is renewed, and what a visitor is shown."""

import datetime as dt
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from certificates import write_pair
from cryptography import x509

import authority
from certificate import checking, own, renewing, served
from certificate.own import Issuer
from certificate.pair import Pair, Place
from certificate.settings import Authority, CertificateError, Settings

NAMES = ["plots.test", "192.0.2.1"]


@dataclass(frozen=True)
class Ca:
    """An authority of an environment."""

    certificate: bytes
    key: bytes

    def misfit(self, issuer: Issuer, names: list[str]) -> str:
        return authority.misfit(self.certificate, issuer.public_key, names, issuer.certificate)

    def issue(self, folder: Path, names: list[str]) -> Issuer:
        """Give a host a key to sign with."""
        issuer = Issuer(folder)
        if not issuer.has_key:
            issuer.renew_key()
        issued = authority.issue(self.certificate, self.key, issuer.public_key, names)
        (folder / "issuer.pem").write_bytes(issued)
        return issuer


class Server:
    """What serves the pair on a port, until it is told to reload."""

    def __init__(self, folder: Path, only: list[str] | None = None) -> None:
        self._only = only
        self._live = folder / "live"
        self._live.mkdir()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        script = f"cp -L {folder}/chain.pem {folder}/key.pem {self._live}"
        self.reload = ["sh", "-c", script]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        # It might still be about to ask the next server's socket, that gets the number of this one.
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self._live / "chain.pem", self._live / "key.pem")
            if self._only:
                context.sni_callback = self._reject
            try:
                with context.wrap_socket(plain, server_side=True) as visitor:
                    visitor.recv(1)
            except OSError:
                plain.close()  # Whoever asked did not like it.

    def _reject(
        self, _socket: ssl.SSLObject, name: str | None, _context: ssl.SSLContext
    ) -> int | None:
        known = name in (self._only or [])
        return None if known else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


@pytest.fixture(scope="module")
def ca() -> Ca:
    return Ca(*authority.found("CA of tests"))


@pytest.fixture
def settings(tmp_path: Path, ca: Ca) -> Settings:
    """A host that has its issuing certificate, and serves nothing yet."""
    ca.issue(tmp_path, NAMES)
    nobody = Authority("https://ca.test/dir", "", "", tmp_path)
    return Settings("selfsigned", NAMES, tmp_path, 1, ["false"], keeps_key=False, authority=nobody)


@pytest.fixture
def serving(settings: Settings) -> Iterator[Settings]:
    """The same host, that serves what it has made."""
    renew(settings)
    server = Server(settings.folder)
    subprocess.run(server.reload, check=True)
    yield replace(settings, port=server.port, reload=server.reload)
    server.close()


def renew(settings: Settings, **options: bool) -> list[str]:
    usual = {"now": False, "new_key": False, "own_only": False, "dry_run": False}
    return renewing.renew(settings, **{**usual, **options})


def in_place(settings: Settings) -> Pair:
    pair = Place(settings.folder).pair
    assert pair
    return pair


def shown(settings: Settings) -> str:
    return served.fingerprint(settings.port, settings.names[0])


def test_who_trusts_the_authority_trusts_the_site(serving: Settings, ca: Ca) -> None:
    for name in NAMES:
        seen = served.trusted_fingerprint(serving.port, name, ca.certificate.decode())
        assert seen == in_place(serving).fingerprint
    with pytest.raises(OSError, match="Hostname mismatch"):
        served.trusted_fingerprint(serving.port, "other.test", ca.certificate.decode())


def test_openssl_verifies_the_chain(settings: Settings, ca: Ca, tmp_path: Path) -> None:
    renew(settings)
    (tmp_path / "ca.pem").write_bytes(ca.certificate)
    chain = tmp_path / "chain.pem"
    asked = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname"]
    told = subprocess.run(
        [*asked, NAMES[0], "-CAfile", tmp_path / "ca.pem", "-untrusted", chain, chain],
        check=False,
        capture_output=True,
        text=True,
    )
    assert told.stdout == f"{chain}: OK\n", told.stderr


@pytest.mark.parametrize("names", [NAMES, ["plots.test"], ["192.0.2.1"], ["2001:db8::1"]])
@pytest.mark.parametrize("other", ["evil.test", "192.0.2.2", "2001:db8::2"])
def test_what_the_host_signs_counts_for_its_names_only(
    tmp_path: Path, ca: Ca, names: list[str], other: str
) -> None:
    """Whoever takes a host's issuing key cannot be another site with it."""
    issuer = ca.issue(tmp_path, names)
    key = own.new_key()
    # With a name of its own as well, so that it is not just a mismatch.
    (tmp_path / "chain.pem").write_bytes(issuer.sign(key, [*names, other]))
    (tmp_path / "key.pem").write_bytes(key)
    server = Server(tmp_path)
    subprocess.run(server.reload, check=True)
    for name in (names[0], other):
        with pytest.raises(
            OSError, match=r"permitted subtree violation|excluded subtree violation"
        ):
            served.trusted_fingerprint(server.port, name, ca.certificate.decode())
    server.close()


def test_a_certificate_satisfies_browsers_and_scanners(settings: Settings) -> None:
    renew(settings)
    leaf, issuer = in_place(settings).certificates
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc < dt.timedelta(days=91)
    assert leaf.public_key().curve.name == "secp256r1"
    constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    for link in (settings.folder / "key.pem").resolve(), settings.folder / "issuer-key.pem":
        assert link.stat().st_mode & 0o777 == 0o600


def test_an_issuing_certificate_is_renewed_when_it_does_not_fit(tmp_path: Path, ca: Ca) -> None:
    issuer = ca.issue(tmp_path, NAMES)
    assert ca.misfit(issuer, NAMES) == ""
    assert ca.misfit(issuer, [*NAMES, "www.plots.test"]) == "the names have changed"
    other = Ca(*authority.found("another"))
    assert other.misfit(issuer, NAMES) == "another authority signed it"
    issuer.renew_key()
    assert ca.misfit(issuer, NAMES) == "the key is another one"
    with pytest.raises(CertificateError, match="run the playbook"):
        issuer.sign(own.new_key(), NAMES)
    (tmp_path / "issuer.pem").unlink()
    assert ca.misfit(issuer, NAMES) == "it has none"


def test_nothing_is_renewed_without_a_reason(serving: Settings) -> None:
    before = in_place(serving)
    assert renew(serving) == []
    assert in_place(serving) == before
    assert checking.faults(serving) == []


def later(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """Let days pass for the one who decides."""

    class Later(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return dt.datetime.now(tz) + dt.timedelta(days=days)

    for module in (renewing, checking):
        monkeypatch.setattr(module, "dt", type("dt", (), {**vars(dt), "datetime": Later}))


def test_it_is_renewed_in_time(serving: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch, 59)
    assert renew(serving) == []
    later(monkeypatch, 61)
    before = in_place(serving)
    (done,) = renew(serving)
    assert done.startswith("renewed: the one before ends on ")
    assert in_place(serving).key != before.key
    assert shown(serving) == in_place(serving).fingerprint != before.fingerprint
    assert len(list((serving.folder / "pairs").iterdir())) == 1


def test_the_check_turns_red_before_the_end(
    serving: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch, 65)
    assert checking.faults(serving) == []
    later(monkeypatch, 70)
    (fault,) = checking.faults(serving)
    assert fault.startswith("the certificate of the site ends on ")


@pytest.mark.parametrize(
    ("options", "is_same"), [({"now": True}, True), ({"new_key": True}, False)]
)
def test_a_key_is_kept_as_set(serving: Settings, options: dict[str, bool], is_same: bool) -> None:
    keeping = replace(serving, keeps_key=True)
    before = in_place(keeping)
    assert renew(keeping, **options) == ["renewed: as was asked for"]
    assert (in_place(keeping).key == before.key) is is_same
    assert in_place(keeping).chain != before.chain


def test_another_name_makes_another_certificate(serving: Settings, ca: Ca) -> None:
    names = [*NAMES, "www.plots.test"]
    named = replace(serving, names=names)
    ca.issue(named.folder, names)
    assert len(renew(named)) == 1
    assert in_place(named).names == set(names)
    assert checking.faults(named) == []


def test_the_server_need_not_know_a_new_name_yet(settings: Settings, ca: Ca) -> None:
    """The domain is another one, and what tells the web server so comes later."""
    renew(settings)
    server = Server(settings.folder, only=NAMES)
    subprocess.run(server.reload, check=True)
    ca.issue(settings.folder, ["new.test"])
    renamed = replace(settings, names=["new.test"], port=server.port, reload=server.reload)
    assert len(renew(renamed)) == 1
    assert served.fingerprint(server.port, NAMES[0]) == in_place(renamed).fingerprint
    assert renew(renamed) == []
    server.close()


def test_another_name_is_a_reason_whoever_signs(settings: Settings) -> None:
    renew(settings)
    pair = in_place(settings)
    source = renewing.Source(pair.source, lambda _: pair)
    assert renewing.why(pair, source, NAMES) == ""
    assert renewing.why(pair, source, NAMES[:1]) == "the names have changed"
    assert renewing.why(pair, replace(source, name="acme"), NAMES) != ""


def test_a_dry_run_only_tells(serving: Settings) -> None:
    before = in_place(serving)
    assert renew(serving, new_key=True, dry_run=True) == ["renewed: as was asked for"]
    assert in_place(serving) == before


def test_plain_files_of_an_earlier_release_make_room(settings: Settings, tmp_path: Path) -> None:
    old = write_pair(tmp_path / "old", "plots.test")
    for name in ("chain", "key"):
        shutil.copy(old[f"site_certificate_{name}_file"], settings.folder)
    server = Server(settings.folder)
    subprocess.run(server.reload, check=True)
    before, upgraded = in_place(settings), replace(settings, port=server.port)
    with pytest.raises(CertificateError, match="is still served"):
        renew(replace(upgraded, reload=["false"]))
    assert in_place(settings) == before
    assert renew(replace(upgraded, reload=server.reload))
    assert in_place(settings).source.startswith("own ")
    server.close()


@pytest.mark.parametrize(
    ("reload", "sentence"),
    [(["false"], "false fails, so that"), (["true"], "does not serve it after true")],
)
def test_the_pair_of_before_comes_back_when_the_new_one_is_not_served(
    serving: Settings, monkeypatch: pytest.MonkeyPatch, reload: list[str], sentence: str
) -> None:
    monkeypatch.setattr(renewing, "_SERVED_WITHIN", 0.2)
    before = in_place(serving)
    with pytest.raises(CertificateError, match=sentence):
        renew(replace(serving, reload=reload), now=True)
    assert in_place(serving) == before
    assert checking.faults(serving) == []


def test_an_interrupted_renewal_is_finished(serving: Settings) -> None:
    key = own.new_key()
    issuer = Issuer(serving.folder)
    Place(serving.folder).put(Pair(key, issuer.sign(key, NAMES), issuer.source))
    (fault, *_) = checking.faults(serving)
    assert "serves another certificate for plots.test than the one in place" in fault
    assert renew(serving) == ["reloaded: another one was served"]
    assert checking.faults(serving) == []


def test_key_and_certificate_fit_at_every_moment(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever starts or reloads the server, be it after a crash of the host, finds a pair."""
    old = write_pair(tmp_path / "old", "plots.test")
    for name in ("chain", "key"):
        shutil.copy(old[f"site_certificate_{name}_file"], settings.folder / f"{name}.pem")
    moments = []

    def rename(file: Path, target: Path) -> None:
        os.rename(file, target)  # noqa: PTH104 - the method is what is replaced
        chain, key = settings.folder / "chain.pem", settings.folder / "key.pem"
        ssl.create_default_context().load_cert_chain(chain, key)
        moments.append(target.name)

    monkeypatch.setattr(Path, "rename", rename)
    renew(settings)
    assert moments.count("pair") == 2


def brought(settings: Settings, *names: str) -> Settings:
    folder = settings.folder / "provided"
    shutil.rmtree(folder, ignore_errors=True)
    write_pair(folder, *names)
    return replace(settings, kind="provided")


def test_a_provided_pair_stays_what_it_is(serving: Settings) -> None:
    provided = brought(serving, *NAMES)
    assert renew(provided) == ["renewed: it comes from elsewhere now"]
    assert renew(provided) == []
    assert checking.faults(provided) == []


def test_the_check_names_what_a_provided_pair_lacks(serving: Settings) -> None:
    provided = brought(serving, "192.0.2.1")
    renew(provided)
    assert [fault.partition(":")[0] for fault in checking.faults(provided)] == [
        f"port {serving.port} serves nothing good for plots.test"
    ]


def test_a_key_that_was_brought_along_is_not_kept(serving: Settings) -> None:
    renew(brought(serving, *NAMES))
    theirs = in_place(serving).key
    renew(replace(serving, keeps_key=True))
    assert in_place(serving).key != theirs


def test_a_key_of_another_certificate_is_not_put_in_place(serving: Settings) -> None:
    before = in_place(serving)
    with pytest.raises(CertificateError, match="do not match"):
        Place(serving.folder).put(replace(before, key=own.new_key(), source="another"))
    assert checking.faults(serving) == []


def test_the_site_has_a_certificate_before_its_authority_answers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = replace(settings, kind="acme")
    assert renew(asking, own_only=True) == ["renewed: there was no certificate"]
    (fault, *_) = checking.faults(asking)
    assert fault.startswith("https://ca.test/dir has issued no certificate yet")

    def refuse(*_: object) -> bytes:
        raise CertificateError("ca.test cannot be reached")

    monkeypatch.setitem(sys.modules, "certificate.asking", type("asking", (), {"ask": refuse}))
    with pytest.raises(CertificateError, match="cannot be reached"):
        renew(asking)
    assert in_place(asking).source.startswith("own ")


@pytest.mark.parametrize(
    ("names", "stays"),
    [(["plots.test", "www.plots.test"], True), (["new.test", "plots.test"], False)],
)
def test_what_an_authority_signed_stays_while_it_is_for_the_domain(
    settings: Settings, ca: Ca, names: list[str], stays: bool
) -> None:
    issuer, key = Issuer(settings.folder), own.new_key()
    asking = replace(settings, kind="acme", names=names)
    source = renewing.asked_name(asking)
    Place(settings.folder).put(Pair(key, issuer.sign(key, NAMES), source))
    ca.issue(settings.folder, names)
    renew(asking, own_only=True)
    assert (in_place(asking).source == source) is stays
