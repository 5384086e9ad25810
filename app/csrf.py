"""Every form proves that it came from a page of this site."""

from flask import Flask
from flask_wtf import CSRFProtect

from app.flask_config import config_of

_protect = CSRFProtect()


def install(app: Flask) -> None:
    """Refuse a POST without a token of the visitor's own session."""
    # A token lives as long as the session that it belongs to: a page left open stays usable.
    app.config["WTF_CSRF_TIME_LIMIT"] = None
    # And as long as the session's own signature counts: Flask-WTF knows nothing of fallbacks.
    config = config_of(app)
    app.config["WTF_CSRF_SECRET_KEY"] = config.secret_key_fallbacks.followed_by(config.secret_key)
    _protect.init_app(app)
