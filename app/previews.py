"""Images of plots, for the gallery."""

from flask import Blueprint, Flask, Response, abort, request

from app.auth import refuse, signed_in
from app.plots import PREVIEWS, discover
from app.rights import may_open

bp = Blueprint("previews", __name__)


def install(app: Flask) -> None:
    """Serve the images."""
    app.register_blueprint(bp)


@bp.get("/previews/<plot>")
def preview(plot: str) -> Response:
    """Show what a plot looks like, to whom may open it."""
    shown = discover().get(plot) or abort(404)
    if not may_open(plot, signed_in().groups):
        refuse(request.path)
    image = shown.preview or abort(404)
    return Response(image.read_bytes(), content_type=PREVIEWS[image.suffix])
