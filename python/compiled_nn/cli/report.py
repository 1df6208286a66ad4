"""What the command line shows: loss curves, confusion tables and progress in 80 columns of text."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from itertools import pairwise
from time import monotonic
from typing import TYPE_CHECKING, TextIO

import numpy as np
from numpy.typing import NDArray

from ..common import axes

if TYPE_CHECKING:
    from ..common.protocols import History
    from ..network.network import Network

_WIDTH = 80
_NARROWEST = 50
_GUTTER = 14  # columns left of a curve, for its labels
_VALUE = 8  # columns right of it, for its last value
_CURVE_HEIGHT = 7
_MOST_CLASSES = 20  # in a whole confusion table
_WORST = 10  # classes and confusions listed in place of a larger one
_REDRAWS = 0.1  # seconds from one drawing of the progress line to the next, at least
_ESTIMATE_FROM = 0.2  # seconds: before, the first epoch says little of the others
_LINES = 10  # of progress where the line cannot be rewritten
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "cyan": "36"}


class Terminal:
    """Where text goes, and what it can show there.

    Parameters
    ----------
    stream : text file

    Attributes
    ----------
    is_tty : bool
    width : int
        Columns to use: 80, or fewer on a narrower terminal.
    unicode : bool
        Whether the encoding has block characters.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self.is_tty = stream.isatty()
        width = shutil.get_terminal_size((_WIDTH, 24)).columns if self.is_tty else _WIDTH
        self.width = min(_WIDTH, max(_NARROWEST, width))
        self.unicode = _can_encode("▁█·━", self._encoding)
        windows_console = os.name == "nt" and "WT_SESSION" not in os.environ  # may show the codes as text
        self._colours = (
            self.is_tty
            and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM") != "dumb"
            and not windows_console
        )

    def style(self, text: str, name: str) -> str:
        """Return `text` bold, dim or coloured where that is wanted; unchanged elsewhere."""
        return f"\033[{_STYLES[name]}m{text}\033[0m" if self._colours else text

    def write(self, text: str) -> None:
        """Write `text` at once; characters that the encoding lacks become question marks."""
        self._stream.write(text.encode(self._encoding, "replace").decode(self._encoding))
        self._stream.flush()

    def print(self, *lines: str) -> None:
        """Write lines."""
        self.write("".join(line + "\n" for line in lines))


def _can_encode(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


# ---- progress


class Progress:
    """A callback of fit: one line that is rewritten on a terminal, some ten lines elsewhere.

    Parameters
    ----------
    terminal : Terminal
    epochs : int
        How many there will be.
    score : str
        Name of the score in the history.
    part : str, default "test"
        What the rows are called that it is of.
    """

    def __init__(self, terminal: Terminal, epochs: int, score: str, part: str = "test") -> None:
        self._terminal: Terminal | None = terminal
        self._epochs = epochs
        self._score = f"{part} {score}"
        self._start = self._drawn = monotonic()
        self._length = 0

    def __call__(self, net: Network, epoch: int, history: History) -> None:
        """Show that an epoch is done."""
        terminal = self._terminal
        if terminal is None:
            return
        now = monotonic()
        if terminal.is_tty:
            wanted = epoch in (1, self._epochs) or now - self._drawn >= _REDRAWS
        else:
            wanted = epoch == 1 or epoch * _LINES // self._epochs > (epoch - 1) * _LINES // self._epochs
        if not wanted:
            return
        self._drawn = now
        line = self._line(terminal, epoch, history, now - self._start)
        if terminal.is_tty:
            line, self._length = "\r" + line.ljust(self._length), len(line)
        self._write(line if terminal.is_tty else line + "\n")

    def finish(self) -> None:
        """End the line that was being rewritten."""
        if self._length:
            self._write("\n")
            self._length = 0

    def _write(self, text: str) -> None:
        """Write to the terminal, as long as somebody reads it: training goes on without."""
        try:
            if self._terminal is not None:
                self._terminal.write(text)
        except BrokenPipeError:
            self._terminal = None

    def _line(self, terminal: Terminal, epoch: int, history: History, seconds: float) -> str:
        parts = [f"epoch {epoch:{len(str(self._epochs))}}/{self._epochs}"]
        if terminal.is_tty:
            full, rest = ("━", "╌") if terminal.unicode else ("=", "-")
            done = epoch * 12 // self._epochs
            parts.append(full * done + rest * (12 - done))
        parts.append(f"loss {history['loss'][-1]:.4f}")
        if "val_score" in history:
            parts.append(f"{self._score} {history['val_score'][-1]:.4f}")
        left = seconds / epoch * (self._epochs - epoch)
        if epoch == self._epochs:
            parts.append(duration(seconds))
        elif seconds > _ESTIMATE_FROM:
            parts.append(f"{duration(left)} left")
        return "  ".join(parts)[: terminal.width - 1]


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"


# ---- curves


def curves(history: History, score: str, terminal: Terminal, part: str = "test") -> list[str]:
    """Return the training loss as a chart and, with validation data, their loss and score under it.

    Parameters
    ----------
    history : dict of lists
        Of a network.
    score : str
        Name of the score.
    terminal : Terminal
    part : str, default "test"
        What the rows are called that each epoch is scored on.

    Returns
    -------
    list of str
        Lines; none where there are no epochs.
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
    """Return `height` rows of `width` characters, filled up to the values; the lowest value just shows."""
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
    """Return a confusion table, or the worst of it where it is too large to be read.

    Parameters
    ----------
    counts : ndarray (n_classes, n_classes)
        Rows of each true class (down) that were predicted as each class (across).
    labels : sequence of str
        Labels of the classes.
    class_names : sequence of str
        What the data set calls them; not one a class where it has no names for them.
    terminal : Terminal

    Returns
    -------
    list of str
        Lines.
    """
    k = len(labels)
    names = list(labels)
    if len(class_names) == k:
        names = [a if a == b else f"{a} {b}" for a, b in zip(labels, class_names, strict=True)]
    right = [_share(counts[i, i], counts[i].sum()) for i in range(k)]
    cell = max(len(f"{counts.max()}"), 2) + 2
    heads, rows = list(labels), names
    if max(map(len, labels)) >= cell:  # too long for the head of a column: number them, and the rows
        heads, rows = [str(i + 1) for i in range(k)], [f"{i + 1} {name}" for i, name in enumerate(names)]
    longest = max(map(len, rows))
    room = terminal.width - k * cell - 10
    if k > _MOST_CLASSES or room < min(longest, 8):
        return _worst(counts, names, right, terminal)
    rows = [_cut(row, room) for row in rows]
    gutter = max(*map(len, rows), 4)
    head_cells = terminal.style("".join(head.rjust(cell) for head in heads), "bold")
    lines = ["true".ljust(gutter) + head_cells + "right".rjust(10)]
    nothing = "·" if terminal.unicode else "."
    for i, row in enumerate(rows):
        cells = [str(n) if n else nothing for n in counts[i].tolist()]
        styled = [
            terminal.style(text.rjust(cell), "green" if i == j else "red" if counts[i, j] else "dim")
            for j, text in enumerate(cells)
        ]
        lines.append(terminal.style(row.ljust(gutter), "bold") + "".join(styled) + right[i].rjust(10))
    return lines


def _worst(
    counts: NDArray[np.int64], names: Sequence[str], right: Sequence[str], terminal: Terminal
) -> list[str]:
    """List the classes most often missed, and the most frequent confusions."""
    totals = counts.sum(axis=1)
    recall = np.diag(counts) / np.maximum(totals, 1)
    present = [i for i in np.argsort(recall, kind="stable").tolist() if totals[i] and recall[i] < 1]
    wrong = counts - np.diag(np.diag(counts))
    pairs = [divmod(i, len(names)) for i in np.argsort(-wrong, axis=None, kind="stable")[:_WORST].tolist()]
    pairs = [(i, j) for i, j in pairs if wrong[i, j]]
    if not pairs:
        return [f"all {len(names)} classes are right in every row"]
    name = (terminal.width - 16) // 2 - 8
    short = [_cut(text, name) for text in names]
    lines = [terminal.style(f"lowest of {len(names)} classes".ljust(name + 10) + "right", "bold")]
    lines += [f"{short[i].ljust(name)}{right[i]:>15}  of {totals[i]}" for i in present[:_WORST]]
    lines += ["", terminal.style("true".ljust(name + 2) + "predicted as".ljust(name + 2) + " rows", "bold")]
    lines += [f"{short[i].ljust(name + 2)}{short[j].ljust(name + 2)}{wrong[i, j]:>5}" for i, j in pairs]
    return lines


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "no rows"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 2, 1)] + ".."


def error(message: object) -> None:
    """Print an error as one line on stderr."""
    Terminal(sys.stderr).print("compiled-nn: error: " + "; ".join(map(str.strip, str(message).splitlines())))
