"""MLPClassifier: labels to outputs of the network, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .. import losses
from ..common import checks
from ..common.errors import suggest_keywords
from ..data import arrays, class_labels
from ..data.arrays import Array
from ..training.targets import Targets
from . import inputs, sklearn_compat
from .base import Perceptron
from .class_predictions import ClassPredictions

if TYPE_CHECKING:
    from typing import Self

    from ..data.sample_weights import ClassWeight
    from ..losses import ClassLossName, Loss


@suggest_keywords("estimator")
@dataclass(kw_only=True, eq=False, repr=False)
class MLPClassifier(ClassPredictions, Perceptron):
    """Multilayer perceptron for classification, with the parameters of scikit-learn's MLPClassifier and further ones.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default (100,)
        Number of units of each hidden layer; () for no hidden layer.
    activation : str, Activation or a sequence of them, default "relu"
        Activation of all hidden layers, or a sequence with one per layer: "identity", "logistic", "tanh", "relu", or
        another activation of :class:`Dense`.
    solver : {"adam", "sgd", "lbfgs"}, default "adam"
        Solver: "adam" and "sgd" train on batches; "lbfgs" uses all rows in each step and computes in float64.
    alpha : float, default 0.0001
        L2 penalty: ``alpha / 2 * sum(W ** 2)`` divided by the number of rows of a batch is added to the mean loss.
    batch_size : int, "auto", "full" or None, default "auto"
        Number of rows per batch; "auto" is 200, or all rows where there are fewer; "full" and None are all rows.
    learning_rate : {"constant", "invscaling", "adaptive"}, default "constant"
        Rule of the learning rate of "sgd". "invscaling": ``learning_rate_init / (rows seen + 1) ** power_t`` after each
        epoch. "adaptive": it is divided by 5 each time training would stop, until it is at most 1e-6.
    learning_rate_init : float, default 0.001
        Learning rate of "adam" and of an `optimizer` given by its name, and initial learning rate of "sgd".
    power_t : float, default 0.5
        Exponent of "invscaling".
    max_iter : int, default 200
        Maximum number of epochs, or of iterations of "lbfgs"; 0 leaves the initial weights.
    shuffle : bool, default True
        Whether rows are shuffled before each epoch.
    random_state : int, RandomState, Generator or None, default None
        Seed for initial weights, shuffling, validation split and dropout. An int gives scikit-learn's initial weights,
        row orders and split. None: a different seed in each fit. NumPy's global generator is not used.
    tol : float, default 1e-4
        Smallest decrease of the loss, or rise of the score, that counts as an improvement; for "lbfgs" the largest
        component of the gradient at which it stops. When `max_iter` ends training there is a ConvergenceWarning, but
        only if `tol` is not the default.
    verbose : bool or int, default False
        False or 0 prints nothing, True or 1 one line per epoch, 2 a table, n > 2 one line every n epochs.
    warm_start : bool, default False
        Whether fit continues from the present weights, with moments of zero.
    momentum : float, default 0.9
        Momentum of "sgd", in [0, 1); of an `optimizer` given by another name if it differs from the default.
    nesterovs_momentum : bool, default True
        Whether "sgd" uses Nesterov's momentum.
    early_stopping : bool, default False
        Whether training stops by the score on a validation part of the rows, or on `validation_data`, rather than by
        the training loss.
    validation_fraction : float, default 0.1
        Share of the rows in the validation part, which is stratified by class where it has enough rows.
    beta_1, beta_2, epsilon : float, default 0.9, 0.999, 1e-8
        Decay rates of the moments, and constant of the denominator, of "adam"; of an `optimizer` given by another name
        if they differ from the defaults.
    n_iter_no_change : int or inf, default 10
        Number of epochs without improvement after which training stops; inf: it does not stop for that.
    max_fun : int, default 15000
        Maximum number of evaluations of the loss by "lbfgs".
    l1 : float, default 0.0
        L1 penalty ``l1 * sum(abs(W))``, divided by the number of rows of a batch like that of `alpha`.
    use_bias : bool, default True
        Whether layers have biases.
    init : str, Normal, Uniform, Constant, None, or a sequence of them, default None
        Initialiser of the weights, of all layers or with one entry per layer, also for the last one; see
        :class:`Dense`. None: the rule of scikit-learn.
    coefs_init, intercepts_init : sequence of array (inputs, units) and (units,), or None, default None
        Initial weights and biases of each layer, in the form of `coefs_` and `intercepts_`. None: they are drawn.
    norm : {"batch", "layer", "rms"}, a sequence of them, or None, default None
        Normalisation before the activation, of all hidden layers or with one entry per layer; see :class:`Dense`.
        "lbfgs" does not support "batch".
    residual : bool, default False
        Whether the input of a hidden layer is added to its output, in each layer with as many units as the one before.
    dropout : float or sequence of float, default 0.0
        Share of the outputs that training sets to zero at random, of all hidden layers or with one entry per layer.
    input_dropout : float, default 0.0
        Share of the numbers of X that training sets to zero at random.
    n_batches : int or None, default None
        Number of batches per epoch, in place of `batch_size`; None: `batch_size` applies.
    accumulate : int, default 1
        Number of batches per step; the gradient is the mean over all their rows.
    drop_last : bool, default False
        Whether the last batch of an epoch is skipped if it is smaller than the others.
    layer_rates : sequence of float or None, default None
        Factor of the learning rate of each layer, also of the last one; a layer with 0 is not trained. None: factors
        of 1.
    weight_decay : float, default 0.0
        Decoupled weight decay of "adam": each step shrinks the weights by the share ``learning_rate * weight_decay``,
        see :class:`AdamW`; also of an `optimizer` given by its name.
    clip_norm, clip_value : float or None, default None
        Maximum norm of the gradient, and maximum absolute value of its components; None: no limit.
    ema : float or None, default None
        Predict with the exponential moving average of the weights, in which each step has `ema` times the weight of
        the next one. None: predict with the weights of the last step.
    proximal : bool, default False
        Whether the L1 penalty is applied by a proximal step after each step of "adam", "sgd" or `optimizer`, which
        makes weights exactly 0, in place of its gradient.
    averaging : SWA or None, default None
        Weight averaging: predict with the mean of the weights after late epochs of `max_iter`.
    optimizer : Optimizer, str or None, default None
        Optimizer that replaces "adam" or "sgd". An object has its own learning rate and hyperparameters; one given by
        its name has `learning_rate_init`, and those of `momentum`, `nesterovs_momentum`, `beta_1`, `beta_2`, `epsilon`
        and `weight_decay` that differ from their defaults. The name "sgd" is the solver "sgd".
    schedule : callable or None, default None
        Function from the step, or epoch, to the learning rate, in place of `learning_rate_init`; see
        :mod:`compiled_nn.schedules`.
    input_scale : float, default 1.0
        Factor by which X is multiplied before the first layer, such as 1 / 255 for 8-bit images.
    standardize : bool or {"standard", "robust", "standard_smooth_clip", "robust_smooth_clip", "minmax"}, default False
        Scaling of each column to (x - centre) / scale, fitted on the training rows; True is "standard". See
        :class:`Network`.
    categorical_features : "auto", sequence of int or str, or None, default None
        Columns of X that hold categories, by number or name; "auto": all columns that are not numeric. See
        :class:`preprocessing.Tabular`. None: X has numbers only.
    min_frequency : int, float or None, default None
        Categories with fewer rows, or a smaller share of them for a float, share one column.
    column_types : dict of str or int to {"number", "category", "date", "ignore"}, or None, default None
        Types of some columns of X, by name or number, in place of those that `categorical_features` results in;
        "ignore" leaves a column out. None: identifiers, constant columns and free text are left out with a warning.
    embeddings : int, "auto", dict or None, default None
        Width of the trained vectors that represent the categories; see :class:`Network`. They are an additional first
        layer in `coefs_`. None: each category is a column of 0 and 1.
    numeric_embeddings : PiecewiseLinear, "piecewise_linear" or None, default None
        Encoding of the columns of numbers, as in :class:`Network`: each of them is followed by the inputs of its bins,
        which are learned from the training rows.
    metrics : sequence of str or callable, default ()
        Metrics of the validation rows, by their names in :mod:`compiled_nn.metrics` or as functions; ``history_`` has
        them as "val_<name>".
    monitor : str or None, default None
        Column of ``history_`` that early stopping monitors: "val_score", "val_loss", "loss", "score", or
        "val_<name>" of `metrics`; None: "val_score".
    target : (str, float) or None, default None
        Column of ``history_`` and value: training stops when the column reaches the value.
    min_delta : float or None, default None
        Smallest improvement of the loss, or of the monitored column, that counts; None: `tol`.
    restore_best : bool, default True
        Whether early stopping restores the weights of the best epoch.
    time_limit : float or None, default None
        Number of seconds after which training stops, between two steps; see :meth:`Network.fit`. None: no limit.
    on_interrupt : {"return", "raise"}, default "return"
        Whether Ctrl-C ends training, with a warning, so that fit returns, or raises a KeyboardInterrupt.
    precision : {"float32", "bfloat16"}, default "float32"
        Precision of the products, see :class:`Network`. Not for the solver "lbfgs".
    dtype : {"float32", "float64"}, default "float32"
        Dtype of weights and arithmetic, independent of that of X. With "float64" and an int `random_state`, "sgd" and
        "adam" give the same weights as scikit-learn, up to rounding.
    n_threads : int or None, default None
        Number of threads; None: that of :func:`set_num_threads`.
    callbacks : sequence of Callback or callable, or None, default None
        Callbacks that run after each epoch of "adam" and "sgd", called as ``callback(network, epoch, history)``; of an
        object of another class its method ``on_epoch_end``. Training stops when one returns True.
    preset : {"tabular"} or None, default None
        Preset: "tabular" creates a :class:`TabularClassifier` with the other parameters, which are those of that class.
    loss : Loss or str, default "log_loss"
        Loss. "log_loss" is the cross-entropy of a sigmoid for two classes and for y with one 0/1 column per label, else
        of a softmax. Others are losses for classification of :mod:`compiled_nn.losses`, such as ``Focal(2.0)`` or
        "ordinal".
    class_weight : "balanced", dict or None, default None
        Weight of the rows of each class, by label; "balanced" gives all classes the same total weight, in partial_fit
        among the rows of that call. None: weights of 1.
    label_smoothing : float, default 0.0
        Share of each label that training distributes evenly over the classes, for "log_loss"; in [0, 1).

    Attributes
    ----------
    classes_ : ndarray (n_classes,)
        Sorted labels.
    coefs_, intercepts_ : list of ndarray (inputs, units) and (units,)
        Weights and biases of each layer.
    n_features_in_, n_layers_, n_outputs_ : int
        Number of columns of X, of layers with the input, and of outputs.
    n_iter_, t_, best_iter_ : int
        Number of epochs of the last fit, number of rows seen, and epoch of the best loss or score.
    feature_names_in_ : ndarray (k,)
        Names of the columns, where X was a data frame whose names are text.
    out_activation_ : str
        Activation of the last layer.
    loss_, best_loss_ : float
        Training loss with penalty, of the last and of the best epoch; `best_loss_` is None with early stopping.
    loss_curve_, validation_scores_ : list of float
        Training loss and monitored value of each epoch, after partial_fit of the last 1000; `validation_scores_` is
        None without early stopping, and its values are negated where a lower one is better.
    best_validation_score_ : float or None
        Highest of `validation_scores_`; None without early stopping.
    history_ : dict of lists
        ``Network.history``.
    stop_reason_ : {"max_iter", "tol", "early_stopping", "target", "time_limit", "callback", "interrupted"} or None
        Reason for the end of training; None after an exception.
    network_ : Network
        The network.

    See Also
    --------
    compiled_nn.TabularClassifier : Ensemble that chooses its settings by the table.
    compiled_nn.Network : Network with layers as objects.

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

    def _check(self, *, combined: bool = True) -> None:
        super()._check(combined=combined)
        checks.real(type(self).__name__, "label_smoothing", self.label_smoothing, minimum=0, below=1)
        self._resolve_loss("softmax")

    def _resolve_loss(self, link: str) -> losses.Loss:
        """Return the loss; for "log_loss" the cross-entropy of `link`, "softmax" or "sigmoid"."""
        name, smoothing = type(self).__name__, self.label_smoothing
        if self.loss == "log_loss":
            if link == "softmax":
                return losses.SoftmaxCrossEntropy(label_smoothing=smoothing)
            return losses.BinaryCrossEntropy(label_smoothing=smoothing)
        names = [loss.name for loss in losses.LOSSES.values() if loss.classifies]
        loss = self.loss
        if isinstance(loss, str):
            loss = losses.LOSSES[checks.choice(name, "loss", loss, ("log_loss", *names))]
        if not isinstance(loss, losses.Loss) or not loss.classifies:
            raise TypeError(
                f"The 'loss' parameter of {name} must be a loss for classification or a str among"
                f" {['log_loss', *names]}. Got {self.loss!r} instead."
            )
        if smoothing:
            raise ValueError(
                f"label_smoothing={smoothing!r} is only for loss='log_loss'; pass it to the loss instead, as in"
                f" losses.SoftmaxCrossEntropy(label_smoothing={smoothing!r})."
            )
        return loss

    # ---- targets

    def _make_targets(self, y: Array) -> Targets:
        self._label_dtype = np.dtype(np.int64) if y.ndim == 2 else y.dtype
        if y.ndim == 2:
            inputs.check_indicator(y)
            loss = self._resolve_loss("sigmoid")
            if loss.link != "sigmoid":
                raise ValueError(
                    f"y has {y.shape[1]} columns, one per label; the loss {loss.name} takes one label per row, y (m,)."
                    " Use losses.BinaryCrossEntropy() or losses.Focal(link='sigmoid')."
                )
            return Targets(loss, y.shape[1], "indicator", np.arange(y.shape[1]))
        labels = inputs.read_labels(y)
        classes = class_labels.distinct(labels)
        loss = self._resolve_loss("softmax" if len(classes) > 2 else "sigmoid")
        # A single class is entered twice, so that it is predicted whatever the output.
        classes = np.resize(classes, max(len(classes), 2))
        return Targets(loss, loss.n_outputs(len(classes)), "classes", classes)

    def _check_new_targets(self, y: Array, partial: bool) -> None:
        if y.ndim == 2:
            inputs.check_indicator(y)
        elif not partial:
            classes = class_labels.distinct(class_labels.read(y))
            if classes.tolist() != self.classes_.tolist():
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous call to fit."
                    f" Previously got {self.classes_}, `y` has {classes}"
                )

    def _takes_several_labels(self) -> bool:
        """Return whether y can have one 0/1 column per label."""
        return self.class_weight is None and self._resolve_loss("sigmoid").link == "sigmoid"

    def _loss_of(self, *, several: bool) -> losses.Loss:
        return self._resolve_loss("softmax" if several else "sigmoid")

    def _stratification_labels(self, y: Array) -> Array | None:
        return class_labels.read(y) if y.ndim == 1 else None

    def _weight_options(self, sample_weight: Array | None) -> dict[str, Any]:
        options = super()._weight_options(sample_weight)
        return options if self.class_weight is None else options | {"class_weight": self.class_weight}

    # ---- training

    @sklearn_compat.stochastic_only
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Train for one epoch from the present weights and moments.

        ``loss_curve_`` and ``history_`` keep the last 1000 epochs.

        Parameters
        ----------
        X, y, sample_weight : array-like
            Samples, targets and weights of the rows, as for :meth:`fit`.
        classes : array-like (n_classes,), optional
            All labels that can occur in y; required in the first call.

        Returns
        -------
        self : MLPClassifier
            Fitted estimator.

        Raises
        ------
        TypeError, ValueError
            If X, y or a weight has an invalid type, shape or value, or y has a label that is not in `classes`.
        DivergenceError
            If the loss or a weight is not finite at the end of the epoch.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> data = cnn.datasets.load_digits()
        >>> model = cnn.MLPClassifier(input_scale=1 / 16, learning_rate_init=0.01, random_state=0)
        >>> for start in range(0, 1400, 100):
        ...     rows = slice(start, start + 100)
        ...     _ = model.partial_fit(data.X_train[rows], data.y_train[rows], classes=range(10))
        >>> round(model.score(data.X_test, data.y_test), 2)
        0.9
        """
        labels = None if classes is None else class_labels.of_list(arrays.targets(classes, "classes"))
        if hasattr(self, "network_"):
            if labels is not None and labels.tolist() != self.classes_.tolist():
                raise ValueError(
                    f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {self.classes_!r}"
                )
        elif labels is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        first = labels if y is None or arrays.targets(y).ndim == 1 else None
        return self._train(X, y, sample_weight, partial=True, classes=first)
