"""What gunicorn loads: the site, configured by the environment."""

import os
import sys

from werkzeug.middleware.proxy_fix import ProxyFix

from app.config import Config, ConfigError
from app.factory import create_app

try:
    app = create_app(Config.from_environment(os.environ))
except ConfigError as error:
    sys.exit(f"bokeh-site: {error}")
# Exactly one proxy stands in front: the unit's own nginx, over a unix socket.
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
