"""The pages that viewers use: the gallery and one page for each plot."""

from flask import Blueprint, Flask, abort, g, render_template, request

from app.auth import refuse, signed_in
from app.choice import choose
from app.flask_config import current_config
from app.headers import PLOT_POLICY, request_id
from app.plots import discover
from app.rights import may_open, open_to
from app.session_ids import Visit, mint_token
from app.wire import slot_path

bp = Blueprint("site", __name__)
# The query travels on in the token, whose header nginx limits.
_QUERY_BYTES = 2048


def install(app: Flask) -> None:
    """Serve the pages."""
    app.register_blueprint(bp)


@bp.get("/")
def gallery() -> str:
    """List the plots."""
    return render_template("gallery.html", plots=open_to(signed_in().groups).values())


@bp.get("/<name>")
def plot(name: str) -> str:
    """Show one plot, live, in a session of its own."""
    shown = discover().get(name) or abort(404)
    login = signed_in()
    if not may_open(name, login.groups):
        refuse(request.path)
    if len(request.query_string) > _QUERY_BYTES:
        abort(414)
    slot, components = choose(name)
    # As long as the login: the page reconnects with the token that it was given first.
    visit = Visit(name, login.user, login.id, slot.name, login.expires_at)
    arguments = request.args.to_dict(False)
    token = mint_token(visit, current_config().bokeh_secret_key, arguments, request_id())
    g.content_policy = PLOT_POLICY
    return render_template(
        "plot.html",
        plot=shown,
        components=components,
        session={"token": token, "path": f"{slot_path(slot.name)}/{name}"},
    )
