"""Reports of training: lines or a table on stdout, and records of the logger `compiled_nn`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..callbacks.base import Monitor

if TYPE_CHECKING:
    from logging import Logger

    from ..common.protocols import History

_WIDTH = 79  # largest number of characters of a line
_TABLE = 2  # value of `verbose` for a table
_FIRST = ("loss", "val_loss", "val_score")
_LAST = ("penalty", "gradient_norm", "learning_rate")
_SHORT = {"learning_rate": "lr"}


class Report:
    """Output of one call of fit.

    Parameters
    ----------
    verbose : int
        0: nothing is printed; 1: one line per epoch; 2: a table with one line per epoch; n > 2: a line every n epochs.

    Attributes
    ----------
    period : int
        Number of epochs from one line to the next; 0 if nothing is printed.
    has_output : bool
        Whether anything is printed or logged.
    """

    def __init__(self, verbose: int) -> None:
        self.period = verbose if verbose > _TABLE else min(verbose, 1)
        self._table = _Table() if verbose == _TABLE else None
        self._logger = logger()
        self.has_output = bool(self.period) or self._logger is not None

    def begin(self, owner: str, epochs: int) -> None:
        """Log the start of training."""
        if self._logger is not None:
            self._logger.info("%s: training begins, at most %d epochs", owner, epochs)

    def epoch(self, history: History, last: int, stopped: bool) -> None:
        """Print or log the last epoch of the history, if it is due."""
        epoch = history["epoch"][-1]
        if self.period and (epoch % self.period == 0 or epoch == last or stopped):
            print(line(history, last) if self._table is None else self._table.text(history))
        if self._logger is not None and self._logger.isEnabledFor(10):
            self._logger.debug("%s", line(history, last))

    def end(self, owner: str, reason: str, epoch: int) -> None:
        """Log the end of training and its reason."""
        if self._logger is not None:
            self._logger.info("%s: training ended after epoch %d: %s", owner, epoch, reason)

    def failure(self, owner: str, error: BaseException) -> None:
        """Log the exception that has ended training."""
        if self._logger is not None:
            self._logger.info("%s: training failed: %s: %s", owner, type(error).__name__, error)


def logger() -> Logger | None:
    """Return the logger `compiled_nn` if it takes records of the level INFO, otherwise None.

    If the program has not imported `logging`, no handler can be installed, and it is not imported here either.
    """
    logging: Any = sys.modules.get("logging")
    if logging is None:
        return None
    found: Logger = logging.getLogger("compiled_nn")
    if not found.handlers:
        found.addHandler(logging.NullHandler())
    return found if found.isEnabledFor(logging.INFO) else None


def _shown(history: History) -> list[str]:
    """Return the columns to print, the most important ones first."""
    first = [name for name in _FIRST if name in history]
    last = [name for name in _LAST if name in history and history[name][-1] != 0]
    others = [name for name in history if name not in (*_FIRST, *_LAST, "epoch", "seconds")]
    rate = last.pop() if "learning_rate" in last else None
    return [*first, *others, *([] if rate is None else [rate]), *last]


def line(history: History, last_epoch: int) -> str:
    """Return one line of text with the number of the last epoch and as many of its columns as 79 characters hold."""
    text, end = f"epoch {history['epoch'][-1]}/{last_epoch}", f"  {history['seconds'][-1]:.2g} s"
    for name in _shown(history):
        column = f"  {_SHORT.get(name, name)} {history[name][-1]:.4g}"
        if len(text) + len(column) + len(end) <= _WIDTH:
            text += column
    return text + end


class _Table:
    """Table with one line per epoch; its columns are those of the first epoch, as many as 79 characters hold."""

    def __init__(self) -> None:
        self._columns: list[str] = []
        self._best: float | None = None

    def text(self, history: History) -> str:
        """Return the line of the last epoch, after the first one with the head of the table before it."""
        head = ""
        if not self._columns:
            head = self._head(history)
        monitor = Monitor("verbose", "val_loss" if "val_loss" in history else "loss")
        value = monitor.latest(history)
        mark = " "
        if monitor.better(value, self._best):
            self._best, mark = value, "*"
        cells = [f"{history['epoch'][-1]:>7}"]
        for name in self._columns:
            flag = mark if name == monitor.column else " "
            cells.append(f"{history[name][-1]:.4g}".rjust(_width(name) - 1) + flag)
        return head + "  ".join([*cells, f"{history['seconds'][-1]:>8.2g}"]).rstrip()

    def _head(self, history: History) -> str:
        room = _WIDTH - 7 - 10
        for name in _shown(history):
            if _width(name) + 2 <= room:
                self._columns.append(name)
                room -= _width(name) + 2
        widths = [7, *map(_width, self._columns), 8]
        names = ["epoch", *(_SHORT.get(name, name) for name in self._columns), "dur"]
        titles = [
            f"{name:>{width - (0 < i < len(widths) - 1)}}{' ' * (0 < i < len(widths) - 1)}"
            for i, (name, width) in enumerate(zip(names, widths, strict=True))
        ]
        return "  ".join(titles) + "\n" + "  ".join("-" * width for width in widths) + "\n"


def _width(name: str) -> int:
    """Return the number of characters of a column of the table, with one for the mark of the best epoch."""
    return max(len(_SHORT.get(name, name)), 9) + 1
