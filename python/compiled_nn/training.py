"""Training around the core's one call an epoch: batches, learning rates, history, the last finite weights."""

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

if TYPE_CHECKING:
    from numpy.random import Generator

    from cnn_core.stack import Stack

History: TypeAlias = "dict[str, list[Any]]"

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

    def order(self, rng: Generator) -> np.ndarray[Any, np.dtype[np.int64]] | None:
        """Return the rows in the order of one epoch; None as they are, for a single batch has no order."""
        return rng.permutation(self.n_rows) if self.shuffle and self.steps > 1 else None


def batches(n_rows: int, batch_size: object, n_batches: object, shuffle: object) -> Batches:
    """Return the batches that the parameters of fit ask for; `n_batches`, when given, decides."""
    checks.flag("fit", "shuffle", shuffle)
    if n_batches is not None:
        size = -(-n_rows // checks.integer("fit", "n_batches", n_batches, minimum=1))
    elif isinstance(batch_size, str):
        checks.choice("fit", "batch_size", batch_size, ("full",))
        size = n_rows
    else:
        size = min(n_rows, checks.integer("fit", "batch_size", batch_size, minimum=1))
    return Batches(n_rows, size, bool(shuffle))


class Data(NamedTuple):
    """What a pass trains on: X (m, k) and y as the core takes them, and how to cut them."""

    X: Array
    y: Array
    batches: Batches


# ---- history


def new_history() -> History:
    """Return a history of no epochs."""
    return {name: [] for name in _COLUMNS}


def record(history: History, row: dict[str, Any]) -> None:
    """Append an epoch to `history`; where a column begins or ends midway, the gap is NaN."""
    epochs = len(history["epoch"])
    for name in row:
        if name not in history:
            history[name] = [math.nan] * epochs
    for name, column in history.items():
        column.append(row.get(name, math.nan))


def trim(history: History) -> None:
    """Cut the columns to one length, which an interrupt in the midst of `record` may have spoiled."""
    epochs = min(map(len, history.values()))
    for column in history.values():
        del column[epochs:]


def line(row: dict[str, Any], last_epoch: int) -> str:
    """Return one line about an epoch."""
    numbers = "  ".join(f"{name} {row[name]:.6g}" for name in row if name not in ("epoch", "seconds"))
    return f"epoch {row['epoch']}/{last_epoch}  {numbers}  {row['seconds']:.3g} s"


# ---- passes


class LastFinite:
    """A copy of the parameters as of the last pass that left them finite.

    Parameters
    ----------
    parameters : ndarray (n_parameters,)
        The network's own, which training changes in place.
    """

    def __init__(self, parameters: Array) -> None:
        self._live = parameters
        self._kept = parameters.copy()

    def keep(self) -> bool:
        """Copy the parameters when all are finite; tell whether they are."""
        finite = bool(np.isfinite(self._live).all())
        if finite:
            self._kept[:] = self._live
        return finite

    def restore(self) -> None:
        """Put the copy back."""
        self._live[:] = self._kept


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

    def run_pass(
        self, data: Data, optimizer: Optimizer, options: dict[str, Any], finite: LastFinite, when: str
    ) -> dict[str, float]:
        """Train once over the data; return loss, penalty, the last learning rate and the seconds taken."""
        self._set_optimizer(optimizer)
        X, y, batches = data
        order = batches.order(self._generator())
        rates = optimizers.learning_rates(optimizer, self.stack.steps, batches.steps)
        start = perf_counter()
        mean, penalty = self.stack.train(X, y, order=order, rates=rates, batch_size=batches.size, **options)
        seconds = perf_counter() - start
        rate = float(rates[-1])
        if not (math.isfinite(mean) and finite.keep()):
            finite.restore()
            self.forget_momenta()  # they are not finite either
            raise DivergenceError(_divergence(when, rate, mean))
        return {"loss": mean, "penalty": penalty, "learning_rate": rate, "seconds": seconds}

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

    def _set_optimizer(self, optimizer: Optimizer) -> None:
        """Tell the core when hyperparameters have changed; a new learning rate alone keeps the momenta."""
        wanted = optimizer.hyperparameters()
        if wanted != self._optimizer:
            name, hyperparameters = wanted
            self.stack.set_optimizer(name, **hyperparameters)
            self._optimizer = wanted

    def state(self) -> dict[str, Any]:
        """Return all that training on exactly needs, in arrays without the core's padding."""
        return {
            "weights": copies(self.stack.views()),
            "seed": self._seed,
            "rng": self._rng,
            "optimizer": self._optimizer,
            "moments": [copies(self.stack.views(moment)) for moment in self.stack.moments],
            "steps": self.stack.steps,
        }

    @classmethod
    def restored(cls, stack: Stack, state: dict[str, Any]) -> Trainer:
        """Return a trainer of a :meth:`state`; the stack has its weights already."""
        trainer = cls(stack, state["seed"], state["rng"])
        if state["optimizer"] is not None:
            name, hyperparameters = trainer._optimizer = state["optimizer"]
            stack.set_optimizer(name, **hyperparameters)
            for moment, pairs in zip(stack.moments, state["moments"], strict=True):
                assign(stack.views(moment), pairs)
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


def _divergence(when: str, rate: float, loss: float) -> str:
    return (
        "Solver produced non-finite parameter weights. The input data may contain large values and need to be"
        f" preprocessed. {when}, learning rate {rate:g}, loss {loss:g}. Standardise the columns of X, or set"
        f" input_scale (1/255 for 8-bit images), or try a learning rate of {rate / 10:g}. The weights from"
        " before this pass are kept."
    )
