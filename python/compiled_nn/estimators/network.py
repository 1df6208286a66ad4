"""The network of an estimator: a Network whose start, order of rows and penalty the estimator sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from numpy.random import RandomState

from ..data.arrays import Array
from ..losses import Loss
from ..network.network import Network
from ..optimizers.classes import Optimizer
from ..spec.initializers import Pair
from ..spec.layers import Dense
from ..training import targets
from ..training.targets import Targets
from ..training.trainer import Trainer
from ..training.weights import assign_views, get_norms, parameter_views
from .random_draws import RowOrder

if TYPE_CHECKING:
    from typing import Self

    from ..files.network_file import Saved
    from ..preprocessing.tabular import Tabular


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
        self._trainer = Trainer(self._new_stack(weights), None, self._order)  # type: ignore[arg-type]
        self._targets, self._encoder = known, encoder
        self._cut: tuple[Array, Array] | None = None
        self._settle()

    def steer(
        self, random: RandomState, l1: float, l2: float, cut: tuple[Array, Array] | None = None
    ) -> None:
        """Let the next fit go on with rows in an order of its own, with these penalties, and, where it validates on a
        part of the rows, with this cut: those to train on, in the order they begin in, and those to validate on."""
        self._order.start(random)
        self._cut = cut
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
        """Return the weights and biases that predict, layer by layer, as views; with `ema` of a copy."""
        return list(self._evaluated().views())

    @property
    def encodes(self) -> bool:
        """Whether X is a table, of which the network makes numbers."""
        return self._encoder is not None

    @property
    def loss_function(self) -> Loss:
        """What is minimised."""
        return self._configuration.loss

    @property
    def dtype(self) -> str:
        """Dtype of weights and arithmetic."""
        return self._configuration.dtype

    def _terms(self, **which: Any) -> dict[str, Any]:
        return {**super()._terms(**which), "penalty_per_row": True}

    def _parts(self, y: Array, known: Targets, fraction: float, groups: Any) -> tuple[Array, Array]:
        assert self._cut is not None
        rows, held_out = self._cut
        return held_out, rows

    @classmethod
    def _restored(cls, saved: Saved) -> Self:
        net = super()._restored(saved)
        net._order, net._cut = RowOrder(RandomState()), None
        net._trainer = Trainer(net._fitted(), None, net._order)  # type: ignore[arg-type]
        return net

    # ---- as a function of its parameters

    def in_float64(self) -> SteeredNetwork:
        """Return a network of the same weights in float64: itself, when it has them."""
        if self.dtype == "float64":
            return self
        twin = SteeredNetwork.__new__(SteeredNetwork)
        vars(twin).update(vars(self))
        twin._configuration = replace(self._configuration, dtype="float64")
        mine = self._fitted()
        twin._trainer = Trainer(twin._new_stack(mine.views(), get_norms(mine)), None)
        if mine.statistics is not None:
            twin._trainer.stack.standardize(*mine.statistics)
        twin._settle()
        return twin

    def objective(
        self, X: Any, y: Any, sample_weight: Any = None, class_weight: Any = None
    ) -> Callable[[Array], tuple[float, Array]]:
        """Return the loss with its penalty over all rows, and the gradient, as a function of `parameters`.

        The gradient is a buffer that the next call overwrites.
        """
        n_features, encoder = self._fitted().sizes[0], self._encoder
        X, y, known = targets.prepare(
            self._configuration, X, y, n_features, self._known_targets(), encoder=encoder
        )
        stack = self._begin(X, known, True, encoder).stack
        weights = targets.weights_of(known, y, sample_weight, class_weight)
        terms = self._terms() | {"weights": weights}

        def function(parameters: Array) -> tuple[float, Array]:
            stack.parameters[:] = parameters
            loss, penalty = stack.gradient(X, y, **terms)
            return loss + penalty, stack.gradients

        return function

    def take(self, other: SteeredNetwork) -> None:
        """Copy what another network has learned: weights, and how it scales X and y."""
        stack, source = self._fitted(), other._fitted()
        if other is self:
            return self._settle()
        if source.statistics is not None:
            stack.standardize(*source.statistics)
        assign_views(parameter_views(stack), parameter_views(source))
        self._targets = other._targets
        self._settle()
