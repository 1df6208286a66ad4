"""Loss curves and confusion tables as text of at most 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...common import axes
from .terminal import Terminal

if TYPE_CHECKING:
    from ...common.protocols import History

_GUTTER = 14  # columns to the left of a curve, for its labels
_VALUE = 8  # columns to the right of a curve, for its last value
_CURVE_HEIGHT = 7
_MOST_CLASSES = 20  # with more, the table is replaced by a list
_WORST = 10  # classes, and pairs of classes, in that list


# ---- curves


def curves(history: History, score: str, terminal: Terminal, part: str = "test") -> list[str]:
    """Return the training loss as a chart and, below it, the loss and score of the validation data, if any.

    Parameters
    ----------
    history : dict of lists
        History of the network.
    score : str
        Name of the score.
    terminal : Terminal
    part : str, default "test"
        Name of the rows on which each epoch is scored.

    Returns
    -------
    list of str
        Lines; none if there are no epochs.
    """
    loss = np.array(history["loss"], np.float64)
    if not len(loss):
        return []
    width = terminal.width - _GUTTER - _VALUE - 2
    logarithmic = axes.is_logarithmic(loss) and min(history.get("val_loss", loss)) > 0
    heading = "training loss" + (", logarithmic scale" if logarithmic else "")
    rows = _chart(np.log(loss) if logarithmic else loss, width, _CURVE_HEIGHT, terminal.unicode)
    labels = [f"{loss.max():.3g}", *[""] * (_CURVE_HEIGHT - 2), f"{loss.min():.3g}"]
    values = [*[""] * (_CURVE_HEIGHT - 1), f"{loss[-1]:.4g}"]
    lines = [" " * (_GUTTER + 1) + terminal.style(heading, "dim")]
    for label, row, value in zip(labels, rows, values, strict=True):
        lines.append(_curve_line(label, terminal.style(row, "cyan"), value))
    for name, column in ((f"{part} loss", "val_loss"), (f"{part} {score}", "val_score")):
        if column in history:
            values_ = np.array(history[column], np.float64)
            scaled = np.log(values_) if column == "val_loss" and logarithmic else values_
            row = _chart(scaled, width, 1, terminal.unicode)[0]
            lines.append(_curve_line(name, terminal.style(row, "green"), f"{values_[-1]:.4g}"))
    last = f"epoch {len(loss)}"
    lines.append(" " * (_GUTTER + 1) + terminal.style("1" + last.rjust(width - 1), "dim"))
    return lines


def _curve_line(label: str, row: str, value: str) -> str:
    return f"{label:>{_GUTTER}} {row} {value}".rstrip()


def _chart(values: NDArray[np.float64], width: int, height: int, unicode: bool) -> list[str]:
    """Return `height` rows of `width` characters, filled up to the values; the lowest value is one level high."""
    levels = " ▁▂▃▄▅▆▇█" if unicode else " .:|"
    edges = np.linspace(0, len(values), width + 1).astype(int)
    columns = np.array([values[a : max(a + 1, b)].mean() for a, b in pairwise(edges)])
    finite = np.isfinite(columns)
    low, high = (columns[finite].min(), columns[finite].max()) if finite.any() else (0.0, 0.0)
    share = np.where(finite, columns - low, 0.0) / (high - low if high > low else 1.0)
    step = len(levels) - 1
    filled = np.where(finite, 1 + np.rint(share * (height * step - 1)), 0).astype(int)
    rows = range((height - 1) * step, -1, -step)
    return ["".join(levels[i] for i in np.clip(filled - row, 0, step)) for row in rows]


# ---- confusion


def confusion(
    counts: NDArray[np.int64], labels: Sequence[str], class_names: Sequence[str], terminal: Terminal
) -> list[str]:
    """Return a confusion table; for many classes, a list of the classes with most mistakes.

    Parameters
    ----------
    counts : ndarray (n_classes, n_classes)
        Number of rows for each true class (down) and each predicted class (across).
    labels : sequence of str
        Labels of the classes.
    class_names : sequence of str
        Names of the classes in the data set; ignored if there are not as many names as classes.
    terminal : Terminal

    Returns
    -------
    list of str
        Lines of the table or list.
    """
    k = len(labels)
    names = list(labels)
    if len(class_names) == k:
        names = [a if a == b else f"{a} {b}" for a, b in zip(labels, class_names, strict=True)]
    correct = [_share(counts[i, i], counts[i].sum()) for i in range(k)]
    cell = max(len(f"{counts.max()}"), 2) + 2
    heads, rows = list(labels), names
    if max(map(len, labels)) >= cell:  # too long for the head of a column: columns and rows are numbered
        heads, rows = [str(i + 1) for i in range(k)], [f"{i + 1} {name}" for i, name in enumerate(names)]
    longest = max(map(len, rows))
    room = terminal.width - k * cell - 10
    if k > _MOST_CLASSES or room < min(longest, 8):
        return _worst(counts, names, correct, terminal)
    rows = [_cut(row, room) for row in rows]
    gutter = max(*map(len, rows), 4)
    head_cells = terminal.style("".join(head.rjust(cell) for head in heads), "bold")
    lines = ["true".ljust(gutter) + head_cells + "correct".rjust(10)]
    nothing = "·" if terminal.unicode else "."
    for i, row in enumerate(rows):
        cells = [str(n) if n else nothing for n in counts[i].tolist()]
        styled = [
            terminal.style(text.rjust(cell), "green" if i == j else "red" if counts[i, j] else "dim")
            for j, text in enumerate(cells)
        ]
        lines.append(terminal.style(row.ljust(gutter), "bold") + "".join(styled) + correct[i].rjust(10))
    return lines


def _worst(
    counts: NDArray[np.int64], names: Sequence[str], correct: Sequence[str], terminal: Terminal
) -> list[str]:
    """Return the classes with the lowest recall, and the most frequent confusions."""
    totals = counts.sum(axis=1)
    recall = np.diag(counts) / np.maximum(totals, 1)
    present = [i for i in np.argsort(recall, kind="stable").tolist() if totals[i] and recall[i] < 1]
    wrong = counts - np.diag(np.diag(counts))
    pairs = [divmod(i, len(names)) for i in np.argsort(-wrong, axis=None, kind="stable")[:_WORST].tolist()]
    pairs = [(i, j) for i, j in pairs if wrong[i, j]]
    if not pairs:
        return [f"every row of the {len(names)} classes is predicted correctly"]
    name = (terminal.width - 16) // 2 - 8
    short = [_cut(text, name) for text in names]
    lines = [terminal.style(f"lowest of {len(names)} classes".ljust(name + 10) + "correct", "bold")]
    lines += [f"{short[i].ljust(name)}{correct[i]:>15}  of {totals[i]}" for i in present[:_WORST]]
    lines += ["", terminal.style("true".ljust(name + 2) + "predicted as".ljust(name + 2) + " rows", "bold")]
    lines += [f"{short[i].ljust(name + 2)}{short[j].ljust(name + 2)}{wrong[i, j]:>5}" for i, j in pairs]
    return lines


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "no rows"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 2, 1)] + ".."
