"""What both estimators do: a network made from parameters, driven epoch by epoch, and what is known of it after."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import RandomState

from ..arrays import Array
from ..errors import CompiledNNWarning
from . import inputs, manners, whole
from .parameters import STOCHASTIC, Parameters
from .progress import Progress, Watch
from .randomness import draw_weights, held_out, random_state
from .steered import SteeredNetwork

if TYPE_CHECKING:
    from typing import Self

    from ..targets import Targets

_LINKS = {"sigmoid": "logistic"}  # scikit-learn's names, where they are others than ours


class Perceptron(Parameters, manners.SklearnMember, ABC):
    """A multilayer perceptron behind the interface of scikit-learn's estimators."""

    network_: SteeredNetwork
    n_features_in_: int

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

    # ---- training

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Any = None) -> Self:
        """Train from new weights, or with ``warm_start=True`` from the present ones.

        Parameters
        ----------
        X : array-like or data frame (m, k)
            Real and finite, of any dtype; never changed.
        y : array-like (m,) or (m, n_outputs)
            Labels, or a 0/1 column a label; numbers for the regressor.
        sample_weight : array-like (m,), optional
            At least 0; what each row counts.
        validation_data : (X, y) or (X, y, sample_weight), optional
            What early stopping looks at, in place of a part of the rows; without early stopping it is only recorded in
            ``history_``.

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
        return self._train(X, y, sample_weight, validation_data)

    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation_data: Any = None,
        *,
        partial: bool = False,
        classes: Array | None = None,
    ) -> Self:
        """Train for all epochs, or for one when `partial`; `classes` are those of the first y, where it lacks some."""
        before = dict(vars(self))
        try:
            return self._trained(X, y, sample_weight, validation_data, partial, classes)
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
        partial: bool,
        classes: Array | None,
    ) -> Self:
        self._check()
        if self.early_stopping and partial:
            raise ValueError("partial_fit does not support early_stopping=True")
        owner = type(self).__name__
        resume = hasattr(self, "network_") and (partial or bool(self.warm_start))
        names = inputs.feature_names(X)
        if resume:
            inputs.check_names(owner, getattr(self, "feature_names_in_", None), names)
        X = inputs.samples(owner, X, self.dtype, self.n_features_in_ if resume else None)
        y = inputs.targets(owner, y, X.shape[0])
        weight = inputs.weights(sample_weight, X.shape[0])
        random = random_state(self.random_state)
        if resume:
            self._check_layers()
            self._check_known(y, partial)
        else:
            self._start(X.shape[1], self._learned(y if classes is None else classes), random)
            self._remember(names, X.shape[1])
        net = self.network_
        net.steer(random, self.l1, self.alpha)
        if self.solver not in STOCHASTIC:
            self._minimize(X, y, weight)
            return self
        if not partial:
            net.restart(self._optimizer())
        if self.early_stopping and validation_data is None:
            rows, held = held_out(random, X.shape[0], self.validation_fraction, self._strata(y))
            validation_data = (X[held], y[held], *([] if weight is None else [weight[held]]))
            X, y, weight = X[rows], y[rows], None if weight is None else weight[rows]
        self._descend(X, y, weight, validation_data, 1 if partial else self.max_iter)
        if not partial:
            self._warn_of_end(f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached")
        return self

    def _start(self, n_features: int, known: Targets, random: RandomState) -> None:
        """Make the network; nothing has changed when this raises."""
        layers = self._layers(known.n_outputs)
        weights = draw_weights(layers, random, n_features)
        self.network_ = SteeredNetwork(
            layers,
            weights=weights,
            known=known,
            random=random,
            loss=known.loss,
            optimizer=self._optimizer(),
            dtype=self.dtype,
            n_threads=self.n_threads,
            standardize=bool(self.standardize),
            input_dropout=self.input_dropout,
            clip_norm=self.clip_norm,
            seed=int(random.randint(2**31 - 1)) if self._drops() else None,  # of what is dropped alone
        )
        self._progress = Progress()

    def _check_layers(self) -> None:
        """Refuse other layers than those that are there, when training goes on."""
        present = [layer.units for layer in self.network_.layers[:-1]]
        if present != self._hidden_sizes():
            raise ValueError(
                f"hidden_layer_sizes is {self._hidden_sizes()}; the network to go on with has {present}."
            )

    def _remember(self, names: Array | None, n_features: int) -> None:
        self.n_features_in_ = n_features
        if names is not None:
            self.feature_names_in_ = names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _descend(self, X: Any, y: Array, weight: Array | None, validation_data: Any, epochs: int) -> None:
        """Take the epochs of a stochastic solver."""
        net, progress, size = self.network_, self._progress, self._rows_of_a_batch(X.shape[0])
        if not isinstance(self.batch_size, str) and self.batch_size > X.shape[0]:
            manners.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
                CompiledNNWarning,
            )
        watch = Watch(
            progress,
            n_rows=X.shape[0],
            of_loss=self._reported_loss(),
            of_penalty=math.ceil(X.shape[0] / size),
            monitor=(self.monitor or "val_score") if self.early_stopping else None,
            min_delta=self.tol if self.min_delta is None else self.min_delta,
            patience=self.n_iter_no_change,
            rates=self.learning_rate if self.solver == "sgd" else "constant",
            initial_rate=self.learning_rate_init,
            power=self.power_t,
            time_limit=self.time_limit,
            callbacks=tuple(getattr(one, "on_epoch_end", one) for one in self.callbacks or ()),
        )
        try:
            net.fit(
                X,
                y,
                epochs=epochs,
                batch_size=size,
                shuffle=bool(self.shuffle),
                validation_data=validation_data,
                warm_start=True,
                verbose=int(self.verbose),
                callback=watch.on_epoch_end,
                **self._weights(weight),
            )
        except KeyboardInterrupt:
            watch.reason = "interrupted"
            manners.warn("Training interrupted by user.", CompiledNNWarning)
        stopping_early = bool(self.early_stopping)
        if stopping_early and self.restore_best and progress.best_state is not None:
            net._go_back(progress.best_state)
        self.n_iter_, self.stop_reason_, self.t_ = watch.epochs, watch.reason, progress.rows_seen
        self.loss_curve_, self.best_iter_ = progress.losses, progress.best_epoch
        self.loss_ = progress.losses[-1] if progress.losses else math.nan
        self.best_loss_ = None if stopping_early else progress.best_loss
        self.best_validation_score_ = progress.best_score if stopping_early else None
        self.validation_scores_ = progress.scores if stopping_early else None

    def _minimize(self, X: Any, y: Array, weight: Array | None) -> None:
        """Run the solver that takes all rows at once."""
        found = whole.minimize(
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
            manners.warn_of_end(f"{what} and the optimization hasn't converged yet.")

    def _reported_loss(self) -> float:
        """Return by what the network's loss is multiplied before it is reported."""
        return 1.0

    # ---- prediction

    def _rows(self, X: Any) -> Any:
        """Return X as the network takes it, once there is one."""
        owner = type(self).__name__
        if not hasattr(self, "network_"):
            manners.refuse_unfitted(owner)
        names = getattr(self, "feature_names_in_", None)
        if names is None and type(X) is np.ndarray:
            plain: Array = X
            if plain.dtype.kind == "f" and plain.size and plain.shape[1:] == (self.n_features_in_,):
                return plain  # the network itself looks at the numbers
        inputs.check_names(owner, names, inputs.feature_names(X))
        return inputs.samples(owner, X, self.network_.dtype, self.n_features_in_)

    def input_gradient(self, X: Any, *, output: Any = None) -> Array:
        """Return the derivatives of the outputs with respect to the numbers of X (m, k).

        As :meth:`Network.input_gradient` does it: of ``decision_function`` for classes, of ``predict`` for values;
        (m, k), or (m, n, k) for n outputs where `output`, a label or a column, names none of them.
        """
        rows = self._rows(X)
        return self.network_.input_gradient(rows, output=output)

    def hidden(self, X: Any, layer: int = -1) -> Array:
        """Return the output of a hidden layer (m, units) for X (m, k), by default of the last one.

        As :meth:`Network.transform` does it, whose name would make a transformer of the estimator.
        """
        rows = self._rows(X)
        return self.network_.transform(rows, layer)

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether there is a network."""
        return hasattr(self, "network_")

    # ---- what was learned

    @property
    def coefs_(self) -> list[Array]:
        """Weights (inputs, units) of each layer: views; with `standardize` for standardised columns."""
        return [W for W, _ in self.network_.views()]

    @property
    def intercepts_(self) -> list[Array]:
        """Biases (units,) of each layer: views, or zeros with ``use_bias=False``."""
        return [np.zeros(W.shape[1], W.dtype) if b is None else b for W, b in self.network_.views()]

    @property
    def n_layers_(self) -> int:
        """Layers, the input being one."""
        return len(self.network_.layers) + 1

    @property
    def n_outputs_(self) -> int:
        """Units of the last layer."""
        return self.network_.layers[-1].units

    @property
    def out_activation_(self) -> str:
        """Activation of the last layer: "logistic", "softmax", "identity" or "exp"."""
        link = self.network_.activations[-1]
        return _LINKS.get(link, link)

    @property
    def history_(self) -> dict[str, list[Any]]:
        """The columns of ``Network.history``, an entry an epoch."""
        return self.network_.history

    # ---- shown

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the parameters, and the network once there is one."""
        from .. import notebook

        return notebook.estimator_page(
            type(self).__name__, self.get_params(), self.changed(), getattr(self, "network_", None)
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}
