"""Sliders.

A sine wave whose title, offset, amplitude, phase and frequency follow the controls.
"""

import math

from bokeh.io import curdoc
from bokeh.layouts import row
from bokeh.models import Column, ColumnDataSource, Range1d
from bokeh.models.annotations import Title
from bokeh.models.widgets import Slider, TextInput
from bokeh.plotting import figure

POINTS = 200
XS = [4 * math.pi * i / (POINTS - 1) for i in range(POINTS)]

title = TextInput(title="Title", value="My sine wave", name="title")
offset = Slider(title="Offset", value=0.0, start=-5.0, end=5.0, step=0.1, name="offset")
amplitude = Slider(title="Amplitude", value=1.0, start=-5.0, end=5.0, step=0.1, name="amplitude")
phase = Slider(title="Phase", value=0.0, start=0.0, end=2 * math.pi, step=0.1, name="phase")
frequency = Slider(title="Frequency", value=1.0, start=0.1, end=5.1, step=0.1, name="frequency")


def wave() -> list[float]:
    """The wave's heights, for the controls as they stand."""
    return [
        amplitude.value * math.sin(frequency.value * x + phase.value) + offset.value for x in XS
    ]


# Plain lists: Bokeh 3.9 cannot restore a document that holds arrays when a page reconnects
# (https://github.com/bokeh/bokeh/issues/15347).
source = ColumnDataSource(data={"x": XS, "y": wave()}, name="wave")

heading = Title(text=title.value, name="heading")
plot = figure(
    title=heading,
    height=400,
    min_width=300,
    sizing_mode="stretch_width",
    tools="crosshair,pan,reset,save,wheel_zoom",
    x_range=Range1d(start=0, end=4 * math.pi),
    y_range=Range1d(start=-2.5, end=2.5),
)
plot.line("x", "y", source=source, line_width=3)


def set_title(_attr: str, _old: str, new: str) -> None:
    """Write the new title over the plot."""
    heading.text = new


def draw(_attr: str, _old: float, _new: float) -> None:
    """Draw the wave anew."""
    source.data = {"x": XS, "y": wave()}


title.on_change("value", set_title)
for slider in (offset, amplitude, phase, frequency):
    slider.on_change("value", draw)

inputs = [title, offset, amplitude, phase, frequency]
for control in inputs:
    control.sizing_mode = "stretch_width"
controls = Column(children=[*inputs], width=280)
# On a phone, the plot stands below the controls.
curdoc().add_root(row(controls, plot, sizing_mode="stretch_width", styles={"flex-wrap": "wrap"}))
curdoc().title = "Sliders"
