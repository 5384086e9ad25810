"""The last lines of a deployment's logs, for the one who has to find out why it does not work."""

from collections.abc import Iterable

from app.deployments.host import Host
from app.deployments.records import records
from app.timed_keys import parse

_LINES = 20
# Shorter values are no secrets, and would black out half the log.
_SECRET_LENGTH = 20


def last_words(host: Host) -> str:
    """The last lines of each log of this deployment, without any of its secrets."""
    secrets = [
        secret
        for record in records(host)
        for name, value in record.settings.items()
        for secret in _secrets_of(name, value)
        if len(secret) >= _SECRET_LENGTH
    ]
    told = []
    for path in sorted(host.log_dir.glob(f"*-{host.deployment}*.log")):
        lines = path.read_text(errors="replace").splitlines()[-_LINES:]
        if lines:
            told.append("\n".join([f"The last lines of {path}:", *lines]))
    text = "\n".join(told) or "Its programs have logged nothing."
    for secret in secrets:
        text = text.replace(secret, "(secret)")
    return text


def _secrets_of(name: str, value: str) -> Iterable[str]:
    """The secrets in a setting."""
    if name.endswith("_FALLBACKS"):
        return parse(value).until
    return [value] if name.endswith(("_KEY", "_SECRET")) else []
