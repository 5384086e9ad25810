"""Raises, at the start and later, until its source is there."""

from pathlib import Path

from bokeh.io import curdoc
from bokeh.models import Div

source = Path(__file__).parents[2] / "source"
curdoc().add_root(Div(text=source.read_text(), name="shown"))
