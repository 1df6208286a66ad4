"""Full-batch descent on the Gram matrix of the rows in place of X: when it applies, and a run of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from ..common import checks
from ..optimizers.classes import SGD, Optimizer
from .batches import Data
from .loop import InMemory
from .trainer import Trainer

if TYPE_CHECKING:
    from cnn_core.stack import Objective

    from ..spec.configuration import Configuration


_GRAM_BYTES = 1 << 29  # the largest matrix of products of rows


def gram_obstacle(configuration: Configuration, data: Data, resume: bool, watched: object) -> str | None:
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


def uses_gram(gram: object, obstacle: str | None, data: Data, units: int, epochs: int) -> bool:
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
def gram_training(
    trainer: Trainer, data: Data, objective: Objective, optimizer: Optimizer
) -> Iterator[InMemory]:
    """Give what to train on in place of the data; in the end the network is brought along."""
    from cnn_core import gram  # few need its kernels

    trainer.set_optimizer(optimizer)
    assert isinstance(data.X, np.ndarray)  # sparse rows are an obstacle
    inner = gram.make_gram_stack(trainer.stack, data.X, scale=objective.scale, n_threads=objective.n_threads)
    other = trainer.over(inner)
    try:
        yield InMemory(other, data._replace(X=inner.gram), objective.replace(scale=1.0))
    finally:
        inner.write_back()
        trainer.epochs = other.epochs
