"""The pages that viewers use: the gallery and one page for each plot."""

from flask import Blueprint, Flask, Response, abort, g, render_template, request

from app import admission
from app.auth import current_login, public, refuse, signed_in
from app.choice import choose, unavailable
from app.flask_config import current_config
from app.headers import PLOT_POLICY, request_id
from app.plots import Plot, discover
from app.rights import may_open, open_to
from app.session_ids import Visit, mint_token
from app.wire import slot_path

bp = Blueprint("site", __name__)
# The query travels on in the token, whose header nginx limits.
_QUERY_BYTES = 2048
# So many plots need no search.
_AT_A_GLANCE = 12


def install(app: Flask) -> None:
    """Serve the pages."""
    app.register_blueprint(bp)


@bp.get("/")
def gallery() -> str:
    """Show the plots that the viewer may open, or those of them that a search finds."""
    plots = list(open_to(signed_in().groups).values())
    query = request.args.get("q", "").strip()
    return render_template(
        "gallery.html",
        plots=[plot for plot in plots if _matches(plot, query)],
        query=query,
        searchable=bool(query) or len(plots) > _AT_A_GLANCE,
        unavailable=unavailable(),
    )


@bp.get("/<name>")
def plot(name: str) -> str:
    """Show one plot, live, in a session of its own."""
    shown = discover().get(name) or abort(404)
    login = signed_in()
    if not may_open(name, login.groups):
        refuse(request.path)
    if len(request.query_string) > _QUERY_BYTES:
        abort(414)
    admission.check(login)
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
        session={
            "token": token,
            "path": f"{slot_path(slot.name)}/{name}",
            "name": name,
            "request": request_id(),
        },
    )


@bp.get("/state/<name>")
@public  # A page that has lost its plot asks why; a redirect would tell it nothing.
def state(name: str) -> Response:
    """Say whether the visitor may open a plot: 204, or 401 without a login, or 403, or 429."""
    login = current_login()
    if not login:
        return Response(status=401)
    if not may_open(name, login.groups):
        return Response(status=403)
    return Response(status=204 if admission.has_place(login.user) else 429)


def _matches(plot: Plot, query: str) -> bool:
    """Whether every word of a query is in what a viewer may know a plot by, in any case."""
    text = f"{plot.name} {plot.title} {plot.description}".casefold()
    return all(word in text for word in query.casefold().split())
