"""What a plot may know of the person who looks at it."""

from bokeh.io import curdoc

from app.session_ids import Visit

NOBODY = "nobody"


def current_viewer() -> str:
    """The verified name of the user whose session this document is.

    It comes from the session id, whose signature and owner were checked before the document was
    made, and from nothing that a client can set.

    Returns:
        The user's name; ``"nobody"`` while a plot is tried out without a session.
    """
    context = curdoc().session_context
    return Visit.of_session(context.id).user if context else NOBODY
