"""Searching for secrets wherever they could leak; no value is ever on a command line."""

import base64
import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote as shell_quote
from urllib.parse import quote, quote_plus

from provisioned import Site

SHORTEST = 12
"""Anything shorter is in files by chance."""

# What any user sees of processes, looked at again and again until standard input ends: each command
# line and each environment once.
WATCH = """
import json, pathlib, select, sys
seen, own = set(), pathlib.Path("/proc/self").resolve()
while True:
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        for what in ("cmdline", "environ"):
            try:
                content = (path / what).read_bytes() if path != own else b""
            except OSError:
                continue
            seen.add((what, content.decode(errors="replace")))
    if select.select([sys.stdin], [], [], 0.1)[0]:
        break
print(json.dumps(sorted(seen)))
"""

# Every log of a host, compressed ones and the journal too; the forms are on standard input.
SEARCH_LOGS = r"""
import gzip, os, pathlib, subprocess, sys
patterns = os.memfd_create("patterns")
os.write(patterns, sys.stdin.buffer.read())
grep = ["grep", "-aoF", f"--file=/dev/fd/{patterns}"]
def search(log, content):
    found = subprocess.run(grep, input=content, stdout=subprocess.PIPE, pass_fds=[patterns]).stdout
    for form in sorted(set(found.splitlines())):
        print(log, form.hex())
for path in sorted(pathlib.Path("/var/log").rglob("*")):
    if path.is_file() and "journal" not in path.parts:
        content = path.read_bytes()
        search(path, gzip.decompress(content) if path.suffix == ".gz" else content)
journal = ["journalctl", "--all", "--no-pager", "--output=export"]
search("the journal", subprocess.run(journal, check=True, capture_output=True).stdout)
"""


def forms(value: str) -> set[str]:
    """How a value may be written: as it is, quoted for URLs, shell or JSON, in base64 anywhere."""
    found = {value, quote(value, safe=""), quote_plus(value), shell_quote(value).strip("'")}
    found |= {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    for offset in range(3):
        padded = bytes(offset) + value.encode()
        # What the bytes around it would change is left out.
        first, last = -(-offset * 8 // 6), len(padded) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(padded).decode()[first:last])
    return {form for form in found if len(form) >= SHORTEST}


class Secrets:
    """Secrets to search for.

    Args:
        values: Each secret, by what it is called in a report.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._names = {
            form.encode(): name
            for name, value in values.items()
            if len(value) >= SHORTEST
            for form in forms(value)
        }
        self._pattern = re.compile(b"|".join(map(re.escape, self._names)))

    @property
    def lines(self) -> str:
        """Every form, a line each."""
        return b"\n".join(self._names).decode()

    def found_in(self, content: bytes) -> set[str]:
        """Names of the secrets that are in something."""
        return {self._names[match] for match in self._pattern.findall(content)}

    def name_of(self, form: bytes) -> str:
        """Name of the secret that is written like this."""
        return self._names[form]


def in_text(secrets: Secrets, text: str) -> set[str]:
    """Secrets in what a program said."""
    return secrets.found_in(text.encode())


def in_git(secrets: Secrets, repository: Path) -> set[str]:
    """Secrets in any object of a git repository, reachable or not."""
    objects = ["git", "-C", str(repository), "cat-file", "--batch-all-objects", "--batch"]
    # One pass, however many there are; Python's own expressions would try one after the other.
    patterns = os.memfd_create("patterns")
    os.write(patterns, secrets.lines.encode())
    grep = ["grep", "--text", "--only-matching", "--fixed-strings", f"--file=/dev/fd/{patterns}"]
    try:
        with subprocess.Popen(objects, stdout=subprocess.PIPE) as git:
            found = subprocess.run(
                grep, check=False, stdin=git.stdout, capture_output=True, pass_fds=[patterns]
            )
    finally:
        os.close(patterns)
    assert (git.returncode, found.stderr) == (0, b"")
    return {secrets.name_of(form) for form in found.stdout.splitlines()}


def in_folders(secrets: Secrets, folders: Iterable[Path], known: Iterable[Path] = ()) -> set[str]:
    """Files of this machine that hold a secret, but for those that are known to."""
    there = [str(folder) for folder in folders if folder.exists()]
    done = subprocess.run(
        _grep(there), check=False, input=secrets.lines, capture_output=True, text=True
    )
    assert done.returncode in (0, 1, 2), done.stderr
    return set(done.stdout.split("\0")) - {""} - {str(path.resolve()) for path in known}


def in_readable_files(secrets: Secrets, site: Site, user: str) -> set[str]:
    """Files of a host that hold a secret, and that a user can read."""
    folders = site.command("find", "/", "-mindepth", "1", "-maxdepth", "1").stdout.split()
    there = [folder for folder in folders if folder not in ("/proc", "/sys", "/dev")]
    done = site.attempt(*_grep(there), user=user, text=secrets.lines)
    assert done.returncode in (0, 1, 2), done.stderr
    return set(done.stdout.split("\0")) - {""}


def in_logs(secrets: Secrets, site: Site) -> set[tuple[str, str]]:
    """Secrets in the logs of a host, each with the log."""
    found = site.python(SEARCH_LOGS, "root", text=secrets.lines).splitlines()
    pairs = (line.rsplit(" ", 1) for line in found)
    return {(secrets.name_of(bytes.fromhex(form)), log) for log, form in pairs}


@dataclass
class Watched:
    """What any user could see of processes.

    Attributes:
        seen: Command lines and environments, each behind where it was.
    """

    seen: set[tuple[str, str]] = field(default_factory=set, repr=False)


def in_processes(secrets: Secrets, watched: Watched) -> set[tuple[str, str]]:
    """Secrets that any user could see of processes, each with where."""
    return {(name, what) for what, text in watched.seen for name in secrets.found_in(text.encode())}


@contextmanager
def watch(site: Site, user: str = "nobody") -> Iterator[Watched]:
    """Look at the processes of a host as a user, and at the command lines of this machine.

    Args:
        site: The host.
        user: Who looks there.

    Yields:
        What was seen, once the context is over.
    """
    watched = Watched()
    with (
        _watching(["python3", "-c", WATCH], {"cmdline": "a command line here"}, watched),
        _watching(
            site.ssh("python3", "-c", WATCH, user=user),
            {"cmdline": "a command line of the host", "environ": "an environment of the host"},
            watched,
        ),
    ):
        yield watched


@contextmanager
def _watching(command: list[str], places: Mapping[str, str], watched: Watched) -> Iterator[None]:
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield
        told, _ = process.communicate("over\n")
    assert process.returncode == 0
    watched.seen |= {(places[what], text) for what, text in json.loads(told) if what in places}


def _grep(folders: list[str]) -> list[str]:
    options = ["--recursive", "--files-with-matches", "--null", "--no-messages", "--devices=skip"]
    return ["grep", *options, "--fixed-strings", "--file=-", "--", *folders]
