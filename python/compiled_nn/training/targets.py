"""Targets: conversion of y to the outputs that a network is trained on, and of outputs to predictions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.errors import count, located
from ..common.immutable import Immutable
from ..data import arrays, class_labels, dataframes, sample_weights
from ..data.arrays import Array
from ..data.samples import Reader, Samples, check_lengths
from ..preprocessing import standardization
from ..preprocessing.standardization import Statistics
from ..spec.configuration import Configuration
from . import levels

if TYPE_CHECKING:
    from ..losses import Loss

KINDS = ("classes", "indicator", "values")


class Targets(Immutable):
    """Encoding of y, as fit has determined it.

    Attributes
    ----------
    loss : Loss
        Loss of the network.
    n_outputs : int
        Number of units of the last layer.
    kind : {"classes", "indicator", "values"}
        "classes": one class per sample. "indicator": any number of labels per sample, as a 0/1 matrix. "values": real
        numbers.
    classes : ndarray (n_classes,) or None
        Sorted labels; None for values.
    scaling : Statistics or None
        Mean and scale of each column of values, by which training standardises them; None if it does not.
    dtype : {"float32", "float64"} or None
        Dtype of predicted values: float32 if those given to fit and the network are float32, else float64. None if it
        is not known, and for classes.
    """

    loss: Loss
    n_outputs: int
    kind: str
    classes: Array | None
    scaling: Statistics | None
    dtype: str | None

    def __init__(
        self,
        loss: Loss,
        n_outputs: int,
        kind: str,
        classes: Array | None,
        scaling: Statistics | None = None,
        dtype: str | None = None,
    ) -> None:
        self._set(loss=loss, n_outputs=n_outputs, kind=kind, classes=classes, scaling=scaling, dtype=dtype)

    @property
    def n_columns(self) -> int:
        """Number of columns of values y."""
        return self.loss.n_columns(self.n_outputs)

    @property
    def has_one_class(self) -> bool:
        """Whether all outputs stand for the same class, because y had only one."""
        return (
            self.kind == "classes" and self.classes is not None and bool(self.classes[0] == self.classes[-1])
        )

    def weighted_classes(self) -> Array:
        """Return the classes for `class_weight`; raise a ValueError if rows do not have one class each."""
        if self.kind != "classes" or self.classes is None:
            raise ValueError(
                f"class_weight needs one class per sample, but y has the kind {self.kind!r}. Use sample_weight."
            )
        return self.classes

    def encode(self, y: Any, dtype: str, scaled: bool = True, title: arrays.Title = int) -> Array:
        """Return `y` encoded for the core.

        Parameters
        ----------
        y : array-like (m,) or (m, n)
            Labels, soft labels or values, as given to fit.
        dtype : {"float32", "float64"}
            Dtype of the network.
        scaled : bool, default True
            Whether to return values as training takes them: standardised by `scaling`, in `dtype`. False: in their own
            units, in float64.
        title : callable, optional
            Function from the index of a column of y to its name, for errors. Default: the index.

        Returns
        -------
        ndarray (m,) of int64, or (m, n_columns) of `dtype`
            Class indices for one label per sample and the losses with softmax, and for "ordinal"; otherwise one column
            per output.

        Raises
        ------
        TypeError, ValueError
            If y does not match the classes or the number of outputs, or its values are outside the range of the loss.
        """
        if self.kind == "values":
            values = arrays.values(y, n_outputs=self.n_columns, dtype="float64", title=title)
            self.loss.check_values(values)
            return levels.rounded(self.standardized(values), dtype, self.loss, title) if scaled else values
        y = arrays.targets(y)
        if arrays.is_matrix(y) and self.loss.ordered:
            raise ValueError(
                f"y has {y.shape[1]} columns; the loss ordinal expects one label per sample, y of shape (m,)."
            )
        if arrays.is_matrix(y) or self.kind == "indicator":
            shares = arrays.values(y, n_outputs=self.n_outputs, dtype=dtype, title=title)
            arrays.check_shares(shares, sum_to_one=self.loss.link == "softmax")
            return shares
        assert self.classes is not None
        indices = class_labels.indices(class_labels.read(y), self.classes)
        if self.loss.takes_indices:
            return indices
        if self.n_outputs == 1:
            return np.reshape(indices, (-1, 1)).astype(dtype)
        one_hot: Array = indices[:, np.newaxis] == np.arange(self.n_outputs)
        return one_hot.astype(dtype)

    def standardized(self, values: Array) -> Array:
        """Return values (m, n_columns) in float64 as training takes them."""
        if self.scaling is None:
            return values
        scaled: Array = (values - self.scaling.mean) / self.scaling.scale
        return scaled

    def in_units(self, outputs: Array) -> Array:
        """Return the outputs (m, n_outputs) of a network that is trained on these values in units of y, in float64."""
        exact = outputs.astype(np.float64)
        if self.scaling is None:
            return exact
        factor, shift = self.loss.in_units(*self.scaling)
        return exact * factor + shift

    def decode(self, outputs: Array) -> Array:
        """Return the predicted labels or values for outputs (m, n_outputs) after the link; values are in units of y."""
        if self.kind == "values":
            values = self.loss.values(outputs)
            return values[:, 0] if values.shape[1] == 1 else values
        if self.kind == "indicator":
            return (outputs >= 0.5).astype(np.int64)
        assert self.classes is not None
        labels: Array = self.classes[self.loss.class_indices(outputs)]
        return labels

    def indices(self, encoded: Array) -> Array:
        """Return the class index of each sample (m,) of an encoded y with one class per sample."""
        return encoded if encoded.ndim == 1 else self.loss.class_indices(encoded)

    def score(self, encoded: Array, outputs: Array, weights: Array | None = None) -> float:
        """Return the accuracy, or for values the score that belongs to the loss.

        Parameters
        ----------
        encoded : ndarray
            Encoded y; values are in units of y.
        outputs : ndarray (m, n_outputs)
            Outputs after the link; values are in units of y.
        weights : ndarray (m,), optional
            Weight of each row.
        """
        from .. import metrics  # imported here to keep `import compiled_nn` fast

        if self.kind == "values":
            return self.loss.score(encoded, self.loss.values(outputs), weights)
        if self.kind == "indicator":
            return metrics.accuracy(encoded >= 0.5, outputs >= 0.5, weights)
        return metrics.accuracy(self.indices(encoded), self.loss.class_indices(outputs), weights)


def read_samples(
    configuration: Configuration,
    X: Any,
    y: Any,
    inputs: Reader,
    targets: Targets | None,
    scaled: bool = True,
    **options: Any,
) -> tuple[Samples, Array, Targets]:
    """Check samples and convert them for the core.

    Parameters
    ----------
    configuration : Configuration
        Parameters of the network.
    X : array-like (m, k)
        Rows, as given to fit.
    y : array-like
        Labels or values, as given to fit.
    inputs : Inputs
        Inputs of the network, which read X.
    targets : Targets or None
        Encoding of y; None to determine it from y.
    scaled : bool, default True
        Whether values y are returned as training takes them, or in their own units, in float64.
    **options
        Keyword arguments of :func:`read_targets`.

    Returns
    -------
    X : ndarray (m, k) or SparseRows
        Rows, converted for the core.
    y : ndarray
        Encoded y.
    targets : Targets
        Encoding of y.

    Raises
    ------
    TypeError, ValueError
        If X or y cannot be used.
    """
    check_lengths(X, y=y)
    X = inputs.read(X)
    return X, *read_targets(configuration, X, y, targets, scaled, **options)


def read_targets(
    configuration: Configuration,
    X: Samples,
    y: Any,
    targets: Targets | None,
    scaled: bool = True,
    *,
    sample_weight: Any = None,
    training: str | None = None,
    rows: Array | None = None,
) -> tuple[Array, Targets]:
    """Return y encoded for the core, and its encoding; as :func:`read_samples`, for an X that is converted already.

    Parameters
    ----------
    configuration, X, y, targets, scaled
        As for :func:`read_samples`.
    sample_weight : array-like (m,), optional
        Weight of each row, for the statistics of `scale_targets`.
    training : {"float32", "float64"}, optional
        Dtype of a network that is to be trained on the samples: it must hold the differences in y. None: it is not
        trained on them.
    rows : ndarray of int, optional
        Indices of the rows from which the statistics of `scale_targets` are computed. Default: all rows.
    """
    title = partial(dataframes.title, y)
    y = arrays.targets(y)
    arrays.check_rows(X, y)
    targets = targets or infer_targets(configuration.loss, configuration.n_outputs, y)
    if targets.kind == "values" and targets.dtype is None:
        weights = sample_weights.check(sample_weight, len(y))
        network = training or configuration.dtype
        targets = _of_values(targets, y, configuration, weights, network, rows, title)
        if training is not None and targets.scaling is None:
            exact = targets.encode(y, training, scaled=False, title=title)
            levels.check(exact, training, targets.loss, title)
            if scaled:
                return levels.rounded(exact, configuration.dtype, targets.loss, title), targets
            return exact, targets
    return targets.encode(y, configuration.dtype, scaled, title), targets


def _of_values(
    targets: Targets,
    y: Array,
    configuration: Configuration,
    weights: Array | None,
    network: str,
    rows: Array | None,
    title: arrays.Title,
) -> Targets:
    """Return targets with what the first y determines: dtype of predictions, and mean and scale if it is scaled.

    `network` is the dtype of the network that predicts, `rows` are those that it is trained on; `title` names the
    columns of y in errors.
    """
    targets = targets.replace(dtype=levels.dtype_of_predictions(y, network))
    if not configuration.scale_targets or targets.scaling is not None:
        return targets
    values = arrays.values(y, n_outputs=targets.n_columns, dtype="float64", title=title)
    scaling = standardization.fit_statistics(values, name="y", rows=rows, weights=weights)
    return targets.replace(scaling=scaling)


def read_validation_data(
    configuration: Configuration,
    pair: Any,
    inputs: Reader,
    targets: Targets,
) -> tuple[Samples, Array, Array | None]:
    """Return the X, encoded y and row weights of the parameter `validation_data`, converted for the core."""
    if not isinstance(pair, (list, tuple)) or len(pair) not in (2, 3):
        raise TypeError(
            "The 'validation_data' parameter of fit must be a pair (X, y), or (X, y, sample_weight)."
            f" Got {type(pair).__name__} instead."
        )
    weights = pair[2] if len(pair) == 3 else None
    with located("validation_data"):
        check_lengths(pair[0], y=pair[1], sample_weight=weights)
        X, y, _ = read_samples(configuration, pair[0], pair[1], inputs, targets, scaled=False)
    return X, y, sample_weights.check(weights, len(X), "the sample_weight of validation_data")


def weights_of(
    targets: Targets, encoded: Array, sample_weight: Any = None, class_weight: Any = None
) -> Array | None:
    """Return the weight of each row of an encoded y, sample weight times class weight, or None if all are 1.

    Returns
    -------
    ndarray (m,) of float64, or None

    Raises
    ------
    TypeError, ValueError
        If the weights cannot be used, or `class_weight` is given and y is not one class per sample.
    """
    weights = sample_weights.check(sample_weight, len(encoded))
    if class_weight is None:
        return weights
    classes = targets.weighted_classes()
    factors = sample_weights.of_classes(class_weight, classes, targets.indices(encoded), weights)
    return factors if weights is None else weights * factors


def infer_targets(loss: Loss, n_outputs: int, y: Any) -> Targets:
    """Determine the encoding from the first `y`.

    Raises
    ------
    TypeError, ValueError
        If y cannot be used, or its number of classes does not match the outputs.
    """
    if not loss.classifies:
        return Targets(loss, n_outputs, "values", None)
    y = arrays.targets(y)
    if arrays.is_matrix(y):
        kind = "classes" if loss.link == "softmax" else "indicator"
        return Targets(loss, n_outputs, kind, np.arange(n_outputs))
    return _targets_of_labels(loss, n_outputs, class_labels.read(y), "y")


def _targets_of_labels(loss: Loss, n_outputs: int, labels: Any, name: str) -> Targets:
    """Return targets of kind "classes", whose classes are the distinct `labels`; `name` is for messages."""
    if not loss.classifies:
        raise ValueError(
            f"classes is given, but the loss {loss.name} predicts values. Leave classes out, or use a loss for classes."
        )
    classes = class_labels.distinct(class_labels.read(arrays.targets(labels, name), name))
    expected = loss.n_classes(n_outputs)
    if len(classes) != expected:
        noun = "class" if len(classes) == 1 else "classes"
        outputs = count(n_outputs, "output")
        outputs += ", one per class" if expected == n_outputs else f", for {expected} classes"
        hint = " Name all of them by classes=..." if len(classes) < expected else ""
        raise ValueError(f"{name} has {len(classes)} {noun}; the network has {outputs}.{hint}")
    return Targets(loss, n_outputs, "classes", classes)


def targets_with_classes(fitted: Targets | None, loss: Loss, n_outputs: int, classes: Any) -> Targets:
    """Return targets with the given `classes`.

    Raises
    ------
    TypeError, ValueError
        If the number of classes does not match the outputs, or the network was fitted on other classes.
    """
    targets = _targets_of_labels(loss, n_outputs, classes, "classes")
    if fitted is None:
        return targets
    if (
        fitted.classes is None
        or targets.classes is None
        or not np.array_equal(fitted.classes, targets.classes)
    ):
        raise ValueError(
            f"classes is {targets.classes}; the network was fitted on {fitted.classes}."
            " Pass the same classes, or fit a new network."
        )
    return fitted


def default_targets(loss: Loss, n_outputs: int) -> Targets:
    """Return the targets of a network that was not fitted: values, or the classes 0, 1, ..."""
    if not loss.classifies:
        return Targets(loss, n_outputs, "values", None)
    return Targets(loss, n_outputs, "classes", np.arange(loss.n_classes(n_outputs)))


def restored_targets(
    configuration: Configuration, kind: str | None, classes: Array | None, scaling: Statistics | None = None
) -> Targets:
    """Return the targets that a file describes.

    Raises
    ------
    ValueError
        If they are not consistent with the loss and the number of outputs, or the scaling is not finite.
    """
    loss, n_outputs = configuration.loss, configuration.n_outputs
    if kind == "values":
        consistent = not loss.classifies and classes is None
    else:
        consistent = loss.classifies and classes is not None and len(classes) == loss.n_classes(n_outputs)
        consistent &= kind == "classes" or (loss.link == "sigmoid" and n_outputs > 1)
    if kind is None or not consistent:
        raise ValueError(
            f"targets {kind!r} and their classes do not match the loss {loss.name} with {n_outputs} outputs"
        )
    if scaling is not None and not (np.isfinite(scaling).all() and scaling.scale.min() > 0):
        raise ValueError("the centres and scales of the targets are not finite, or a scale is not above zero")
    return Targets(loss, n_outputs, kind, classes, scaling)
