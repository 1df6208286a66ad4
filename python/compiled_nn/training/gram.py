"""Gram training: full-batch gradient descent with the Gram matrix of the rows (m, m) in place of X (m, k).

The gradient of the first layer is a linear combination of the rows of X, so that each step can be computed from the
products of the rows. This is faster if there are many more features than rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from ..common import checks
from ..optimizers.base import Optimizer
from ..optimizers.classes import SGD
from .batches import Data
from .loop import InMemory, OnStep
from .trainer import Trainer

if TYPE_CHECKING:
    from cnn_core.stack import Objective

    from ..common.protocols import History
    from ..spec.configuration import Configuration
    from .divergence import Divergence


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
    if configuration.precision != "float32":
        return f"the precision is {configuration.precision}"
    if configuration.l1 or configuration.l2:
        return "there is a penalty"
    if configuration.numeric_embeddings is not None:
        return "numbers are encoded, and the inputs of the first layer are not linear in X"
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


class _OnGram(InMemory):
    """Epochs with the Gram matrix, which end early enough for the weights to be written back before the deadline.

    `reserve` is the time in seconds that writing back takes, about; the other parameters are those of `InMemory`.
    """

    def __init__(self, trainer: Trainer, data: Data, objective: Objective, reserve: float) -> None:
        super().__init__(trainer, data, objective)
        self._reserve = reserve

    def run(
        self, optimizer: Optimizer, most: int, deadline: float, on_step: OnStep | None = None
    ) -> tuple[History, Divergence | None]:
        """Train for one epoch, or for several short ones; parameters and result are those of `InMemory.run`."""
        return super().run(optimizer, most, deadline - self._reserve, on_step)


@contextmanager
def gram_training(
    trainer: Trainer, data: Data, objective: Objective, optimizer: Optimizer, deadline: float
) -> Iterator[InMemory]:
    """Yield the epochs to run with the Gram matrix; on exit, write the trained weights back into the network.

    If the deadline passes before the Gram matrix is there, the epochs are those without it, which end at once.
    """
    from cnn_core import gram  # imported here to keep `import compiled_nn` fast

    trainer.set_optimizer(optimizer)
    assert isinstance(data.X, np.ndarray)  # gram_obstacle rejects sparse X
    start, home, inner = perf_counter(), trainer.stack, None
    with suppress(TimeoutError):
        inner = gram.make_gram_stack(
            home, data.X, scale=objective.scale, n_threads=objective.n_threads, deadline=deadline
        )
    if inner is None:
        yield InMemory(trainer, data, objective)
        return
    # Writing back is a product for the weights and for each moment; until now there were a product of the same size and
    # the Gram matrix, half of which is computed.
    units = home.sizes[1]
    products = (1 + len(home.moments)) * units / (units + len(data.X) / 2)
    reserve = products * (perf_counter() - start)
    other = trainer.over(inner)
    try:
        yield _OnGram(other, data._replace(X=inner.gram), objective.replace(scale=1.0), reserve)
    finally:
        inner.write_back()
        trainer.epochs = other.epochs
