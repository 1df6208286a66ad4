"""What a callback is, and how a column of the history is watched."""

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
    """What ``fit(callbacks=[...])`` calls; subclasses override what they need.

    Callbacks are asked in their order after each epoch, all of them even when one stops training, and told of the end
    in the opposite order: also when training raises. Epochs then take a call of the core each, where many short ones
    share one without callbacks.

    Attributes
    ----------
    stop_reason : str
        What ``net.stop_reason_`` is when this one stops training; "callback" unless a subclass says otherwise.
    """

    stop_reason: str = "callback"

    def on_train_begin(self, net: Any) -> None:
        """Get ready: ``net.epochs_planned_`` is how many epochs the history will have."""

    def on_epoch_end(self, net: Any, epoch: int, history: History) -> bool | None:
        """Look at an epoch, from 1, whose columns are the last of `history`; return True to stop training."""

    def on_train_end(self, net: Any) -> None:
        """Clean up: ``net.stop_reason_`` says why training ended, None after an exception."""


class FunctionCallback(Callback):
    """A function of (net, epoch, history) as a callback."""

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
    raise TypeError(f"The {owner} must be callable, or a Callback. Got {value!r} instead.")


class Monitor:
    """A column of the history, and which of two of its values is better.

    Parameters
    ----------
    owner : str
        Who watches, for messages.
    column : str
    mode : {"auto", "min", "max"}
        Whether smaller or larger is better; "auto" knows it of losses, scores and the metrics of
        :mod:`compiled_nn.metrics`.
    min_delta : float
        How much better a value must be to count, at least 0.

    Raises
    ------
    TypeError, ValueError
        When a parameter cannot be used, or "auto" does not know the column.
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
            When the history has no such column.
        """
        if self.column not in history:
            columns = ", ".join(map(repr, history))
            hint = " Give validation_data or validation_fraction." if self.needs_validation else ""
            raise ValueError(f"{self._owner} monitors {self.column!r}; the history has {columns}.{hint}")
        return float(history[self.column][-1])

    @property
    def rises(self) -> bool:
        """Whether larger values are better."""
        return self._sign < 0

    @property
    def needs_validation(self) -> bool:
        """Whether the column is one of validation."""
        return self.column.startswith("val_")

    def better(self, value: float, best: float | None) -> bool:
        """Return whether `value` is better than `best`, None being no value yet; NaN never is."""
        if math.isnan(value):
            return False
        return best is None or self._sign * (best - value) > self.min_delta

    def reaches(self, value: float, goal: float) -> bool:
        """Return whether `value` is as good as `goal`."""
        return self._sign * (goal - value) >= 0


def _rises(owner: str, column: str) -> bool:
    if column in _FALLING or column in _RISING:
        return column in _RISING
    from .. import metrics  # few runs watch any

    metric: Any = column.removeprefix("val_")
    try:
        return metrics.resolve(metric).greater_is_better
    except ValueError:
        raise ValueError(
            f"{owner} monitors {column!r}: whether it should rise or fall is not known. Pass mode='min' or mode='max'."
        ) from None
