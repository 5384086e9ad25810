"""The site's certificate on this host: have the next one, and look at what is served."""

import argparse
import fcntl
import json
import os
import sys
from pathlib import Path
from typing import TextIO

from certificate.checking import faults
from certificate.own import Issuer
from certificate.pair import Place, ends
from certificate.renewing import renew
from certificate.settings import CertificateError, Settings

_CONFIG = Path("/etc/site-certificate.json")


def main() -> int:
    """Do what the arguments say, and return the exit code."""
    arguments = _parser().parse_args()
    # Directories are for everybody to look into, whoever runs this: files say whom they are for.
    os.umask(0o022)
    settings = Settings.read(arguments.config)
    if arguments.command == "check":
        return _say(sys.stderr, faults(settings))
    # One at a time: the timer's run, the playbook's and an operator's.
    with open(settings.folder / "lock", "w", opener=_for_root_only) as lock:
        os.fchmod(lock.fileno(), 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if arguments.command == "request":
            return _request(settings, arguments)
        try:
            done = renew(
                settings,
                now=arguments.now,
                new_key=arguments.new_key,
                own_only=arguments.own_only,
                dry_run=arguments.dry_run,
            )
        except CertificateError as error:
            return _say(sys.stderr, [_failure(settings, error)])
        _say(sys.stdout, done)
        return 0


def _for_root_only(path: str, flags: int) -> int:
    # Who may read a file may hold its lock.
    return os.open(path, flags, 0o600)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="site-certificate", description=__doc__)
    parser.add_argument("--config", type=Path, default=_CONFIG, help="what the role has written")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="say what is wrong with what is served, and exit with 1")
    renewing = commands.add_parser("renew", help="renew the certificate if it is due")
    renewing.add_argument("--now", action="store_true", help="although it is not due")
    renewing.add_argument("--own-only", action="store_true", help="ask no authority")
    requesting = commands.add_parser(
        "request", help="tell what the site's own authority has to sign"
    )
    for command in (renewing, requesting):
        command.add_argument("--new-key", action="store_true", help="with another key")
        command.add_argument("--dry-run", action="store_true", help="change nothing")
    return parser


def _request(settings: Settings, arguments: argparse.Namespace) -> int:
    issuer = Issuer(settings.folder)
    makes_key = arguments.new_key or not issuer.has_key
    if makes_key and not arguments.dry_run:
        issuer.renew_key()
    told = {
        "new": makes_key,
        "public_key": issuer.public_key.decode() if issuer.has_key else "",
        "certificate": issuer.certificate.decode(),
    }
    return _say(sys.stdout, [json.dumps(told)]) and 0


def _failure(settings: Settings, error: CertificateError) -> str:
    said = f"The certificate is not renewed: {error}."
    pair = Place(settings.folder).pair
    if pair:
        said += f" The site goes on with the one before, which ends on {ends(pair.leaf):%Y-%m-%d}."
    return f"{said} It is tried again by itself, and by: site-certificate renew"


def _say(stream: TextIO, sentences: list[str]) -> int:
    stream.writelines(f"{sentence}\n" for sentence in sentences)
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
