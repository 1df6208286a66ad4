"""Callback that displays the progress of training."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module, util
from typing import TYPE_CHECKING, Any

from ..common import checks
from .base import Callback

if TYPE_CHECKING:
    from ..common.protocols import History, NetworkLike

_WIDTH = 30  # number of characters of a bar in plain text


class ProgressBar(Callback):
    """Callback that displays a progress bar over the epochs, with the loss.

    The bar is that of rich if it is installed, otherwise that of tqdm if it is installed, otherwise plain text. It is
    written to stderr, by default only if that is a terminal or Python runs in a notebook.

    Parameters
    ----------
    always : bool, default False
        Whether to write also if stderr is a file or a pipe.

    Raises
    ------
    TypeError
        If `always` is not a bool.

    Examples
    --------
    >>> import contextlib
    >>> import io
    >>> import compiled_nn as cnn
    >>> bar = cnn.callbacks.ProgressBar(always=True)  # also if the output is not a terminal
    >>> net = cnn.Network([cnn.Dense(2)], seed=0)
    >>> with contextlib.redirect_stderr(io.StringIO()) as written:
    ...     net = net.fit([[0.0], [1.0]], [0, 1], epochs=3, callbacks=[bar])
    >>> "loss" in written.getvalue()
    True
    """

    def __init__(self, always: bool = False) -> None:
        self.always = checks.flag("ProgressBar", "always", always)
        self._bar: Any = None

    def on_train_begin(self, net: NetworkLike) -> None:
        """Open the bar, if it is to be displayed."""
        self._bar = None
        if self.always or sys.stderr.isatty() or "ipykernel" in sys.modules:
            self._bar = _bar()((net.history["epoch"] or [0])[-1], net.epochs_planned_)

    def on_epoch_end(self, net: NetworkLike, epoch: int, history: History) -> None:
        """Advance the bar."""
        if self._bar is not None:
            shown = [name for name in ("loss", "val_loss") if name in history]
            self._bar.move(epoch, "  ".join(f"{name} {history[name][-1]:.4g}" for name in shown))

    def on_train_end(self, net: NetworkLike) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _bar() -> Callable[[int, int], Any]:
    if util.find_spec("rich"):
        return _Rich
    return _Tqdm if util.find_spec("tqdm") else _Text


class _Rich:
    def __init__(self, done: int, total: int) -> None:
        show = import_module("rich.progress")
        columns = (
            show.BarColumn(),
            show.MofNCompleteColumn(),
            show.TextColumn("{task.description}"),
            show.TimeRemainingColumn(),
        )
        self._progress = show.Progress(*columns, console=import_module("rich.console").Console(stderr=True))
        self._task = self._progress.add_task("", total=total, completed=done)
        self._progress.start()

    def move(self, epoch: int, text: str) -> None:
        self._progress.update(self._task, completed=epoch, description=text)

    def close(self) -> None:
        self._progress.stop()


class _Tqdm:
    def __init__(self, done: int, total: int) -> None:
        bar = import_module("tqdm.auto").tqdm
        self._bar = bar(total=total, initial=done, unit="epoch", file=sys.stderr)

    def move(self, epoch: int, text: str) -> None:
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(epoch - self._bar.n)

    def close(self) -> None:
        self._bar.close()


class _Text:
    def __init__(self, done: int, total: int) -> None:
        self._total = total

    def move(self, epoch: int, text: str) -> None:
        filled = _WIDTH * epoch // self._total
        bar = "#" * filled + "." * (_WIDTH - filled)
        print(f"\r[{bar}] {epoch}/{self._total}  {text}\x1b[K", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        print(file=sys.stderr)
