"""The regressor: numbers to outputs and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import losses
from ..common import checks
from ..data.arrays import Array
from ..training.targets import Targets
from . import inputs, sklearn_compat
from .base import Perceptron

if TYPE_CHECKING:
    from typing import Self

    from ..losses import Loss, ValueLossName


@dataclass(kw_only=True, eq=False, repr=False)
class MLPRegressor(Perceptron):
    """A multilayer perceptron that predicts numbers; scikit-learn's MLPRegressor, one import changed.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}, another loss of values, or its name; default "squared_error"
        "squared_error" is half the square, summed over the columns of y; its gradient is the error itself. "poisson" is
        half the Poisson deviance of exp(output), for y >= 0. Others are in :mod:`compiled_nn.losses`: of "quantile" a
        column each is predicted, of "gaussian_nll" the mean.
    hidden_layer_sizes : int or sequence of int, default (100,)
        Units of each hidden layer; () for none.
    activation : str, Activation or a sequence of them, default "relu"
        Of the hidden layers, or one a layer: "identity", "logistic", "tanh", "relu", or another of :class:`Dense`.
    solver : {"adam", "sgd", "lbfgs"}, default "adam"
        "lbfgs" takes all rows at once, in float64; the others take batches.
    alpha : float, default 0.0001
        Penalty ``alpha / 2 * sum(W ** 2)``, divided by the rows of a batch, on the mean loss.
    batch_size : int or "auto", default "auto"
        Rows of a step; "auto" is 200, or all when there are fewer.
    learning_rate : {"constant", "invscaling", "adaptive"}, default "constant"
        For "sgd". "invscaling": ``learning_rate_init / (rows seen + 1) ** power_t``; "adaptive": divided by 5 where
        training would stop, down to 1e-6.
    learning_rate_init : float, default 0.001
    power_t : float, default 0.5
    max_iter : int, default 200
        Most epochs, or iterations of "lbfgs".
    shuffle : bool, default True
        Take the rows of each epoch in an order of its own.
    random_state : int, RandomState, Generator or None, default None
        Of weights, order of rows, validation part and what is dropped: an int gives scikit-learn's own. None is
        different every time; NumPy's global generator is never touched.
    tol : float, default 1e-4
        Least improvement; for "lbfgs" the largest component of the gradient at the end. Reaching `max_iter` gives a
        ConvergenceWarning only where it is not the default.
    verbose : bool or int, default False
        Print a line every so many epochs.
    warm_start : bool, default False
        Let fit go on from the present weights, with new momenta.
    momentum : float, default 0.9
        For "sgd", below 1.
    nesterovs_momentum : bool, default True
    early_stopping : bool, default False
        Stop by the score of a validation part, or of `validation_data`, in place of the training loss.
    validation_fraction : float, default 0.1
        Part of the rows to validate with.
    beta_1, beta_2, epsilon : float, default 0.9, 0.999, 1e-8
        For "adam".
    n_iter_no_change : int or inf, default 10
        Epochs without improvement, after which training stops.
    max_fun : int, default 15000
        Most calls of the function, for "lbfgs".
    l1 : float, default 0.0
        Penalty ``l1 * sum(abs(W))``, as `alpha` divided by the rows of a batch.
    use_bias : bool, default True
        Whether layers have biases.
    init : str, Normal, Uniform or None, default None
        Initial weights, as :class:`Dense` takes them; None: scikit-learn's.
    norm : {"batch", "layer", "rms"}, a sequence of them, or None, default None
        What is normalised before the activation, in all hidden layers or one a layer; see :class:`Dense`. "batch" is
        not for "lbfgs", and neither are the parameters from `dropout` to `schedule`, `metrics` and `target`.
    residual : bool, default False
        Add its input to the output of each hidden layer that has as many units as the one before.
    dropout : float or sequence of float, default 0.0
        In training, the share of outputs that each hidden layer leaves out, or one a layer.
    input_dropout : float, default 0.0
        The same of the numbers of X.
    weight_decay : float, default 0.0
        Let "adam" shrink the weights by ``learning_rate * weight_decay`` of them at each step: :class:`AdamW`.
    clip_norm, clip_value : float or None, default None
        Largest norm of the gradient, and largest size of each number of it.
    ema : float or None, default None
        Predict with an average of the weights of all steps, in which each step counts `ema` times the next.
    optimizer : Optimizer, str or None, default None
        Takes the steps in place of "adam" or "sgd", with hyperparameters and learning rate of its own.
    schedule : callable or None, default None
        The learning rate at each step, or epoch, in place of a number: see :mod:`compiled_nn.schedules`.
    standardize : bool or {"standard", "robust", "minmax"}, default False
        Take each column as (x - centre) / scale, learned from the rows that are trained on.
    categorical_features : "auto", sequence of int or str, or None, default None
        X is a table of numbers and of categories, these by number or name, or all that are no numbers; see
        :class:`preprocessing.Tabular`.
    min_frequency : int, float or None, default None
        Categories that are rarer, in rows or as a share, have one column together.
    metrics : sequence of str or callable, default ()
        Of the validation rows, by names of :mod:`compiled_nn.metrics`; ``history_`` has them as "val_<name>".
    monitor : str or None, default None
        What early stopping looks at: "val_score", "val_loss", "loss", or "val_<name>" of `metrics`; None: "val_score".
    target : (str, float) or None, default None
        Stop when this column of ``history_`` has reached this value.
    min_delta : float or None, default None
        Least improvement, of the loss or of what is monitored; None is `tol`.
    restore_best : bool, default True
        With early stopping, end with the weights of the best epoch.
    time_limit : float or None, default None
        Seconds; the epoch that passes it is the last.
    dtype : {"float32", "float64"}, default "float32"
        Of weights and arithmetic, whatever that of X. With "float64" and an int `random_state`, "sgd" and "adam" give
        scikit-learn's own weights but for rounding.
    n_threads : int or None, default None
        Threads of this network; None follows :func:`set_num_threads`.
    callbacks : sequence of Callback or callable, or None, default None
        Asked after each epoch of "adam" and "sgd" as ``callback(network, epoch, history)``; so is a method
        ``on_epoch_end`` of other objects. True stops.
    scale_targets : bool, default False
        Train on (y - mean) / standard deviation of each column; predictions and scores are those of y as it is.

    Attributes
    ----------
    coefs_, intercepts_, n_iter_, loss_, loss_curve_, ... :
        Those of :class:`MLPClassifier` without `classes_`. Losses are means over the columns of y for "squared_error".

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> model = cnn.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0.0, random_state=0)
    >>> model.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]).predict([[3.0]]).round(2).tolist()
    [7.0]
    """

    _kind = "regressor"

    loss: Loss | ValueLossName = "squared_error"
    scale_targets: bool = False

    def _check(self) -> None:
        super()._check()
        checks.flag(type(self).__name__, "scale_targets", self.scale_targets)
        self._resolved()

    def _of_network(self) -> dict[str, Any]:
        return {**super()._of_network(), "scale_targets": self.scale_targets}

    def _resolved(self) -> losses.Loss:
        """Return the loss, which must be one of values."""
        name = type(self).__name__
        known = [loss.name for loss in losses.LOSSES.values() if not loss.classifies]
        loss = (
            losses.LOSSES[checks.choice(name, "loss", self.loss, known)]
            if isinstance(self.loss, str)
            else self.loss
        )
        if not isinstance(loss, losses.Loss) or loss.classifies:
            raise TypeError(
                f"The 'loss' parameter of {name} must be a loss of values or a str among {known}. Got {self.loss!r}"
                " instead."
            )
        return loss

    # ---- values

    def _learned(self, y: Array) -> Targets:
        loss = self._resolved()
        return Targets(loss, loss.n_outputs(y.shape[1] if y.ndim == 2 else 1), "values", None)

    def _check_known(self, y: Array, partial: bool) -> None:
        """Leave it to the network, which tells by its outputs."""

    def _reported_loss(self) -> float:
        return 1 / self.n_outputs_ if isinstance(self._resolved(), losses.SquaredError) else 1.0

    # ---- training

    @sklearn_compat.OfStochasticSolvers
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train by one pass over the data, going on from the present weights and momenta.

        Parameters
        ----------
        X, y, sample_weight : array-like
            As for :meth:`fit`.

        Returns
        -------
        self : MLPRegressor

        Raises
        ------
        TypeError, ValueError
            When the data cannot be used.
        DivergenceError
            When the pass ends with a loss or weights that are not finite.
        """
        return self._train(X, y, sample_weight, partial=True)

    # ---- prediction

    def predict(self, X: Any) -> Array:
        """Return the values (m,), or (m, n) where y had n columns, for X (m, k): means, or a column a quantile.

        They are float32 for such an X, else float64.
        """
        rows = self._rows(X)
        values = self.network_.predict(rows)
        of_x = getattr(rows, "dtype", None)
        return values.astype(np.float32 if of_x == np.float32 else np.float64, copy=False)

    def predict_distribution(self, X: Any) -> tuple[Array, Array]:
        """Return mean and standard deviation (m,), or (m, n), of each row of X (m, k), for the loss "gaussian_nll"."""
        rows = self._rows(X)
        return self.network_.predict_distribution(rows)

    def predict_interval(self, X: Any, coverage: float = 0.9) -> tuple[Array, Array]:
        """Return bounds that hold the true value of a new row with a probability of at least `coverage`.

        Parameters
        ----------
        X : array-like (m, k)
        coverage : float, default 0.9
            Between 0 and 1; of several columns of y each one's own.

        Returns
        -------
        lower, upper : ndarray (m,), or (m, n)
            In the network's dtype. See :meth:`Network.predict_interval` for how wide they are.

        Raises
        ------
        TypeError, ValueError
            Before :meth:`calibrate_intervals`, or when it saw too few rows.
        """
        rows = self._rows(X)
        return self.network_.predict_interval(rows, coverage)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R^2, a mean over the columns of y, on X (m, k) and y (m,) or (m, n); rows may have weights (m,).

        For the loss "quantile" D^2: the share of the loss of constant quantiles that is gone.
        """
        predicted = self.predict(X)
        y = inputs.targets(type(self).__name__, y, len(predicted))
        weights = inputs.weights(sample_weight, len(y))
        shape = (len(y), -1)
        loss = self.network_.loss_function
        return loss.score(np.reshape(y, shape), np.reshape(predicted, shape), weights)
