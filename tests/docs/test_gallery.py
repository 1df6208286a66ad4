"""The gallery: each script runs without warnings and draws, its texts can be read, and all displays are shown."""

import ast
import io
import re
from itertools import combinations
from pathlib import Path

import figures
import pytest
from compiled_nn import plotting
from compiled_nn.plotting.canvas import Display

ROOT = Path(__file__).resolve().parents[2]
GALLERY = ROOT / "docs" / "gallery"
SCRIPTS = sorted(GALLERY.rglob("plot_*.py"))
LINES, WORDS = 60, 20  # most lines of a script, fewest words of its introduction

pytestmark = pytest.mark.skipif(not SCRIPTS, reason="this copy of the sources has no docs")
every_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)


@pytest.fixture
def pyplot():
    """pyplot without windows, with no figure open before and after the test."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    yield pyplot
    pyplot.close("all")


def run(script):
    """Run a script, and return the values of its expressions, which a notebook could show."""
    shown = []
    tree = ast.parse(script.read_text(encoding="utf-8"))
    for statement in tree.body[1:]:  # after the docstring
        if isinstance(statement, ast.Expr):
            show = ast.Name("show", ast.Load())
            statement.value = ast.copy_location(ast.Call(show, [statement.value], []), statement.value)
    exec(
        compile(ast.fix_missing_locations(tree), str(script), "exec"),
        {"__name__": "page", "show": shown.append},
    )
    return shown


@every_script
def test_draws_pictures_whose_texts_do_not_overlap(script, pyplot):
    shown = run(script)
    drawn = [pyplot.figure(number) for number in pyplot.get_fignums()]
    drawn += [value.figure_ for value in shown if isinstance(value, Display)]
    assert drawn or any(hasattr(value, "_repr_svg_") for value in shown)
    for figure in drawn:
        figure.savefig(io.BytesIO(), format="png")
        texts, whole = figures.drawn_texts(figure), figure.bbox.padded(1)
        for text, box in texts:
            inside = whole.contains(box.x0, box.y0) and whole.contains(box.x1, box.y1)
            assert inside, f"{text} is cut off"
        for pair in combinations(texts, 2):
            assert not figures.overlapping(*pair), [text.get_text() for text, _ in pair]


@every_script
def test_is_short_and_introduced(script):
    source = script.read_text(encoding="utf-8")
    assert len(source.splitlines()) < LINES
    title, line, text = ast.get_docstring(ast.parse(source)).split("\n", 2)
    assert line == "=" * len(title)
    assert len(text.split()) > WORDS


def test_all_displays_are_shown():
    sources = "".join(script.read_text(encoding="utf-8") for script in SCRIPTS)
    assert set(re.findall(r"\w+Display(?=\.from_)", sources)) == set(plotting.__all__)


def test_every_section_has_a_header():
    for folder in {script.parent for script in SCRIPTS} | {GALLERY}:
        assert (folder / "GALLERY_HEADER.rst").is_file()
