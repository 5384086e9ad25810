"""Who.

Shows what a plot gets to know of its viewer and of the request; the tests serve it.
"""

import json

from bokeh.io import curdoc
from bokeh.models import Div

from app.viewer import current_viewer

known = {"viewer": current_viewer()}
context = curdoc().session_context
if context:  # None while the slot tries the plot out
    known["headers"] = dict(context.request.headers)
    known["cookies"] = dict(context.request.cookies)
curdoc().add_root(Div(text=json.dumps(known), name="known"))
