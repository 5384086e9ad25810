"""Session ids: bound to one visit, signed so that Bokeh agrees, refused for every other reason."""

import json
import time
from dataclasses import replace

import pytest
from bokeh.util.token import check_token_signature, generate_jwt_token, generate_session_id

from app.session_ids import (
    InvalidTokenError,
    Visit,
    mint_token,
    read_token,
    token_of_protocols,
)

KEY = b"k" * 40
VISIT = Visit("sliders", "alice.a@example.com", "login", "one-0123456789ab-0", 2**31)


def test_carries_the_visit():
    session_id, visit = read_token(mint_token(VISIT, KEY), KEY)
    assert visit == VISIT == Visit.of_session(session_id)


def test_bokeh_accepts_it():
    assert check_token_signature(mint_token(VISIT, KEY), KEY, signed=True)


def test_no_two_are_alike():
    assert mint_token(VISIT, KEY) != mint_token(VISIT, KEY)


def with_session_id(session_id: str, expiration: int = 300) -> str:
    return generate_jwt_token(session_id, secret_key=KEY, signed=True, expiration=expiration)


def changed(token: str, at: int) -> str:
    return token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]


def forgeries() -> dict[str, str]:
    token = mint_token(VISIT, KEY)
    session_id, _ = read_token(token, KEY)
    return {
        "signed with another key": mint_token(VISIT, b"other" * 8),
        "changed in its body": changed(token, 30),
        "changed in its signature": changed(token, token.index(".") + 3),
        "unsigned": token.partition(".")[0],
        "an unsigned id in a signed token": with_session_id(session_id.partition(".")[0]),
        "a changed id in a signed token": with_session_id(changed(session_id, 10)),
        "an id by Bokeh's own tools": with_session_id(generate_session_id(KEY, signed=True)),
        "an expired visit": mint_token(replace(VISIT, expires=int(time.time())), KEY),
        "an expired token": with_session_id(session_id, expiration=-1),
        "empty": "",
        "not base64": "!.!",
        "not text": "\udcff.\xff",
        "json": json.dumps({"session_id": 1}),
        "long": "A" * 100_000,
    }


@pytest.mark.parametrize("how", forgeries())
def test_refuses(how: str):
    with pytest.raises(InvalidTokenError):
        read_token(forgeries()[how], KEY)


def test_takes_the_token_from_the_protocol_header():
    assert token_of_protocols("bokeh, abc.def") == token_of_protocols("bokeh,abc.def") == "abc.def"


@pytest.mark.parametrize("header", [None, "", "bokeh", "bokeh,", "abc", "other, abc"])
def test_refuses_a_protocol_header(header: str | None):
    with pytest.raises(InvalidTokenError):
        token_of_protocols(header)
