"""Flights.

10,000 flights from New York in 2013: choose some in one chart, and see them in all the others.
"""

from typing import Any

from bokeh.io import curdoc
from bokeh.models import (
    BoxSelectTool,
    CDSView,
    Column,
    ColumnDataSource,
    DataRange1d,
    GroupFilter,
    IndexFilter,
    NumeralTickFormatter,
    Row,
)
from bokeh.models.css import Styles
from bokeh.models.filters import AllIndices, Filter
from bokeh.models.widgets import Button, DataTable, DateFormatter, Div, Select, TableColumn
from bokeh.plotting import figure

from app.download import download
from app.plots.explorer import flights
from app.viewer import current_viewer

# Readable on light and on dark paper.
GREY, BLUE = "#8a96a3", "#2f7fc1"
EVERYWHERE = "all"
WRAP = Styles(flex_wrap="wrap")

source = ColumnDataSource(data=flights.flights(), name="flights")
shown = CDSView(filter=AllIndices())
airports: list[Any] = [(EVERYWHERE, "All three"), *flights.AIRPORTS]
airport = Select(
    title="Airport",
    value=EVERYWHERE,
    options=airports,
    width=220,
    name="airport",
)
everything = Button(label="Choose all", width=120, align="end", name="all")
save = Button(label="Download as CSV", button_type="primary", width=160, align="end", name="save")
told = Div(sizing_mode="stretch_width", name="told")


def scatter(title: str, x: str, y: str, x_label: str, y_label: str) -> figure:
    """Draw all flights that are shown as points to choose from."""
    drawn = figure(
        title=title,
        height=320,
        min_width=280,
        sizing_mode="stretch_width",
        tools="pan,wheel_zoom,tap,reset",
        x_axis_label=x_label,
        y_axis_label=y_label,
    )
    drawn.scatter(
        x,
        y,
        source=source,
        view=shown,
        size=4,
        color=BLUE,
        alpha=0.5,
        nonselection_color=GREY,
        nonselection_alpha=0.15,
    )
    drawn.add_tools(box := BoxSelectTool())
    drawn.toolbar.update(active_drag=box, logo=None)
    return drawn


departures = scatter(
    "Delay by hour of the day",
    *("hour", "departure_delay", "Scheduled departure, local time", "Minutes late at departure"),
)
arrivals = scatter(
    "Delay by distance", *("miles", "arrival_delay", "Miles", "Minutes late at arrival")
)
bars = ColumnDataSource(
    data={
        "left": flights.EDGES[:-1],
        "right": flights.EDGES[1:],
        "all": flights.summary(flights.of_airport(None)).shares,
        "chosen": flights.summary(flights.of_airport(None)).shares,
    },
    name="bars",
)
histogram = figure(
    title="Minutes late at arrival",
    height=240,
    min_width=280,
    sizing_mode="stretch_width",
    tools="",
    toolbar_location=None,
    y_range=DataRange1d(start=0),
    y_axis_label="Share of the flights",
)
histogram.quad(
    top="chosen", bottom=0, source=bars, fill_color=BLUE, line_color=None, legend_label="Chosen"
)
histogram.quad(
    top="all", bottom=0, source=bars, fill_color=None, line_color=GREY, legend_label="All"
)
histogram.legend.update(
    orientation="horizontal", location="top_left", margin=0, padding=4, border_line_color=None
)
histogram.add_layout(histogram.legend[0], "above")
histogram.yaxis.formatter = NumeralTickFormatter(format="0%")

listed = CDSView(filter=AllIndices())
table = DataTable(
    source=source,
    view=listed,
    columns=[
        TableColumn(
            field="scheduled",
            title="Departure",
            formatter=DateFormatter(format="%Y-%m-%d %H:%M"),
            width=150,
        ),
        TableColumn(field="flight", title="Flight", width=100),
        TableColumn(field="origin", title="From", width=90),
        TableColumn(field="destination", title="To", width=90),
        TableColumn(field="miles", title="Miles", width=90),
        TableColumn(field="departure_delay", title="Late at departure", width=160),
        TableColumn(field="arrival_delay", title="Late at arrival", width=160),
    ],
    index_position=None,
    selectable=False,  # a row that is clicked would become the choice
    reorderable=False,
    autosize_mode="none",  # a phone scrolls
    height=300,
    max_width=840,
    sizing_mode="stretch_width",
    name="table",
)


def chosen() -> list[int]:
    """The places of the chosen flights; where none is chosen, of all that are shown."""
    base = flights.of_airport(None if airport.value == EVERYWHERE else airport.value)
    picked = set(source.selected.indices)
    return [place for place in base if place in picked] if picked else base


def tell() -> None:
    """Let the numbers, the bars and the table follow the choice."""
    places = chosen()
    found = flights.summary(places)
    told.text = f"<b>{found.flights:,}</b> of {len(source.data['flight']):,} flights"
    if found.median_delay is not None and found.late is not None:
        early = "early" if found.median_delay < 0 else "late"
        told.text += (
            f", in the median <b>{abs(found.median_delay):g}</b> minutes {early} at arrival; "
            f"<b>{found.late:.0%}</b> are late by {flights.LATE_MINUTES} minutes or more"
        )
    bars.data = {**bars.data, "chosen": found.shares}
    listed.filter = IndexFilter(indices=places) if source.selected.indices else in_airport()


def in_airport() -> Filter:
    """What lets the flights of the chosen airport through."""
    if airport.value == EVERYWHERE:
        return AllIndices()
    return GroupFilter(column_name="origin", group=airport.value)


def choose_airport(_attr: str, _old: str, _new: str) -> None:
    """Show the flights of one airport, all of them chosen."""
    shown.filter = in_airport()
    source.selected.indices = []
    places = chosen()
    bars.data = {**bars.data, "all": flights.summary(places).shares}
    tell()


def choose(_attr: str, _old: list[int], _new: list[int]) -> None:
    """Follow a choice that was made in a chart."""
    tell()


def choose_all() -> None:
    """Take the choice back."""
    source.selected.indices = []


def hand_over() -> None:
    """Have the viewer save the chosen flights."""
    download(f"flights-{current_viewer()}.csv", flights.as_csv(chosen()), "text/csv")


airport.on_change("value", choose_airport)
source.selected.on_change("indices", choose)
everything.on_click(choose_all)
save.on_click(hand_over)
tell()
curdoc().add_root(
    Column(
        children=[
            Row(children=[airport, everything, save], styles=WRAP, sizing_mode="stretch_width"),
            told,
            Row(children=[departures, arrivals], styles=WRAP, sizing_mode="stretch_width"),
            histogram,
            table,
        ],
        sizing_mode="stretch_width",
    )
)
curdoc().title = "Flights"
