"""The controls that a synthetic viewer moves, and what a moved one has to do."""

import asyncio
import json
from typing import Any

import pytest
from bokeh.core.json_encoder import serialize_json
from bokeh.document import Document
from bokeh.models import Button, Column, CustomJS, Div, Select, Slider
from support import RunningSlot
from websockets.asyncio.client import unix_connect

from app.controls import Control, controls, is_driven_otherwise
from app.probe import ProbeError, Session
from app.session_ids import Visit, mint_token


def told(*models: Any) -> Any:
    """A document with these models, as a slot tells it."""
    document = Document()
    document.add_root(Column(children=list(models)))
    return json.loads(serialize_json(document.to_json()))


def values(*models: Any) -> list[Any]:
    return [control.value for control in controls(told(*models))]


def test_a_slider_goes_one_step_further_or_back_from_its_end():
    assert values(Slider(start=0, end=2, value=1, step=0.5)) == [1.5]
    assert values(Slider(start=0, end=2, value=2, step=0.5)) == [1.5]
    assert values(Slider(start=0, end=9, value=3, step=1)) == [4]


def test_a_selection_takes_another_option_if_there_is_one():
    assert values(Select(options=["a", "b"], value="a")) == ["b"]
    assert values(Select(options=[("a", "A"), ("b", "B")], value="b")) == ["a"]
    assert values(Select(options=["a"], value="a")) == []


def test_what_is_no_control_is_left_alone():
    assert values(Div(text="x"), Button(label="x")) == []


def test_a_slider_is_let_go_too():
    (control,) = controls(told(Slider(title="Size", start=0, end=2, value=1)))
    assert control.attributes == ("value", "value_throttled")
    assert control.label == "Slider 'Size'"


def test_controls_may_have_no_effect_of_their_own_where_the_browser_or_a_button_acts():
    in_browser = Slider(start=0, end=1, value=0)
    in_browser.js_on_change("value", CustomJS(code=""))
    assert is_driven_otherwise(told(in_browser))
    assert is_driven_otherwise(told(Slider(start=0, end=1, value=0), Button()))
    assert not is_driven_otherwise(told(Slider(start=0, end=1, value=0)))


def use(slot: RunningSlot, key: bytes, control: Control | None) -> bool:
    """Move a control of the sliders, by default the first."""

    async def scenario() -> bool:
        visit = Visit("sliders", "alice", "login", slot.slot.name, 2**40)
        async with unix_connect(
            str(slot.slot.socket),
            uri=f"ws://localhost/bokeh_plots/{slot.slot.name}/sliders/ws",
            subprotocols=["bokeh", mint_token(visit, key)],
            additional_headers={"X-Site-Viewer": "alice"},
        ) as websocket:
            session = Session(websocket)
            document = await session.document("sliders")
            return await session.move(control or next(controls(document)))

    return asyncio.run(scenario())


def test_moving_a_control_shows_new_data(slot: RunningSlot, config):
    assert use(slot, config.bokeh_secret_key, None) is True


def test_what_the_slot_cannot_do_is_told(slot: RunningSlot, config):
    with pytest.raises(ProbeError):
        use(slot, config.bokeh_secret_key, Control("p0", "none", ("value",), 1))
