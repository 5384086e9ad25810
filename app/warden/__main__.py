"""Run a host's warden: ``python -m app.warden``."""

import logging
import os
import sys

from flask import Flask

from app import db, flask_config
from app.config import RELEASE, Config, ConfigError, Variables, full_path, matching, read_variables
from app.deployments.host import deployment_of
from app.warden.looking import Warden

_VARIABLES: Variables = {
    "deployment": ("SITE_DEPLOYMENT", matching(RELEASE, "12 hexadecimal digits"), ""),
    "serving_link": ("SITE_SERVING_SOCKET", full_path, ""),
}


def main() -> None:
    """Read the environment, and watch."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        config = Config.from_environment(os.environ)
        own = read_variables(os.environ, _VARIABLES)
    except ConfigError as error:
        sys.exit(f"warden: {error}")
    # Of the site only what the warden needs: neither its pages nor Bokeh.
    site = Flask("app.warden")
    flask_config.install(site, config)
    db.install(site)
    Warden(site).watch(lambda: deployment_of(own["serving_link"]) == own["deployment"])


if __name__ == "__main__":
    main()
