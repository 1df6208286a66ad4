"""Creation of the network of an estimator, and changes of its parameters between calls of fit."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from numpy.random import RandomState

from ..data.arrays import Array
from . import continuing
from .initial_weights import InitialWeights
from .network import EstimatorNetwork
from .progress import Progress
from .running import Running

if TYPE_CHECKING:
    from ..losses import Loss
    from ..optimizers.base import Optimizer
    from ..training.targets import Targets

# Parameters that are passed to the network unchanged.
_NETWORK_PARAMETERS = (
    *("dtype", "precision", "input_scale", "standardize", "categorical_features", "min_frequency"),
    *("column_types", "embeddings", "numeric_embeddings"),
    *("input_dropout", "clip_norm", "clip_value", "ema", "proximal"),
)
_UNCHANGING = frozenset((bool, int, float, str, type(None)))


def _can_change(value: object) -> bool:
    """Return whether a parameter can change in place, not only by assignment."""
    return type(value) is not tuple or not _UNCHANGING.issuperset(map(type, value))


def _are_same(values: tuple[Any, ...] | None, others: tuple[Any, ...] | None) -> bool:
    """Return whether two tuples of parameters hold the same objects; not if one is None."""
    return values is not None and others is not None and all(map(operator.is_, values, others))


class Creation(Running, ABC):
    """Base class of the estimators: how their parameters become a network."""

    _initial_parameters: dict[str, Any]
    _latest_optimizer: Optimizer
    _checked: tuple[Any, ...] | None = (
        None  # values of the parameters at the last check, if they cannot change in place
    )

    @abstractmethod
    def _make_targets(self, y: Array) -> Targets:
        """Return the targets of a first fit on y (m,) or (m, n): loss, number of outputs and classes."""

    @abstractmethod
    def _check_new_targets(self, y: Array, partial: bool) -> None:
        """Raise ValueError where y of a later call does not match that of the first fit."""

    @abstractmethod
    def _loss_of(self, *, several: bool) -> Loss:
        """Return the loss for the present parameters; `several` is whether y has more than two classes."""

    def _present_loss(self) -> Loss:
        """Return the loss for the present parameters and the targets of the first fit."""
        targets = self.network_._known_targets()
        classes = targets.classes if targets.kind == "classes" else None
        return self._loss_of(several=classes is not None and len(classes) > 2)

    def _network_options(self) -> dict[str, Any]:
        """Return the parameters that are passed to the network unchanged."""
        return {name: getattr(self, name) for name in _NETWORK_PARAMETERS}

    def _constant_values(self) -> tuple[Any, ...] | None:
        """Return the values of all parameters; None if one of them can change in place."""
        values = self._values()
        return (
            None if any([_can_change(each) for each in values if type(each) not in _UNCHANGING]) else values
        )

    def _check_changes(self) -> None:
        """Check the parameters, unless they are those of the last check, which keeps small fits fast."""
        values = self._constant_values()
        if not _are_same(values, self._checked):
            self._check()
        self._checked = values

    def _create_network(
        self,
        X: Any,
        targets: Targets,
        random: RandomState,
        names: tuple[str, ...] | None,
        shape: tuple[int, ...] | None,
    ) -> None:
        """Create `network_` and `_progress`; the estimator is unchanged when this raises."""
        encoder = None
        if self.categorical_features is not None:
            from ..preprocessing.tabular import Tabular  # imported here to keep `import compiled_nn` fast

            encoder = Tabular(self.categorical_features, self.min_frequency, self.column_types).fit(X)
        n_inputs = X.shape[1] if encoder is None else encoder.n_columns_
        self._create_for(n_inputs, targets, random, encoder=encoder, names=names, shape=shape)

    def _create_for(self, n_inputs: int, targets: Targets, random: RandomState, **inputs: Any) -> None:
        """Create `network_` and `_progress` for `n_inputs` columns; `inputs` are further parameters of the network."""
        self.network_ = EstimatorNetwork(
            self._layers(targets.n_outputs),
            n_inputs=n_inputs,
            initial=InitialWeights(self.coefs_init, self.intercepts_init),
            targets=targets,
            random=random,
            loss=targets.loss,
            optimizer=self._optimizer(),
            n_threads=self.n_threads,
            **inputs,
            **self._network_options(),
        )
        self.n_features_in_ = self.network_.n_features_
        self._progress = Progress()
        self._remember_parameters(self.network_.optimizer)
        self.network_.applied = self._checked

    def _remember_parameters(self, optimizer: Optimizer) -> None:
        """Store the parameters of the initial weights, and the optimizer, to which later calls compare theirs."""
        self._initial_parameters = {name: getattr(self, name) for name in continuing.INITIAL}
        self._latest_optimizer = optimizer

    def _apply_parameters(self, random: RandomState) -> None:
        """Apply the parameters that were changed since the last call to `network_`, or raise ValueError."""
        net, values = self.network_, self._checked
        if _are_same(values, net.applied):
            return
        for name, value in self._initial_parameters.items():
            continuing.check_initial(name, value, getattr(self, name))
        layers = self._layers(net.layers[-1].units)
        new = continuing.requested(net._configuration, layers, self._present_loss(), self._network_options())
        net.apply(new, self.n_threads, random)
        net.applied = values

    def _set_optimizer(self, keep: bool) -> None:
        """Set the optimizer, with moments of zero; `keep` an unchanged one with its moments and rate."""
        optimizer = self._optimizer()
        if not keep:
            self.network_.reset_optimizer(optimizer)
        elif optimizer != self._latest_optimizer:
            self.network_.optimizer = optimizer
        self._latest_optimizer = optimizer
