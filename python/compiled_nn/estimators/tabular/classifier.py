"""TabularClassifier: labels to outputs of the ensemble, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ... import losses
from ...common import checks
from ...common.errors import suggest_keywords
from ...data import class_labels
from ...data.arrays import Array
from ...training.targets import Targets
from .. import inputs
from ..class_predictions import ClassPredictions
from . import target_kinds
from .base import TabularBase
from .target_kinds import TargetKind

if TYPE_CHECKING:
    from ...data.sample_weights import ClassWeight
    from ...losses import ClassLossName, Loss
    from .parameters import Auto


@suggest_keywords("estimator")
@dataclass(kw_only=True, eq=False, repr=False)
class TabularClassifier(ClassPredictions, TabularBase):
    """Classifier of tables: an ensemble of neural networks that chooses its settings by the table.

    Columns of numbers, categories and dates are recognised, missing values are filled, numbers are scaled and encoded,
    and several networks are trained, validated and averaged. ``report_`` lists each choice with its reason.
    Every part can be switched off or set.

    Parameters
    ----------
    n_members : int or "auto", default "auto"
        Number of networks.
    hidden_layer_sizes : int, sequence of int or "auto", default "auto"
        Number of units of each hidden layer of a network; () for no hidden layer.
    activation : str, Activation or "auto", default "auto"
        Activation of the hidden layers.
    norm : {"batch", "layer", "rms", "auto"} or None, default "auto"
        Normalisation of the hidden layers.
    dropout : float or "auto", default "auto"
        Share of the outputs of the hidden layers that training sets to zero at random.
    numeric_embeddings : str, object, "auto" or None, default "auto"
        Encoding of the columns of numbers, as for :class:`Network`; None: they are only scaled.
    standardize : bool, str or "auto", default "auto"
        Scaling of the columns of numbers, as for :class:`Network`.
    categorical_features : "auto", sequence of int or str, or None, default "auto"
        Columns of X that hold categories, by number or name; "auto": all columns that are not numeric. See
        :class:`preprocessing.Tabular`. None: X has numbers only, none of which is missing. A sparse X has numbers only.
    min_frequency : int, float or None, default None
        Categories with fewer rows, or a smaller share of them for a float, share one column.
    column_types : dict of str or int to {"number", "category", "date", "ignore"}, or None, default None
        Types of some columns of X, by name or number, in place of those that `categorical_features` results in.
    embeddings : int, "auto", dict or None, default None
        Width of the trained vectors that represent the categories; see :class:`Network`.
    learning_rate_init : float or "auto", default "auto"
        Learning rate at the start; it falls to 0 over `max_iter` as half a cosine wave.
    weight_decay : float or "auto", default "auto"
        Decoupled weight decay, as for :class:`AdamW`.
    ema : float, "auto" or None, default "auto"
        Decay of the moving average of the weights that predicts; None: the weights of the last step predict.
    batch_size : int or "auto", default "auto"
        Number of rows per batch.
    max_iter : int or "auto", default "auto"
        Maximum number of epochs.
    n_iter_no_change : int, "auto" or None, default "auto"
        Number of epochs without improvement of `monitor` after which the training of a member stops; None: it does not.
    monitor : {"val_loss", "val_score", "auto"}, default "auto"
        Column of the history that decides which epoch of a member is the best.
    validation : {"folds", "random", "auto"} or None, default "auto"
        Validation rows of each member: one part of the rows each, so that every row is held out by a member; drawn at
        random for each; or None: no rows are held out, and the last weights are kept.
    validation_fraction : float or "auto", default "auto"
        Share of the validation rows, for "random".
    combine : {"mean", "greedy", "auto"}, default "auto"
        Combination of the members: the mean of their probabilities, or a weighted mean that is chosen greedily on
        validation rows.
    shared_weights : bool, default False
        Whether the members share the weights of all layers but the last, as for :class:`Ensemble`. They then validate
        the same rows, and the folds of "auto" become "random".
    calibrated : bool, default False
        Whether each member is calibrated on its validation rows by a temperature. On small tables this costs accuracy.
    refit : bool, default False
        Whether the members are trained again on all rows, for the number of epochs that was the best.
    budget : float, default 1.0
        Work of fit relative to the default. It is counted in operations, not in time: equal seeds give equal models on
        every machine. The default takes at most some seconds for tables of up to 20,000 rows.
    time_limit : float or None, default None
        Number of seconds after which training stops, between two steps; the result then depends on the machine.
    random_state : int, RandomState, Generator or None, default None
        Seed for initial weights, order of rows, validation rows and dropout. None: a different seed in each fit.
    on_interrupt : {"return", "raise"}, default "return"
        Whether Ctrl-C ends training, with a warning, so that fit returns, or raises a KeyboardInterrupt.
    precision : {"float32", "bfloat16"}, default "float32"
        Precision of the products, see :class:`Network`.
    dtype : {"float32", "float64"}, default "float32"
        Dtype of weights and arithmetic.
    n_threads : int or None, default None
        Number of threads; None: that of :func:`set_num_threads`. It does not change the result.
    verbose : bool or int, default False
        False or 0 prints nothing, True or 1 one line per epoch.
    loss : Loss, str or "auto", default "auto"
        Loss for classification of :mod:`compiled_nn.losses`. "auto": the cross-entropy; for ordered categories (pandas
        categoricals with ``ordered=True``) "ordinal".
    class_weight : "balanced", dict or None, default None
        Weight of the rows of each class, by label; "balanced" gives all classes the same total weight. Weights change
        the probabilities, so that classes out of balance have none by default.
    label_smoothing : float or "auto", default "auto"
        Share of each label that training distributes evenly over the classes, for the cross-entropy.

    Attributes
    ----------
    ensemble_ : Ensemble
        The fitted networks.
    report_ : Report
        Choices of fit with their reasons.
    members_ : list of Network
        Fitted networks, each of which predicts alone.
    weights_, best_epochs_ : ndarray (n_members,)
        Weight and best epoch of each member.
    oof_ : ndarray (m, n_classes)
        Probabilities of each row of X of fit by the members that were not trained on it.
    classes_ : ndarray (n_classes,)
        Sorted labels.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray (k,)
        Names of the columns, where X was a data frame whose names are text.
    history_ : dict of lists
        ``Ensemble.history``.

    See Also
    --------
    compiled_nn.MLPClassifier : One network, with all its parameters.
    compiled_nn.Ensemble : Ensemble of networks of one's own.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> X = {"age": [31, 48, 25, 60] * 10, "city": ["Ulm", "Bonn", "Ulm", "Bonn"] * 10}
    >>> model = cnn.TabularClassifier(n_members=2, max_iter=20, random_state=0)
    >>> model.fit(X, ["no", "yes", "no", "yes"] * 10).predict({"age": [50], "city": ["Bonn"]}).tolist()
    ['yes']
    >>> model.report_["n_members"], model.report_.reason("n_members")
    (2, 'stated by the user')
    """

    _kind = "classifier"

    loss: Loss | ClassLossName | Auto = "auto"
    class_weight: ClassWeight | None = None
    label_smoothing: float | Literal["auto"] = "auto"

    def _check(self) -> None:
        super()._check()
        self._check_auto("label_smoothing", checks.real, minimum=0, below=1)
        self._stated_loss()

    def _stated_loss(self) -> losses.Loss | None:
        """Return the loss that the user has stated; None for "auto"."""
        loss = None if self.loss is None else self._loss_of_kind(self.loss, classifies=True)
        smoothing = self._given("label_smoothing")
        if loss is not None and smoothing:
            raise ValueError(
                f"label_smoothing={smoothing!r} is only for loss='auto'; pass it to the loss instead, as in"
                f" losses.SoftmaxCrossEntropy(label_smoothing={smoothing!r})."
            )
        return loss

    def _kind_of(self, y: Array, given: Any, used: Array | None, classes: Any) -> TargetKind:
        stated, smoothing = self._stated_loss(), self._given("label_smoothing") or 0.0
        if y.ndim == 2:
            inputs.check_indicator(y)
            return target_kinds.of_indicators(y, stated, smoothing)
        return target_kinds.of_labels(
            inputs.read_labels(y),
            levels=target_kinds.ordered_levels(given),
            used=used,
            classes=classes,
            stated=stated,
            smoothing=smoothing,
        )

    def _targets_of(self, y: Array) -> Targets:
        if y.ndim == 2:
            inputs.check_indicator(y)
            return Targets(losses.BinaryCrossEntropy(), y.shape[1], "indicator", np.arange(y.shape[1]))
        classes = class_labels.distinct(inputs.read_labels(y))
        # A single class is entered twice, so that it is predicted whatever the output.
        classes = np.resize(classes, max(len(classes), 2))
        return Targets(losses.SoftmaxCrossEntropy(), len(classes), "classes", classes)

    def _kind_of_counts(self, y: Array, classes: Array | None, counts: Array | None) -> TargetKind:
        if classes is None or counts is None:
            return self._kind_of(y, y, None, None)
        stated, smoothing = self._stated_loss(), self._given("label_smoothing") or 0.0
        present = counts > 0  # a single class is entered twice
        return target_kinds.of_counts(classes[present], counts[present], stated=stated, smoothing=smoothing)

    def _class_weights(self) -> dict[str, Any]:
        return {} if self.class_weight is None else {"class_weight": self.class_weight}

    def _takes_several_labels(self) -> bool:
        """Return whether y can have one 0/1 column per label."""
        stated = self._stated_loss()
        return self.class_weight is None and (stated is None or stated.link == "sigmoid")

    @property
    def classes_(self) -> Array:
        """Sorted labels (n_classes,) in the dtype of y; 0, 1, ... where y has one 0/1 column per label.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[float(i)] for i in range(40)], ["low"] * 20 + ["high"] * 20
        >>> model = cnn.TabularClassifier(n_members=2, max_iter=5, random_state=0).fit(X, y)
        >>> model.classes_.tolist()
        ['high', 'low']
        """
        return np.unique(self.ensemble_.classes_).astype(self._label_dtype)

    # ---- a single class, which is certain

    def predict_proba(self, X: Any, *, out: Array | None = None) -> Array:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like (m, k)
            Samples.
        out : ndarray (m, n_classes), optional
            Array to write to, C-contiguous and in the dtype of the network.

        Returns
        -------
        ndarray (m, n_classes)
            Probabilities in the dtype of the network, with the columns in the order of ``classes_``.

        Raises
        ------
        TypeError, ValueError
            If X or `out` has an invalid type, shape or value.
        NotFittedError
            Before fit.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[float(i)] for i in range(40)], ["low"] * 20 + ["high"] * 20
        >>> model = cnn.TabularClassifier(n_members=2, max_iter=40, random_state=0).fit(X, y)
        >>> model.predict_proba([[0.0], [39.0]]).round(1).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
        """
        if not self._has_one_class():
            return super().predict_proba(X, out=out)
        certain = np.ones((len(self.predict(X)), 1), self.dtype) if out is None else out
        certain[...] = 1
        return certain

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithm of the probability of each class, finite even where a probability rounds to 0.

        Parameters
        ----------
        X : array-like (m, k)
            Samples.

        Returns
        -------
        ndarray (m, n_classes)
            Logarithms in the dtype of the network, with the columns in the order of ``classes_``.

        Raises
        ------
        TypeError, ValueError
            If X has an invalid type, shape or value.
        NotFittedError
            Before fit.

        Examples
        --------
        >>> import numpy as np
        >>> import compiled_nn as cnn
        >>> X, y = [[float(i)] for i in range(40)], ["low"] * 20 + ["high"] * 20
        >>> model = cnn.TabularClassifier(n_members=2, max_iter=40, random_state=0).fit(X, y)
        >>> np.exp(model.predict_log_proba([[0.0], [39.0]])).round(1).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
        """
        return (
            np.zeros((len(self.predict(X)), 1), self.dtype)
            if self._has_one_class()
            else super().predict_log_proba(X)
        )

    def _has_one_class(self) -> bool:
        """Return whether the estimator is fitted on a y in which all labels are equal."""
        return hasattr(self, "ensemble_") and self.ensemble_._known_targets().has_one_class
