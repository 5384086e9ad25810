"""Host metrics.

How busy the processors, the memory and the network of this host are, second by second.
"""

import platform
import time
from html import escape

import psutil
from bokeh.io import curdoc
from bokeh.models import (
    Column,
    ColumnDataSource,
    DataRange1d,
    DatetimeTicker,
    NumeralTickFormatter,
    Range1d,
    Row,
)
from bokeh.models.widgets import Div, Slider, Toggle
from bokeh.plotting import figure

from app.plots._host import SECONDS, sampler
from app.viewer import current_viewer

# Readable on light and on dark paper; the dashes tell them apart without colours.
STYLES = (("#2f7fc1", "solid"), ("#d1603d", "dashed"))

about = Div(
    text=(
        f"{escape(current_viewer())}, this is <b>{escape(platform.node())}</b>: "
        f"{psutil.cpu_count()} processors, "
        f"{psutil.virtual_memory().total / 2**30:.1f} GiB of memory."
    ),
    sizing_mode="stretch_width",
    name="about",
)
minutes = Slider(title="Minutes", value=2, start=1, end=10, step=1, name="minutes")
pause = Toggle(label="Pause", width=120, align="end", name="pause")


def samples() -> int:
    """How many samples the window holds."""
    return int(minutes.value * 60 / SECONDS)


sampler.look()
source = ColumnDataSource(data=sampler.latest(samples()), name="host")
window = Range1d(name="window")


def turn() -> None:
    """Turn the window to the latest sample."""
    times = source.data["time"]
    window.end = times[-1] if times else time.time() * 1000
    window.start = window.end - minutes.value * 60_000


def chart(title: str, y_range: Range1d | DataRange1d, columns: dict[str, str]) -> figure:
    """Draw two columns over the window."""
    drawn = figure(
        title=title,
        height=260,
        sizing_mode="stretch_width",
        toolbar_location=None,
        tools="",
        x_axis_type="datetime",
        x_range=window,
        y_range=y_range,
    )
    for (column, label), (colour, dash) in zip(columns.items(), STYLES, strict=True):
        drawn.line(
            "time",
            column,
            source=source,
            legend_label=label,
            line_color=colour,
            line_dash=dash,
            line_width=2,
        )
    drawn.legend.update(
        orientation="horizontal", location="top_left", margin=0, padding=4, border_line_color=None
    )
    drawn.add_layout(drawn.legend[0], "above")
    drawn.xaxis.ticker = DatetimeTicker(desired_num_ticks=4)  # as many as a phone has room for
    return drawn


load = chart("Percent in use", Range1d(start=0, end=100), {"cpu": "Processors", "memory": "Memory"})
traffic = chart("Bytes a second", DataRange1d(start=0), {"received": "Received", "sent": "Sent"})
traffic.yaxis.formatter = NumeralTickFormatter(format="0 b")
traffic.xaxis.axis_label = "Time (UTC)"


def follow() -> None:
    """Append what is new, and let go of what has left the window."""
    sampler.look()
    if pause.active:
        return
    shown = source.data["time"]
    new = sampler.latest(samples(), after=shown[-1] if shown else 0)
    if new["time"]:
        source.stream(new, rollover=samples())
        turn()


def resize(_attr: str, _old: int, _new: int) -> None:
    """Show the chosen number of minutes."""
    source.data = sampler.latest(samples())
    turn()


def hold(_attr: str, _old: bool, new: bool) -> None:
    """Name the button after what it does next."""
    pause.label = "Go on" if new else "Pause"


turn()
minutes.on_change("value", resize)
pause.on_change("active", hold)
controls = Row(children=[minutes, pause], styles={"flex-wrap": "wrap"})
curdoc().add_root(Column(children=[about, controls, load, traffic], sizing_mode="stretch_width"))
curdoc().add_periodic_callback(follow, int(SECONDS * 1000))
curdoc().title = "Host metrics"
