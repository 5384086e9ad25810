"""Names that the site, the slots and nginx's configuration agree on."""

PREFIX = "/bokeh_plots"
"""Where the slots are on the public site: ``/bokeh_plots/<slot>/<plot>/ws``."""

VIEWER_HEADER = "X-Site-Viewer"
"""Carries a verified user name: from Flask to nginx, which logs and hides it, and on to a slot."""


def slot_path(slot: str) -> str:
    """The public path of a slot."""
    return f"{PREFIX}/{slot}"
