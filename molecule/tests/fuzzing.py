"""How much the tests with random input try, and the input that is known to hurt.

They try the same each time, and little. To look for longer, and elsewhere each time:
``FUZZ_EXAMPLES=2000 pytest tests/app/test_fuzz_pages.py``, for one.
"""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

_WANTED = os.environ.get("FUZZ_EXAMPLES")
# A fixture is one for all examples of a test: each puts back what it changed.
_SHARED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def examples(number: int) -> settings:
    """Settings of a test: how many examples, unless ``FUZZ_EXAMPLES`` says otherwise."""
    return settings(
        max_examples=int(_WANTED or number),
        derandomize=not _WANTED,
        database=None,
        deadline=None,
        suppress_health_check=_SHARED,
    )


NASTY = [
    *(
        "",
        "\0",
        " ",
        "\r\n",
        "//evil.test",
        "//[",
        "http://[::1",
        "/\\evil.test",
        "/%00",
        "..%2f..",
    ),
    *("-1", "0", "9" * 30, "1e999", "NaN", "null", "[]", "{}", '{"a":', "true", "0x10", "\u0660"),
    *("2026-01-31", "0000-00-00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
    *("9999-12-31", "2026-01-31T12:00:00+99:99", "'\"><script>", "{{7*7}}", "%s%n", "' OR 1=1 --"),
    *("bokeh", "bokeh,", "bokeh, .", "bokeh, a.b.c", "\U0001f4a5", "\u202e", "x" * 3000, "é"),
    *("alice", "bob", "carol", "admin", "sliders", "metrics", "yes"),
]
texts = st.sampled_from(NASTY) | st.text(max_size=30)
# What fits a header's line, as the server reads it.
header_values = texts.map(
    lambda text: text.encode("latin-1", "replace").decode("latin-1").translate({10: 32, 13: 32})
)
