"""The network of an estimator: a Network with initial weights, row order and penalty set by the estimator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from ..training.stacks import copy_of, new_stack, states_of
from ..training.targets import Targets, weights_of
from ..training.trainer import Trainer
from ..training.weights import assign_layers, layer_views
from .random_draws import RowOrder

if TYPE_CHECKING:
    from typing import Self

    from cnn_core.stack import Objective

    from ..artefact.parts import Parts
    from ..preprocessing.tabular import Tabular


class EstimatorNetwork(Network):
    """A :class:`Network` with given initial weights, order of rows and validation split.

    Its penalty is divided by the rows of a batch, as in scikit-learn: ``(l2 / 2 * sum(W**2) + l1 * sum(abs(W))) / n``
    for n rows, where `l2` is scikit-learn's `alpha`. With sample weights n is their sum.

    Parameters
    ----------
    layers, **parameters
        Parameters of :class:`Network`.
    weights : list of (W, b or None)
        Initial weights (inputs, units) and biases (units,) of each layer.
    targets : Targets
        Classes or number of columns of y.
    encoder : Tabular or None
        Encoder fitted on X; None where X is numeric.
    random : RandomState
        Generator of the row order.
    """

    def __init__(
        self,
        layers: Sequence[Dense],
        *,
        weights: list[Pair],
        targets: Targets,
        encoder: Tabular | None,
        random: RandomState,
        **parameters: Any,
    ) -> None:
        super().__init__(layers, **parameters)
        self._order = RowOrder(random)
        # A trainer with initial weights calls only `permutation` of its generator, so RowOrder can take that place.
        c = self._configuration
        self._trainer = Trainer(new_stack(c, states_of(weights)), None, self._order)  # type: ignore[arg-type]
        self._inputs = Inputs.of(c, len(weights[0][0]), encoder)
        self._outputs = Outputs.of(c, targets)
        self._split: tuple[Array, Array] | None = None

    def prepare_fit(
        self, random: RandomState, l1: float, l2: float, split: tuple[Array, Array] | None = None
    ) -> None:
        """Set row order, penalties and validation split of the next fit.

        Parameters
        ----------
        random : RandomState
            Generator of the row order.
        l1, l2 : float
            Penalties, at least 0.
        split : (rows, validation rows) or None
            Row numbers to train on, in their initial order, and row numbers to validate on; None without such a split.
        """
        self._order.reset(random)
        self._split = split
        self._configuration = self._configuration.replace(l1=l1, l2=l2)

    def reset_optimizer(self, optimizer: Optimizer) -> None:
        """Set the optimizer, with moments of zero."""
        self.optimizer = optimizer
        self._known_trainer().forget_moments()

    @property
    def parameters(self) -> Array:
        """Weights and biases as one flat vector, in the layout of the core; assignment copies."""
        return self._fitted().parameters

    @parameters.setter
    def parameters(self, parameters: Array) -> None:
        self._fitted().parameters[:] = parameters
        self._weights_changed()

    def weight_views(self) -> list[Pair]:
        """Return views of the (W, b) of each layer used to predict; with `ema`, views of a copy."""
        self._discard_predictor()  # the caller may write into the views
        return list(self._evaluated().views())

    @property
    def encodes_table(self) -> bool:
        """Whether X is a table that the network encodes."""
        return self._known_inputs().encoder is not None

    @property
    def loss_function(self) -> Loss:
        """Loss that training minimises."""
        return self._configuration.loss

    @property
    def dtype(self) -> str:
        """Dtype of weights and arithmetic."""
        return self._configuration.dtype

    def _objective(self, *, smoothed: bool = True) -> Objective:
        return super()._objective(smoothed=smoothed).replace(penalty_per_row=True)

    def _split_rows(self, y: Array, known: Targets, fraction: float, groups: Any) -> tuple[Array, Array]:
        assert self._split is not None
        rows, held_out = self._split
        return held_out, rows

    @classmethod
    def _of_parts(cls, parts: Parts) -> Self:
        net = super()._of_parts(parts)
        net._order, net._split = RowOrder(RandomState()), None
        net._trainer = Trainer(net._fitted(), None, net._order)  # type: ignore[arg-type]
        return net

    # ---- as a function of its parameters

    def to_float64(self) -> EstimatorNetwork:
        """Return a float64 copy of the network, or the network itself if its dtype is float64."""
        if self.dtype == "float64":
            return self
        twin = EstimatorNetwork.__new__(EstimatorNetwork)
        vars(twin).update(vars(self))
        twin._configuration = self._configuration.replace(dtype="float64")
        twin._inputs = self._known_inputs().replace(dtype="float64")
        twin._trainer = Trainer(copy_of(self._fitted(), twin._configuration), None)
        twin._weights_changed()
        return twin

    def make_objective(
        self, X: Any, y: Any, sample_weight: Any = None, class_weight: Any = None
    ) -> Callable[[Array], tuple[float, Array]]:
        """Return the function from `parameters` to (loss with penalty over all rows, gradient).

        The gradient is a buffer that the next call of the function overwrites.
        """
        X, y, fitted_targets = self._labelled(X, y)
        stack = self._begin(X, fitted_targets, True, self._known_inputs().encoder).stack
        weights = weights_of(fitted_targets, y, sample_weight, class_weight)
        objective = self._objective().replace(weights=weights)

        def function(parameters: Array) -> tuple[float, Array]:
            stack.parameters[:] = parameters
            loss, penalty = stack.gradient(X, y, objective)
            return loss + penalty, stack.gradients

        return function

    def copy_weights_from(self, other: EstimatorNetwork) -> None:
        """Copy the weights of another network, and its scaling of X and y."""
        stack, source = self._fitted(), other._fitted()
        if other is not self:
            if source.statistics is not None:
                stack.standardize(*source.statistics)
            assign_layers(layer_views(stack, stack.parameters), layer_views(source, source.parameters))
            self._outputs = self._outputs.replace(learned=other._outputs.learned)
        self._weights_changed()
