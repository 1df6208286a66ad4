"""Training around the core's calls, of an epoch or many: batches, rates, history, the last finite weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import optimizers
from ..common import checks
from ..common.protocols import History
from ..data.arrays import Array
from .batches import Batches, Data
from .divergence import Divergence, LastFinite, first_bad_layer
from .history import compact_column
from .weights import LayerState, assign_layers, check_layers, copy_layers, layer_views

if TYPE_CHECKING:
    from numpy.random import Generator

    from cnn_core.stack import Objective, Stack

    from ..optimizers.classes import Optimizer
    from .averaging import Average


_WORK_OF_A_CALL = 20_000_000  # rows times parameters: some milliseconds
_WORK_OF_A_SLICE = 200_000_000  # some hundredths of a second


def new_generator(seed: int | None) -> Generator:
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

    Attributes
    ----------
    epochs : int
        Passes since the optimizer was set: the time of schedules by epochs.
    rate_scale : float
        What all learning rates are multiplied by.
    average : Average or None
        Of weights, where they are averaged.
    """

    def __init__(self, stack: Stack, seed: int | None, rng: Generator | None = None) -> None:
        self.stack = stack
        self.epochs = 0
        self.rate_scale = 1.0
        self.average: Average | None = None
        self._seed = seed
        self._rng = rng
        self._optimizer: tuple[str, dict[str, float]] | None = None
        self._latest: Optimizer | None = None  # the object that this came from

    def over(self, stack: Stack) -> Trainer:
        """Return a trainer of another stack, at the same place in its optimizer."""
        other = Trainer(stack, self._seed, self._generator())
        other.epochs, other.rate_scale, other._optimizer = self.epochs, self.rate_scale, self._optimizer
        return other

    def epochs_together(self, batches: Batches, most: int) -> int:
        """How many epochs to run in one call: many where each is so short that the call would cost more."""
        if batches.shuffles:
            return 1
        work = batches.n_rows * (self.stack.n_parameters + 100)
        return min(max(_WORK_OF_A_CALL // work, 1), most)

    def run(
        self,
        data: Data,
        optimizer: Optimizer,
        objective: Objective,
        finite: LastFinite,
        epochs: int = 1,
        deadline: float = math.inf,
    ) -> tuple[History, Divergence | None]:
        """Train so many times over the data, with the optimizer that was set.

        A single epoch ends between two steps when `deadline`, a time of `perf_counter`, has come.

        Returns
        -------
        columns : dict of lists
            Loss, penalty, last learning rate and seconds of each epoch that ended, and ended finite.
        divergence : Divergence or None
            When an epoch did not end finite: the state is then that of the end of the one before.
        """
        X, y, batches = data
        order = batches.order(self._generator())
        rates = self._rates(optimizer, batches.steps * epochs, epochs)
        options: dict[str, Any] = {"objective": objective, "order": order, "batch_size": batches.size}
        start = perf_counter()
        slices = self._slices(batches) if epochs == 1 and deadline < math.inf else 1
        if slices > 1:
            losses, penalties = self._train_until(deadline, data, rates, options, slices)
        else:
            losses, penalties = self.stack.train_epochs(X, y, rates=rates, epochs=epochs, **options)
        seconds = (perf_counter() - start) / epochs
        norms = self.stack.gradient_norms
        ended, divergence = len(losses), None
        if not (np.isfinite(losses).all() and finite.keep()):
            layer = first_bad_layer(self.stack)
            ended = 0
            if epochs > 1:
                ended, layer = self._return_to_finite(data, rates, options, finite, losses)
            finite.restore()
            last_loss = float(losses[ended]) if len(losses) else math.nan
            divergence = Divergence(float(rates[batches.steps * ended]), last_loss, layer)
        self.epochs += ended
        columns: History = {
            "loss": losses[:ended].tolist(),
            "penalty": compact_column(penalties[:ended]),
            "learning_rate": compact_column(rates[batches.steps - 1 :: batches.steps][:ended]),
            "seconds": [seconds] * ended,
        }
        if norms is not None:
            columns["gradient_norm"] = norms[:ended].tolist()
        return columns, divergence

    def _rates(self, optimizer: Optimizer, steps: int, epochs: int) -> Array:
        rates = optimizers.learning_rates(optimizer, self.stack.steps, steps, self.epochs, epochs)
        return rates if self.rate_scale == 1 else rates * self.rate_scale

    def _slices(self, batches: Batches) -> int:
        """Into how many calls to cut an epoch that must look at the clock."""
        steps = max(_WORK_OF_A_SLICE // ((self.stack.n_parameters + 100) * batches.size), 1)
        return -(-batches.steps // steps)

    def _train_until(
        self, deadline: float, data: Data, rates: Array, options: dict[str, Any], slices: int
    ) -> tuple[Array, Array]:
        """Train one epoch slice by slice; return the losses and penalties of no epoch when time runs out."""
        X, y, batches = data
        order = options["order"]
        if order is None:
            order = np.arange(batches.n_rows)
        total, penalties = 0.0, np.zeros(0)
        for steps in np.array_split(np.arange(batches.steps), slices):
            if perf_counter() >= deadline:
                return np.zeros(0), np.zeros(0)
            part = order[steps[0] * batches.size : (steps[-1] + 1) * batches.size]
            losses, penalties = self.stack.train_epochs(
                X, y, rates=rates[steps], epochs=1, **{**options, "order": part}
            )
            total += float(losses[0]) * len(part)
        return np.array([total / len(order)]), penalties

    def _return_to_finite(
        self, data: Data, rates: Array, options: dict[str, Any], finite: LastFinite, losses: Array
    ) -> tuple[int, int | None]:
        """Find the last epoch of many that left all finite, by training again up to it, and keep its state.

        Returns how many epochs that are, and the first layer with a bad weight after the next one.
        """
        X, y, batches = data

        def train(first: int, last: int) -> None:
            finite.restore()
            again = rates[batches.steps * first : batches.steps * last]
            self.stack.train_epochs(X, y, rates=again, epochs=last - first, **options)

        first_bad = int(np.argmin(np.isfinite(losses))) if not np.isfinite(losses).all() else len(losses) - 1
        ended = 0
        for epochs in range(first_bad, 0, -1):
            train(0, epochs)
            if finite.keep():
                ended = epochs
                break
        train(ended, ended + 1)
        return ended, first_bad_layer(self.stack)

    def _generator(self) -> Generator:
        if self._rng is None:
            self._rng = new_generator(self._seed)
        return self._rng

    def check_schedule(self, optimizer: Optimizer) -> None:
        """Refuse a learning rate that cannot tell the rate of the next step."""
        self._rates(optimizer, 1, 1)

    def forget_moments(self) -> None:
        """Let the next pass start from momenta of zero and step 0, and no average."""
        self._optimizer = self._latest = self.average = None
        self.stack.steps = 0

    def add_to_average(self) -> None:
        """Add the present weights to the average."""
        from .averaging import Average  # imported here to keep `import compiled_nn` fast

        self.average = self.average or Average()
        self.average.add(self.trained_layers())

    def apply_average(self) -> None:
        """Put the average in place of the weights, which are kept."""
        if self.average is not None and self.average.live is None:
            self.average.live = copy_layers(self.trained_layers())
            assign_layers(self.trained_layers(), self.average.mean)

    def restore_weights(self, *, averages: bool) -> None:
        """Put the weights back that an average stands in for; drop the average unless training goes on with it."""
        if self.average is not None and self.average.live is not None:
            assign_layers(self.trained_layers(), self.average.live)
            self.average.live = None
        if not averages:
            self.average = None

    def trained_layers(self) -> list[LayerState]:
        """Return views of what the optimizer moves, layer by layer."""
        return layer_views(self.stack, self.stack.parameters)

    def set_optimizer(self, optimizer: Optimizer) -> bool:
        """Tell the core when hyperparameters have changed, and return whether: that resets the momenta. A new
        learning rate alone changes nothing there."""
        if optimizer is self._latest:
            return False
        wanted = optimizer.hyperparameters()
        changed = wanted != self._optimizer
        if changed:
            name, hyperparameters = wanted
            self.stack.set_optimizer(name, **hyperparameters)
            self._optimizer = wanted
            self.epochs = 0
        self._latest = optimizer
        return changed

    # ---- state

    def snapshot(self, *, optimizer: bool = True) -> dict[str, Any]:
        """Return copies of the layers, of the average of ``ema``, and of the optimizer's state."""
        stack = self.stack
        state: dict[str, Any] = {"layers": copy_layers(layer_views(stack))}
        if stack.average is not None:
            state["average"] = copy_layers(layer_views(stack, stack.average))
        if optimizer:
            name, hyperparameters = self._optimizer or (None, {})
            state["optimizer"] = {
                "name": name,
                "hyperparameters": dict(hyperparameters),
                "step": stack.steps,
                "moments": [copy_layers(layer_views(stack, moment)) for moment in stack.moments],
            }
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put back what :meth:`snapshot` returned; parts that the state does not have stay as they are.

        Raises
        ------
        TypeError, ValueError
            When the state does not fit the stack; nothing has then been changed.
        """
        unknown = state.keys() - {"layers", "average", "optimizer"}
        if unknown:
            raise ValueError(
                f"The state has the unknown keys {sorted(unknown)}; it takes 'layers', 'average' and 'optimizer'."
            )
        stack, parts = self.stack, list[tuple[Any, list[LayerState]]]()
        for name, flat in (("layers", None), ("average", stack.average)):
            if name in state and (name == "layers" or flat is not None):
                parts.append((state[name], layer_views(stack, flat)))
                check_layers(*parts[-1], f"state[{name!r}]")
        if state.get("optimizer") is not None:
            before = self.snapshot()["optimizer"]
            try:
                self._restore_optimizer(state["optimizer"])
            except (TypeError, ValueError):
                self._restore_optimizer(before)
                raise
        for given, views in parts:
            assign_layers(views, given)

    def _restore_optimizer(self, state: Mapping[str, Any]) -> None:
        checks.fields("state['optimizer']", state, ("name", "hyperparameters", "step", "moments"))
        if state["name"] is None:
            return self.forget_moments()
        name, hyperparameters = wanted = state["name"], dict(state["hyperparameters"])
        if wanted != self._optimizer:
            self.stack.set_optimizer(name, **hyperparameters)
            self._optimizer, self._latest = wanted, None
        moments = [layer_views(self.stack, moment) for moment in self.stack.moments]
        if len(state["moments"]) != len(moments):
            raise ValueError(
                f"state['optimizer']['moments'] has {len(state['moments'])} lists; {name} takes {len(moments)}."
            )
        for number, (given, views) in enumerate(zip(state["moments"], moments, strict=True)):
            check_layers(given, views, f"state['optimizer']['moments'][{number}]")
        for given, views in zip(state["moments"], moments, strict=True):
            assign_layers(views, given)
        self.stack.steps = int(state["step"])

    def state(self) -> dict[str, Any]:
        """Return all that exact continuation of training needs: :meth:`snapshot`, and how training goes on."""
        return self.snapshot() | {
            "statistics": self.stack.statistics,
            "dropout_key": self.stack.dropout_key,
            "seed": self._seed,
            "rng": self._rng,
            "epochs": self.epochs,
            "rate_scale": self.rate_scale,
            "swa": self.average,
        }

    @classmethod
    def restored(cls, stack: Stack, state: dict[str, Any]) -> Trainer:
        """Return a trainer of a :meth:`state` over a stack of the same layers."""
        trainer = cls(stack, state["seed"], state["rng"])
        stack.set_dropout(stack.dropout, state["dropout_key"])
        if state["statistics"] is not None:
            stack.standardize(*state["statistics"])
        trainer.restore({name: state[name] for name in ("layers", "average", "optimizer") if name in state})
        trainer.epochs, trainer.rate_scale, trainer.average = (
            state["epochs"],
            state["rate_scale"],
            state["swa"],
        )
        return trainer
