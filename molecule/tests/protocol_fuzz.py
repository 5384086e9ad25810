"""What a malicious viewer may say over a plot's websocket, in place of Bokeh's messages."""

import json
from typing import Any

from fuzzing import texts
from hypothesis import strategies as st

KINDS = (
    *("ModelChanged", "MessageSent", "ColumnDataChanged", "ColumnsStreamed", "ColumnsPatched"),
    *("TitleChanged", "RootAdded", "RootRemoved", "Nonsense"),
)
TYPES = (
    *("PATCH-DOC", "PULL-DOC-REQ", "PUSH-DOC", "SERVER-INFO-REQ", "ACK", "OK", "ERROR"),
    *("PULL-DOC-REPLY", "NONSENSE", "X" * 500),
)
# Stands for the id of a slider that there is; a test puts it in.
SLIDER = "<slider>"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
_models = st.sampled_from(
    [
        {"id": SLIDER},
        {"id": "p999999"},
        {"id": None},
        {},
        "p1001",
        {"type": "object", "name": "Slider", "id": "new", "attributes": {"value": "wrong"}},
        {"type": "object", "name": "Nonsense", "id": "new"},
        {"type": "map", "entries": [[[], []]]},
        {"type": "ndarray", "array": {"id": "none"}, "shape": [9], "dtype": "x", "order": "little"},
    ]
)
_values = json_values | _models
_events = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(KINDS) | texts,
        "model": _models,
        "attr": st.sampled_from(["value", "title", "start", "name", "id", "document", "nonsense"]),
        "new": _values,
        "hint": json_values,
        "msg_type": st.just("bokeh_event") | texts,
        "msg_data": _values | st.just({"type": "event", "name": "button_click", "values": {}}),
        "column_source": _models,
        "data": _values,
        "patches": _values,
        "cols": json_values,
        "rollover": json_values,
    },
)
_headers = st.fixed_dictionaries(
    {"msgtype": st.sampled_from(TYPES)},
    optional={
        "msgid": json_values,
        "reqid": json_values,
        "num_buffers": st.sampled_from([0, 1, 2, -1, 2**40, "x", None]),
    },
)
_contents = st.fixed_dictionaries(
    {}, optional={"events": st.lists(_events, max_size=3), "doc": _values, "text": json_values}
)
Fragment = str | bytes
_scraps: st.SearchStrategy[Fragment] = st.one_of(
    texts, st.binary(max_size=40), json_values.map(json.dumps), st.just('{"id": "buffer"}')
)


def _written(header: Any, metadata: Any, content: Any, rest: list[Fragment]) -> list[Fragment]:
    return [json.dumps(header), json.dumps(metadata), json.dumps(content), *rest]


messages: st.SearchStrategy[list[Fragment]] = st.one_of(
    st.builds(_written, _headers, st.just({}), _contents, st.just([])),
    st.builds(
        _written,
        _headers | json_values,
        json_values,
        _contents | json_values,
        st.lists(_scraps, max_size=4),
    ),
    st.lists(_scraps, min_size=1, max_size=6),
)
"""The fragments of a message, which may be none."""
