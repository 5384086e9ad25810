"""Settings, read from the environment and from nowhere else.

All that is missing or wrong is named in one error. No secret has a fallback.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app import timed_keys
from app.oidc import settings as oidc
from app.oidc.settings import Provider
from app.parsing import is_private, json_object
from app.timed_keys import KEY_LENGTH, TimedKeys

PLOT_BUILD_SECONDS = 20.0
RELEASE = re.compile(r"[0-9a-f]{12}")
SLOT = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*-[0-9a-f]{12}-[0-9]+")


class ConfigError(RuntimeError):
    """A setting is missing or wrong; the text names each one and what to set."""


@dataclass(frozen=True)
class SlotConfig:
    """What a Bokeh slot knows: it gets neither Flask's key nor the database.

    Attributes:
        bokeh_secret_key: Signs and verifies session ids.
        origins: The exact origins of pages that may open a websocket.
        release: The release that this process serves, 12 hexadecimal digits.
        plot_settings: Setting names and values by plot name.
        plot_build_seconds: How long a plot may take to build a document.
        message_max_mb: The largest message of a viewer, in MB of 1024 * 1024 bytes.
    """

    bokeh_secret_key: bytes
    origins: tuple[str, ...]
    release: str
    plot_settings: dict[str, dict[str, Any]]
    plot_build_seconds: float
    message_max_mb: int

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "SlotConfig":
        """Read the ``SITE_*`` variables.

        Raises:
            ConfigError: Naming every variable that is missing or wrong.
        """
        return cls(**read_variables(environ, _SLOT_VARIABLES))


@dataclass(frozen=True)
class Config(SlotConfig):
    """What the Flask site and its command line know.

    Attributes:
        secret_key: Signs Flask's session cookies.
        secret_key_fallbacks: Keys before it, whose cookies and forms are still good.
        bokeh_secret_key_fallbacks: Keys that the slots of other deployments may know.
        database_url: SQLAlchemy URL of the users and logins.
        slots: Names of the slots that may take new sessions, with the spares that may not run.
        slot_count: How many slots are wanted.
        run_dir: Directory of the slots' unix sockets.
        login_hours: Life of a login, in hours.
        audit_days: How long entries of the audit log are kept, in days.
        sessions_per_user: How many plots one user may have open.
        plot_groups: The groups that may open a plot, by plot, where its own file does not say.
        oidc: The OpenID Connect provider through which people may sign in, if there is one.
    """

    secret_key: str
    database_url: str
    slots: tuple[str, ...]
    slot_count: int
    run_dir: Path
    login_hours: float
    audit_days: int
    sessions_per_user: int
    plot_groups: dict[str, frozenset[str]]
    secret_key_fallbacks: TimedKeys = dataclasses.field(default_factory=TimedKeys)
    bokeh_secret_key_fallbacks: TimedKeys = dataclasses.field(default_factory=TimedKeys)
    oidc: Provider | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Config":
        """Read the ``SITE_*`` variables; raises as `SlotConfig.from_environment` does."""
        wanted = oidc.VARIABLES if oidc.is_wanted(environ) else {}
        values = read_variables(environ, {**_SLOT_VARIABLES, **_SITE_VARIABLES, **wanted})
        provider = {field: values.pop(field) for field in wanted}
        return cls(**values, oidc=Provider(**provider) if provider else None)

    @property
    def login_seconds(self) -> int:
        """Life of a login, in seconds."""
        return int(self.login_hours * 3600)

    @property
    def served_over_tls(self) -> bool:
        """False only where every page is on this very machine (``make dev``)."""
        return all(origin.startswith("https:") for origin in self.origins)


def _key(text: str) -> str:
    if len(text) < KEY_LENGTH:
        raise ValueError(f"a random key of at least {KEY_LENGTH} characters")
    return text


def matching(pattern: str | re.Pattern[str], what: str) -> Callable[[str], str]:
    """Make a parser of texts that match a pattern as a whole; ``what`` names what else to set."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{what}, not {text!r}")
        return text

    return parse


def _listed(parse_one: Callable[[str], str]) -> Callable[[str], tuple[str, ...]]:
    return lambda text: tuple(parse_one(item.strip()) for item in text.split(","))


def _origin(text: str) -> str:
    url = urlsplit(text)
    if not is_private(url) or not url.hostname or text != f"{url.scheme}://{url.netloc}":
        raise ValueError(f"browser origins such as https://plots.example.com, not {text!r}")
    return text


def full_path(text: str) -> Path:
    """Parse a path that starts at the root.

    Raises:
        ValueError: Naming what to set, if it is none.
    """
    return Path(matching("/.*", "a full path")(text))


def a_number(text: str) -> int:
    """Parse a whole number of at least 1.

    Raises:
        ValueError: Naming what to set, if it is none.
    """
    return int(matching("[1-9][0-9]{0,8}", "a whole number greater than 0")(text))


def _time(unit: str) -> Callable[[str], float]:
    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]+)?", text) or float(text) <= 0:
            raise ValueError(f"a number of {unit} greater than 0, not {text!r}")
        return float(text)

    return parse


def _plot_settings(text: str) -> dict[str, dict[str, Any]]:
    return json_object(text, dict, 'a JSON object such as {"bars": {"maximum_days": 60}}')


def _plot_groups(text: str) -> dict[str, frozenset[str]]:
    wanted = 'a JSON object such as {"bars": {"groups": ["finance"]}}'
    found = {}
    for plot, given in json_object(text, dict, wanted).items():
        groups = given.get("groups")
        if set(given) != {"groups"} or not isinstance(groups, list):
            raise ValueError(wanted)
        found[plot] = frozenset(map(str, groups))
    return found


# Field: the variable's name, its parser, and its text where it is not set.
Variables = dict[str, tuple[str, Callable[[str], Any], str]]

_SLOT_VARIABLES: Variables = {
    "bokeh_secret_key": ("SITE_BOKEH_SECRET_KEY", lambda text: _key(text).encode(), ""),
    "origins": ("SITE_ORIGINS", _listed(_origin), ""),
    "release": ("SITE_RELEASE", matching(RELEASE, "12 hexadecimal digits"), ""),
    "plot_settings": ("SITE_PLOT_SETTINGS", _plot_settings, "{}"),
    "plot_build_seconds": (
        "SITE_PLOT_BUILD_SECONDS",
        _time("seconds"),
        f"{PLOT_BUILD_SECONDS:g}",
    ),
    "message_max_mb": ("SITE_MESSAGE_MAX_MB", a_number, "2"),
}
_SITE_VARIABLES: Variables = {
    "secret_key": ("SITE_SECRET_KEY", _key, ""),
    "secret_key_fallbacks": ("SITE_SECRET_KEY_FALLBACKS", timed_keys.parse, "{}"),
    "bokeh_secret_key_fallbacks": ("SITE_BOKEH_SECRET_KEY_FALLBACKS", timed_keys.parse, "{}"),
    "database_url": ("SITE_DATABASE_URL", matching(r"\w.*://.*", "a database URL"), ""),
    "slots": ("SITE_SLOTS", _listed(matching(SLOT, "slot names")), ""),
    "slot_count": ("SITE_SLOT_COUNT", a_number, ""),
    "run_dir": ("SITE_RUN_DIR", full_path, ""),
    "login_hours": ("SITE_LOGIN_HOURS", _time("hours"), "12"),
    "audit_days": ("SITE_AUDIT_DAYS", a_number, "400"),
    "sessions_per_user": ("SITE_SESSIONS_PER_USER", a_number, "100"),
    "plot_groups": ("SITE_PLOTS", _plot_groups, "{}"),
}


def read_variables(environ: Mapping[str, str], variables: Variables) -> dict[str, Any]:
    """Parse variables of the environment.

    Args:
        environ: The environment.
        variables: Each field's variable, parser, and text where it is not set.

    Returns:
        The values by field.

    Raises:
        ConfigError: Naming every variable that is missing or wrong.
    """
    values, problems = {}, []
    for field, (name, parse, default) in variables.items():
        try:
            values[field] = parse(environ.get(name) or default)
        except ValueError as problem:
            problems.append(f"set {name} to {problem}")
    if problems:
        raise ConfigError("; ".join(problems))
    return values
