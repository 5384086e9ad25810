"""The plot of the flights: its data, what follows a choice, and what is handed to the viewer."""

import csv
import io
from collections.abc import Iterator
from statistics import median

import pytest
from bokeh.document import Document
from bokeh.document.events import MessageSentEvent
from bokeh.events import ButtonClick
from bokeh.models import AllIndices, GlyphRenderer, GroupFilter, IndexFilter

from app.plot_application import PlotApplication, load
from app.plots import discover
from app.plots.explorer import flights


@pytest.fixture(scope="module")
def application() -> PlotApplication:
    return load(discover()["explorer"])


@pytest.fixture
def document(application: PlotApplication) -> Iterator[Document]:
    """A session of the plot."""
    document = Document()
    application.fill(document)
    yield document
    document.clear()


def named(document: Document, *names: str):
    return [document.select_one({"name": name}) for name in names]


def test_the_flights_are_as_their_source_has_them():
    columns = flights.flights()
    assert {len(column) for column in columns.values()} == {10_000}
    assert {name: column[0] for name, column in columns.items()} == {
        "scheduled": 1_357_017_300_000,  # 2013-01-01 05:15
        "hour": 5.25,
        "flight": "UA 1545",
        "origin": "EWR",
        "destination": "IAH",
        "miles": 1400,
        "departure_delay": 2,
        "arrival_delay": 11,
    }
    assert set(columns["origin"]) == {code for code, _ in flights.AIRPORTS}
    assert columns["scheduled"] == sorted(columns["scheduled"])


def test_the_flights_are_read_once_for_all_sessions(application, document):
    second = Document()
    application.fill(second)
    mine, other = (d.select_one({"name": "flights"}).data["flight"] for d in (document, second))
    assert mine[0] is other[0]
    assert flights.flights() is flights.flights()
    second.clear()


def test_sums_up():
    delays = flights.flights()["arrival_delay"]
    places = list(range(0, 10_000, 7))
    found = flights.summary(places)
    assert found.flights == len(places)
    assert found.median_delay == median(delays[place] for place in places)
    assert found.late == sum(delays[place] >= 15 for place in places) / len(places)
    assert sum(found.shares) == pytest.approx(1)
    early = [place for place in places if delays[place] < flights.EDGES[1]]
    assert found.shares[0] == pytest.approx(len(early) / len(places))
    assert flights.summary([]) == (0, None, None, [0] * len(found.shares))


def test_everything_is_chosen_at_first(document: Document):
    told, table, bars = named(document, "told", "table", "bars")
    assert told.text.startswith("<b>10,000</b> of 10,000 flights")
    assert isinstance(table.view.filter, AllIndices)
    assert bars.data["chosen"] == bars.data["all"]


def test_numbers_bars_and_table_follow_the_choice(document: Document):
    told, table, bars, source = named(document, "told", "table", "bars", "flights")
    late = [place for place, delay in enumerate(source.data["arrival_delay"]) if delay > 120]
    source.selected.indices = late[::-1]
    assert told.text.startswith(f"<b>{len(late)}</b> of 10,000 flights, in the median <b>")
    assert "<b>100%</b> are late" in told.text
    assert isinstance(table.view.filter, IndexFilter)
    assert table.view.filter.indices == late
    assert bars.data["chosen"] == flights.summary(late).shares != bars.data["all"]
    (everything,) = named(document, "all")
    document.callbacks.trigger_event(ButtonClick(everything))
    assert source.selected.indices == []
    assert isinstance(table.view.filter, AllIndices)


def test_an_airport_leaves_only_its_flights_to_choose_from(document: Document):
    told, table, source, airport = named(document, "told", "table", "flights", "airport")
    origins = source.data["origin"]
    source.selected.indices = [0, 1]
    airport.value = "JFK"
    assert source.selected.indices == []
    assert told.text.startswith(f"<b>{origins.count('JFK'):,}</b> of 10,000")
    views = {renderer.view for renderer in document.select({"type": GlyphRenderer})}
    filters = [v.filter for v in (*views, table.view) if isinstance(v.filter, GroupFilter)]
    assert {(f.column_name, f.group) for f in filters} == {("origin", "JFK")}
    assert len(filters) == 2
    source.selected.indices = list(range(100))
    assert table.view.filter.indices == [i for i in range(100) if origins[i] == "JFK"]


def test_the_download_holds_exactly_the_chosen_flights(document: Document):
    source, save = named(document, "flights", "save")
    source.selected.indices = [9_999, 3]
    sent = []
    document.on_change(sent.append)
    document.callbacks.trigger_event(ButtonClick(save))
    (message,) = [event for event in sent if isinstance(event, MessageSentEvent)]
    name, text, content_type = message.msg_data
    assert (message.msg_type, name, content_type) == ("download", "flights-nobody.csv", "text/csv")
    heading, *rows = csv.reader(io.StringIO(text))
    assert heading == [
        *("scheduled", "flight", "origin", "destination"),
        *("miles", "departure_delay", "arrival_delay"),
    ]
    assert rows[0] == ["2013-01-01 07:50", "UA 477", "LGA", "DEN", "1620", "2", "-4"]
    assert len(rows) == 2
    assert [row[1] for row in rows] == [source.data["flight"][place] for place in (3, 9_999)]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_text_becomes_a_formula(text):
    assert flights.harmless(text) == f"'{text}"


@pytest.mark.parametrize("value", ["EV 4104", "1-2", -5, ""])
def test_other_cells_stay_as_they_are(value):
    assert flights.harmless(value) == value
