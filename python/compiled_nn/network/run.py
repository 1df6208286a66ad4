"""Trainer and prepared data of one call of fit or partial_fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, cast

from ..common.immutable import Immutable

if TYPE_CHECKING:
    from cnn_core.stack import Objective

    from ..optimizers.base import Optimizer
    from ..training.batches import Data
    from ..training.loop import ClosingSource, Source
    from ..training.trainer import Trainer
    from ..training.validation import Validation


class Run(Immutable):
    """Trainer and prepared data of one call of fit or partial_fit.

    Attributes
    ----------
    trainer : Trainer
        Trainer of the network.
    data : Data or None
        Training data; for streamed batches, the first one; None for sharded rows.
    objective : Objective
        Function to minimise.
    stream : Streamed, FullBatch, ClosingSource or None
        Epochs over streamed batches or sharded rows, or of L-BFGS; None for steps on batches of data in memory.
    held_out : Validation or None
        Validation rows.
    gram : bool
        Whether to use Gram training.
    sharded_rows : int or None
        Number of sharded training rows; None for other data. The stream is then closed after training.
    """

    trainer: Trainer
    data: Data | None
    objective: Objective
    stream: Source | None
    held_out: Validation | None
    gram: bool
    sharded_rows: int | None

    def __init__(
        self,
        trainer: Trainer,
        data: Data | None,
        objective: Objective,
        stream: Source | None,
        held_out: Validation | None,
        gram: bool = False,
        sharded_rows: int | None = None,
    ) -> None:
        self._set(
            trainer=trainer,
            data=data,
            objective=objective,
            stream=stream,
            held_out=held_out,
            gram=gram,
            sharded_rows=sharded_rows,
        )

    def n_rows(self, optimizer: Optimizer) -> dict[str, int]:
        """Return the numbers of training rows and of validation rows; without those of streamed batches."""
        found = {}
        if self.sharded_rows is not None:
            found["rows"] = self.sharded_rows
        elif self.data is not None and (self.stream is None or optimizer.name == "lbfgs"):
            found["rows"] = self.data.batches.n_rows
        if self.held_out is not None:
            found["validation_rows"] = len(self.held_out.y)
        return found

    @contextmanager
    def source(self, optimizer: Optimizer, deadline: float) -> Iterator[Source]:
        """Yield the object that runs epochs: with the Gram matrix, over streamed batches, or over data in memory."""
        from ..training import gram, loop  # imported here to keep `import compiled_nn` fast

        if self.sharded_rows is not None:
            with closing(cast("ClosingSource", self.stream)) as source:
                yield source
            return
        assert self.data is not None
        if self.gram:
            with gram.gram_training(self.trainer, self.data, self.objective, optimizer, deadline) as source:
                yield source
        else:
            yield self.stream or loop.InMemory(self.trainer, self.data, self.objective)
