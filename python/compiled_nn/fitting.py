"""One call of fit: epochs run one or many at a time, recorded, validated, shown; in the span of the rows or not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from . import checks, training
from .averaging import SWA
from .callbacks.base import Callback, as_callback
from .callbacks.stopping import EarlyStopping, Target
from .divergence import Divergence, LastFinite
from .optimizers import SGD, Optimizer
from .training import Data, History, Trainer

if TYPE_CHECKING:
    from .configuration import Configuration
    from .network import Network
    from .streams import Streamed

Source: TypeAlias = "InMemory | Streamed"

_GRAM_BYTES = 1 << 29  # the largest matrix of products of rows


def obstacle_to_gram(configuration: Configuration, data: Data, resume: bool, watched: object) -> str | None:
    """Say why descent cannot run in the span of the rows, None when it can."""
    optimizer = configuration.optimizer
    if data.batches.size < data.batches.n_rows:
        return f"the batch has {data.batches.size} of the {data.batches.n_rows} rows"
    if not isinstance(data.X, np.ndarray):
        return "X is sparse"
    if not isinstance(optimizer, SGD):
        return f"the optimizer is {type(optimizer).__name__}"
    if configuration.l1 or configuration.l2:
        return "there is a penalty"
    if configuration.waits:
        return "gradients are clipped, weights averaged, or layers have rates of their own"
    if configuration.blocks:
        return "layers are normalised or residual, or there is dropout"
    if resume and optimizer.momentum:
        return "momenta go on from before"
    return "validation, callbacks or batches that come one by one look at every epoch" if watched else None


def wants_gram(gram: object, obstacle: str | None, data: Data, units: int, epochs: int) -> bool:
    """Whether to run in the span of the rows; `gram` is the parameter of fit, `units` are the first layer's.

    "auto" compares the multiplications of both ways; narrow layers are no quicker than the widths named here.
    """
    if isinstance(gram, str):
        checks.choice("fit", "gram", gram, ("auto",))
        m, k = data.X.shape
        width = max(units, 16)
        direct = epochs * 4 * m * k * max(units, 8)
        in_span = m * m * k + 4 * m * k * units + epochs * 2 * m * m * width
        fits = m * m * data.y.itemsize <= _GRAM_BYTES
        return obstacle is None and 4 * m <= k and fits and 1.5 * in_span < direct
    if checks.flag("fit", "gram", gram) and obstacle is not None:
        raise ValueError(
            f"gram=True is for full-batch SGD without penalty, validation data or callback: {obstacle}."
        )
    return bool(gram)


# ---- what is asked of a call of fit


class Plan(NamedTuple):
    """What a call of fit asks for besides its data, checked.

    Attributes
    ----------
    epochs : int
        To be added to the history.
    verbose : int
        Print a line every so many epochs; 0: none.
    callbacks : tuple of Callback
        In the order they are asked in; those of the other parameters of fit are among them.
    deadline : float
        The time of `perf_counter` at which training ends.
    on_interrupt : {"raise", "return"}
    """

    epochs: int
    verbose: int
    callbacks: tuple[Callback, ...]
    deadline: float
    on_interrupt: str


def plan(
    *,
    epochs: object,
    verbose: object,
    callbacks: object,
    callback: object,
    early_stopping: object,
    target: object,
    time_limit: object,
    averaging: object,
    on_interrupt: object,
    validates: bool,
) -> Plan:
    """Check parameters of fit, documented there; `validates` is whether there are columns of validation."""
    start = perf_counter()
    if isinstance(callbacks, str) or not isinstance(callbacks, Sequence):
        raise TypeError(f"The 'callbacks' parameter of fit must be a list. Got {callbacks!r} instead.")
    asked = [as_callback(f"{i}th of callbacks", value) for i, value in enumerate(callbacks)]
    if callback is not None:
        asked.append(as_callback("'callback' parameter of fit", callback))
    watchers: list[EarlyStopping | Target] = [*_early_stopping(early_stopping), *_target(target)]
    for watcher in watchers:
        if watcher.monitor.needs_validation and not validates:
            raise ValueError(
                f"{watcher.monitor.column!r} is monitored: give validation_data or validation_fraction."
            )
    averages = _averaging(averaging)
    if averages and any(
        isinstance(each, EarlyStopping) and each.restore_best for each in (*asked, *watchers)
    ):
        raise ValueError(
            "averaging and early stopping with restore_best=True each choose the weights: take one."
        )
    seconds = math.inf if time_limit is None else checks.real("fit", "time_limit", time_limit, above=0)
    return Plan(
        epochs=checks.integer("fit", "epochs", epochs, minimum=0),
        verbose=checks.integer(
            "fit", "verbose", int(verbose) if isinstance(verbose, bool) else verbose, minimum=0
        ),
        callbacks=(*asked, *watchers, *averages),
        deadline=start + seconds,
        on_interrupt=checks.choice("fit", "on_interrupt", on_interrupt, ("raise", "return")),
    )


def _early_stopping(value: object) -> tuple[EarlyStopping, ...]:
    if isinstance(value, EarlyStopping):
        return (value,)
    if value is None or isinstance(value, bool):
        return (EarlyStopping(),) if value else ()
    raise TypeError(
        f"The 'early_stopping' parameter of fit must be a bool or an EarlyStopping. Got {value!r} instead."
    )


def _target(value: object) -> tuple[Target, ...]:
    if value is None:
        return ()
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(
            f"The 'target' parameter of fit must be a pair, as ('val_loss', 0.1). Got {value!r} instead."
        )
    return (Target(*value),)


def _averaging(value: object) -> tuple[Averaging, ...]:
    if value is None:
        return ()
    if not isinstance(value, SWA):
        raise TypeError(f"The 'averaging' parameter of fit must be an SWA. Got {value!r} instead.")
    return (Averaging(value),)


class Averaging(Callback):
    """Averages weights after late epochs; in the end the network has the mean."""

    def __init__(self, swa: SWA) -> None:
        self._swa = swa

    def on_epoch_end(self, net: Network, epoch: int, history: History) -> None:
        """Take in the weights of a late epoch."""
        if epoch > self._swa.first_epoch(net.epochs_planned_):
            net._known_trainer().average_on()
        else:
            net._known_trainer().average = None

    def on_train_end(self, net: Network) -> None:
        """Give the network the mean."""
        net._known_trainer().lend_average()
        net._settle()


# ---- epochs


class InMemory:
    """Epochs over one X and y; :class:`streams.Streamed` does the same over batches that come.

    Parameters
    ----------
    trainer : Trainer
    data : Data
    terms : dict
        What the core minimises, as keywords of its calls.
    """

    def __init__(self, trainer: Trainer, data: Data, terms: dict[str, Any]) -> None:
        self._trainer, self._data, self._terms = trainer, data, terms
        self._finite: LastFinite | None = None

    def run(self, optimizer: Optimizer, most: int, deadline: float) -> tuple[History, Divergence | None]:
        """Train for as many epochs as are worth a call, but not more than `most`; none when the deadline comes before.

        Returns columns of the history, and why there are not more of them.
        """
        trainer = self._trainer
        if trainer.set_optimizer(optimizer) or self._finite is None:
            self._finite = LastFinite(trainer.stack)
        together = trainer.epochs_together(self._data.batches, most)
        return trainer.run(self._data, optimizer, self._terms, self._finite, together, deadline)


@contextmanager
def in_span(trainer: Trainer, data: Data, terms: dict[str, Any], optimizer: Optimizer) -> Iterator[InMemory]:
    """Give what to train on in place of the data; in the end the network is brought along."""
    from cnn_core import gram  # few need its kernels

    trainer.set_optimizer(optimizer)
    assert isinstance(data.X, np.ndarray)  # sparse rows are an obstacle
    inner = gram.make_gram_stack(trainer.stack, data.X, scale=terms["scale"], n_threads=terms["n_threads"])
    other = trainer.over(inner)
    try:
        yield InMemory(other, data._replace(X=inner.gram), {**terms, "scale": 1.0})
    finally:
        inner.write_back()
        trainer.epochs = other.epochs


def run(net: Network, source: Source, plan: Plan, validate: Callable[[], History] | None) -> None:
    """Train until the plan is fulfilled, or something ends it: ``net.stop_reason_`` says what.

    Parameters
    ----------
    net : Network
    source : Source
    plan : Plan
    validate : callable, optional
        Returns further columns of an epoch that ended.

    Raises
    ------
    DivergenceError
        When an epoch does not end finite.
    KeyboardInterrupt
        Unless the plan says to return.
    """
    net.epochs_planned_ = len(net.history["epoch"]) + plan.epochs
    net.stop_reason_ = net.best_epoch_ = None
    with ExitStack() as ends:
        for callback in plan.callbacks:
            callback.on_train_begin(net)
            ends.callback(callback.on_train_end, net)
        try:
            net.stop_reason_ = _epochs(net, source, plan, validate)
        except KeyboardInterrupt:
            if plan.on_interrupt == "raise":
                raise
            net.stop_reason_ = "interrupted"
        finally:
            training.trim(net.history)
            net._settle()


def _epochs(net: Network, source: Source, plan: Plan, validate: Callable[[], History] | None) -> str:
    """Train and return why it ended."""
    history, last = net.history, net.epochs_planned_
    epoch = len(history["epoch"])
    while epoch < last:
        most = 1 if validate or plan.callbacks else last - epoch
        if plan.verbose:
            most = min(most, plan.verbose - epoch % plan.verbose)
        columns, divergence = source.run(net.optimizer, most, plan.deadline)
        ended = len(columns["loss"])
        columns["epoch"] = list(range(epoch + 1, epoch + 1 + ended))
        if validate is not None and divergence is None and ended:
            columns |= validate()
        training.extend(history, columns)
        epoch += ended
        if divergence is not None:
            raise divergence.error(f"Epoch {epoch + 1}")
        reason = _stops(net, plan, epoch) if ended else None
        if plan.verbose and ended and (epoch % plan.verbose == 0 or epoch == last):
            print(line(history, last))
        if reason is not None:
            return reason
        if epoch < last and perf_counter() >= plan.deadline:
            return "time_limit"
    return "max_iter"


def _stops(net: Network, plan: Plan, epoch: int) -> str | None:
    """Ask all callbacks about an epoch; return the reason of the first that stops training."""
    if not plan.callbacks:
        return None
    net._unsettle()
    answers = [callback.on_epoch_end(net, epoch, net.history) for callback in plan.callbacks]
    reasons = (
        callback.stop_reason for callback, stop in zip(plan.callbacks, answers, strict=True) if stop is True
    )
    return next(reasons, None)


def line(history: History, last_epoch: int) -> str:
    """Return one line about the latest epoch."""
    row = {name: column[-1] for name, column in history.items()}
    numbers = "  ".join(f"{name} {row[name]:.6g}" for name in row if name not in ("epoch", "seconds"))
    return f"epoch {row['epoch']}/{last_epoch}  {numbers}  {row['seconds']:.3g} s"
