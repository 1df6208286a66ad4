"""The classifier: labels to outputs and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .. import losses, metrics
from ..common import arithmetic, checks
from ..data import arrays
from ..data.arrays import Array
from ..training.targets import Targets
from . import inputs, sklearn_compat
from .base import Perceptron

if TYPE_CHECKING:
    from typing import Self

    from ..data.sample_weights import ClassWeight
    from ..losses import ClassLossName, Loss


@dataclass(kw_only=True, eq=False, repr=False)
class MLPClassifier(Perceptron):
    """A multilayer perceptron that tells classes apart; scikit-learn's MLPClassifier, one import changed.

    Parameters
    ----------
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
        Part of the rows to validate with, with the shares of the classes where it has room for them.
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
    loss : Loss or str, default "log_loss"
        "log_loss" is the cross-entropy of a sigmoid, for two classes and for a 0/1 column a label, else of a softmax.
        Others are losses of classes of :mod:`compiled_nn.losses`, as ``Focal(2.0)`` or "ordinal".
    class_weight : "balanced", dict or None, default None
        What the rows of each class count, by label; "balanced" lets all classes count the same.
    label_smoothing : float, default 0.0
        For "log_loss": share of each label that is spread evenly over the classes, while training.

    Attributes
    ----------
    classes_ : ndarray (n_classes,)
    coefs_, intercepts_ : list of ndarray (inputs, units) and (units,)
    n_features_in_, n_layers_, n_outputs_, n_iter_, t_, best_iter_ : int
        `n_iter_` epochs of the last fit, `t_` rows seen, `best_iter_` the epoch of the best loss or score.
    feature_names_in_ : ndarray (k,)
        Where X was a data frame with names that are text.
    out_activation_ : str
    loss_, best_loss_ : float
        With penalty; `best_loss_` is None with early stopping.
    loss_curve_, validation_scores_ : list of float
        An entry an epoch; `validation_scores_` is None without early stopping, and the negative of what is monitored
        where that is to fall.
    best_validation_score_ : float or None
    history_ : dict of lists
        ``Network.history``.
    stop_reason_ : {"max_iter", "tol", "early_stopping", "target", "time_limit", "callback", "interrupted"}
    network_ : Network

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.xor()
    >>> model = cnn.MLPClassifier(hidden_layer_sizes=8, solver="lbfgs", random_state=1)
    >>> model.fit(data.X_train, data.y_train).score(data.X_train, data.y_train)
    1.0
    """

    _kind = "classifier"

    loss: Loss | ClassLossName | Literal["log_loss"] = "log_loss"
    class_weight: ClassWeight | None = None
    label_smoothing: float = 0.0

    def _check(self) -> None:
        super()._check()
        checks.real(type(self).__name__, "label_smoothing", self.label_smoothing, minimum=0, below=1)
        self._resolved("softmax")

    def _resolved(self, link: str) -> losses.Loss:
        """Return the loss; "log_loss" is the cross-entropy of this link."""
        name, smoothing = type(self).__name__, self.label_smoothing
        if self.loss == "log_loss":
            if link == "softmax":
                return losses.SoftmaxCrossEntropy(label_smoothing=smoothing)
            return losses.BinaryCrossEntropy(label_smoothing=smoothing)
        known = [loss.name for loss in losses.LOSSES.values() if loss.classifies]
        loss = self.loss
        if isinstance(loss, str):
            loss = losses.LOSSES[checks.choice(name, "loss", loss, ("log_loss", *known))]
        if not isinstance(loss, losses.Loss) or not loss.classifies:
            raise TypeError(
                f"The 'loss' parameter of {name} must be a loss of classes or a str among {['log_loss', *known]}. Got"
                f" {self.loss!r} instead."
            )
        if smoothing:
            raise ValueError(
                f"label_smoothing={smoothing!r} is for loss='log_loss'; a loss that smooths has it itself, as"
                f" losses.SoftmaxCrossEntropy(label_smoothing={smoothing!r})."
            )
        return loss

    # ---- labels

    @property
    def classes_(self) -> Array:
        """Sorted labels (n_classes,) in the dtype of y; 0, 1, ... for a 0/1 column a label."""
        return np.unique(self.network_.classes_).astype(self._label_dtype)

    def _learned(self, y: Array) -> Targets:
        self._label_dtype = np.dtype(np.int64) if y.ndim == 2 else y.dtype
        if y.ndim == 2:
            _check_indicator(y)
            loss = self._resolved("sigmoid")
            if loss.link != "sigmoid":
                raise ValueError(
                    f"y has {y.shape[1]} columns, a label each; the loss {loss.name} is of one label a row. Use"
                    " losses.BinaryCrossEntropy() or losses.Focal(link='sigmoid')."
                )
            return Targets(loss, y.shape[1], "indicator", np.arange(y.shape[1]))
        labels = arrays.labels(y)
        if labels.dtype.kind == "f" and (labels != np.floor(labels)).any():
            raise ValueError(
                "Unknown label type: continuous. Maybe you are trying to fit a classifier, which expects discrete"
                " classes on a regression target with continuous values."
            )
        classes = arrays.unique_labels(labels)
        loss = self._resolved("softmax" if len(classes) > 2 else "sigmoid")
        # A single class stands on both sides, so that whatever the output, it is predicted.
        classes = np.resize(classes, max(len(classes), 2))
        return Targets(loss, loss.n_outputs(len(classes)), "classes", classes)

    def _check_known(self, y: Array, partial: bool) -> None:
        if y.ndim == 2:
            _check_indicator(y)
        elif not partial:
            classes = arrays.unique_labels(arrays.labels(y))
            if classes.tolist() != self.classes_.tolist():
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous call to fit."
                    f" Previously got {self.classes_}, `y` has {classes}"
                )

    def _strata(self, y: Array) -> Array | None:
        return arrays.labels(y) if y.ndim == 1 else None

    def _weights(self, sample_weight: Array | None) -> dict[str, Any]:
        options = super()._weights(sample_weight)
        return options if self.class_weight is None else options | {"class_weight": self.class_weight}

    # ---- training

    @sklearn_compat.OfStochasticSolvers
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Train by one pass over the data, going on from the present weights and momenta.

        Parameters
        ----------
        X, y, sample_weight : array-like
            As for :meth:`fit`.
        classes : array-like (n_classes,), optional
            All labels there are; the first call needs it.

        Returns
        -------
        self : MLPClassifier

        Raises
        ------
        TypeError, ValueError
            When the data cannot be used, or y has a label that is not in `classes`.
        DivergenceError
            When the pass ends with a loss or weights that are not finite.
        """
        named = None if classes is None else np.unique(np.asarray(classes))
        if hasattr(self, "network_"):
            if named is not None and named.tolist() != self.classes_.tolist():
                raise ValueError(
                    f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {self.classes_!r}"
                )
        elif named is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        first = named if y is None or arrays.targets(y).ndim == 1 else None
        return self._train(X, y, sample_weight, partial=True, classes=first)

    # ---- prediction

    def predict(self, X: Any) -> Array:
        """Return the label of each row of X (m, k), in the dtype of ``classes_``; 0/1 (m, n) for a column a label."""
        rows = self._rows(X)
        labels = self.network_.predict(rows)
        return labels.astype(self._label_dtype, copy=False)

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class (m, n_classes) for X (m, k), in the order of ``classes_``."""
        rows = self._rows(X)
        return self.network_.predict_proba(rows)

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of the probabilities (m, n_classes), finite however small these are."""
        rows = self._rows(X)
        if isinstance(self.network_.loss_function, losses.Ordinal):
            p = self.network_.predict_proba(rows)
            return arithmetic.log(np.maximum(p, np.finfo(p.dtype).tiny))
        logits = self.network_.decision_function(rows)
        if self.out_activation_ == "softmax":
            logits = logits - logits.max(axis=1, keepdims=True)
            sums = arithmetic.activate("exp", logits).sum(axis=1, keepdims=True)
            log_proba: Array = logits - arithmetic.log(sums)
            return log_proba
        yes: Array = -np.logaddexp(0, -logits)
        return yes if logits.ndim == 2 else np.stack([-np.logaddexp(0, logits), yes], axis=1)

    def decision_function(self, X: Any) -> Array:
        """Return the outputs before the link (m, n_outputs) for X (m, k); (m,) for one output."""
        rows = self._rows(X)
        return self.network_.decision_function(rows)

    def calibrate(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from rows that fit has not seen the temperature at which probabilities are best.

        Parameters
        ----------
        X, y, sample_weight : array-like
            As for :meth:`fit`.

        Returns
        -------
        self : MLPClassifier
            ``network_.temperature_`` is what the outputs before the link are divided by from now on; the predicted
            labels stay as they are.

        Raises
        ------
        TypeError, ValueError
            When X or y cannot be used, or the loss is ordinal.
        """
        rows = self._rows(X)
        self.network_.calibrate(rows, y, sample_weight=sample_weight)
        return self

    def predict_set(self, X: Any, coverage: float = 0.9) -> Array:
        """Return which classes are probable enough for the true one to be among them as often as `coverage`.

        Parameters
        ----------
        X : array-like (m, k)
        coverage : float, default 0.9
            Between 0 and 1.

        Returns
        -------
        ndarray (m, n_classes) of bool
            A column a class of ``classes_``.

        Raises
        ------
        TypeError, ValueError
            Before :meth:`calibrate_intervals`, or when it saw too few rows.
        """
        rows = self._rows(X)
        return self.network_.predict_set(rows, coverage)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of rows of X (m, k) whose label (m,), or labels (m, n), are predicted, each counting its
        weight (m,)."""
        predicted = self.predict(X)
        y = inputs.targets(type(self).__name__, y, len(predicted))
        return metrics.accuracy(y, predicted, inputs.weights(sample_weight, len(y)))


def _check_indicator(y: Array) -> None:
    """Refuse a matrix that is not a 0/1 column a label."""
    if y.dtype.kind not in "biuf" or not np.isin(y, (0, 1)).all():
        raise ValueError(
            "Multioutput target data is not supported with label binarization: y has"
            f" {y.shape[1]} columns, which must hold 0 and 1, a column a label."
        )
