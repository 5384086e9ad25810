"""Bytes of a plot's page, the first time and again, beside the best that brotli can do."""

import json
import subprocess

from bench.live import PLOT
from bench.session import Session, Ticket
from bench.site import Site
from bench.web import Answer


def measure(site: Site) -> object:
    """Fetch the page, its files and its document, as a browser does, and compress the same."""
    page = site.page()
    paths = [f"/{PLOT}", *page.files]
    plain = [site.get(path, "identity") for path in paths]
    sent = [site.get(path, "br, gzip") for path in paths]
    session = Session(site.server, Ticket(page.path, page.token, site.headers))
    session.close()
    document = json.dumps(session.document, separators=(",", ":")).encode()
    again = _size(sent[0]) + session.received
    return {
        "cold": again + sum(_size(answer) for answer in sent[1:]),
        "best": sum(_brotli(answer.body) for answer in plain) + _brotli(document),
        "again": again,
    }


def _size(answer: Answer) -> int:
    """Bytes of an answer's headers and body."""
    return len(answer.headers.as_bytes()) + len(answer.body)


def _brotli(data: bytes) -> int:
    command = ["brotli", "--quality=11", "--lgwin=24", "--stdout"]
    return len(subprocess.run(command, input=data, capture_output=True, check=True).stdout)
