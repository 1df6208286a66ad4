"""Progress of training: one line, rewritten, on a terminal; about ten lines elsewhere."""

from __future__ import annotations

from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING

from ...callbacks.base import Callback
from ...common.errors import count
from ..support.terminal import Terminal

if TYPE_CHECKING:
    from ...common.protocols import History
    from ...network.ensemble import Ensemble
    from ...network.network import Network

_REDRAW_INTERVAL = 0.1  # seconds between two drawings of the line, at least
_ESTIMATE_FROM = 0.2  # seconds of training before the remaining time is estimated
_LONG_EPOCH = 1.0  # seconds of an epoch after which the line shows its progress
_LOOK_INTERVAL = 0.5  # seconds between two looks at the steps of an epoch
_LINES = 10  # lines where a line cannot be rewritten


class Progress(Callback):
    """Callback of `fit` that shows progress.

    In a long epoch, a thread looks at the number of steps, so that training itself is not changed.

    Parameters
    ----------
    terminal : Terminal
    epochs : int
        Number of epochs of the training.
    steps : int
        Number of steps of an epoch.
    score : str
        Name of the score.
    part : str, default "test"
        Name of the rows on which it is computed.
    """

    def __init__(self, terminal: Terminal, epochs: int, steps: int, score: str, part: str = "test") -> None:
        self._terminal: Terminal | None = terminal
        self._epochs, self._steps = epochs, steps
        self._score = f"{part} {score}"
        self._start = self._drawn = self._began = monotonic()
        self._length = 0
        self._epoch, self._steps_before = 1, 0
        self._history: History = {}
        self._lock, self._ended = Lock(), Event()
        self._thread: Thread | None = None

    def on_train_begin(self, net: Network) -> None:
        """Start the clock, and the thread if the line can be rewritten."""
        self._start = self._drawn = self._began = monotonic()
        if self._terminal is not None and self._terminal.is_tty:
            self._thread = Thread(target=self._watch, args=(net,), name="progress", daemon=True)
            self._thread.start()

    def on_epoch_begin(self, net: Network, epoch: int, history: History) -> None:
        """Note where an epoch begins."""
        with self._lock:
            self._epoch, self._began, self._history = epoch, monotonic(), history
            self._steps_before = steps_of(net)

    def on_epoch_end(self, net: Network, epoch: int, history: History) -> None:
        """Show the progress after an epoch."""
        terminal = self._terminal
        if terminal is None:
            return
        now = monotonic()
        if terminal.is_tty:
            wanted = epoch in (1, self._epochs) or now - self._drawn >= _REDRAW_INTERVAL
        else:
            wanted = epoch == 1 or epoch * _LINES // self._epochs > (epoch - 1) * _LINES // self._epochs
        if wanted:
            with self._lock:
                self._began = now  # the thread waits for the next long epoch
                self._draw(terminal, epoch, None, history, now)

    def finish(self) -> None:
        """End the thread, and the line that is rewritten."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if self._length:
            self._write("\n")
            self._length = 0

    def _watch(self, net: Network) -> None:
        """Show the progress of long epochs until training ends."""
        while not self._ended.wait(_LOOK_INTERVAL):
            now = monotonic()
            with self._lock:
                if self._terminal is None or now - self._began < _LONG_EPOCH:
                    continue
                share = min((steps_of(net) - self._steps_before) / self._steps, 1.0)
                self._draw(self._terminal, self._epoch, max(share, 0.0), self._history, now)

    def _draw(
        self, terminal: Terminal, epoch: int, share: float | None, history: History, now: float
    ) -> None:
        """Show a line after an epoch, or after a share of it."""
        self._drawn = now
        line = self._line(terminal, epoch, share, history, now - self._start)
        if terminal.is_tty:
            line, self._length = "\r" + line.ljust(self._length), len(line)
        self._write(line if terminal.is_tty else line + "\n")

    def _write(self, text: str) -> None:
        """Write to the terminal; training continues without output when its reader was closed."""
        try:
            if self._terminal is not None:
                self._terminal.write(text)
        except BrokenPipeError:
            self._terminal = None

    def _line(
        self, terminal: Terminal, epoch: int, share: float | None, history: History, seconds: float
    ) -> str:
        total = self._epochs
        done = float(epoch) if share is None else epoch - 1 + share
        parts = [f"epoch {epoch:{len(str(total))}}/{total}"]
        if terminal.is_tty:
            full, rest = ("━", "╌") if terminal.unicode else ("=", "-")
            filled = int(done * 12 / total)
            parts.append(full * filled + rest * (12 - filled))
        if share is not None:
            parts[0] += f" {share:4.0%}".replace("%", " %")
        if history.get("n_members"):
            parts.append(count(history["n_members"][-1], "network"))
        if history.get("loss"):
            parts.append(f"loss {history['loss'][-1]:.4f}")
        if history.get("val_score"):
            parts.append(f"{self._score} {history['val_score'][-1]:.4f}")
        elif history.get("val_loss"):
            parts.append(f"val loss {history['val_loss'][-1]:.4f}")
        if done == total:
            parts.append(duration(seconds))
        elif seconds > _ESTIMATE_FROM and done:
            parts.append(f"{duration(seconds / done * (total - done))} left")
        return "  ".join(parts)[: terminal.width - 1]


def steps_of(net: Network | Ensemble) -> int:
    """Return the number of steps that training has taken, also during an epoch; of an ensemble, of each member."""
    together = getattr(net, "_together", None)
    if together is not None:
        steps: int = max(member.trainer.stack.steps for member in together.members)
        return steps
    trainer = getattr(net, "_trainer", None)
    return 0 if trainer is None else trainer.stack.steps


def duration(seconds: float) -> str:
    """Return a time as text, in seconds, minutes or hours."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
