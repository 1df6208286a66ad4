"""Trainer and prepared data of one call of fit or partial_fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..common.immutable import Immutable

if TYPE_CHECKING:
    from cnn_core.stack import Objective

    from ..optimizers.classes import Optimizer
    from ..training.batches import Data
    from ..training.loop import Source
    from ..training.trainer import Trainer
    from ..training.validation import Validation


class Run(Immutable):
    """Trainer and prepared data of one call of fit or partial_fit.

    Attributes
    ----------
    trainer : Trainer
        Trainer of the network.
    data : Data
        Training data; for streamed batches, the first one.
    objective : Objective
        Function to minimise.
    stream : Streamed, FullBatch or None
        Epochs over streamed batches, or of L-BFGS; None for steps on batches of data in memory.
    held_out : Validation or None
        Validation rows.
    gram : bool
        Whether to use Gram training.
    """

    trainer: Trainer
    data: Data
    objective: Objective
    stream: Source | None
    held_out: Validation | None
    gram: bool

    def __init__(
        self,
        trainer: Trainer,
        data: Data,
        objective: Objective,
        stream: Source | None,
        held_out: Validation | None,
        gram: bool,
    ) -> None:
        self._set(
            trainer=trainer, data=data, objective=objective, stream=stream, held_out=held_out, gram=gram
        )

    def n_rows(self, optimizer: Optimizer) -> dict[str, int]:
        """Return the numbers of training rows and of validation rows; without those of streamed batches."""
        found = {}
        if self.stream is None or optimizer.name == "lbfgs":
            found["rows"] = self.data.batches.n_rows
        if self.held_out is not None:
            found["validation_rows"] = len(self.held_out.y)
        return found

    @contextmanager
    def source(self, optimizer: Optimizer, deadline: float) -> Iterator[Source]:
        """Yield the object that runs epochs: with the Gram matrix, over streamed batches, or over data in memory."""
        from ..training import gram, loop  # imported here to keep `import compiled_nn` fast

        if self.gram:
            with gram.gram_training(self.trainer, self.data, self.objective, optimizer, deadline) as source:
                yield source
        else:
            yield self.stream or loop.InMemory(self.trainer, self.data, self.objective)
