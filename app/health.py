"""Health: is the process alive, and would a viewer get plots."""

from concurrent.futures import ThreadPoolExecutor

from flask import Blueprint, Flask

from app import slots
from app.auth import public
from app.flask_config import current_config
from app.plots import discover
from app.probe import ProbeError, open_document
from app.wire import SlotStatus

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
    """Say whether enough slots take visits, and every plot opens in each."""
    failed = problems()
    return {"status": "failed" if failed else "ok", "problems": failed}, 503 if failed else 200


def problems() -> list[str]:
    """Count the slots that take visits, and open a real session of every plot in each of them.

    Returns:
        A sentence for too few slots, and for each plot that a slot cannot show, with the reason.
    """
    config = current_config()
    taking, away = slots.survey()
    found = []
    if len(taking) < config.slot_count:
        counted = f"{len(taking)} of {config.slot_count} slots take visits"
        found.append(f"{counted}: {', '.join(away)}")
    with ThreadPoolExecutor(max_workers=max(1, len(taking))) as pool:
        for told in pool.map(
            lambda slot: _problems_of(slot, taking[slot], config.bokeh_secret_key), taking
        ):
            found += told
    return found


def _problems_of(slot: slots.Slot, status: SlotStatus, key: bytes) -> list[str]:
    found = []
    for plot in discover():
        if error := status["plots"][plot]["error"]:
            found.append(f"slot {slot.name}: {error}")
            continue
        try:
            open_document(slot, plot, key)
        except ProbeError as error:
            found.append(str(error))
    return found
