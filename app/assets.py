"""URLs of the static files, which nginx serves; each changes when its content does."""

import base64
import hashlib
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import NamedTuple

from flask import Flask

from app.flask_config import current_config


class Script(NamedTuple):
    """A script of BokehJS.

    Attributes:
        url: Its path on this site.
        integrity: Its Subresource Integrity value.
    """

    url: str
    integrity: str


@cache
def bokeh_script(component: str) -> Script:
    """The script of one BokehJS component of exactly the installed Bokeh.

    Args:
        component: Such as ``bokeh-widgets``.
    """
    content = (files("bokeh") / f"server/static/js/{component}.min.js").read_bytes()
    digest = base64.b64encode(hashlib.sha384(content).digest()).decode()
    return Script(f"/static/bokeh/{version('bokeh')}/js/{component}.min.js", f"sha384-{digest}")


def static_url(name: str) -> str:
    """The path of one of this release's own static files."""
    return f"/static/app/{current_config().release}/{name}"


def install(app: Flask) -> None:
    """Let templates name static files."""
    app.add_template_global(static_url)
    app.add_template_global(bokeh_script)
