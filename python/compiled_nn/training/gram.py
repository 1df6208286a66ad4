"""Gram training: full-batch gradient descent with the Gram matrix of the rows (m, m) in place of X (m, k).

The gradient of the first layer is a linear combination of the rows of X, so that each step can be computed from the
products of the rows. This is faster if there are many more features than rows.
"""

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


_GRAM_BYTES = 1 << 29  # largest Gram matrix that "auto" allocates


def gram_obstacle(configuration: Configuration, data: Data, resume: bool, watched: object) -> str | None:
    """Return the reason why Gram training is not possible, or None if it is possible."""
    optimizer = configuration.optimizer
    if data.batches.size < data.batches.n_rows:
        return f"the batch has {data.batches.size} of the {data.batches.n_rows} rows"
    if not isinstance(data.X, np.ndarray):
        return "X is sparse"
    if not isinstance(optimizer, SGD):
        return f"the optimizer is {type(optimizer).__name__}"
    if configuration.l1 or configuration.l2:
        return "there is a penalty"
    if configuration.needs_whole_gradient:
        return "gradients are clipped, weights are averaged, or layers have different learning rates"
    if configuration.has_norm_residual_or_dropout:
        return "layers are normalised or residual, or there is dropout"
    if resume and optimizer.momentum:
        return "training continues with the momentum of an earlier call"
    return "validation, callbacks or streamed batches need the weights of every epoch" if watched else None


def uses_gram(gram: object, obstacle: str | None, data: Data, units: int, epochs: int) -> bool:
    """Return whether to use Gram training.

    "auto" compares the number of multiplications with and without it. Widths below 8 and 16 units count as 8 and 16,
    because narrower products take as long.

    Parameters
    ----------
    gram : {"auto", True, False}
        Parameter of fit.
    obstacle : str or None
        Result of :func:`gram_obstacle`.
    data : Data
        Training data.
    units : int
        Number of units of the first layer.
    epochs : int
        Number of epochs to train.

    Raises
    ------
    TypeError, ValueError
        If `gram` is not one of its values, or is True and there is an obstacle.
    """
    if isinstance(gram, str):
        checks.choice("fit", "gram", gram, ("auto",))
        m, k = data.X.shape
        width = max(units, 16)
        direct = epochs * 4 * m * k * max(units, 8)
        with_gram = m * m * k + 4 * m * k * units + epochs * 2 * m * m * width
        fits = m * m * data.y.itemsize <= _GRAM_BYTES
        return obstacle is None and 4 * m <= k and fits and 1.5 * with_gram < direct
    if checks.flag("fit", "gram", gram) and obstacle is not None:
        raise ValueError(
            f"gram=True needs full-batch SGD without penalty, validation data or callbacks; {obstacle}."
            " Pass gram='auto' to use Gram training only where it is possible."
        )
    return bool(gram)


@contextmanager
def gram_training(
    trainer: Trainer, data: Data, objective: Objective, optimizer: Optimizer
) -> Iterator[InMemory]:
    """Yield the epochs to run with the Gram matrix; on exit, write the trained weights back into the network."""
    from cnn_core import gram  # imported here to keep `import compiled_nn` fast

    trainer.set_optimizer(optimizer)
    assert isinstance(data.X, np.ndarray)  # gram_obstacle rejects sparse X
    inner = gram.make_gram_stack(trainer.stack, data.X, scale=objective.scale, n_threads=objective.n_threads)
    other = trainer.over(inner)
    try:
        yield InMemory(other, data._replace(X=inner.gram), objective.replace(scale=1.0))
    finally:
        inner.write_back()
        trainer.epochs = other.epochs
