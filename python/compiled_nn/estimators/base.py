"""How both estimators learn: a network made from parameters, driven epoch by epoch, and what is known of it after."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.random import RandomState

from ..callbacks.base import Callback
from ..common.errors import CompiledNNWarning
from ..data import dataframes
from ..data.arrays import Array
from ..training import validation
from . import inputs, lbfgs_solver, sklearn_compat
from .fitted import Fitted
from .network import EstimatorNetwork
from .parameters import STOCHASTIC
from .progress import Progress, Watch
from .random_draws import draw_weights, held_out, random_state, thinning_seed

if TYPE_CHECKING:
    from typing import Self

    from ..training.targets import Targets


# What a network takes as an estimator has it; and what its hidden layers may not change while training goes on.
_OF_NETWORK = (
    *("dtype", "n_threads", "standardize", "categorical_features", "min_frequency"),
    *("input_dropout", "clip_norm", "clip_value", "ema"),
)
_OF_LAYERS = {
    "units": "hidden_layer_sizes",
    "activation": "activation",
    "bias": "use_bias",
    **{name: name for name in ("norm", "dropout", "residual")},
}


def _as_callbacks(callbacks: Sequence[Any] | None) -> list[Any]:
    """Return callbacks as ``Network.fit`` takes them; other objects by their method ``on_epoch_end``."""
    return [
        each if isinstance(each, Callback) else getattr(each, "on_epoch_end", each)
        for each in callbacks or ()
    ]


class Perceptron(Fitted, ABC):
    """A multilayer perceptron behind the interface of scikit-learn's estimators."""

    # ---- what classifier and regressor do each in their own way

    @abstractmethod
    def _learned(self, y: Array) -> Targets:
        """Return what a first y (m,) or (m, n) means, and by which loss it is learned."""

    @abstractmethod
    def _check_known(self, y: Array, partial: bool) -> None:
        """Refuse a later y that does not go with the first one."""

    def _strata(self, y: Array) -> Array | None:
        """Return the labels whose shares a validation part keeps; None when there are none."""
        return None

    def _weights(self, sample_weight: Array | None) -> dict[str, Any]:
        """Return the weights of rows and classes as ``Network.fit`` takes them."""
        return {} if sample_weight is None else {"sample_weight": sample_weight}

    def _of_network(self) -> dict[str, Any]:
        """Return the parameters that the network takes as they are."""
        return {name: getattr(self, name) for name in _OF_NETWORK}

    # ---- training

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        validation_data: Any = None,
        validation_groups: Any = None,
    ) -> Self:
        """Train from new weights, or with ``warm_start=True`` from the present ones.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix (m, k)
            Real and finite, of any dtype; with `categorical_features` numbers and categories, some of which may be
            missing. Never changed, and sparse rows are never filled with zeros as a whole.
        y : array-like (m,) or (m, n_outputs)
            Labels, or a 0/1 column a label; numbers for the regressor.
        sample_weight : array-like (m,), optional
            At least 0; what each row counts.
        validation_data : (X, y) or (X, y, sample_weight), optional
            What early stopping looks at, in place of a part of the rows; without early stopping it is only recorded in
            ``history_``.
        validation_groups : array-like (m,), optional
            The group of each row: whole groups are taken to validate with, until `validation_fraction` is reached.

        Returns
        -------
        self : estimator

        Raises
        ------
        TypeError, ValueError
            When a parameter or the data cannot be used.
        DivergenceError
            When an epoch ends with a loss or weights that are not finite.
        """
        return self._train(X, y, sample_weight, validation_data, validation_groups)

    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation_data: Any = None,
        groups: Any = None,
        *,
        partial: bool = False,
        classes: Array | None = None,
    ) -> Self:
        """Train for all epochs, or for one when `partial`; `classes` are those of the first y, where it lacks some."""
        before = dict(vars(self))
        try:
            return self._trained(X, y, sample_weight, validation_data, groups, partial, classes)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)  # a first fit that fails leaves no network behind
            raise

    def _trained(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation_data: Any,
        groups: Any,
        partial: bool,
        classes: Array | None,
    ) -> Self:
        self._check()
        if self.early_stopping and partial:
            raise ValueError("partial_fit does not support early_stopping=True")
        owner = type(self).__name__
        resume = hasattr(self, "network_") and (partial or bool(self.warm_start))
        names = dataframes.feature_names(X)
        if resume:
            inputs.check_names(owner, getattr(self, "feature_names_in_", None), names)
        encodes = self.network_.encodes if resume else self.categorical_features is not None
        X = inputs.read(owner, X, self.dtype, self.n_features_in_ if resume else None, encodes)
        y = inputs.targets(owner, y, len(X) if hasattr(X, "__len__") else None)
        weight = inputs.weights(sample_weight, len(y))
        random = random_state(self.random_state)
        if resume:
            self._check_layers()
            self._check_known(y, partial)
        else:
            self._start(X, self._learned(y if classes is None else classes), random)
            self._remember(names)
        net = self.network_
        if self.solver not in STOCHASTIC:
            net.steer(random, self.l1, self.alpha)
            self._minimize(X, y, weight)
            return self
        if not partial:
            net.restart(self._optimizer())
        if partial:
            net.steer(random, self.l1, self.alpha)
            self._descend(X, y, weight, len(y), 1, {})
            return self
        held: dict[str, Any] = {"validation_data": validation_data}
        cut = self._cut(random, y, groups, validation_data)
        if cut is not None:
            held = {"validation_fraction": self.validation_fraction}
        net.steer(random, self.l1, self.alpha, cut)
        held |= {"metrics": self.metrics, "target": self.target}
        self._descend(X, y, weight, len(y) if cut is None else len(cut[0]), self.max_iter, held)
        self._warn_of_end(f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached")
        return self

    def _cut(
        self, random: RandomState, y: Array, groups: Any, validation_data: Any
    ) -> tuple[Array, Array] | None:
        """Return the rows to train on and those to validate with; None where no part of the rows validates."""
        if validation_data is not None:
            if groups is not None:
                raise ValueError("validation_data is given: validation_groups must be None.")
            return None
        if groups is None and not self.early_stopping:
            if self.metrics:
                raise ValueError(
                    "metrics are those of validation: set early_stopping=True, or give fit validation_data or"
                    " validation_groups."
                )
            return None
        if groups is None:
            return held_out(random, len(y), self.validation_fraction, self._strata(y))
        seed = int(random.randint(1 << 31))
        held, rows = validation.by_groups(len(y), groups, self.validation_fraction, seed)
        return rows, held

    def _start(self, X: Any, known: Targets, random: RandomState) -> None:
        """Make the network; nothing has changed when this raises."""
        layers, encoder = self._layers(known.n_outputs), None
        if self.categorical_features is not None:
            from ..preprocessing.tabular import Tabular  # few networks encode tables

            encoder = Tabular(self.categorical_features, self.min_frequency).fit(X)
        n_inputs = X.shape[1] if encoder is None else encoder.n_columns_
        self.network_ = EstimatorNetwork(
            layers,
            weights=draw_weights(layers, random, n_inputs),
            known=known,
            encoder=encoder,
            random=random,
            seed=thinning_seed(random, layers, self.input_dropout),
            loss=known.loss,
            optimizer=self._optimizer(),
            **self._of_network(),
        )
        self._progress = Progress()

    def _check_layers(self) -> None:
        """Refuse other layers than those that are there, when training goes on."""
        present, asked = self.network_.layers[:-1], self._layers(1)[:-1]
        for of, name in _OF_LAYERS.items():
            ours, theirs = ([getattr(layer, of) for layer in layers] for layers in (asked, present))
            if ours != theirs:
                raise ValueError(f"{name} is {ours}; the network to go on with has {theirs}.")

    def _remember(self, names: Array | None) -> None:
        self.n_features_in_ = self.network_.n_features_
        if names is not None:
            self.feature_names_in_ = names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _descend(
        self, X: Any, y: Array, weight: Array | None, n_rows: int, epochs: int, options: dict[str, Any]
    ) -> None:
        """Take the epochs of a stochastic solver over `n_rows` of the rows; `options` are of ``Network.fit``."""
        net, progress, size = self.network_, self._progress, self._rows_of_a_batch(n_rows)
        if not isinstance(self.batch_size, str) and self.batch_size > n_rows:
            sklearn_compat.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
                CompiledNNWarning,
            )
        watch = Watch(
            progress,
            n_rows=n_rows,
            of_loss=self._reported_loss(),
            of_penalty=math.ceil(n_rows / size),
            monitor=self._watched() if self.early_stopping else None,
            min_delta=self.tol if self.min_delta is None else self.min_delta,
            patience=self.n_iter_no_change,
            rates=self._rates(),
            initial_rate=self.learning_rate_init,
            power=self.power_t,
            time_limit=self.time_limit,
        )
        try:
            net.fit(
                X,
                y,
                epochs=epochs,
                batch_size=size,
                shuffle=bool(self.shuffle),
                warm_start=True,
                verbose=int(self.verbose),
                callbacks=[*_as_callbacks(self.callbacks), watch],
                **options,
                **self._weights(weight),
            )
            self.stop_reason_ = net.stop_reason_
        except KeyboardInterrupt:
            self.stop_reason_ = "interrupted"
            sklearn_compat.warn("Training interrupted by user.", CompiledNNWarning)
        stopping_early = bool(self.early_stopping)
        if stopping_early and self.restore_best and progress.best_state is not None:
            net.restore(progress.best_state)
        self.n_iter_, self.t_ = watch.epochs, progress.rows_seen
        self.loss_curve_, self.best_iter_ = progress.losses, progress.best_epoch
        self.loss_ = progress.losses[-1] if progress.losses else math.nan
        self.best_loss_ = None if stopping_early else progress.best_loss
        self.best_validation_score_ = progress.best_score if stopping_early else None
        self.validation_scores_ = progress.scores if stopping_early else None

    def _minimize(self, X: Any, y: Array, weight: Array | None) -> None:
        """Run the solver that takes all rows at once."""
        found = lbfgs_solver.minimize(
            self.network_,
            X,
            y,
            self._weights(weight),
            max_iter=self.max_iter,
            max_fun=self.max_fun,
            tol=self.tol,
            time_limit=self.time_limit,
        )
        self.n_iter_, self.stop_reason_, self.t_ = len(found.losses), found.reason, 0
        scale = self._reported_loss()
        self.loss_, self.loss_curve_ = scale * found.loss, [scale * loss for loss in found.losses]
        self._warn_of_end("lbfgs failed to converge: the limit of iterations was reached")

    def _warn_of_end(self, what: str) -> None:
        """Warn that a limit ended training, if the user has shown by a `tol` that this matters."""
        if self.stop_reason_ == "max_iter" and "tol" in self.changed():
            sklearn_compat.warn_of_end(f"{what} and the optimization hasn't converged yet.")

    def _reported_loss(self) -> float:
        """Return by what the network's loss is multiplied before it is reported."""
        return 1.0
