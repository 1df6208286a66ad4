"""The network of an estimator: a Network whose start, order of rows and penalty the estimator sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from numpy.random import RandomState

from ..artefact.inputs import Inputs
from ..artefact.outputs import Outputs
from ..data.arrays import Array
from ..losses import Loss
from ..network.network import Network
from ..optimizers.classes import Optimizer
from ..spec.initializers import Pair
from ..spec.layers import Dense
from ..training import targets
from ..training.stacks import copy_of, new_stack, states_of
from ..training.targets import Targets
from ..training.trainer import Trainer
from ..training.weights import assign_layers, layer_views
from .random_draws import RowOrder

if TYPE_CHECKING:
    from typing import Self

    from cnn_core.stack import Objective

    from ..artefact.parts import Parts
    from ..preprocessing.tabular import Tabular


class EstimatorNetwork(Network):
    """A :class:`Network` with given weights, and rows in a given order.

    Its penalty counts rows: a batch of n rows takes ``(l2 / 2 sum(W**2) + l1 sum(abs(W))) / n``, scikit-learn's
    `alpha` being `l2`. With weights n is their sum.

    Parameters
    ----------
    layers, **parameters
        As for :class:`Network`.
    weights : list of (W, b or None)
    known : Targets
    encoder : Tabular or None
        Has learned the columns of X.
    random : RandomState
        Shuffles the rows.
    """

    def __init__(
        self,
        layers: Sequence[Dense],
        *,
        weights: list[Pair],
        known: Targets,
        encoder: Tabular | None,
        random: RandomState,
        **parameters: Any,
    ) -> None:
        super().__init__(layers, **parameters)
        self._order = RowOrder(random)
        # The order stands for the generator of a trainer, of which only `permutation` is asked once weights are drawn.
        c = self._configuration
        self._trainer = Trainer(new_stack(c, states_of(weights)), None, self._order)  # type: ignore[arg-type]
        self._inputs = Inputs.of(c, len(weights[0][0]), encoder)
        self._outputs = Outputs.of(c, known)
        self._cut: tuple[Array, Array] | None = None

    def steer(
        self, random: RandomState, l1: float, l2: float, cut: tuple[Array, Array] | None = None
    ) -> None:
        """Let the next fit go on with rows in an order of its own, with these penalties, and, where it validates on a
        part of the rows, with this cut: those to train on, in the order they begin in, and those to validate on."""
        self._order.start(random)
        self._cut = cut
        self._configuration = replace(self._configuration, l1=l1, l2=l2)

    def restart(self, optimizer: Optimizer) -> None:
        """Let the next fit begin with moments of zero."""
        self.optimizer = optimizer
        self._known_trainer().forget_moments()

    @property
    def parameters(self) -> Array:
        """All weights and biases as the core keeps them; what is assigned is copied."""
        return self._fitted().parameters

    @parameters.setter
    def parameters(self, parameters: Array) -> None:
        self._fitted().parameters[:] = parameters
        self._weights_changed()

    def views(self) -> list[Pair]:
        """Return the weights and biases that predict, layer by layer, as views; with `ema` of a copy."""
        return list(self._evaluated().views())

    @property
    def encodes(self) -> bool:
        """Whether X is a table, of which the network makes numbers."""
        return self._known_inputs().encoder is not None

    @property
    def loss_function(self) -> Loss:
        """What is minimised."""
        return self._configuration.loss

    @property
    def dtype(self) -> str:
        """Dtype of weights and arithmetic."""
        return self._configuration.dtype

    def _objective(self, *, smoothed: bool = True) -> Objective:
        return super()._objective(smoothed=smoothed).replace(penalty_per_row=True)

    def _split_rows(self, y: Array, known: Targets, fraction: float, groups: Any) -> tuple[Array, Array]:
        assert self._cut is not None
        rows, held_out = self._cut
        return held_out, rows

    @classmethod
    def _of_parts(cls, parts: Parts) -> Self:
        net = super()._of_parts(parts)
        net._order, net._cut = RowOrder(RandomState()), None
        net._trainer = Trainer(net._fitted(), None, net._order)  # type: ignore[arg-type]
        return net

    # ---- as a function of its parameters

    def in_float64(self) -> EstimatorNetwork:
        """Return a network of the same weights in float64: itself, when it has them."""
        if self.dtype == "float64":
            return self
        twin = EstimatorNetwork.__new__(EstimatorNetwork)
        vars(twin).update(vars(self))
        twin._configuration = replace(self._configuration, dtype="float64")
        twin._inputs = replace(self._known_inputs(), dtype="float64")
        twin._trainer = Trainer(copy_of(self._fitted(), twin._configuration), None)
        twin._weights_changed()
        return twin

    def loss_and_gradient(
        self, X: Any, y: Any, sample_weight: Any = None, class_weight: Any = None
    ) -> Callable[[Array], tuple[float, Array]]:
        """Return the loss with its penalty over all rows, and the gradient, as a function of `parameters`.

        The gradient is a buffer that the next call overwrites.
        """
        X, y, known = self._labelled(X, y)
        stack = self._begin(X, known, True, self._known_inputs().encoder).stack
        weights = targets.weights_of(known, y, sample_weight, class_weight)
        objective = self._objective().replace(weights=weights)

        def function(parameters: Array) -> tuple[float, Array]:
            stack.parameters[:] = parameters
            loss, penalty = stack.gradient(X, y, objective)
            return loss + penalty, stack.gradients

        return function

    def take(self, other: EstimatorNetwork) -> None:
        """Copy what another network has learned: weights, and how it scales X and y."""
        stack, source = self._fitted(), other._fitted()
        if other is not self:
            if source.statistics is not None:
                stack.standardize(*source.statistics)
            assign_layers(layer_views(stack, stack.parameters), layer_views(source, source.parameters))
            self._outputs = replace(self._outputs, learned=other._outputs.learned)
        self._weights_changed()
