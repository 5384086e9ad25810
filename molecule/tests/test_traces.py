"""What the other tests left behind: nothing that opens a door is in a log."""

import secrets

import pytest
from leaks import Secrets, in_logs

testinfra_hosts = ["ansible://app"]
pytestmark = pytest.mark.last


def test_no_log_holds_a_secret_a_password_a_cookie_or_a_token(site, nobody, passwords):
    canary = f"canary-{secrets.token_hex(16)}"
    assert nobody.get(f"/{canary}").status == 303
    site.command("logger", canary)
    values = {value for value in site.sensitive if len(value) >= 16}
    assert {*site.secrets.values(), *passwords.values()} <= values
    wanted = Secrets({"canary": canary, **{f"secret {n}": v for n, v in enumerate(values)}})
    # The search finds what is there: a request's path, and a line of the journal.
    canaries = {("canary", "/var/log/nginx/access.log"), ("canary", "the journal")}
    found = in_logs(wanted, site)
    assert canaries <= found
    assert {(name, log) for name, log in found if name != "canary"} == set()
