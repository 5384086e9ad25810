"""The check of the locks: it sees what is yanked, without a hash, or not declared."""

import importlib.machinery
import importlib.util
import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType

import pytest

pytestmark = pytest.mark.usefixtures("checkout", "files")
TOOL = Path(__file__).parents[2] / "tools/dependencies"
GOOD, BAD = "a" * 64, "b" * 64
LOCK = f"""\
# made by a tool
good==1.0 ; python_full_version >= '3.11' \\
    --hash=sha256:{GOOD}
    # via site
worse==2.0 \\
    --hash=sha256:{BAD} \\
    --hash=sha256:{GOOD}
"""


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("dependencies", str(TOOL))
    spec = importlib.util.spec_from_loader("dependencies", loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules["dependencies"] = module  # where dataclasses look for their annotations
    loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tool, tmp_path, monkeypatch) -> Path:
    """A checkout with one lock."""
    for name in (*tool.LOCKS, "app/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / tool.LOCKS[0]).write_text(LOCK)
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["pytest>=1"]\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def files(monkeypatch) -> Iterator[dict[str, list[dict]]]:
    """The files of an index, by package; it fails for a package that it does not have."""
    kept = {
        name: [{"hashes": {"sha256": file}, "yanked": False} for file in (GOOD, BAD)]
        for name in ("good", "worse")
    }

    class Index(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = kept.get(self.path.strip("/"))
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(json.dumps({"files": found}).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("localhost", 0), Index)
    thread = Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("PIP_INDEX_URL", f"http://localhost:{server.server_port}")
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_sound_lock_passes(tool, capsys):
    assert (tool.main(), capsys.readouterr().err) == (0, "")


def test_a_yanked_file_is_named_with_the_reason(tool, files, capsys):
    files["worse"][1]["yanked"] = "it deletes files"
    assert tool.main() == 1
    told = "app/requirements.txt: worse 2.0 is yanked (it deletes files): make lock"
    assert capsys.readouterr().err.startswith(told)


def test_a_package_without_a_hash_or_one_that_the_index_has_not_is_named(
    tool, checkout, files, capsys
):
    del files["worse"][:]
    files["worse"].append({"hashes": {"sha256": "c" * 64}})
    (checkout / tool.LOCKS[1]).write_text("good==1.0\n")
    assert tool.main() == 1
    told = capsys.readouterr().err
    assert "worse 2.0 is not in the index any more" in told
    assert "tools/requirements.txt: good 1.0 has no hash" in told


def test_what_is_imported_and_not_declared_is_named(tool, checkout, capsys):
    (checkout / "app/__init__.py").write_text("import json, pytest\nfrom yaml import load\n")
    assert tool.main() == 1
    assert "app/ imports yaml, of which pyproject.toml knows nothing" in capsys.readouterr().err


def test_an_index_that_does_not_answer_is_no_pass(tool, files, capsys):
    del files["good"]
    assert tool.main() == 1
    assert "does not tell of good (404 Client Error" in capsys.readouterr().err
