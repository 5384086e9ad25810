"""The headers of every answer: what a page may load, and that nobody keeps a copy.

nginx adds Strict-Transport-Security, which belongs to the TLS that it ends.
"""

import re
import secrets

from flask import Flask, Response, g, request

_EVERYWHERE = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: the check of a form's origin needs it.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_POLICY = {
    "default-src": "'none'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
# For the pages that have a script of this site's own.
SCRIPT_POLICY = _POLICY | {"script-src": "'self'"}
# BokehJS styles its models in place, and draws their icons from data: URLs.
PLOT_POLICY = _POLICY | {
    "script-src": "'self'",
    "connect-src": "'self'",
    "font-src": "'self' data:",
    "style-src": "'self' 'unsafe-inline'",
}


def request_id() -> str:
    """The id that nginx gave this request, which its log, ours and the error pages all name."""
    if "request_id" not in g:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if re.fullmatch("[0-9a-f]{32}", given) else secrets.token_hex(16)
    return str(g.request_id)


def install(app: Flask) -> None:
    """Add the headers to every answer."""
    app.after_request(_add)
    app.add_template_global(request_id)


def _add(response: Response) -> Response:
    policy = g.get("content_policy", _POLICY)
    response.headers.setdefault(
        "Content-Security-Policy", "; ".join(f"{name} {value}" for name, value in policy.items())
    )
    for name, value in _EVERYWHERE.items():
        response.headers.setdefault(name, value)
    return response
