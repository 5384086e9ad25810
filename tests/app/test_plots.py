"""Plots: found by their files, described by their docstrings, refused by name."""

from dataclasses import replace
from pathlib import Path

import pytest

from app import factory, plot_check
from app.config import ConfigError
from app.plot_check import PlotError, build, check, load
from app.plot_settings import plot_settings, use_settings
from app.plots import Plot, discover


def plot_at(folder: Path, code: str, name: str = "thing") -> Plot:
    (folder / f"{name}.py").write_text(code)
    return discover(folder)[name]


def test_finds_the_sites_plots():
    assert {"bars", "sliders"} <= set(discover())


def test_reads_title_and_description_without_running_the_file(tmp_path):
    plot = plot_at(tmp_path, '"""Heat.\n\nHow warm it is.\n"""\nraise SystemExit\n')
    assert (plot.title, plot.description) == ("Heat", "How warm it is.")


def test_a_plot_without_docstring_goes_by_its_name(tmp_path):
    assert plot_at(tmp_path, "x = 1").title == "thing"


def test_a_plot_that_is_no_python_is_still_listed(tmp_path):
    assert plot_at(tmp_path, "def").title == "thing"


def folder_at(folder: Path, files: dict[str, str]) -> dict[str, Plot]:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return discover(folder)


def test_a_folder_with_its_main_file_is_a_plot(tmp_path):
    code = '"""Tour.\n\nAll of it.\n"""\n\nGROUPS = ["finance"]\n'
    files = {"tour/main.py": code, "tour/_data.py": "", "tour/more/parts.py": "", "bars.py": ""}
    found = folder_at(tmp_path, files)
    assert list(found) == ["bars", "tour"]
    assert found["tour"] == Plot(
        "tour", "Tour", "All of it.", frozenset({"finance"}), tmp_path / "tour"
    )


def test_a_folder_is_built_with_its_theme_and_its_other_modules(tmp_path):
    files = {
        "tour/__init__.py": "",
        "tour/words.py": "GREETING = 'hello'\n",
        "tour/theme.yaml": "attrs: {Div: {width: 123}}\n",
        "tour/main.py": (
            "from bokeh.io import curdoc\n"
            "from bokeh.models import Div\n"
            "from .words import GREETING\n"
            "curdoc().add_root(Div(text=GREETING))\n"
        ),
    }
    application = load(folder_at(tmp_path, files)["tour"])
    assert build(application) == ["bokeh", "bokeh-widgets"]
    (shown,) = application.create_document().roots
    assert (shown.text, shown.width) == ("hello", 123)


@pytest.mark.parametrize(
    "name", ["_data.py", "_parts/main.py", "data/table.csv", ".ipynb_checkpoints/main.py"]
)
def test_what_begins_with_an_underscore_or_is_no_code_is_no_plot(tmp_path, name):
    assert folder_at(tmp_path, {name: ""}) == {}


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (["tour.py", "tour/main.py"], "rename tour.py or the folder tour: both would be"),
        (["Tour/main.py"], "rename Tour: a plot's name is"),
        (["money/rates.py"], "move money/rates.py one folder up, or name it money/main.py"),
        (["money/rates/main.py"], "move money/rates/main.py one folder up"),
        (["tour/main.py", "tour/rates/main.py"], "move tour/rates out of tour"),
    ],
)
def test_refuses_names_that_are_there_twice_and_plots_within_folders(tmp_path, files, sentence):
    with pytest.raises(ConfigError, match=sentence):
        folder_at(tmp_path, dict.fromkeys(files, ""))


def test_says_which_file_of_a_folder_has_wrong_groups(tmp_path):
    with pytest.raises(ConfigError, match=r"^tour/main\.py: write GROUPS"):
        folder_at(tmp_path, {"tour/main.py": "GROUPS = some()"})


def test_groups_may_be_annotated(tmp_path):
    assert plot_at(tmp_path, 'GROUPS: list[str] = ["finance"]').groups == {"finance"}


@pytest.mark.parametrize(
    "code",
    [
        'GROUPS = ALSO = ["finance"]',
        'if True:\n    GROUPS = ["finance"]',
        'GROUPS = []\nGROUPS += ["finance"]',
        "GROUPS: list[str]",
        "from app.config import SLOT as GROUPS",
    ],
)
def test_groups_that_cannot_be_read_open_the_plot_to_nobody(tmp_path, code):
    with pytest.raises(ConfigError, match=r"^thing\.py: write GROUPS"):
        plot_at(tmp_path, code)


def test_refuses_hooks_which_no_time_limit_holds(tmp_path):
    plot = folder_at(tmp_path, {"tour/main.py": "", "tour/app_hooks.py": ""})["tour"]
    with pytest.raises(PlotError, match=r"plot tour: remove app_hooks\.py"):
        load(plot)


def test_finds_the_preview_beside_a_file_and_within_a_folder(tmp_path):
    files = ["a.py", "a.png", "b/main.py", "b/preview.webp", "c.py", "d/main.py", "d.jpg"]
    found = folder_at(tmp_path, dict.fromkeys(files, ""))
    previews = {name: plot.preview for name, plot in found.items()}
    assert previews == {
        "a": tmp_path / "a.png",
        "b": tmp_path / "b" / "preview.webp",
        "c": None,
        "d": None,
    }


@pytest.mark.parametrize("name", ["Upper", "with-dash", "9lives", "ümlaut"])
def test_refuses_a_name_that_urls_cannot_hold(tmp_path, name):
    with pytest.raises(ConfigError, match=f"rename {name}.py"):
        plot_at(tmp_path, "", name)


@pytest.mark.parametrize("name", ["login", "logout", "healthz", "readyz", "static", "bokeh_plots"])
def test_refuses_a_name_that_the_site_has_itself(tmp_path, monkeypatch, config, name):
    plot = plot_at(tmp_path, "", name)
    monkeypatch.setattr(factory, "discover", lambda: {name: plot})
    with pytest.raises(ConfigError, match=f"rename {name}.py: /{name} is a page of the site"):
        factory.create_app(config)


def test_builds_a_plot_and_tells_its_components(tmp_path):
    code = (
        "from bokeh.io import curdoc\n"
        "from bokeh.models import ColumnDataSource\n"
        "from bokeh.models.widgets import DataTable\n"
        "curdoc().add_root(DataTable(source=ColumnDataSource()))\n"
    )
    plot = plot_at(tmp_path, code)
    assert build(load(plot)) == ["bokeh", "bokeh-widgets", "bokeh-tables"]


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("def", "Invalid syntax in 'thing.py' on line 1$"),
        ("1 / 0", "ZeroDivisionError: division by zero .File 'thing.py', line 1, in <module>.$"),
        ("raise ValueError", "ValueError .File 'thing.py', line 1"),
        ("raise ValueError('one\\ntwo')", "ValueError: one two .File 'thing.py', line 1"),
        ("import sys; sys.exit(3)", "SystemExit: 3 .File 'thing.py', line 1"),
        ("", "adds no root"),
        (
            (
                "import bokeh.io, bokeh.models as m; bokeh.io.curdoc().add_root("
                "m.ColumnDataSource(data={'a': [object()]}))"
            ),
            "what it shows cannot be sent: can't serialize",
        ),
    ],
)
def test_says_why_a_plot_cannot_be_built(tmp_path, code, sentence):
    plot = plot_at(tmp_path, code)
    with pytest.raises(PlotError, match=f"plot thing: .*({sentence})"):
        build(load(plot))


def test_a_plot_that_is_no_text_is_a_sentence_as_well(tmp_path):
    (tmp_path / "thing.py").write_bytes(b"x = '\xff\x00'")
    with pytest.raises(PlotError, match="plot thing: "):
        load(discover(tmp_path)["thing"])


def test_every_plot_of_the_site_can_be_built():
    assert check({}, 20) == []


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"nothing": {}}, f"there is no plot nothing; there are {', '.join(discover())}"),
        ({"bars": {"days": 3}}, "bars has no setting days; it has default_days, maximum_days"),
        ({"bars": {"maximum_days": "3"}}, "set bars.maximum_days to a value of type int, not '3'"),
        ({"bars": {"default_days": 61}}, "set bars.default_days to 1 or more and at most"),
    ],
)
def test_says_which_setting_is_wrong(settings, sentence):
    (problem,) = check(settings, 20)
    assert sentence in problem


def test_a_setting_changes_the_plot():
    bars = discover()["bars"]
    use_settings({"bars": {"maximum_days": 5, "default_days": 3}})
    document = load(bars).create_document()
    slider = document.select_one({"name": "days"})
    assert (slider.value, slider.end) == (3, 5)
    assert len(document.select_one({"name": "bugs"}).data["day"]) == 3
    use_settings({})
    assert plot_settings("bars", maximum_days=60) == {"maximum_days": 60}


def test_one_broken_plot_is_one_sentence(tmp_path, monkeypatch):
    broken = replace(plot_at(tmp_path, "1 / 0"), name="broken")
    plots = {**discover(), "broken": broken}
    monkeypatch.setattr(plot_check, "discover", lambda: plots)
    (problem,) = check({}, 20)
    assert problem.startswith("plot broken: ZeroDivisionError: division by zero")
