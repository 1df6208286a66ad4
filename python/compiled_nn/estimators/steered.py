"""The network of an estimator: a Network whose start, order of rows and penalty the estimator sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from numpy.random import RandomState

from .. import targets, training
from ..arrays import Array
from ..initializers import Pair
from ..layers import Dense
from ..network import Network
from ..optimizers import Optimizer
from ..targets import Targets
from ..training import Trainer
from .randomness import RowOrder


class SteeredNetwork(Network):
    """A :class:`Network` with given weights, and rows in a given order.

    Its penalty counts rows: a batch of n rows takes ``(l2 / 2 sum(W**2) + l1 sum(abs(W))) / n``, scikit-learn's
    `alpha` being `l2`. With weights n is their sum.

    Parameters
    ----------
    layers, **parameters
        As for :class:`Network`.
    weights : list of (W, b or None)
    known : Targets
    random : RandomState
        Shuffles the rows.
    """

    def __init__(
        self,
        layers: Sequence[Dense],
        *,
        weights: list[Pair],
        known: Targets,
        random: RandomState,
        **parameters: Any,
    ) -> None:
        super().__init__(layers, **parameters)
        self._order = RowOrder(random)
        # The order stands for the generator of a trainer, of which only `permutation` is asked once weights are drawn.
        self._trainer = Trainer(self._new_stack(weights), None, self._order)  # type: ignore[arg-type]
        self._targets = known
        self._settle()

    def steer(self, random: RandomState, l1: float, l2: float) -> None:
        """Let the next fit go on with rows in an order of its own, and with these penalties."""
        self._order.start(random)
        self._configuration = replace(self._configuration, l1=l1, l2=l2)

    def restart(self, optimizer: Optimizer) -> None:
        """Let the next fit begin with momenta of zero."""
        self.optimizer = optimizer
        assert self._trainer is not None
        self._trainer.forget_momenta()

    @property
    def parameters(self) -> Array:
        """All weights and biases as the core keeps them; what is assigned is copied."""
        return self._fitted().parameters

    @parameters.setter
    def parameters(self, parameters: Array) -> None:
        self._fitted().parameters[:] = parameters
        self._settle()

    def views(self) -> list[Pair]:
        """Return the weights and biases, layer by layer, as views."""
        return list(self._fitted().views())

    @property
    def dtype(self) -> str:
        """Dtype of weights and arithmetic."""
        return self._configuration.dtype

    def _terms(self, **which: Any) -> dict[str, Any]:
        return {**super()._terms(**which), "penalty_per_row": True}

    # ---- as a function of its parameters

    def in_float64(self) -> SteeredNetwork:
        """Return a network of the same weights in float64: itself, when it has them."""
        if self.dtype == "float64":
            return self
        twin = SteeredNetwork.__new__(SteeredNetwork)
        vars(twin).update(vars(self))
        twin._configuration = replace(self._configuration, dtype="float64")
        twin._trainer = Trainer(twin._new_stack(self.get_weights()), None)
        twin._settle()
        return twin

    def objective(
        self, X: Any, y: Array, sample_weight: Any = None, class_weight: Any = None
    ) -> Callable[[Array], tuple[float, Array]]:
        """Return the loss with its penalty over all rows, and the gradient, as a function of `parameters`.

        The gradient is a buffer that the next call overwrites.
        """
        rows, y, known = targets.prepare(self._configuration, X, y, self.n_features_, self._known_targets())
        stack = self._begin(rows, known, True, None).stack
        weights = targets.weights_of(known, y, sample_weight, class_weight)
        terms = self._terms() | {"weights": weights}

        def function(parameters: Array) -> tuple[float, Array]:
            stack.parameters[:] = parameters
            loss, penalty = stack.gradient(rows, y, **terms)
            return loss + penalty, stack.gradients

        return function

    def take(self, other: SteeredNetwork) -> None:
        """Copy the weights of another network, and how it standardises."""
        stack, source = self._fitted(), other._fitted()
        if other is self:
            return self._settle()
        if source.statistics is not None:
            stack.standardize(*source.statistics)
        training.assign(stack.views(), source.views())
        self._settle()
