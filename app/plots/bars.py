"""Bars.

Bugs found and what they cost, day by day, for as many days as you choose.
"""

import zlib

from bokeh.io import curdoc
from bokeh.models import Column, ColumnDataSource, DataRange1d, HoverTool
from bokeh.models.widgets import Slider
from bokeh.plotting import figure

from app.config import ConfigError
from app.plot_settings import plot_settings

settings = plot_settings("bars", maximum_days=60, default_days=10)
if not 1 <= settings["default_days"] <= settings["maximum_days"]:
    raise ConfigError(
        "site_plot_settings: set bars.default_days to 1 or more and at most bars.maximum_days "
        f"({settings['maximum_days']}), not {settings['default_days']}"
    )


def made_up(day: int, what: str, most: int) -> int:
    """A number from 1 to ``most`` that is the same whenever and to whomever it is shown."""
    return zlib.crc32(f"{what} {day}".encode()) % most + 1


def table(days: int) -> dict[str, list[int] | list[float]]:
    """The columns for the first so many days."""
    numbers = range(1, days + 1)
    return {
        "day": list(numbers),
        "bugs": [made_up(day, "bugs", 100) for day in numbers],
        "cost": [made_up(day, "cents", 100_000) / 100 for day in numbers],
    }


days = Slider(
    title="Number of days",
    value=settings["default_days"],
    start=1,
    end=settings["maximum_days"],
    step=1,
    name="days",
    sizing_mode="stretch_width",
    max_width=400,
)
source = ColumnDataSource(data=table(settings["default_days"]), name="bugs")

plot = figure(
    title="Bugs found per day",
    height=400,
    sizing_mode="stretch_width",
    tools="pan,reset,save,wheel_zoom",
    x_axis_label="Day",
    y_axis_label="Bugs found",
    y_range=DataRange1d(start=0),
)
plot.vbar(x="day", top="bugs", width=0.8, source=source, fill_color="#e12127")
plot.xgrid.grid_line_color = None
plot.add_tools(
    HoverTool(
        tooltips=[("Day", "@day"), ("Bugs", "@bugs"), ("Cost", "$@cost{0.00}")],
        mode="vline",
    )
)


def draw(_attr: str, _old: int, new: int) -> None:
    """Show the chosen number of days."""
    source.data = table(new)


days.on_change("value", draw)
curdoc().add_root(Column(children=[days, plot], sizing_mode="stretch_width"))
curdoc().title = "Bars"
