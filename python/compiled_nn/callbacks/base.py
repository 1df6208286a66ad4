"""Base class of callbacks, and monitoring of a column of the history."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..common import checks
from ..common.errors import did_you_mean

if TYPE_CHECKING:
    from ..common.protocols import History

Mode: TypeAlias = Literal["auto", "min", "max"]
MODES: tuple[Mode, ...] = ("auto", "min", "max")
Function: TypeAlias = "Callable[[Any, int, History], bool | None]"
HOOKS = ("on_train_begin", "on_epoch_begin", "on_batch_end", "on_epoch_end", "on_train_end")
_FOREIGN_HOOKS = {  # methods of callbacks of other libraries
    **dict.fromkeys(("on_batch_begin", "on_step_end", "on_step_begin"), "on_batch_end"),
    **dict.fromkeys(("on_train_batch_begin", "on_train_batch_start", "on_train_batch_end"), "on_batch_end"),
    **dict.fromkeys(("on_train_epoch_start", "on_train_epoch_begin", "on_epoch_start"), "on_epoch_begin"),
    **dict.fromkeys(("on_train_epoch_end", "on_test_end", "on_validation_end"), "on_epoch_end"),
    **dict.fromkeys(("on_fit_begin", "on_fit_start", "on_train_start"), "on_train_begin"),
    "on_fit_end": "on_train_end",
}

_OWN = __name__.partition(".")[0] + "."  # start of the names of this package's modules

_FALLING = ("loss", "penalty", "val_loss")
_RISING = ("score", "val_score")


class Callback:
    """Base class of callbacks for ``fit(callbacks=[...])``; subclasses override the methods that they need.

    Callbacks run in order after each epoch; all of them run even if one stops training. When training ends, also with
    an exception, they run in reverse order. With callbacks, each epoch is a separate call of the core; without them,
    many short epochs share one call. Each batch is a separate region of the core if a callback has a method
    `on_batch_end`. Neither changes a bit of the result.

    fit raises a TypeError if a subclass has another method whose name begins with ``on_``, because it would never be
    called.

    Attributes
    ----------
    stop_reason : str
        Value of ``net.stop_reason_`` if this callback stops training; "callback" unless a subclass overrides it.

    See Also
    --------
    EarlyStopping, Plateau, Target, Checkpoint, ProgressBar, TrainingScore : Callbacks of this package.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> class Printer(cnn.callbacks.Callback):
    ...     def on_epoch_end(self, net, epoch, history):
    ...         print(f"epoch {epoch}: loss {history['loss'][-1]:.2f}")
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], input_scale=1 / 16, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=3, callbacks=[Printer()])
    epoch 1: loss 2.26
    epoch 2: loss 2.03
    epoch 3: loss 1.85
    """

    stop_reason: str = "callback"

    def set_data(self, X: Any, y: Any) -> None:
        """Receive the data of fit, before :meth:`on_train_begin`.

        Parameters
        ----------
        X, y : object
            Arguments of fit; y is None for streamed batches.
        """

    def on_train_begin(self, net: Any) -> None:
        """Run before the first epoch.

        Parameters
        ----------
        net : Network
            Network in training; ``net.epochs_planned_`` is the number of epochs that the history will have.
        """

    def on_epoch_begin(self, net: Any, epoch: int, history: History) -> None:
        """Run before an epoch.

        Parameters
        ----------
        net : Network
            Network in training.
        epoch : int
            Number of the epoch, from 1.
        history : dict of lists
            History of the network, which ends with the epoch before this one.
        """

    def on_batch_end(self, net: Any, epoch: int, batch: int, loss: float) -> bool | None:
        """Run after the step of a batch. Training, and changes of weights or the optimizer, raise a RuntimeError.

        Parameters
        ----------
        net : Network
            Network in training, with the weights after the step.
        epoch, batch : int
            Number of the epoch, and of the batch in it, both from 1. An iteration of L-BFGS is one batch.
        loss : float
            Mean loss of the rows of the batch before the step, without the penalty.

        Returns
        -------
        bool or None
            True to stop training. An epoch that is not complete then is not in the history.
        """

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
        """Run after training.

        Parameters
        ----------
        net : Network
            Network after training; ``net.stop_reason_`` is the reason why training ended, None after an exception.
        """


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


class ObjectCallback(Callback):
    """Callback that calls the methods of an object of another class, which may have only some of them.

    Parameters
    ----------
    value : object
        Object with methods named like those of :class:`Callback`.
    """

    def __init__(self, value: object) -> None:
        self.value = value
        self.stop_reason = str(getattr(value, "stop_reason", "callback"))
        for hook in HOOKS:
            if callable(method := getattr(value, hook, None)):
                setattr(self, hook, method)


def as_callback(owner: str, value: object) -> Callback:
    """Return `value` as a callback: a callback, an object with one of its methods, or a function.

    Raises
    ------
    TypeError
        If `value` is none of these, or has a method that would never be called.
    """
    if isinstance(value, Callback):
        _check_hooks(value)
        return value
    if not isinstance(value, type):
        if any(callable(getattr(value, hook, None)) for hook in HOOKS):
            _check_hooks(value)
            return ObjectCallback(value)
        if callable(value):
            return FunctionCallback(value)
    hint = ""
    if callable(getattr(value, "on_fit_task_end", None)):
        hint = " A callback of scikit-learn is passed as callbacks.from_sklearn(callback)."
    raise TypeError(f"The {owner} must be a Callback, or a function. Got {value!r} instead.{hint}")


def overrides(callback: Callback, hook: str) -> bool:
    """Return whether a callback overrides the method of this name."""
    return hook in vars(callback) or getattr(type(callback), hook) is not getattr(Callback, hook)


def _check_hooks(value: object) -> None:
    """Raise TypeError for a method whose name begins with ``on_`` and that is not one of `HOOKS`."""
    if type(value).__module__.startswith(_OWN):
        return
    for name in dir(type(value)):
        if name.startswith("on_") and name not in HOOKS and callable(getattr(type(value), name)):
            hint = did_you_mean(_FOREIGN_HOOKS.get(name, name), HOOKS)
            raise TypeError(
                f"{type(value).__name__} has a method {name!r}, which would never be called; the methods of a callback"
                f" are {', '.join(HOOKS)}.{hint}"
            )


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
