"""The site: the reference has every public name, and the links to the sources follow the address of the repository."""

import json
import re
import runpy
import subprocess
import sys
from collections import Counter
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import compiled_nn as cnn
import docstrings
import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
BLOCK = re.compile(
    r"currentmodule:: (\S+)\n\n\.\. autosummary::\n   :toctree: generated\n   :nosignatures:\n\n(.*?)```",
    re.DOTALL,
)
ATTRIBUTES = (
    "compiled_nn.__version__",
    "cnn_core.isa",
    "cnn_core.low_precision",
)  # strings, which the text of a page describes
ADDRESS = "https://example.org/owner/name"

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="this copy of the sources has no docs")


def reference_names():
    """Return the full names that the pages of the reference list, one page each."""
    found = []
    for path in sorted((DOCS / "reference" / "api").glob("*.md")):
        for module, names in BLOCK.findall(path.read_text(encoding="utf-8")):
            found += [f"{module}.{name}" for name in names.split()]
    return found


def test_the_reference_has_every_public_name():
    public, pages = docstrings.names(), set(reference_names())
    objects = [value for name, (_, value) in public.items() if name in pages]
    missing = [
        name
        for name, (_, value) in public.items()
        if name not in pages
        and name not in ATTRIBUTES
        and not any(value is other for other in objects if other is not None)
    ]
    assert not missing


def test_the_reference_has_no_other_name_and_none_twice():
    names = reference_names()
    assert [name for name in names if name not in docstrings.names()] == []
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_attributes_are_described():
    text = "".join(path.read_text(encoding="utf-8") for path in (DOCS / "reference" / "api").glob("*.md"))
    assert [name for name in ATTRIBUTES if f"`{name}`" not in text] == []


def toctrees(path):
    """Return the documents in the toctrees of a page."""
    blocks = re.findall(
        r"^```\{toctree\}\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    lines = [line for block in blocks for line in block.splitlines() if line and not line.startswith(":")]
    return [re.sub(r"^.* <(.*)>$", r"\1", line) for line in lines]


@pytest.mark.parametrize(
    "index", sorted(DOCS.rglob("index.md")), ids=lambda path: path.relative_to(DOCS).as_posix()
)
def test_an_index_lists_the_pages_of_its_folder(index):
    if index.parent == DOCS:
        return
    listed = toctrees(index)
    assert len(set(listed)) == len(listed)
    present = {path.stem for path in index.parent.glob("*.md")} - {"index"}
    assert present <= set(listed)
    text = index.read_text(encoding="utf-8")
    shown = {Path(target).stem for target in re.findall(r"\]\(([^)#]+)", text)}
    shown |= {"contributing" if "CONTRIBUTING" in shown else "", "changelog" if "CHANGELOG" in shown else ""}
    assert [page for page in present if page not in shown and page != "benchmarks"] == []


def test_the_front_page_leads_to_every_folder():
    folders = {path.parent.name for path in DOCS.glob("*/index.md")}
    assert folders <= {entry.split("/")[0] for entry in toctrees(DOCS / "index.md")}


class TestAddress:
    """Links and addresses made from `REPOSITORY` in `python/compiled_nn/_version.py`."""

    @pytest.fixture
    def sources(self):
        return runpy.run_path(str(DOCS / "_ext" / "sources.py"))

    def test_source_links(self, sources):
        link = sources["make_source_link"](ADDRESS, "v1.0.0", "compiled_nn", "Network.from_shape")
        place, lines = link.removeprefix(f"{ADDRESS}/blob/v1.0.0/").split("#")
        first, last = map(int, re.fullmatch(r"L(\d+)-L(\d+)", lines).groups())
        text = (ROOT / place).read_text(encoding="utf-8").splitlines()
        assert any("def from_shape" in line for line in text[first - 1 : last])
        link = sources["make_source_link"](ADDRESS, "main", "cnn_core.stack", "Stack.train")
        assert link == f"{ADDRESS}/blob/main/cnn_core/stack.pyx"
        link = sources["make_source_link"](ADDRESS, "main", "compiled_nn", "Network.n_parameters")
        assert link is None or link.startswith(f"{ADDRESS}/blob/main/python/compiled_nn/")

    def test_edit_links(self, sources):
        edit = sources["make_edit_link"]
        assert edit(ADDRESS, "guide/data.md") == f"{ADDRESS}/edit/main/docs/guide/data.md"
        assert (ROOT / "docs" / "guide" / "data.md").exists()
        assert edit(ADDRESS, "reference/api/generated/compiled_nn.Network.rst") is None

    def test_no_address_gives_no_links(self, sources):
        assert sources["make_source_link"]("", "main", "compiled_nn", "Network") is None
        assert sources["make_edit_link"]("", "guide/data.md") is None

    @pytest.mark.parametrize("address", ["", ADDRESS])
    def test_project_urls(self, address, tmp_path):
        pytest.importorskip("Cython")
        # Not imported here: setuptools does not start in a process that has imported another distutils.
        if find_spec("setuptools") is None or int(version("setuptools").split(".")[0]) < 77:
            pytest.skip("needs setuptools 77")
        (tmp_path / "python" / "compiled_nn").mkdir(parents=True)
        module = (Path(cnn.__file__).parent / "_version.py").read_text(encoding="utf-8")
        text = re.sub('^REPOSITORY = ".*?"', f'REPOSITORY = "{address}"', module, flags=re.MULTILINE)
        (tmp_path / "python" / "compiled_nn" / "_version.py").write_text(text, encoding="utf-8")
        for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
            (tmp_path / name).write_bytes((ROOT / name).read_bytes())
        done = subprocess.run(
            [sys.executable, "setup.py", "-q", "egg_info"], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        (info,) = tmp_path.rglob("PKG-INFO")
        description = info.read_text(encoding="utf-8").partition("\n\n")[2]
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        if address:
            links = set(re.findall(r"\]\(([^)]+)\)", description))
            assert f"{ADDRESS}/raw/main/docs/benchmarks.svg" in links
            assert f"{ADDRESS}/blob/main/docs/start/install.md" in links
            assert all(link.startswith(ADDRESS) for link in links)
        else:
            assert description.strip() == readme.strip()
        urls = re.findall(r"^Project-URL: (.*)$", info.read_text(encoding="utf-8"), re.MULTILINE)
        assert [url.split(", ")[1].startswith(ADDRESS) for url in urls] == [True] * (4 if address else 0)


class TestVersions:
    """The folder of published versions, which `.ci/versions.py` makes."""

    @pytest.fixture
    def published(self, tmp_path):
        script = ROOT / ".ci" / "versions.py"
        if not script.exists():
            pytest.skip("this copy of the sources has no .ci")
        (tmp_path / "site").mkdir()
        (tmp_path / "site" / "objects.inv").touch()
        for name in ("main", "0.9.0", "0.10.0"):
            command = [sys.executable, script, tmp_path / "site", tmp_path / "all", name]
            subprocess.run(command, check=True)
        return tmp_path / "all"

    def test_the_menu_has_the_newest_first(self, published):
        menu = json.loads((published / "switcher.json").read_text(encoding="utf-8"))
        assert [entry["version"] for entry in menu] == ["main", "0.10.0", "0.9.0"]
        assert [entry["version"] for entry in menu if entry["preferred"]] == ["0.10.0"]
        for entry in menu:
            assert (published / "main" / entry["url"] / "objects.inv").resolve().exists()

    def test_pages_lead_to_a_version(self, published):
        assert 'href="0.10.0/"' in (published / "index.html").read_text(encoding="utf-8")
        assert r"(main|0\.10\.0|0\.9\.0)" in (published / "404.html").read_text(encoding="utf-8")
        assert (published / ".nojekyll").exists()


class TestWords:
    """The searches of docs/start/tasks.md, and the code spans that are linked to the reference."""

    def test_no_search_is_in_two_rows(self):
        pytest.importorskip("sphinx")
        words = runpy.run_path(str(DOCS / "_ext" / "search_words.py"))["list_words"]()
        searches = [search for entries in words.values() for search, _ in entries]
        assert len(searches) > 200
        assert [search for search, count in Counter(searches).items() if count > 1] == []
        assert [
            search for search in searches if search != search.lower().strip() or search.count(" ") > 6
        ] == []
        pages = [f"{page}.md" for page in words if not page.startswith("examples/")]
        pages += [
            page.replace("examples/", "gallery/") + ".py" for page in words if page.startswith("examples/")
        ]
        assert [page for page in pages if not (DOCS / page).exists()] == []

    @pytest.mark.parametrize(
        ("span", "name"),
        [
            ("cnn.load", "compiled_nn.load"),
            ("cnn.load('net.safetensors')", "compiled_nn.load"),
            ("load()", "compiled_nn.load"),
            ("load", None),
            ("Network.fit", "compiled_nn.Network.fit"),
            ("train_test_split", "compiled_nn.train_test_split"),
            ("cnn_core.stack.Stack", "cnn_core.stack.Stack"),
            ("epochs=5", None),
            ("cnn.__version__", None),
        ],
    )
    def test_names_in_code_spans(self, span, name, monkeypatch):
        pytest.importorskip("sphinx")
        monkeypatch.syspath_prepend(str(DOCS / "_ext"))
        make_full_name = runpy.run_path(str(DOCS / "_ext" / "names.py"))["make_full_name"]
        assert make_full_name(span, prefixed_only=False) == name
        prefixed = name if span.startswith(("cnn", "cnn_core")) else None
        assert make_full_name(span, prefixed_only=True) == prefixed

    def test_names_are_found_without_their_module(self, monkeypatch):
        pytest.importorskip("sphinx")
        monkeypatch.syspath_prepend(str(DOCS / "_ext"))
        entries = {
            "compiled_nn.callbacks.EarlyStopping": SimpleNamespace(objtype="class", aliased=False),
            "compiled_nn.callbacks.stopping.EarlyStopping": SimpleNamespace(objtype="class", aliased=True),
            "compiled_nn.Network.seed": SimpleNamespace(objtype="attribute", aliased=False),
        }
        find = runpy.run_path(str(DOCS / "_ext" / "names.py"))["make_finder"](entries)
        assert find("compiled_nn.EarlyStopping") == "compiled_nn.callbacks.EarlyStopping"
        assert find("compiled_nn.seed") is None
        assert find("compiled_nn.nothing") is None


def test_wrong_links_are_found(tmp_path):
    script = ROOT / ".ci" / "links.py"
    if not script.exists():
        pytest.skip("this copy of the sources has no .ci")
    right = '<a id="top" href="b.html#there">x</a><img srcset="b.html 1x, b.html 2x"><a href="https://example.org">y</a>'
    (tmp_path / "a.html").write_text(right)
    (tmp_path / "b.html").write_text('<h1 id="there">x</h1><a href="#there">y</a>')
    command = [sys.executable, script, tmp_path]
    assert subprocess.run(command, capture_output=True).returncode == 0
    (tmp_path / "b.html").write_text(
        '<a href="c.html"></a><img src="d.png"><a href="a.html#bottom"></a><a href="#here"></a>'
    )
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.count("no such file") == 2
    assert done.stdout.count("no such anchor") == 3  # also "there" of the first page
