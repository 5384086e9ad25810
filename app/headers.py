"""The headers that depend on the page: what it may load, and that nobody keeps a copy.

Those that are the same for every answer are nginx's to add.
"""

import re
import secrets

from flask import Flask, Response, g, request

_POLICY = {
    "default-src": "'none'",
    "style-src": "'self'",
    "img-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
PLOT_POLICY = {
    "connect-src": "'self'",
    # BokehJS draws its icons from data: URLs, and styles its models in place.
    "img-src": "'self' data:",
    "font-src": "'self' data:",
    "style-src": "'self' 'unsafe-inline'",
}
"""What the page of a plot needs beyond what every page may."""


def request_id() -> str:
    """The id that nginx gave this request, which its log, ours and the error pages all name."""
    if "request_id" not in g:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if re.fullmatch("[0-9a-f]{32}", given) else secrets.token_hex(16)
    return str(g.request_id)


def script_nonce() -> str:
    """What the tag of every script has to carry in this answer: no other script runs."""
    if "script_nonce" not in g:
        g.script_nonce = secrets.token_urlsafe(16)
    return str(g.script_nonce)


def install(app: Flask) -> None:
    """Add the headers to every answer."""
    app.after_request(_add)
    app.add_template_global(request_id)
    app.add_template_global(script_nonce)


def _add(response: Response) -> Response:
    policy = {**_POLICY, **g.get("content_policy", {})}
    if "script_nonce" in g:
        policy["script-src"] = f"'nonce-{script_nonce()}'"
    told = "; ".join(f"{name} {value}" for name, value in policy.items())
    response.headers["Content-Security-Policy"] = told
    response.headers["Cache-Control"] = "no-store"
    return response
