"""The parsers of what comes from outside: any input is read, or refused in a sentence."""

import base64
import hashlib
import hmac
import json
import time
from contextlib import suppress
from datetime import datetime, timezone

import pytest
from flask import Flask
from fuzzing import examples, header_values, texts
from hypothesis import given
from hypothesis import strategies as st

from app.auth import local_target
from app.config import Config, ConfigError
from app.db import session
from app.oidc.settings import VARIABLES
from app.parsing import json_object
from app.people import audit, audit_log
from app.people.audit import Event
from app.people.audit_log import Filter, FilterError
from app.session_ids import InvalidTokenError, Visit, mint_token, read_token, token_of_protocols

KEY = b"k" * 40
FAR = 2**31
SETTINGS = {
    "SITE_SECRET_KEY": "f" * 40,
    "SITE_BOKEH_SECRET_KEY": "b" * 40,
    "SITE_DATABASE_URL": "sqlite:////data/site.db",
    "SITE_ORIGINS": "https://plots.test",
    "SITE_SLOTS": "unit-0123456789ab-0",
    "SITE_SLOT_COUNT": "1",
    "SITE_RUN_DIR": "/run/site",
    "SITE_RELEASE": "0123456789ab",
    "SITE_LOGIN_HOURS": "12",
    "SITE_AUDIT_DAYS": "400",
    "SITE_PLOTS": "{}",
    "SITE_PLOT_SETTINGS": "{}",
    "SITE_PLOT_BUILD_SECONDS": "20",
    **{name: "" for name, _, _ in VARIABLES.values()},
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
json_texts = json_values.map(json.dumps)
visits = st.builds(Visit, texts, texts, texts, texts, st.integers(int(time.time()) + 600, FAR))


@examples(100)
@given(visit=visits, arguments=st.dictionaries(texts, st.lists(texts, max_size=3), max_size=3))
def test_every_visit_comes_back_out_of_its_token(visit, arguments):
    session_id, found = read_token(mint_token(visit, KEY, arguments), KEY)
    assert found == visit == Visit.of_session(session_id)


@examples(200)
@given(visit=visits, data=st.data())
def test_no_changed_token_is_read(visit, data):
    token = mint_token(visit, KEY)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters().filter(lambda character: character != token[at]))
    cut = data.draw(st.integers(0, len(token) - 1))
    for changed in (token[:at] + other + token[at + 1 :], token[:cut], token + other):
        with pytest.raises(InvalidTokenError):
            read_token(changed, KEY)


@examples(200)
@given(token=texts | st.text(alphabet="AQgw.-_=", max_size=200))
def test_no_text_is_a_token(token):
    with pytest.raises(InvalidTokenError):
        read_token(token, KEY)


@examples(200)
@given(payload=json_values, base=json_values)
def test_a_signature_makes_nothing_else_a_token(payload, base):
    """Whoever has the key and signs something odd is told no, and causes no error."""
    inside = signed(json.dumps(base))
    for told in (payload, {"session_id": payload}, {"session_id": inside, "session_expiry": FAR}):
        with pytest.raises(InvalidTokenError):
            read_token(signed(json.dumps(told)), KEY)


def signed(text: str) -> str:
    """A text, signed as Bokeh signs."""
    encoded = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    signature = hmac.new(KEY, encoded.encode(), hashlib.sha256).digest()
    return f"{encoded}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


@examples(100)
@given(header=st.none() | header_values)
def test_a_protocol_header_holds_a_token_or_is_refused(header):
    with suppress(InvalidTokenError):
        assert token_of_protocols(header)


@examples(300)
@given(changes=st.dictionaries(st.sampled_from(sorted(SETTINGS)), texts | json_texts, max_size=4))
def test_settings_are_read_or_refused_by_name(changes):
    try:
        config = Config.from_environment(SETTINGS | changes)
    except ConfigError as error:
        named = [name for name in SETTINGS if f"set {name} to " in str(error)]
        assert named
        assert set(named) <= set(changes) | {name for name, _, _ in VARIABLES.values()}
    else:
        assert config.login_seconds >= 0
        assert all(origin.startswith(("https://", "http://")) for origin in config.origins)


@examples(200)
@given(text=texts | json_texts)
def test_a_json_object_is_one_or_refused_with_what_to_set(text):
    try:
        found = json_object(text, dict, "what to set")
    except ValueError as error:
        refusal = str(error)
    else:
        assert all(isinstance(value, dict) for value in found.values())
        return
    assert "what to set" in refusal


days = st.dates().map(str)
moments = st.datetimes(timezones=st.none() | st.timezones()).map(datetime.isoformat)


@examples(300)
@given(
    filters=st.dictionaries(
        st.sampled_from(["user", "plot", "event", "since", "until"]),
        st.none() | texts | days | moments | st.sampled_from([event.value for event in Event]),
    )
)
def test_a_filter_of_the_audit_log_can_be_asked_or_is_refused_in_a_sentence(site, filters):
    with site.app_context():
        try:
            wanted = Filter.of(filters)
        except FilterError as error:
            refusal = str(error)
        else:
            audit_log.entries(wanted, before=1)
            list(audit_log.export(wanted))
            return
    assert any(sentence in refusal for sentence in ("there is no event", "is a day such as"))


@examples(100)
@given(user=texts, detail=st.none() | texts, event=st.sampled_from(list(Event)))
def test_what_is_written_down_can_be_handed_out(site: Flask, user, detail, event):
    with site.app_context():
        audit.record(event, user=user, detail=detail)
        session().commit()
        (*_, last) = audit_log.export()
        told = json.loads(json.dumps(audit_log.as_record(last)))
        assert (told["event"], told["user"]) == (event.value, user)
        assert datetime.fromisoformat(told["time"]).tzinfo == timezone.utc


@examples(300)
@given(target=texts | texts.map(lambda text: f"/{text}"))
def test_nobody_is_led_to_another_site(site: Flask, target):
    with site.test_request_context("/login", query_string={"next": target}):
        found = local_target()
    assert found.startswith("/")
    assert not found.startswith("//")
    assert found.isprintable()
    assert "\\" not in found
