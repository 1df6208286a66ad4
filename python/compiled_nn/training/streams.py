"""Streamed training: epochs over batches of data that are read one at a time, for data larger than memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from ..common import clock
from ..common.errors import count
from ..data import sample_weights
from .batches import Batches, Data
from .divergence import Divergence, Snapshot
from .history import new_history
from .targets import read_samples
from .trainer import Trainer

if TYPE_CHECKING:
    from cnn_core.stack import Objective

    from ..common.protocols import History
    from ..data.arrays import Array
    from ..data.samples import Reader, Samples
    from ..optimizers.base import Optimizer
    from ..spec.configuration import Configuration
    from .plan import Plan
    from .targets import Targets

BatchSource: TypeAlias = Iterable[tuple[Any, ...]] | Callable[[], Iterable[tuple[Any, ...]]]


def check_plan(plan: Plan) -> None:
    """Check that the plan has no parameters that need all data in memory.

    Raises
    ------
    ValueError
        If it has one; the message names it.
    """
    if plan.sample_weight is not None:
        raise ValueError(
            "sample_weight is given, but y is None, so X is read as batches. Pass the weights of a batch in it, as"
            " (X, y, sample_weight)."
        )
    for name in ("class_weight", "n_batches", "validation_fraction", "validation_groups"):
        if getattr(plan, name) is not None:
            raise ValueError(
                f"{name} needs X and y in memory, but y is None, so X is read as batches. Pass y, or leave {name} out."
            )


def iterate_batches(source: BatchSource) -> Iterator[tuple[Any, Any, Any]]:
    """Yield the items (X, y, sample_weight) of one epoch; the weights are None for an item (X, y).

    Raises
    ------
    TypeError
        If `source` is not iterable, or an item is of another form.
    """
    items = source() if callable(source) else source
    if not isinstance(items, Iterable):
        raise TypeError(
            f"y is None, so X must be an iterable of pairs (X, y). Got {type(items).__name__} instead."
        )
    for item in items:
        if not isinstance(item, (tuple, list)) or len(item) not in (2, 3):
            got = type(item).__name__
            got += f" of {count(len(item), 'item')}" if isinstance(item, (tuple, list)) else ""
            raise TypeError(
                f"y is None, so X must yield pairs (X, y), or (X, y, sample_weight). Got {got} instead."
            )
        yield item[0], item[1], item[2] if len(item) == 3 else None


def first_batch(source: BatchSource) -> tuple[Any, Any]:
    """Return X and y of the first item of a source that can be read once per epoch.

    Raises
    ------
    TypeError
        If `source` is an iterator, which can be read only once.
    ValueError
        If there are no batches.
    """
    if isinstance(source, Iterator):
        raise TypeError(
            "X is an iterator of batches, which can be read only once. Pass an object whose __iter__ returns a new"
            " iterator, or a function that returns one."
        )
    for X, y, _ in iterate_batches(source):
        return X, y
    raise ValueError("X yields no batches.")


class Observer(Protocol):
    """Observer of the items of a stream."""

    def __call__(self, X: Samples, weights: Array | None) -> None:
        """Take note of an item."""

    def finish(self) -> None:
        """Take note of the end of an epoch."""


class Streamed:
    """Epochs over batches that are read again from the source in each epoch.

    Parameters
    ----------
    trainer : Trainer
        Trainer of the network.
    source : iterable of (X, y) or (X, y, sample_weight), or callable that returns one
        Data, read one item at a time. An item whose weights are all 0 is skipped.
    cut : callable
        Function from the number of rows of an item to its division into batches.
    configuration : Configuration
        Parameters of the network.
    targets : Targets
        Encoding of y.
    objective : Objective
        Function to minimise.
    inputs : Inputs
        Inputs of the network, which read each X.
    observer : Observer
        Function that is called with X and the weights of each item of the first epoch; its `finish` ends the epoch.
    """

    finished: str | None = None

    def __init__(
        self,
        trainer: Trainer,
        source: BatchSource,
        cut: Callable[[int], Batches],
        configuration: Configuration,
        targets: Targets,
        objective: Objective,
        inputs: Reader,
        observer: Observer,
    ) -> None:
        self._trainer, self._source, self._cut = trainer, source, cut
        self._configuration, self._targets, self._objective = configuration, targets, objective
        self._inputs, self._observer = inputs, observer
        self.has_stepped = False

    def run(
        self,
        optimizer: Optimizer,
        most: int,
        deadline: float,
        on_step: Callable[[int, float], bool] | None = None,
    ) -> tuple[History, Divergence | None]:
        """Train for one epoch, whatever `most` is; documented in :meth:`compiled_nn.training.loop.InMemory.run`."""
        trainer, start = self._trainer, perf_counter()
        trainer.set_optimizer(optimizer)
        last_finite = Snapshot(trainer.stack)
        epoch, share, total, before = trainer.epochs, 0.0, 0.0, trainer.stack.steps
        columns: dict[str, list[Any]] = {}
        no_epochs = new_history()
        steps = _Steps(on_step)
        for number, (X, y, weights) in enumerate(iterate_batches(self._source)):
            if steps.stopped or perf_counter() >= deadline:
                return no_epochs, None
            try:
                X, y, weights = clock.run_until(deadline, self._read, X, y, weights)
            except clock.TimeIsUpError:
                return no_epochs, None
            except (TypeError, ValueError) as error:
                error.add_note(f"This is item {number} of the batches, counted from 0.")
                raise
            of_item = float(len(X) if weights is None else weights.sum())
            if not of_item:
                continue
            self._observer(X, weights)
            trainer.epochs = epoch  # Trainer.run counts each item as an epoch; all items together are one
            steps.done += steps.last
            columns, divergence = trainer.run(
                Data(X, y, self._cut(len(X))),
                optimizer,
                self._objective.replace(weights=weights),
                last_finite,
                1,
                deadline,
                steps.run if on_step else None,
            )
            self.has_stepped = self.has_stepped or trainer.stack.steps != before
            if divergence is not None or not columns["loss"]:
                return no_epochs, divergence
            share, total = share + of_item, total + of_item * columns["loss"][0]
        self._observer.finish()
        if not share:
            raise ValueError(
                "X yields no batches in this epoch, but did before, or only rows of weight 0. Its __iter__, or the"
                " function that was passed, must return a new iterator each time."
            )
        return {**columns, "loss": [total / share], "seconds": [perf_counter() - start]}, None

    def _read(self, X: Any, y: Any, weights: Any) -> tuple[Samples, Array, Array | None]:
        """Return an item of the source, converted for the core."""
        X, y, _ = read_samples(self._configuration, X, y, self._inputs, self._targets)
        return X, y, sample_weights.check(weights, len(X), may_be_zero=True)


class _Steps:
    """Steps of an epoch, which are numbered over all items."""

    def __init__(self, on_step: Callable[[int, float], bool] | None) -> None:
        self.on_step = on_step
        self.done = self.last = 0  # number of batches of the items before, and of the present item
        self.stopped = False

    def run(self, batch: int, loss: float) -> bool:
        """Call `on_step` after a batch."""
        assert self.on_step is not None
        self.last = batch
        self.stopped = self.on_step(self.done + batch, loss)
        return self.stopped
