"""The application factory."""

from flask import Flask

from app import (
    access,
    account,
    admin,
    admission,
    assets,
    auth,
    choice,
    csrf,
    db,
    errors,
    flask_config,
    headers,
    health,
    password_page,
    previews,
    times,
    views,
)
from app.config import Config, ConfigError
from app.oidc import routes as oidc
from app.plots import discover

_PARTS = (
    *(db, headers, csrf, errors, times, auth, oidc, password_page, account, access, health),
    *(assets, choice, admission, admin, previews, views),
)
# First segments of paths that nginx answers without asking Flask.
_NGINX_PATHS = {"static", "bokeh_plots"}


def create_app(config: Config) -> Flask:
    """Build the Flask application.

    Args:
        config: The settings of this process; ``Config.from_environment`` reads them.

    Returns:
        The application, with every route behind the login unless its view is ``@public``.

    Raises:
        ConfigError: If a plot's name is taken by a page of the site itself.
    """
    app = Flask(__name__, static_folder=None)
    flask_config.install(app, config)
    for part in _PARTS:
        part.install(app)
    _refuse_collisions(app)
    return app


def _refuse_collisions(app: Flask) -> None:
    taken = {str(rule).split("/")[1] for rule in app.url_map.iter_rules()} | _NGINX_PATHS
    for name, plot in discover().items():
        if name in taken:
            raise ConfigError(f"rename {plot.path.name}: /{name} is a page of the site itself")
