"""Trainer: calls of the core that train for one or more epochs, and the state that training needs between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import optimizers
from ..data.arrays import Array
from .batches import Batches, Data
from .divergence import Divergence, Snapshot, worst_layer
from .history import compact_column
from .stacks import set_scaling
from .weights import LayerState, assign_layers, copy_layers, layer_views

if TYPE_CHECKING:
    from numpy.random import Generator

    from cnn_core.stack import Objective, Stack

    from ..common.protocols import History
    from ..optimizers.base import Optimizer
    from .averaging import Average


# Rows times parameters that one call of the core with several epochs trains, about: some milliseconds of work.
_WORK_PER_CALL = 20_000_000


def new_generator(seed: int | None) -> Generator:
    """Return a new generator for a network; the global generator of NumPy is not used."""
    return np.random.Generator(np.random.PCG64(seed))


class Trainer:
    """Stack in training, with its optimizer and the generator that shuffles the rows.

    Parameters
    ----------
    stack : cnn_core.stack.Stack
        Stack to train.
    seed : int or None
        Seed of the generator.
    rng : numpy.random.Generator, optional
        Generator that has already drawn the initial weights. Default: a new one from `seed`, created on first use, so
        that a network that only predicts does not import numpy.random.

    Attributes
    ----------
    epochs : int
        Number of epochs since the optimizer was set; schedules by epochs depend on it.
    resets : int
        Number of times that moments were allocated, or a state was restored: copies of the state are then out of date.
    rate_scale : float
        Factor by which all learning rates are multiplied.
    average : Average or None
        Running mean of the weights, if they are averaged.
    """

    def __init__(self, stack: Stack, seed: int | None, rng: Generator | None = None) -> None:
        self.stack = stack
        self.epochs = 0
        self.resets = 0
        self.rate_scale = 1.0
        self.average: Average | None = None
        self._seed = seed
        self._rng = rng
        self._optimizer: tuple[str, dict[str, float]] | None = None
        self._latest: Optimizer | None = None  # object that _optimizer was read from

    def over(self, stack: Stack) -> Trainer:
        """Return a trainer of another stack, with the same generator, optimizer and number of epochs."""
        other = Trainer(stack, self._seed, self._generator())
        other.epochs, other.rate_scale, other._optimizer = self.epochs, self.rate_scale, self._optimizer
        return other

    def epochs_together(self, batches: Batches, most: int) -> int:
        """Return the number of epochs to run in one call of the core, at most `most`.

        It is above 1 if the epochs are so short that calls would take most of the time.
        """
        if batches.shuffles:
            return 1
        work = batches.n_rows * (self.stack.n_parameters + 100)
        return min(max(_WORK_PER_CALL // work, 1), most)

    def run(
        self,
        data: Data,
        optimizer: Optimizer,
        objective: Objective,
        last_finite: Snapshot,
        epochs: int = 1,
        deadline: float = math.inf,
        on_step: Callable[[int, float], bool] | None = None,
    ) -> tuple[History, Divergence | None]:
        """Train for some epochs with the optimizer set by :meth:`set_optimizer`.

        Parameters
        ----------
        data : Data
            Training data.
        optimizer : Optimizer
            Optimizer whose learning rates are used.
        objective : Objective
            Function to minimise.
        last_finite : Snapshot
            Snapshot to return to after a divergence; it is updated if the result is finite.
        epochs : int, default 1
            Number of epochs.
        deadline : float, default inf
            Time of `perf_counter` after which training ends between two steps.
        on_step : callable, optional
            Function of the number of a batch and its loss that is called after each step. Training ends if it returns
            True.

        Returns
        -------
        columns : dict of lists
            Loss, penalty, last learning rate and seconds of each complete epoch that ended with finite values.
        divergence : Divergence or None
            Description of the epoch that diverged, if one did. The stack then has its state from before this epoch.
        """
        X, y, batches = data
        order = batches.order(self._generator())
        rates = self.rates(optimizer, batches.steps * epochs, epochs)
        options: dict[str, Any] = {"objective": objective, "order": order, "batch_size": batches.size}
        start = perf_counter()
        losses, penalties = self.stack.train_epochs(
            X, y, rates=rates, epochs=epochs, deadline=deadline, on_step=on_step, **options
        )
        ended, divergence = len(losses), None
        seconds = (perf_counter() - start) / max(ended, 1)
        norms = self.stack.gradient_norms

        def has_finite_loss() -> bool:
            return math.isfinite(self.stack.loss(X, y, objective)[0])

        if not (np.isfinite(losses).all() and last_finite.update(has_finite_loss)):
            worst = worst_layer(self.stack)
            bad_loss = math.nan if not ended else float(losses[-1])
            ended = 0
            if epochs > 1:
                ended, worst = self._return_to_finite(
                    data, rates, options, last_finite, losses, has_finite_loss
                )
                bad_loss = float(losses[ended]) if ended < len(losses) else math.nan
            last_finite.restore()
            divergence = Divergence(float(rates[batches.steps * ended]), bad_loss, *worst)
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

    def rates(self, optimizer: Optimizer, steps: int, epochs: int) -> Array:
        """Return the learning rate of each of the next `steps` steps, which are those of `epochs` epochs."""
        rates = optimizers.learning_rates(optimizer, self.stack.steps, steps, self.epochs, epochs)
        return rates if self.rate_scale == 1 else rates * self.rate_scale

    def _return_to_finite(
        self,
        data: Data,
        rates: Array,
        options: dict[str, Any],
        last_finite: Snapshot,
        losses: Array,
        has_finite_loss: Callable[[], bool],
    ) -> tuple[int, tuple[int, float]]:
        """Find the last epoch with a finite state, by training again up to it, and store it in `last_finite`.

        Returns
        -------
        ended : int
            Number of epochs up to this state.
        worst : (int, float)
            Result of :func:`worst_layer` after one more epoch.
        """
        X, y, batches = data

        def train(first: int, last: int) -> None:
            last_finite.restore()
            again = rates[batches.steps * first : batches.steps * last]
            self.stack.train_epochs(X, y, rates=again, epochs=last - first, **options)

        finite = np.isfinite(losses)
        first_bad = (
            min(len(losses), len(rates) // batches.steps - 1) if finite.all() else int(np.argmin(finite))
        )
        ended = 0
        for epochs in range(first_bad, 0, -1):
            train(0, epochs)
            if last_finite.update(has_finite_loss):
                ended = epochs
                break
        train(ended, ended + 1)
        return ended, worst_layer(self.stack)

    def _generator(self) -> Generator:
        if self._rng is None:
            self._rng = new_generator(self._seed)
        return self._rng

    @property
    def hyperparameters(self) -> tuple[str, dict[str, float]]:
        """Name and hyperparameters of the optimizer that is set."""
        assert self._optimizer is not None
        return self._optimizer

    def draw_seed(self) -> int:
        """Return a seed of the generator that shuffles the rows, which advances."""
        return int(self._generator().integers(0, 1 << 62))

    def set_generator(self, rng: Generator | None) -> None:
        """Set the generator that shuffles the rows; None if it has not been used yet."""
        self._rng = rng

    def check_schedule(self, optimizer: Optimizer) -> None:
        """Check that the optimizer returns a valid learning rate for the next step.

        Raises
        ------
        ValueError
            If it does not.
        """
        self.rates(optimizer, 1, 1)

    def forget_moments(self) -> None:
        """Reset the optimizer: moments of zero, step 0, and no average of weights."""
        self._optimizer = self._latest = self.average = None
        self.stack.steps = 0

    def add_to_average(self) -> None:
        """Add the present weights to the average."""
        from .averaging import Average  # imported here to keep `import compiled_nn` fast

        average = self.average or Average()
        average.add(self.trained_layers())
        self.average = average

    def apply_average(self) -> None:
        """Set the weights to their mean, and keep the weights of the last epoch in the average."""
        average = self.average
        if average is not None and average.live is None:
            average.live = copy_layers(self.trained_layers())
            with self.stack.changing():
                assign_layers(self.trained_layers(), average.mean)

    def restore_weights(self, *, averages: bool) -> None:
        """Undo :meth:`apply_average`; discard the mean unless the next training `averages` too."""
        average = self.average
        if average is not None and average.live is not None:
            with self.stack.changing():
                assign_layers(self.trained_layers(), average.live)
            average.live = None
        if not averages:
            self.average = None

    def trained_layers(self) -> list[LayerState]:
        """Return the state of each layer as views, without the running statistics, which the optimizer does not set."""
        return layer_views(self.stack, self.stack.parameters)

    def set_optimizer(self, optimizer: Optimizer) -> bool:
        """Set the optimizer of the core if its hyperparameters differ from the present ones.

        This resets moments and steps. The learning rate is not a hyperparameter of the core: a new learning rate alone
        resets nothing.

        Returns
        -------
        bool
            Whether the optimizer was set.
        """
        if optimizer is self._latest:
            return False
        new = optimizer.hyperparameters()
        changed = new != self._optimizer
        if changed:
            name, hyperparameters = new
            self.stack.set_optimizer(name, **hyperparameters)
            self._optimizer = new
            self.epochs = 0
            self.resets += 1
        self._latest = optimizer
        return changed

    # ---- state

    def snapshot(self, *, optimizer: bool = True) -> dict[str, Any]:
        """Return copies of the state of the layers, of the average of ``ema``, and of the state of the optimizer.

        Documented in :meth:`compiled_nn.Network.snapshot`.
        """
        if optimizer:
            stack = self.stack.copy()
        elif self.stack.average is not None:
            stack = self.stack.copy(moments=False)
        else:
            stack = self.stack.present()

        def copied(flat: Array | None = None) -> list[LayerState]:
            views = layer_views(stack, flat)
            return views if optimizer else copy_layers(views)  # a copy with moments is of this call alone

        state: dict[str, Any] = {"layers": copied()}
        if stack.average is not None and stack.steps > 0:  # before the first step it has other numbers
            state["average"] = copied(stack.average)
        if optimizer:
            name, hyperparameters = self._optimizer or (None, {})
            moments = () if name is None else stack.moments
            state["optimizer"] = {
                "name": name,
                "hyperparameters": dict(hyperparameters),
                "step": stack.steps,
                "epoch": self.epochs,
                "moments": [copied(moment) for moment in moments],
            }
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by :meth:`snapshot`; parts that are not in `state` stay unchanged.

        Raises
        ------
        TypeError, ValueError
            If the state does not match the stack. Nothing has then changed.
        """
        from .state_checks import check_state  # imported here to keep `import compiled_nn` fast

        stack = self.stack
        check_state(state, stack)
        with stack.changing():
            if "optimizer" in state:
                self._restore_optimizer(state["optimizer"])
            if "layers" in state:
                assign_layers(layer_views(stack), state["layers"])
                self.average = None
                if stack.average is not None and "average" not in state:
                    stack.average[:] = stack.parameters
            if "average" in state and stack.average is not None:
                assign_layers(layer_views(stack, stack.average), state["average"])
                if "optimizer" not in state and stack.steps == 0:  # the average does not count yet
                    stack.parameters[:] = stack.average
        self.resets += 1

    def _restore_optimizer(self, state: Mapping[str, Any]) -> None:
        if state["name"] is None:
            return self.forget_moments()
        name, hyperparameters = new = state["name"], dict(state["hyperparameters"])
        if new != self._optimizer:
            self.stack.set_optimizer(name, **hyperparameters)
            self._optimizer, self._latest = new, None
        for moment, given in zip(self.stack.moments, state["moments"], strict=True):
            assign_layers(layer_views(self.stack, moment), given)
        self.stack.steps, self.epochs = state["step"], state["epoch"]

    def state(self) -> dict[str, Any]:
        """Return the whole state of training, from which training continues with the same bits.

        It is that of :meth:`snapshot`, with the statistics of the inputs, the generators and the counts in addition.
        """
        return self.snapshot() | {
            "statistics": self.stack.statistics,
            "clipped": self.stack.clipped,
            "encoding": self.stack.encoding,
            "dropout_key": self.stack.dropout_key,
            "seed": self._seed,
            "rng": self._rng,
            "epochs": self.epochs,
            "rate_scale": self.rate_scale,
            "swa": self.average,
        }

    @classmethod
    def restored(cls, stack: Stack, state: dict[str, Any]) -> Trainer:
        """Return a trainer with a :meth:`state`; `stack` must have the same layers as the one it is from."""
        trainer = cls(stack, state["seed"], state["rng"])
        set_scaling(stack, state["statistics"], state["clipped"], state["encoding"])
        trainer.resume(state)
        return trainer

    def resume(self, state: dict[str, Any]) -> None:
        """Set a :meth:`state` of a trainer of the same layers and inputs, except for the seed and the generator."""
        self.stack.set_dropout(self.stack.dropout, state["dropout_key"])
        self.restore({name: state[name] for name in ("layers", "average", "optimizer") if name in state})
        self.epochs, self.rate_scale, self.average = state["epochs"], state["rate_scale"], state["swa"]
