"""Training around the core's calls, of an epoch or many: batches, rates, history, the last finite weights."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from . import checks, optimizers
from .arrays import Array
from .errors import DivergenceError
from .initializers import Pair
from .optimizers import Optimizer
from .samples import Samples

if TYPE_CHECKING:
    from numpy.random import Generator

    from cnn_core.stack import Stack

History: TypeAlias = "dict[str, list[Any]]"

_WORK_OF_A_CALL = 20_000_000  # rows times parameters: some milliseconds
_COLUMNS = ("epoch", "loss", "penalty", "learning_rate", "seconds")


# ---- batches


@dataclass(frozen=True)
class Batches:
    """How m rows are cut into batches.

    Attributes
    ----------
    n_rows : int
        Rows of X.
    size : int
        Rows of a batch; the last one may have fewer.
    shuffle : bool
        Whether each epoch takes the rows in an order of its own.
    """

    n_rows: int
    size: int
    shuffle: bool

    @property
    def steps(self) -> int:
        """Steps of one epoch."""
        return -(-self.n_rows // self.size)

    @property
    def shuffles(self) -> bool:
        """Whether the epochs differ in their order: a single batch has none."""
        return self.shuffle and self.steps > 1

    def order(self, rng: Generator) -> np.ndarray[Any, np.dtype[np.int64]] | None:
        """Return the rows in the order of one epoch; None as they are."""
        return rng.permutation(self.n_rows) if self.shuffles else None


def batches(
    n_rows: int, batch_size: object, n_batches: object, shuffle: object, accumulate: object = 1
) -> Batches:
    """Return the batches that the parameters of fit ask for; `n_batches`, when given, decides.

    The core takes a batch of any size in chunks that fit its caches: steps of several batches are larger ones.
    """
    checks.flag("fit", "shuffle", shuffle)
    together = checks.integer("fit", "accumulate", accumulate, minimum=1)
    if n_batches is not None:
        size = -(-n_rows // checks.integer("fit", "n_batches", n_batches, minimum=1))
    elif isinstance(batch_size, str):
        checks.choice("fit", "batch_size", batch_size, ("full",))
        size = n_rows
    else:
        size = min(n_rows, checks.integer("fit", "batch_size", batch_size, minimum=1))
    return Batches(n_rows, min(n_rows, size * together), bool(shuffle))


class Data(NamedTuple):
    """What a pass trains on: X (m, k) and y as the core takes them, and how to cut them."""

    X: Samples
    y: Array
    batches: Batches


# ---- history


def new_history() -> History:
    """Return a history of no epochs."""
    return {name: [] for name in _COLUMNS}


def extend(history: History, columns: dict[str, list[Any]]) -> None:
    """Append epochs to `history`, a list a column; where a column begins or ends midway, the gap is NaN."""
    epochs, more = len(history["epoch"]), len(columns["epoch"])
    for name in columns:
        if name not in history:
            history[name] = [math.nan] * epochs
    for name, column in history.items():
        column.extend(columns.get(name, [math.nan] * more))


def _column(values: Array) -> list[Any]:
    """Return `values` as a list; of one number where all are equal, which short epochs feel."""
    if len(values) > 1 and values.min() == values.max():
        return [float(values[0])] * len(values)
    return list(values.tolist())


def trim(history: History) -> None:
    """Cut the columns to one length, which an interrupt in the midst of `extend` may have spoiled."""
    epochs = min(map(len, history.values()))
    for column in history.values():
        del column[epochs:]


# ---- passes


class Divergence(NamedTuple):
    """The learning rate and the loss of an epoch that did not end finite."""

    learning_rate: float
    loss: float

    def error(self, when: str) -> DivergenceError:
        """Return the error that says so."""
        rate = self.learning_rate
        return DivergenceError(
            "Solver produced non-finite parameter weights. The input data may contain large values and need"
            f" to be preprocessed. {when}, learning rate {rate:g}, loss {self.loss:g}. Standardise the"
            " columns of X (standardize=True), or set input_scale (1/255 for 8-bit images), or try a learning rate of"
            f" {rate / 10:g}. The weights from before are kept."
        )


class LastFinite:
    """A copy of what training changes in a stack, as of the last time that all of it was finite.

    Parameters
    ----------
    stack : cnn_core.stack.Stack
        With its optimizer set.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        average = () if stack.average is None else (stack.average,)
        self._live = (stack.parameters, *average, *stack.moments)
        self._kept = tuple(array.copy() for array in self._live)
        self._steps = stack.steps

    def keep(self) -> bool:
        """Copy the state when all is finite; tell whether it is."""
        finite = all(bool(np.isfinite(array).all()) for array in self._live)
        if finite:
            for kept, live in zip(self._kept, self._live, strict=True):
                kept[:] = live
            self._steps = self._stack.steps
        return finite

    def restore(self) -> None:
        """Put the copy back."""
        for kept, live in zip(self._kept, self._live, strict=True):
            live[:] = kept
        self._stack.steps = self._steps


def generator(seed: int | None) -> Generator:
    """Return a new generator of the network's own; NumPy's global one is never touched."""
    return np.random.Generator(np.random.PCG64(seed))


class Trainer:
    """A stack in training, with the generator of its shuffles and its optimizer as the core has it.

    Parameters
    ----------
    stack : cnn_core.stack.Stack
    seed : int or None
    rng : numpy.random.Generator, optional
        One that has drawn the weights already; else a new one from the seed, made when it is first needed:
        a network that only predicts never imports numpy.random.
    """

    def __init__(self, stack: Stack, seed: int | None, rng: Generator | None = None) -> None:
        self.stack = stack
        self._seed = seed
        self._rng = rng
        self._optimizer: tuple[str, dict[str, float]] | None = None

    def over(self, stack: Stack) -> Trainer:
        """Return a trainer of another stack, at the same place in its optimizer."""
        other = Trainer(stack, self._seed, self._generator())
        other._optimizer = self._optimizer
        return other

    def epochs_together(self, batches: Batches, most: int) -> int:
        """How many epochs to run in one call: many where each is so short that the call would cost more."""
        if batches.shuffles:
            return 1
        work = batches.n_rows * (self.stack.n_parameters + 100)
        return min(max(_WORK_OF_A_CALL // work, 1), most)

    def run(
        self, data: Data, optimizer: Optimizer, options: dict[str, Any], finite: LastFinite, epochs: int = 1
    ) -> tuple[History, Divergence | None]:
        """Train so many times over the data, with the optimizer that was set.

        Returns
        -------
        columns : dict of lists
            Loss, penalty, last learning rate and seconds of each epoch that ended finite.
        divergence : Divergence or None
            When an epoch did not: the state is then that of the end of the one before.
        """
        X, y, batches = data
        order = batches.order(self._generator())
        rates = optimizers.learning_rates(optimizer, self.stack.steps, batches.steps * epochs)
        options = {**options, "order": order, "batch_size": batches.size}
        start = perf_counter()
        losses, penalties = self.stack.train_epochs(X, y, rates=rates, epochs=epochs, **options)
        seconds = (perf_counter() - start) / epochs
        norms = self.stack.gradient_norms
        ended, divergence = epochs, None
        if not (np.isfinite(losses).all() and finite.keep()):
            ended = self._return_to_finite(data, rates, options, finite, losses)
            divergence = Divergence(float(rates[batches.steps * ended]), float(losses[ended]))
        columns: History = {
            "loss": losses[:ended].tolist(),
            "penalty": _column(penalties[:ended]),
            "learning_rate": _column(rates[batches.steps - 1 :: batches.steps][:ended]),
            "seconds": [seconds] * ended,
        }
        if norms is not None:
            columns["gradient_norm"] = norms[:ended].tolist()
        return columns, divergence

    def _return_to_finite(
        self, data: Data, rates: Array, options: dict[str, Any], finite: LastFinite, losses: Array
    ) -> int:
        """Go back to the end of the last epoch that left all finite, by training again up to it; return how
        many epochs that are."""
        X, y, batches = data
        first_bad = int(np.argmin(np.isfinite(losses))) if not np.isfinite(losses).all() else len(losses) - 1
        for epochs in range(first_bad, 0, -1):
            finite.restore()
            again = rates[: batches.steps * epochs]
            self.stack.train_epochs(X, y, rates=again, epochs=epochs, **options)
            if finite.keep():
                return epochs
        finite.restore()
        return 0

    def _generator(self) -> Generator:
        if self._rng is None:
            self._rng = generator(self._seed)
        return self._rng

    def check_schedule(self, optimizer: Optimizer) -> None:
        """Refuse a learning rate that cannot tell the rate of the next step."""
        optimizers.learning_rates(optimizer, self.stack.steps, 1)

    def forget_momenta(self) -> None:
        """Let the next pass start from momenta of zero and step 0."""
        self._optimizer = None
        self.stack.steps = 0

    def set_optimizer(self, optimizer: Optimizer) -> bool:
        """Tell the core when hyperparameters have changed, and return whether: that resets the momenta. A new
        learning rate alone changes nothing there."""
        wanted = optimizer.hyperparameters()
        if wanted == self._optimizer:
            return False
        name, hyperparameters = wanted
        self.stack.set_optimizer(name, **hyperparameters)
        self._optimizer = wanted
        return True

    def state(self) -> dict[str, Any]:
        """Return all that training on exactly needs, in arrays without the core's padding."""
        return {
            "weights": copies(self.stack.views()),
            "statistics": self.stack.statistics,
            "seed": self._seed,
            "rng": self._rng,
            "optimizer": self._optimizer,
            "moments": [copies(self.stack.views(moment)) for moment in self.stack.moments],
            "steps": self.stack.steps,
            "ema": None if self.stack.average is None else copies(self.stack.views(self.stack.average)),
        }

    @classmethod
    def restored(cls, stack: Stack, state: dict[str, Any]) -> Trainer:
        """Return a trainer of a :meth:`state`; the stack has its weights already."""
        trainer = cls(stack, state["seed"], state["rng"])
        if state["statistics"] is not None:
            stack.standardize(*state["statistics"])
        if state["optimizer"] is not None:
            name, hyperparameters = trainer._optimizer = state["optimizer"]
            stack.set_optimizer(name, **hyperparameters)
            for moment, pairs in zip(stack.moments, state["moments"], strict=True):
                assign(stack.views(moment), pairs)
            if stack.average is not None:
                assign(stack.views(stack.average), state["ema"])
            stack.steps = state["steps"]
        return trainer


def copies(views: Iterable[Pair]) -> list[Pair]:
    """Return copies of the views of a stack's parameters, gradients or moments."""
    return [(W.copy(), None if b is None else b.copy()) for W, b in views]


def assign(views: Iterable[Pair], pairs: Iterable[Pair]) -> None:
    """Write weights and biases through the views of a stack's parameters or moments."""
    for (W, b), (new_W, new_b) in zip(views, pairs, strict=True):
        W[...] = new_W
        if b is not None:
            b[...] = 0 if new_b is None else new_b
