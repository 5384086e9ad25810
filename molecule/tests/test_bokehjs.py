"""The role bokehjs: the scripts of exactly the installed Bokeh, compressed, kept for ever."""

import base64
import gzip
import hashlib
import json
import re

import pytest

testinfra_hosts = ["ansible://app"]

SCRIPT = re.compile(r'<script [^>]*src="(?P<url>/static/bokeh/[^"]+)" integrity="(?P<sri>[^"]+)"')

COMPARE = """
import hashlib, json, pathlib, sys
package, served = json.load(sys.stdin)
def hashes(folder):
    files = pathlib.Path(folder).glob("*.js")
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
print(json.dumps([hashes(package), hashes(served)]))
"""


@pytest.fixture(scope="module")
def scripts(alice):
    """The scripts of BokehJS that the plots' pages load, with their integrity."""
    return {
        found["url"]: found["sri"]
        for plot in ("sliders", "bars", "explorer")
        for found in SCRIPT.finditer(alice.get(f"/{plot}").text)
    }


@pytest.fixture(scope="module")
def bokeh(site):
    """Version of the installed Bokeh, and the folder of its scripts."""
    script = (
        "import bokeh, pathlib; print(bokeh.__version__);"
        "print(pathlib.Path(bokeh.__file__).parent / 'server/static/js')"
    )
    python = f"{site.variables['site_venv_dir']}/bin/python"
    return site.command(python, "-c", script).stdout.split()


def test_the_scripts_are_those_of_the_installed_bokeh(site, bokeh):
    version, package = bokeh
    served = f"{site.variables['bokehjs_static_dir']}/{version}/js"
    installed, public = json.loads(site.python(COMPARE, "nobody", json.dumps([package, served])))
    assert "bokeh.min.js" in public
    assert public == {name: hash_ for name, hash_ in installed.items() if name.endswith(".min.js")}


def test_pages_load_scripts_of_the_installed_version_only(scripts, bokeh):
    assert len(scripts) >= 2
    for url in scripts:
        assert url.startswith(f"/static/bokeh/{bokeh[0]}/js/")


def test_scripts_are_what_the_page_says_they_are(nobody, scripts):
    for url, integrity in scripts.items():
        answer = nobody.get(url)
        digest = base64.b64encode(hashlib.sha384(answer.body).digest()).decode()
        assert answer.status == 200
        assert integrity == f"sha384-{digest}"


def test_scripts_may_be_kept_for_ever(nobody, scripts):
    for url in scripts:
        assert nobody.get(url).headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_scripts_travel_compressed(host, site, nobody, scripts):
    # Ubuntu 22.04 packages no module for nginx that serves the .br files.
    best = "gzip" if host.system_info.codename == "jammy" else "br"
    for url in scripts:
        plain = nobody.get(url)
        zipped = nobody.get(url, Accept_Encoding="gzip")
        modern = nobody.get(url, Accept_Encoding="gzip, deflate, br")
        assert zipped.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(zipped.body) == plain.body
        assert modern.headers["Content-Encoding"] == best
        assert len(zipped.body) < len(plain.body) / 2
        assert "Accept-Encoding" in modern.headers["Vary"]
        file = f"{site.variables['bokehjs_static_dir']}{url.removeprefix('/static/bokeh')}.br"
        unpacked = site.command("sh", "-c", f"brotli -dc {file} | sha256sum").stdout.split()[0]
        assert unpacked == hashlib.sha256(plain.body).hexdigest()
        size = int(site.command("stat", "--format=%s", file).stdout)
        assert size < len(zipped.body)
        assert best == "gzip" or size == len(modern.body)


def test_pages_own_files_may_be_kept_for_ever_too(site, nobody, alice):
    own = re.findall(r'"(/static/app/[^"]+)"', alice.get("/sliders").text)
    assert {url.rpartition(".")[2] for url in own} == {"css", "js", "svg"}
    for url in own:
        assert f"/{site.variables['site_release']}/" in url
        answer = nobody.get(url, Accept_Encoding="gzip")
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/bokeh/",
        "/static/bokeh/{version}/",
        "/static/bokeh/{version}/js/",
        "/static/bokeh/{version}/js/bokeh.js",
        "/static/bokeh../",
        "/static/bokeh/{version}/js/..%2f..%2f..%2f..%2f..%2fetc/passwd",
        "/static/app/{release}/",
        "/static/app/{release}/../wsgi.py",
        "/static/app/{release}/..%2fwsgi.py",
        "/static/app/{release}/%2e%2e/wsgi.py",
        "/static/app/unknown/site.css",
    ],
)
def test_nothing_else_is_served(site, nobody, bokeh, path):
    asked = path.format(version=bokeh[0], release=site.variables["site_release"])
    assert nobody.get(asked).status in {400, 403, 404}
