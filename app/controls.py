"""The controls in a plot's document, in Bokeh's JSON form, and another value for each of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Control:
    """A control that a viewer could move.

    Attributes:
        model: Id of its model.
        label: What a viewer calls it.
        attributes: The attributes that moving it changes, a slider's again when it is let go.
        value: Another value than it has.
    """

    model: str
    label: str
    attributes: tuple[str, ...]
    value: Any


def controls(document: Any) -> Iterator[Control]:
    """The sliders and selections of a document, in its order."""
    for model in _models(document):
        attributes = model.get("attributes", {})
        label = f"{model['name']} {attributes.get('title', model['id'])!r}"
        if model["name"] == "Slider":
            value, step = attributes["value"], attributes.get("step", 1)
            further = value + step if value + step <= attributes["end"] else value - step
            yield Control(model["id"], label, ("value", "value_throttled"), further)
        elif model["name"] == "Select":
            options = [o[0] if isinstance(o, list) else o for o in attributes.get("options", [])]
            others = [option for option in options if option != attributes.get("value", "")]
            if others:
                yield Control(model["id"], label, ("value",), others[0])


def is_driven_otherwise(document: Any) -> bool:
    """Whether its controls may rightly have no effect of their own on the server.

    They work in the browser then, or with a button that applies them.
    """
    return any(
        model["name"] == "Button" or "js_property_callbacks" in model.get("attributes", {})
        for model in _models(document)
    )


def _models(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if part.get("type") == "object" and "id" in part:
            yield part
        part = list(part.values())
    if isinstance(part, list):
        for item in part:
            yield from _models(item)
