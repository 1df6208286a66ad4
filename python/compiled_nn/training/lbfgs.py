"""Epochs of L-BFGS: each of them is one step of :mod:`compiled_nn.optimizers.lbfgs` over all rows, in float64."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..callbacks.stopping import Plateau
from ..data import samples
from ..optimizers import lbfgs
from ..optimizers.full_batch import LBFGS
from .divergence import Divergence, worst_layer
from .history import new_history
from .stacks import copy_of
from .weights import assign_layers, layer_views

if TYPE_CHECKING:
    from cnn_core.stack import Objective

    from ..common.protocols import History
    from ..data.arrays import Array
    from ..optimizers.base import Optimizer
    from ..spec.configuration import Configuration
    from .batches import Data
    from .plan import Plan
    from .trainer import Trainer

_FTOL = 2.2e-9  # default of SciPy, and so of scikit-learn
_DEFAULT_BATCH = (32, "full")


def check(plan: Plan, configuration: Configuration, streamed: bool) -> None:
    """Check that neither the plan nor the configuration has what only steps on batches have.

    Raises
    ------
    ValueError
        If one of them has; the message names the parameter.
    """
    c = configuration
    found = {
        "X without y": streamed,
        f"batch_size={plan.batch_size!r}": plan.batch_size not in _DEFAULT_BATCH,
        f"n_batches={plan.n_batches!r}": plan.n_batches is not None,
        f"accumulate={plan.accumulate!r}": plan.accumulate != 1,
        f"drop_last={plan.drop_last!r}": bool(plan.drop_last),
        f"averaging={plan.averaging!r}": plan.averaging is not None,
        "the callback Plateau": any(isinstance(each, Plateau) for each in plan.callbacks),
        "dropout": any(c.dropout),
        "norm='batch'": c.has_batch_norm,
        f"clip_norm={c.clip_norm!r}": c.clip_norm is not None,
        f"clip_value={c.clip_value!r}": c.clip_value is not None,
        f"ema={c.ema!r}": c.ema is not None,
        "a layer with a separate learning rate": any(layer.rate_factor != 1 for layer in c.layers),
    }
    for name, given in found.items():
        if given:
            raise ValueError(
                f"LBFGS uses all rows in each step, so it does not support {name}. Leave it out, or use another"
                " optimizer, such as Adam()."
            )


class FullBatch:
    """Epochs of L-BFGS over data in memory; the same interface as :class:`compiled_nn.training.loop.InMemory`.

    Parameters
    ----------
    trainer : Trainer
        Trainer of the network, which has the weights after each step.
    data : Data or None
        Training data; a y of numbers is in float64. None for a subclass that has other data.
    objective : Objective
        Function to minimise.
    configuration : Configuration
        Parameters of the network.

    Attributes
    ----------
    has_stepped : bool
        Whether a step was taken.
    finished : str or None
        Stop reason, once there is nothing left to do: "tol" or "max_iter".
    """

    def __init__(
        self, trainer: Trainer, data: Data | None, objective: Objective, configuration: Configuration
    ) -> None:
        trainer.forget_moments()
        self.has_stepped = False
        self.finished: str | None = None
        self._trainer = trainer
        # A copy: the network keeps the weights of the last iteration while a search tries others.
        self._stack = copy_of(trainer.stack, configuration.replace(dtype="float64"))
        self._objective = objective
        if data is not None:
            self._set_data(data)
        self._deadline = math.inf
        self._search: lbfgs.Search | None = None
        self._parts: dict[float, tuple[float, float]] = {}  # loss and penalty by their sum

    def _set_data(self, data: Data) -> None:
        self._X, self._y, rows = data.X, data.y, data.batches.rows
        if rows is not None:
            self._X, self._y = samples.select(self._X, rows), self._y[rows]
            weights = self._objective.weights
            self._objective = self._objective.replace(weights=None if weights is None else weights[rows])

    def run(
        self,
        optimizer: Optimizer,
        most: int,
        deadline: float,
        on_step: Callable[[int, float], bool] | None = None,
    ) -> tuple[History, Divergence | None]:
        """Take one step, whatever `most` is; documented in :meth:`compiled_nn.training.loop.InMemory.run`."""
        assert isinstance(optimizer, LBFGS)
        no_epochs = new_history()
        self._deadline, start = deadline, perf_counter()
        search = None
        try:
            search = self._search = self._search or self._begin(optimizer)
            if self._has_finished(optimizer) or not search.advance(_ftol(optimizer)):
                self.finished = self.finished or "tol"
                return no_epochs, None
        except lbfgs.NotFiniteError as error:
            return no_epochs, Divergence(None, error.value, *worst_layer(self._stack))
        except TimeoutError:
            if perf_counter() < deadline:  # it comes from a loss or an activation of the user
                raise
            return no_epochs, None
        finally:
            if search is not None:
                self._set_weights(search.point.x)
        self.has_stepped = True
        self._has_finished(optimizer)
        loss, penalty = self._parts[search.point.value]
        self._parts = {search.point.value: (loss, penalty)}
        if on_step is not None:
            on_step(1, loss)
        step = search.point.step
        columns = {"loss": [loss], "penalty": [penalty], "learning_rate": [step]}
        return {**columns, "seconds": [perf_counter() - start]}, None

    def _begin(self, optimizer: LBFGS) -> lbfgs.Search:
        start = np.array(self._stack.parameters, np.float64)
        # A reference from the search to this object would be a cycle, and its memory would be freed late.
        evaluate = partial(FullBatch._evaluate, weakref.proxy(self))
        return lbfgs.Search(evaluate, start, optimizer.max_fun, optimizer.memory)

    def _has_finished(self, optimizer: LBFGS) -> bool:
        """Set `finished` if the search has ended, and return whether it has."""
        assert self._search is not None
        reason = self._search.reason(optimizer.tol, _ftol(optimizer))
        if reason is not None:
            self.finished = "max_iter" if reason == "max_fun" else "tol"
        return reason is not None

    def _evaluate(self, parameters: Array) -> tuple[float, Array]:
        """Return loss with penalty, and its gradient in a buffer that the next call overwrites."""
        if perf_counter() >= self._deadline:
            raise TimeoutError("time_limit has passed")
        self._stack.parameters[:] = parameters
        loss, penalty, gradient = self._gradient()
        self._parts[loss + penalty] = loss, penalty
        return loss + penalty, gradient

    def _gradient(self) -> tuple[float, float, Array]:
        """Return loss, penalty, and the gradient of their sum, which the next call may overwrite."""
        loss, penalty = self._stack.gradient(self._X, self._y, self._objective, deadline=self._deadline)
        return loss, penalty, self._stack.gradients

    def _set_weights(self, parameters: Any) -> None:
        stack, source = self._trainer.stack, self._stack
        source.parameters[:] = parameters
        with stack.changing():
            assign_layers(layer_views(stack, stack.parameters), layer_views(source, source.parameters))


def _ftol(optimizer: LBFGS) -> float:
    """Return the relative decrease of the loss below which the search ends: near a minimum, squares of gradients."""
    return min(_FTOL, optimizer.tol**2)
