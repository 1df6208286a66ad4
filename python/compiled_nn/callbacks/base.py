"""Base class of callbacks, and monitoring of a column of the history."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..common import checks

if TYPE_CHECKING:
    from ..common.protocols import History

Mode: TypeAlias = Literal["auto", "min", "max"]
MODES: tuple[Mode, ...] = ("auto", "min", "max")
Function: TypeAlias = "Callable[[Any, int, History], bool | None]"

_FALLING = ("loss", "penalty", "val_loss")
_RISING = ("score", "val_score")


class Callback:
    """Base class of callbacks for ``fit(callbacks=[...])``; subclasses override the methods that they need.

    Callbacks run in order after each epoch; all of them run even if one stops training. When training ends, also with
    an exception, they run in reverse order. With callbacks, each epoch is a separate call of the core; without them,
    many short epochs share one call.

    Attributes
    ----------
    stop_reason : str
        Value of ``net.stop_reason_`` if this callback stops training; "callback" unless a subclass overrides it.
    """

    stop_reason: str = "callback"

    def on_train_begin(self, net: Any) -> None:
        """Run before the first epoch; ``net.epochs_planned_`` is the number of epochs that the history will have."""

    def on_epoch_end(self, net: Any, epoch: int, history: History) -> bool | None:
        """Run after an epoch.

        Parameters
        ----------
        net : Network
            Network in training.
        epoch : int
            Number of the epoch, from 1.
        history : dict of lists
            History of the network; the last entry of each column belongs to this epoch.

        Returns
        -------
        bool or None
            True to stop training.
        """

    def on_train_end(self, net: Any) -> None:
        """Run after training; ``net.stop_reason_`` is the reason why it ended, None after an exception."""


class FunctionCallback(Callback):
    """Callback that calls a function of (net, epoch, history) after each epoch.

    Parameters
    ----------
    function : callable
        Function that returns True to stop training.
    """

    def __init__(self, function: Function) -> None:
        self.function = function

    def on_epoch_end(self, net: Any, epoch: int, history: History) -> bool | None:
        """Call the function."""
        return self.function(net, epoch, history)


def as_callback(owner: str, value: object) -> Callback:
    """Return `value`, a callback or a function of (net, epoch, history), as a callback."""
    if isinstance(value, Callback):
        return value
    if callable(value) and not isinstance(value, type):
        return FunctionCallback(value)
    raise TypeError(f"The {owner} must be a Callback, or a function. Got {value!r} instead.")


class Monitor:
    """Column of the history, with the direction in which its values improve.

    Parameters
    ----------
    owner : str
        Name of the callback, for messages.
    column : str
        Name of the column.
    mode : {"auto", "min", "max"}, default "auto"
        Whether smaller or larger values are better. "auto" works for losses, scores and the metrics of
        :mod:`compiled_nn.metrics`.
    min_delta : float, default 0.0
        Amount, at least 0, by which a value must be better to count as an improvement.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or `mode` is "auto" and the direction of the column is unknown.
    """

    def __init__(self, owner: str, column: str, mode: Mode = "auto", min_delta: float = 0.0) -> None:
        if not isinstance(column, str):
            raise TypeError(f"The 'monitor' parameter of {owner} must be a str. Got {column!r} instead.")
        mode = checks.choice(owner, "mode", mode, MODES)
        self.column = column
        self.min_delta = checks.real(owner, "min_delta", min_delta, minimum=0)
        self._owner = owner
        self._sign = -1 if (_rises(owner, column) if mode == "auto" else mode == "max") else 1

    def latest(self, history: History) -> float:
        """Return the value of the last epoch.

        Raises
        ------
        ValueError
            If the history does not have this column.
        """
        if self.column not in history:
            columns = ", ".join(map(repr, history))
            hint = " Pass validation_data or validation_fraction." if self.needs_validation else ""
            raise ValueError(f"{self._owner} monitors {self.column!r}; the history has {columns}.{hint}")
        return float(history[self.column][-1])

    @property
    def rises(self) -> bool:
        """Whether larger values are better."""
        return self._sign < 0

    @property
    def needs_validation(self) -> bool:
        """Whether the column exists only with validation rows."""
        return self.column.startswith("val_")

    def better(self, value: float, best: float | None) -> bool:
        """Return whether `value` improves on `best`; any number does if `best` is None, and NaN never does."""
        if math.isnan(value):
            return False
        return best is None or self._sign * (best - value) > self.min_delta

    def reaches(self, value: float, goal: float) -> bool:
        """Return whether `value` is as good as `goal`, or better."""
        return self._sign * (goal - value) >= 0


def _rises(owner: str, column: str) -> bool:
    if column in _FALLING or column in _RISING:
        return column in _RISING
    from .. import metrics  # imported here to keep `import compiled_nn` fast

    metric: Any = column.removeprefix("val_")
    try:
        return metrics.resolve(metric).greater_is_better
    except ValueError:
        raise ValueError(
            f"{owner} monitors {column!r}, but it is unknown whether larger or smaller values are better."
            " Pass mode='min' or mode='max'."
        ) from None
