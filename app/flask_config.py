"""Handing the settings to Flask, its extensions and its views."""

from typing import cast

from flask import Flask, current_app

from app.config import Config


def install(app: Flask, config: Config) -> None:
    """Make ``config`` the application's settings, and `current_config` of its requests."""
    app.extensions["site"] = config
    secure = config.served_over_tls
    app.config.update(
        SECRET_KEY=config.secret_key,
        SECRET_KEY_FALLBACKS=config.secret_key_fallbacks,
        SESSION_COOKIE_NAME="__Host-session" if secure else "session",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=config.login_seconds,
        # The cookie ends when its login does, however often it is used.
        SESSION_REFRESH_EACH_REQUEST=False,
        MAX_CONTENT_LENGTH=64 * 1024,
    )


def config_of(app: Flask) -> Config:
    """The settings that an application was made with."""
    return cast("Config", app.extensions["site"])


def current_config() -> Config:
    """The settings of the application that handles the current request or command."""
    return config_of(current_app)
