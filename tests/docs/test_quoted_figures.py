"""Figures of docs/internals/performance.md that other pages repeat are the same there."""

from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
PERFORMANCE = DOCS / "internals" / "performance.md"

pytestmark = pytest.mark.skipif(not PERFORMANCE.exists(), reason="this copy of the sources has no docs")


def rows(path, words):
    """Return the cells of the lines of tables that begin with the words."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith(f"| {words}")
    ]


def test_matrix_products_of_kernels():
    lines = (DOCS / "internals" / "kernels.md").read_text(encoding="utf-8").splitlines()
    quoted = [line for line in lines if line.startswith("| ") and line.count("x") >= 2 and "%" in line]
    assert len(quoted) >= 5
    assert set(quoted) <= set(PERFORMANCE.read_text(encoding="utf-8").splitlines())


def test_comparison_with_lightgbm():
    page = DOCS / "migrating" / "lightgbm.md"
    (measured,) = (row for row in rows(PERFORMANCE, "LightGBM |") if len(row) == 13)
    log_loss, errors, rmse = measured[2:5]
    won = dict(zip(("log loss", "number of errors", "area", "RMSE"), measured[5:9], strict=True))
    for words, counts in won.items():
        (row,) = rows(page, words)
        assert row[2].replace(" ", "") == counts
        assert row[1] == {"log loss": log_loss, "number of errors": errors, "RMSE": rmse}.get(words, "")
    assert [rows(page, f"CPU time of `{name}`")[0][1] for name in ("fit", "predict")] == measured[11:]
