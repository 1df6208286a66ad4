"""One call of fit: epochs run one or many at a time, recorded, validated, shown; in the span of the rows or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from . import checks, training
from .optimizers import SGD, Optimizer
from .training import Data, History, LastFinite, Trainer

if TYPE_CHECKING:
    from .configuration import Configuration

_GRAM_BYTES = 1 << 29  # the largest matrix of products of rows


def obstacle_to_gram(configuration: Configuration, data: Data, resume: bool, watched: object) -> str | None:
    """Say why descent cannot run in the span of the rows, None when it can."""
    optimizer = configuration.optimizer
    if data.batches.steps > 1:
        return f"the batch has {data.batches.size} of the {data.batches.n_rows} rows"
    if not isinstance(data.X, np.ndarray):
        return "X is sparse"
    if not isinstance(optimizer, SGD):
        return f"the optimizer is {type(optimizer).__name__}"
    if configuration.l1 or configuration.l2:
        return "there is a penalty"
    if configuration.waits:
        return "gradients are clipped, weights averaged, or layers have rates of their own"
    if resume and optimizer.momentum:
        return "momenta go on from before"
    return "validation_data or callback look at every epoch" if watched else None


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


@contextmanager
def in_span(
    trainer: Trainer, data: Data, terms: dict[str, Any], optimizer: Optimizer
) -> Iterator[tuple[Trainer, Data, dict[str, Any]]]:
    """Give what to train in place of a network and its data; in the end the network is brought along."""
    from cnn_core import span  # few need its kernels

    trainer.set_optimizer(optimizer)
    assert isinstance(data.X, np.ndarray)  # sparse rows are an obstacle
    inner = span.enter(trainer.stack, data.X, scale=terms["scale"], n_threads=terms["n_threads"])
    try:
        yield trainer.over(inner), data._replace(X=inner.gram), {**terms, "scale": 1.0}
    finally:
        inner.fold()


def run(
    trainer: Trainer,
    data: Data,
    terms: dict[str, Any],
    history: History,
    *,
    last: int,
    verbose: int,
    optimizer: Callable[[], Optimizer],
    validate: Callable[[], History] | None,
    stop: Callable[[int], bool] | None,
) -> None:
    """Train until the history has `last` epochs.

    Parameters
    ----------
    terms : dict
        What the core minimises, as keywords of its calls.
    verbose : int
        Print a line every so many epochs; 0: none.
    optimizer : callable
        Returns the optimizer of the next epochs.
    validate : callable, optional
        Returns further columns of an epoch that ended.
    stop : callable(epoch), optional
        Called after each epoch; True ends training.

    Raises
    ------
    DivergenceError
        When an epoch does not end finite.
    """
    finite: LastFinite | None = None
    epoch = len(history["epoch"])
    try:
        while epoch < last:
            if trainer.set_optimizer(optimizer()) or finite is None:
                finite = LastFinite(trainer.stack)
            most = 1 if validate or stop else last - epoch
            if verbose:
                most = min(most, verbose - epoch % verbose)
            together = trainer.epochs_together(data.batches, most)
            columns, divergence = trainer.run(data, optimizer(), terms, finite, together)
            columns["epoch"] = list(range(epoch + 1, epoch + 1 + len(columns["loss"])))
            if validate is not None and divergence is None:
                columns |= validate()
            training.extend(history, columns)
            epoch = len(history["epoch"])
            if divergence is not None:
                raise divergence.error(f"Epoch {epoch + 1}")
            stopped = stop is not None and stop(epoch)
            if verbose and (epoch % verbose == 0 or epoch == last):
                print(line(history, last))
            if stopped:
                break
    finally:
        training.trim(history)


def line(history: History, last_epoch: int) -> str:
    """Return one line about the latest epoch."""
    row = {name: column[-1] for name, column in history.items()}
    numbers = "  ".join(f"{name} {row[name]:.6g}" for name in row if name not in ("epoch", "seconds"))
    return f"epoch {row['epoch']}/{last_epoch}  {numbers}  {row['seconds']:.3g} s"
