"""The command line: ``bokeh-site <command>`` on a host, ``flask --app app.cli <command>`` anywhere.

Apart from `app.wsgi`, so that the web processes start without what only commands need.
"""

from app import commands
from app.wsgi import app

commands.install(app)
