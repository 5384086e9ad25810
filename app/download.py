"""Handing files to viewers: what a plot makes, the viewer's browser saves."""

from bokeh.document.events import MessageSentEvent
from bokeh.io import curdoc

MESSAGE = "download"
"""What ``static/downloads.js`` listens for."""


def download(name: str, text: str, content_type: str = "text/plain") -> None:
    """Have the browser of the session's viewer save a text as a file.

    Call it in a callback, such as a button's: before the page has opened there is no browser.

    Args:
        name: The file's name.
        text: What is in it.
        content_type: Such as ``text/csv``.
    """
    document = curdoc()
    message = MessageSentEvent(document, MESSAGE, [name, text, content_type])
    document.callbacks.trigger_on_change(message)
