"""Settings: all that is wrong is told at once, and nothing has a secret fallback."""

import pytest

from app.config import Config, ConfigError, SlotConfig

GOOD = {
    "SITE_SECRET_KEY": "f" * 40,
    "SITE_BOKEH_SECRET_KEY": "b" * 40,
    "SITE_DATABASE_URL": "sqlite:////var/lib/site.db",
    "SITE_ORIGINS": "https://a.example,https://b.example:8443",
    "SITE_RELEASE": "0123456789ab",
    "SITE_SLOTS": "one-0123456789ab-0,one-0123456789ab-1",
    "SITE_SLOT_COUNT": "1",
    "SITE_RUN_DIR": "/run/site",
}

PROVIDER = {
    "SITE_OIDC_ISSUER": "https://login.example/realms/a",
    "SITE_OIDC_CLIENT_ID": "site",
    "SITE_OIDC_CLIENT_SECRET": "hunter2",
}


def test_reads_the_environment():
    config = Config.from_environment(GOOD)
    assert config.origins == ("https://a.example", "https://b.example:8443")
    assert config.slots == ("one-0123456789ab-0", "one-0123456789ab-1")
    assert config.slot_count == 1
    assert config.login_seconds == 12 * 3600
    assert config.served_over_tls


def test_names_every_missing_variable():
    with pytest.raises(ConfigError) as error:
        Config.from_environment({})
    assert all(name in str(error.value) for name in GOOD)


def test_a_slot_needs_neither_the_flask_key_nor_the_database():
    needed = {name: GOOD[name] for name in ("SITE_BOKEH_SECRET_KEY", "SITE_ORIGINS")}
    assert SlotConfig.from_environment({**needed, "SITE_RELEASE": "0123456789ab"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SITE_SECRET_KEY", "short"),
        ("SITE_BOKEH_SECRET_KEY", "short"),
        ("SITE_SECRET_KEY_FALLBACKS", "f" * 40),
        ("SITE_SECRET_KEY_FALLBACKS", '{"short": "2026-12-31T12:00:00+00:00"}'),
        ("SITE_SECRET_KEY_FALLBACKS", '{"' + "f" * 40 + '": "2026-12-31T12:00:00"}'),
        ("SITE_BOKEH_SECRET_KEY_FALLBACKS", '{"' + "f" * 40 + '": "tomorrow"}'),
        ("SITE_DATABASE_URL", "site.db"),
        ("SITE_ORIGINS", "http://a.example"),
        ("SITE_ORIGINS", "https://a.example/"),
        ("SITE_ORIGINS", "https://a.example,*"),
        ("SITE_RELEASE", "main"),
        ("SITE_SLOTS", "one"),
        ("SITE_SLOT_COUNT", "0"),
        ("SITE_SLOT_COUNT", "1.5"),
        ("SITE_RUN_DIR", "run"),
        ("SITE_LOGIN_HOURS", "0"),
        ("SITE_LOGIN_HOURS", "nan"),
        ("SITE_PLOT_SETTINGS", "{"),
        ("SITE_PLOT_SETTINGS", '{"bars": 3}'),
    ],
)
def test_names_a_wrong_variable_and_no_other(name: str, value: str):
    with pytest.raises(ConfigError, match=f"set {name} to") as error:
        Config.from_environment({**GOOD, name: value})
    assert ";" not in str(error.value)


def test_has_a_provider_only_where_one_is_named():
    assert Config.from_environment(GOOD).oidc is None
    provider = Config.from_environment({**GOOD, **PROVIDER}).oidc
    assert provider.issuer == "https://login.example/realms/a"
    assert (provider.name_claim, provider.groups_claim) == ("preferred_username", "groups")
    assert provider.groups == {}


@pytest.mark.parametrize("given", PROVIDER)
def test_a_provider_needs_all_of_its_settings(given: str):
    with pytest.raises(ConfigError) as error:
        Config.from_environment({**GOOD, given: PROVIDER[given]})
    assert [name for name in PROVIDER if f"set {name} to" in str(error.value)] == [
        name for name in PROVIDER if name != given
    ]
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SITE_OIDC_ISSUER", "login.example"),
        ("SITE_OIDC_ISSUER", "http://login.example"),
        ("SITE_OIDC_ISSUER", "https://me:secret@login.example"),
        ("SITE_OIDC_ISSUER", "https://login.example?realm=a"),
        ("SITE_OIDC_NAME", "a\nb"),
        ("SITE_OIDC_GROUPS", "{"),
        ("SITE_OIDC_GROUPS", '["staff"]'),
        ("SITE_OIDC_GROUPS", '{"staff": ["finance"]}'),
    ],
)
def test_names_a_wrong_setting_of_the_provider_and_no_other(name: str, value: str):
    with pytest.raises(ConfigError, match=f"set {name} to") as error:
        Config.from_environment({**GOOD, **PROVIDER, name: value})
    assert ";" not in str(error.value)


def test_never_repeats_a_secret():
    with pytest.raises(ConfigError) as error:
        Config.from_environment({**GOOD, "SITE_SECRET_KEY": "hunter2"})
    assert "hunter2" not in str(error.value)
