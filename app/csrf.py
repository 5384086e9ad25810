"""Every form proves that it came from a page of this site."""

from flask import Flask
from flask_wtf import CSRFProtect

_protect = CSRFProtect()


def install(app: Flask) -> None:
    """Refuse a POST without a token of the visitor's own session."""
    # A token lives as long as the session that it belongs to: a page left open stays usable.
    app.config["WTF_CSRF_TIME_LIMIT"] = None
    _protect.init_app(app)
