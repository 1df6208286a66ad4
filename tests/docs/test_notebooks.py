"""The notebooks of the tutorials: what is stored in them is complete, and is what they print when they are executed."""

import ast
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import language
import notebooks
import pytest
import shown
from compiled_nn import datasets

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "tutorials" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
DATA = Path(os.environ.get("COMPILED_NN_DATA") or ROOT.parent / "shared" / "data")
LOADERS = {
    "beans": datasets.load_beans,
    "cats": datasets.load_catvnoncat,
    "fashion": datasets.load_fashion_mnist,
    "mnist": datasets.load_mnist,
}
SLOW = ("beans", "mnist", "fashion")  # they take about ten seconds or more
MOST_BYTES = 300_000
PATH = re.compile(
    r"(?<![\w.])/(?:bin|etc|home|lib|mnt|opt|root|tmp|usr|var|work|Users)/|[A-Z]:\\|site-packages"
)
SHOWS = re.compile(
    r"Display\.from_\w+\(|network_diagram\(|plt\.subplots\(|\.diagnose\(|^print\(|^\s+print\(", re.M
)

pytestmark = pytest.mark.skipif(not NOTEBOOKS, reason="this copy of the sources has no docs")
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def programs(path):
    """Return the cells of a notebook with code."""
    return [cell for cell in notebooks.read(path)["cells"] if cell["cell_type"] == "code"]


def prose(path):
    """Return the text of a notebook without its code."""
    cells = notebooks.read(path)["cells"]
    return "\n\n".join(notebooks.source(cell) for cell in cells if cell["cell_type"] == "markdown")


def outputs(cells):
    """Return the kind and the text of each output; of a picture the kinds of its files, but not their content."""
    return [
        [(sorted(output.get("data", ["stream"])), notebooks.text_of(output)) for output in cell["outputs"]]
        for cell in cells
    ]


class TestStored:
    def test_there_is_one_for_each_page(self):
        pages = {path.stem for path in FOLDER.parent.glob("*.md")} - {"index"}
        assert {path.stem for path in NOTEBOOKS} == pages

    @every_notebook
    def test_cells_are_numbered_in_order(self, path):
        numbers = [cell["execution_count"] for cell in programs(path)]
        assert numbers == list(range(1, len(numbers) + 1))

    @every_notebook
    def test_cells_that_print_or_draw_have_outputs(self, path):
        for cell in programs(path):
            source = notebooks.source(cell)
            if SHOWS.search(source) or isinstance(ast.parse(source).body[-1], ast.Name):
                assert cell["outputs"], source
        kinds = {kind for cell in outputs(programs(path)) for kinds, _ in cell for kind in kinds}
        assert {"stream", "image/png", "text/html"} <= kinds

    @every_notebook
    def test_no_error_no_warning_and_no_path_of_a_machine(self, path):
        for cell in programs(path):
            for output in cell["outputs"]:
                assert output["output_type"] in ("stream", "display_data", "execute_result")
                assert output.get("name") != "stderr", notebooks.text_of(output)
                texts = [notebooks.text_of(output), *map("".join, text_parts(output))]
                assert not any(PATH.search(text) or "at 0x" in text for text in texts)

    @every_notebook
    def test_nothing_that_differs_from_run_to_run(self, path):
        notebook = notebooks.read(path)
        assert notebooks.clean(notebooks.read(path)) == notebook
        assert path.stat().st_size < MOST_BYTES

    @every_notebook
    def test_prose_is_plain_and_links_lead_somewhere(self, path):
        text = prose(path)
        assert not language.search(language.read_page(text))
        targets = re.findall(r"\]\(([^)#]+)[^)]*\)", text)
        assert f"../{path.stem}.md" in targets
        assert all((path.parent / target).exists() for target in targets)


def text_parts(output):
    """Return the parts of an output that are text."""
    return [part for kind, part in output.get("data", {}).items() if kind != "image/png"]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=pytest.mark.slow if path.stem in SLOW else ())
        for path in NOTEBOOKS
    ],
)
def test_executed_again_prints_and_draws_the_same(path, tmp_path, environment, monkeypatch):
    for library in ("nbclient", "ipykernel", "matplotlib"):
        if find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
    if DATA.is_dir():
        monkeypatch.setenv("COMPILED_NN_DATA", str(DATA))
        environment["COMPILED_NN_DATA"] = str(DATA)
    try:
        LOADERS.get(path.stem, datasets.xor)()
    except FileNotFoundError as error:
        pytest.skip(str(error).splitlines()[0])
    # In a process of its own: the kernel's libraries give warnings, which are errors in this one.
    command = [sys.executable, notebooks.__file__, str(path), "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    stored, new = outputs(programs(path)), outputs(programs(tmp_path / path.name))
    assert len(stored) == len(new)
    for expected, found in zip(stored, new, strict=True):
        assert [kinds for kinds, _ in expected] == [kinds for kinds, _ in found]
        for (_, text), (_, other) in zip(expected, found, strict=True):
            assert shown.alike(text, other), other
