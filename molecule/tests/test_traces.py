"""What the other tests left behind: nothing that opens a door is in a log."""

import json
import secrets

import pytest

testinfra_hosts = ["ansible://app"]
pytestmark = pytest.mark.last

# Every log of the host, compressed ones and the journal too, as root reads them.
SEARCH = """
import gzip, json, pathlib, subprocess, sys
values = [value.encode() for value in json.load(sys.stdin)]
def logs():
    for path in pathlib.Path("/var/log").rglob("*"):
        if path.is_file() and "journal" not in path.parts:
            content = path.read_bytes()
            yield str(path), gzip.decompress(content) if path.suffix == ".gz" else content
    journal = ["journalctl", "--all", "--no-pager", "--output=export"]
    yield "the journal", subprocess.run(journal, check=True, capture_output=True).stdout
for name, content in logs():
    for number, value in enumerate(values):
        if value in content:
            print(number, name)
"""


def found(site, values: list[str]) -> set[tuple[int, str]]:
    """Numbers of the values that are in a log, and the log's name."""
    lines = site.python(SEARCH, "root", text=json.dumps(values)).splitlines()
    return {(int(number), name) for number, name in (line.split(" ", 1) for line in lines)}


def test_no_log_holds_a_secret_a_password_a_cookie_or_a_token(site, nobody, passwords):
    canary = f"canary-{secrets.token_hex(16)}"
    assert nobody.get(f"/{canary}").status == 303
    site.command("logger", canary)
    values = [canary, *sorted(value for value in site.sensitive if len(value) >= 16)]
    assert {*site.secrets.values(), *passwords.values()} <= set(values)
    in_logs = found(site, values)
    # The search finds what is there: a request's path, and a line of the journal.
    assert {(0, "/var/log/nginx/access.log"), (0, "the journal")} <= in_logs
    assert {(number, name) for number, name in in_logs if number} == set()
