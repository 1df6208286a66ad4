"""Data that do not fit memory: epochs over batches that come one after the other, and Parquet files as such batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

from ..common.protocols import History
from . import targets
from .batches import Batches, Data
from .divergence import Divergence, LastFinite
from .trainer import Trainer

if TYPE_CHECKING:
    from cnn_core.stack import Objective

    from ..data.samples import Encoder
    from ..optimizers.classes import Optimizer
    from ..spec.configuration import Configuration
    from .plan import Plan
    from .targets import Targets

BatchSource: TypeAlias = Iterable[tuple[Any, Any]] | Callable[[], Iterable[tuple[Any, Any]]]


def check(plan: Plan) -> None:
    """Refuse parameters of fit that are for data in memory."""
    for name in ("sample_weight", "class_weight", "n_batches", "validation_fraction", "validation_groups"):
        if getattr(plan, name) is not None:
            raise ValueError(f"{name} is for data at hand; y is None, so that X gives batches.")


def begin(batches: BatchSource) -> Iterator[tuple[Any, Any]]:
    """Return the pairs (X, y) of one epoch, from the first one on.

    Raises
    ------
    TypeError
        When there is no iterating over `batches`, or an item is no pair.
    """
    items = batches() if callable(batches) else batches
    if not isinstance(items, Iterable):
        raise TypeError(
            f"y is None: X must then be an iterable of pairs (X, y). Got {type(items).__name__} instead."
        )
    for item in items:
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise TypeError(f"y is None: X must then give pairs (X, y). Got {type(item).__name__} instead.")
        yield item[0], item[1]


def first(batches: BatchSource) -> tuple[Any, Any]:
    """Return the first pair of batches that can be iterated over as often as wanted.

    Raises
    ------
    TypeError
        When they are an iterator, which has no second epoch.
    ValueError
        When there is none.
    """
    if isinstance(batches, Iterator):
        raise TypeError(
            "X is an iterator of batches, which can be read only once. Give an object whose __iter__ begins anew, or"
            " the function that makes the iterator."
        )
    for pair in begin(batches):
        return pair
    raise ValueError("X gives no batch.")


class Streamed:
    """Epochs over batches that are read anew for each of them.

    Parameters
    ----------
    trainer : Trainer
    batches : iterable of (X, y), or callable returning one
    cut : callable
        From the number of rows of an item to how they are cut.
    configuration : Configuration
    known : Targets
    objective : Objective
    encoder : Encoder or None
        What makes numbers of each X.
    """

    def __init__(
        self,
        trainer: Trainer,
        batches: BatchSource,
        cut: Callable[[int], Batches],
        configuration: Configuration,
        known: Targets,
        objective: Objective,
        encoder: Encoder | None,
    ) -> None:
        self._trainer, self._batches, self._cut = trainer, batches, cut
        self._configuration, self._known, self._objective = configuration, known, objective
        self._encoder = encoder

    def run(self, optimizer: Optimizer, most: int, deadline: float) -> tuple[History, Divergence | None]:
        """Train for one epoch."""
        trainer, start = self._trainer, perf_counter()
        trainer.set_optimizer(optimizer)
        finite = LastFinite(trainer.stack)
        epoch, rows, total, columns = trainer.epochs, 0, 0.0, dict[str, list[Any]]()
        nothing: History = {name: [] for name in ("loss", "penalty", "learning_rate", "seconds")}
        for X, y in begin(self._batches):
            if perf_counter() >= deadline:
                return nothing, None
            n_features = trainer.stack.sizes[0]
            X, y, _ = targets.prepare(
                self._configuration, X, y, n_features, self._known, encoder=self._encoder
            )
            trainer.epochs = epoch  # all of these batches are one
            columns, divergence = trainer.run(
                Data(X, y, self._cut(len(X))), optimizer, self._objective, finite, 1, deadline
            )
            if divergence is not None or not columns["loss"]:
                return nothing, divergence
            rows, total = rows + len(X), total + len(X) * columns["loss"][0]
        if not rows:
            raise ValueError("X gave batches for the first epoch, and none for another.")
        return {**columns, "loss": [total / rows], "seconds": [perf_counter() - start]}, None
