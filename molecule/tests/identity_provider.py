"""An OpenID Connect provider in a process of its own, as the tests see it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

CLIENT = "bokeh-site"
SECRET = "what-the-provider-knows-the-site-by"
DISCOVERY, TOKEN = "/.well-known/openid-configuration", "/oauth2/token"


@dataclass
class IdentityProvider:
    """A provider that runs.

    Attributes:
        issuer: Its name and address.
        process: Its process.
        verify: What its certificate is checked with, if it has one.
    """

    issuer: str
    process: subprocess.Popen[str]
    verify: str | bool = True

    def fault(self, **fault: Any) -> None:
        """Answer wrongly from now on.

        Args:
            **fault: ``claims`` of ID tokens to change, their ``alg``, whether to sign them with
                an ``other_key``, and by path: ``delay``, ``text``, ``status`` and ``changes``.
        """
        answer = requests.post(f"{self.issuer}/-/fault", json=fault, verify=self.verify, timeout=10)
        assert answer.status_code == 204, answer.text

    def answer(self, url: str, **form: str) -> str:
        """Fill in the page that the site sent the browser to; return where it leads."""
        answer = requests.post(
            url, data=form, allow_redirects=False, verify=self.verify, timeout=10
        )
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def stop(self) -> None:
        """Be gone."""
        self.process.kill()
        self.process.wait()


@contextmanager
def identity_provider(
    users: dict[str, dict[str, Any]],
    host: str = "127.0.0.1",
    port: int = 0,
    certificate: tuple[str, str] | None = None,
) -> Iterator[IdentityProvider]:
    """Run a provider.

    Args:
        users: The claims of each user, by subject.
        host: Where it listens.
        port: On which port; any that is free if 0.
        certificate: Its certificate and key, for TLS.
    """
    server = Path(__file__).with_name("identity_provider_server.py")
    command = [sys.executable, "-W", "ignore", server, f"--host={host}", f"--port={port}"]
    command.append(f"--users={json.dumps(users)}")
    if certificate:
        command += ["--certificate", *certificate]
    with subprocess.Popen(
        command,
        env={**os.environ, "CLIENT_SECRET": SECRET},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout
            found = process.stdout.readline().strip()
            assert found, "the provider did not start"
            scheme, verify = ("https", certificate[0]) if certificate else ("http", True)
            yield IdentityProvider(f"{scheme}://{host}:{found}", process, verify)
        finally:
            process.kill()
