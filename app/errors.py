"""Errors as pages: what happened, in a sentence, and the id under which the logs tell more."""

import logging

from flask import Flask, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError

from app.admission import TooFastError, TooManyPlotsError
from app.choice import PlotFailedError, SiteFullError
from app.headers import request_id

_log = logging.getLogger(__name__)
_SENTENCES = {
    400: "The request could not be understood.",
    401: "Sign in first.",
    403: "This is not open to you.",
    404: "There is no such page.",
    405: "This page does not take that kind of request.",
    413: "The request is too large.",
    414: "The address is too long.",
    429: "Too many requests: wait a moment, then try again.",
    500: "Something failed here. The log tells what, under the id below.",
}
RETRY_SECONDS = 5
# What says more than its code does.
_OWN_SENTENCES: dict[type[HTTPException], str] = {
    CSRFError: (
        "This form is out of date, or cookies are switched off. Go back, reload and try again."
    ),
    SiteFullError: (
        f"All places are taken. This page tries again by itself, every {RETRY_SECONDS} seconds."
    ),
    TooFastError: (
        "You open plots faster than one person may. This page tries again by itself, every "
        f"{RETRY_SECONDS} seconds."
    ),
    TooManyPlotsError: (
        "You have as many plots open as one person may: close some, then reload this page."
    ),
    PlotFailedError: "This plot is unavailable: it failed. The log tells why; other plots work.",
}


def install(app: Flask) -> None:
    """Show every error as a page of the site."""
    app.register_error_handler(HTTPException, _page)
    app.register_error_handler(Exception, _unexpected)


def _page(error: HTTPException) -> tuple[str, int, dict[str, str]]:
    code = error.code or 500
    sentence = _OWN_SENTENCES.get(type(error)) or _SENTENCES.get(code, error.name)
    retry_seconds = RETRY_SECONDS if isinstance(error, (SiteFullError, TooFastError)) else None
    headers = {"Retry-After": str(retry_seconds)} if retry_seconds else {}
    page = render_template("error.html", sentence=sentence, code=code, retry_seconds=retry_seconds)
    return page, code, headers


def _unexpected(error: Exception) -> tuple[str, int, dict[str, str]]:
    # The path only: a query string is the visitor's and may hold anything.
    _log.error(
        "request %s %s %s failed", request_id(), request.method, request.path, exc_info=error
    )
    return _page(InternalServerError())
