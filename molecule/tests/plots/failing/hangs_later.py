"""Hangs in a session, once it is told to."""

import time
from pathlib import Path

from bokeh.io import curdoc
from bokeh.models import Div

told = Path(__file__).parents[2] / "hang"
if curdoc().session_context and told.exists():
    time.sleep(10**6)
curdoc().add_root(Div(text="well", name="shown"))
