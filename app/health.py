"""Health: is the process alive, and would a viewer get plots."""

from flask import Blueprint, Flask

from app import slots
from app.auth import public
from app.flask_config import current_config
from app.plots import discover
from app.probe import ProbeError, open_document

bp = Blueprint("health", __name__)


def install(app: Flask) -> None:
    """Serve the health endpoints."""
    app.register_blueprint(bp)


@bp.get("/healthz")
@public
def alive() -> dict[str, str]:
    """Say that this process answers, and which release it is."""
    return {"status": "ok", "release": current_config().release}


@bp.get("/readyz")
@public  # nginx lets only the host itself ask: each answer opens sessions.
def ready() -> tuple[dict[str, object], int]:
    """Say whether every plot opens in every slot."""
    failed = problems()
    return {"status": "failed" if failed else "ok", "problems": failed}, 503 if failed else 200


def problems() -> list[str]:
    """Open a real session of every plot in every slot.

    Returns:
        A sentence for each that did not open.
    """
    key = current_config().bokeh_secret_key
    found = []
    for slot in slots.configured():
        for plot in discover():
            try:
                open_document(slot, plot, key)
            except ProbeError as error:
                found.append(str(error))
    return found
