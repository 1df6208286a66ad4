"""Targets: how the y of a user maps to the outputs of a network, and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.errors import count
from ..data import arrays, sample_weights, samples
from ..data.arrays import Array
from ..data.samples import Encoder, Samples
from ..preprocessing import standardization
from ..preprocessing.standardization import Statistics
from ..spec.configuration import Configuration

if TYPE_CHECKING:
    from ..losses import Loss

KINDS = ("classes", "indicator", "values")


@dataclass(frozen=True, eq=False)
class Targets:
    """What a network has learned about y.

    Attributes
    ----------
    loss : Loss
    n_outputs : int
    kind : {"classes", "indicator", "values"}
        One class a sample; any number of them a sample, as a 0/1 matrix; or real numbers.
    classes : ndarray (n_classes,) or None
        Sorted labels, None for values.
    scaling : Statistics or None
        Of values: what training centres and scales each output by; None: nothing.
    """

    loss: Loss
    n_outputs: int
    kind: str
    classes: Array | None
    scaling: Statistics | None = None

    def encode(self, y: Any, dtype: str, scaled: bool = True) -> Array:
        """Return `y` as the core takes it: int64 (m,) for labels under softmax and ordinal, else (m, n_columns)."""
        if self.kind == "values" and self.scaling is not None and scaled:
            values = arrays.values(y, n_outputs=self.n_outputs, dtype="float64")
            return ((values - self.scaling.mean) / self.scaling.scale).astype(dtype)
        if self.kind == "values":
            values = arrays.values(y, n_outputs=self.loss.n_columns(self.n_outputs), dtype=dtype)
            self.loss.check_values(values)
            return values
        y = arrays.targets(y)
        if arrays.is_matrix(y) and self.loss.ordered:
            raise ValueError(f"y has {y.shape[1]} columns; the loss ordinal takes one label a sample.")
        if arrays.is_matrix(y) or self.kind == "indicator":
            shares = arrays.values(y, n_outputs=self.n_outputs, dtype=dtype)
            arrays.check_shares(shares, sum_to_one=self.loss.link == "softmax")
            return shares
        assert self.classes is not None
        indices = arrays.class_indices(arrays.labels(y), self.classes)
        if self.loss.takes_indices:
            return indices
        if self.n_outputs == 1:
            return np.reshape(indices, (-1, 1)).astype(dtype)
        one_hot: Array = indices[:, np.newaxis] == np.arange(self.n_outputs)
        return one_hot.astype(dtype)

    def decode(self, outputs: Array) -> Array:
        """Return the labels or values that the outputs (m, n_outputs), after the link, stand for."""
        if self.kind == "values":
            values = self.loss.values(outputs)
            return values[:, 0] if values.shape[1] == 1 else values
        if self.kind == "indicator":
            return (outputs >= 0.5).astype(np.int64)
        assert self.classes is not None
        labels: Array = self.classes[self.loss.class_indices(outputs)]
        return labels

    def indices(self, encoded: Array) -> Array:
        """Return the class index (m,) of each sample of an encoded y of one class a sample."""
        return encoded if encoded.ndim == 1 else self.loss.class_indices(encoded)

    def score(self, encoded: Array, outputs: Array, weights: Array | None = None) -> float:
        """Return the accuracy, or the loss's own score for values, of outputs after the link against an encoded y;
        the rows may have weights (m,)."""
        from .. import metrics  # what only predicts needs none

        if self.kind == "values":
            return self.loss.score(encoded, self.loss.values(outputs), weights)
        if self.kind == "indicator":
            return metrics.accuracy(encoded >= 0.5, outputs >= 0.5, weights)
        return metrics.accuracy(self.indices(encoded), self.loss.class_indices(outputs), weights)


def prepare(
    configuration: Configuration,
    X: Any,
    y: Any,
    n_features: int | None,
    known: Targets | None,
    scaled: bool = True,
    encoder: Encoder | None = None,
) -> tuple[Samples, Array, Targets]:
    """Return X and y as the core takes them, and what y means: `known`, or learned from it.

    `scaled` says whether y is to be in the units of training, where these are not its own; `encoder` makes numbers of
    X first.
    """
    X = samples.read(X, dtype=configuration.dtype, n_features=n_features, encoder=encoder)
    y = arrays.targets(y)
    arrays.check_rows(X, y)
    known = known or infer(configuration.loss, configuration.n_outputs, y)
    if configuration.scale_targets and known.scaling is None:
        values = arrays.values(y, n_outputs=known.n_outputs, dtype="float64")
        known = replace(known, scaling=standardization.fit_statistics(values, name="y"))
    return X, known.encode(y, configuration.dtype, scaled), known


def prepare_pair(
    configuration: Configuration,
    pair: Any,
    n_features: int,
    known: Targets,
    encoder: Encoder | None = None,
) -> tuple[Samples, Array, Array | None]:
    """Return the X, y and weights of `validation_data` as the core takes them."""
    if not isinstance(pair, (list, tuple)) or len(pair) not in (2, 3):
        raise TypeError(
            "The 'validation_data' parameter of fit must be a pair (X, y), or (X, y, sample_weight)."
            f" Got {type(pair).__name__} instead."
        )
    X, y, _ = prepare(configuration, pair[0], pair[1], n_features, known, encoder=encoder)
    weights = pair[2] if len(pair) == 3 else None
    return X, y, sample_weights.check(weights, len(X), "the sample_weight of validation_data")


def weights_of(
    known: Targets, encoded: Array, sample_weight: Any = None, class_weight: Any = None
) -> Array | None:
    """Return what each row of an encoded y counts, float64 (m,), or None when all count 1."""
    weights = sample_weights.check(sample_weight, len(encoded))
    if class_weight is None:
        return weights
    if known.kind != "classes" or known.classes is None:
        raise ValueError(f"class_weight is for one class a sample; y has {known.kind}.")
    factors = sample_weights.of_classes(class_weight, known.classes, known.indices(encoded), weights)
    return factors if weights is None else weights * factors


def infer(loss: Loss, n_outputs: int, y: Any) -> Targets:
    """Return the targets that a first `y` implies, when the outputs fit its classes."""
    if not loss.classifies:
        return Targets(loss, n_outputs, "values", None)
    y = arrays.targets(y)
    if arrays.is_matrix(y):
        kind = "classes" if loss.link == "softmax" else "indicator"
        return Targets(loss, n_outputs, kind, np.arange(n_outputs))
    return from_classes(loss, n_outputs, arrays.labels(y), "y")


def from_classes(loss: Loss, n_outputs: int, labels: Any, name: str) -> Targets:
    """Return targets of one class a sample, the classes being the distinct `labels`."""
    if not loss.classifies:
        raise ValueError(f"classes is given; the loss {loss.name} has none.")
    classes = arrays.unique_labels(arrays.labels(arrays.targets(labels)))
    expected = loss.n_classes(n_outputs)
    if len(classes) != expected:
        noun = "class" if len(classes) == 1 else "classes"
        outputs = count(n_outputs, "output")
        outputs += ", one a class" if expected == n_outputs else f", for {expected} classes"
        hint = " Name all of them by classes=..." if len(classes) < expected else ""
        raise ValueError(f"{name} has {len(classes)} {noun}; the network has {outputs}.{hint}")
    return Targets(loss, n_outputs, "classes", classes)


def with_classes(known: Targets | None, loss: Loss, n_outputs: int, classes: Any) -> Targets:
    """Return targets of the `classes` that a user names; a network that knows others already refuses them."""
    named = from_classes(loss, n_outputs, classes, "classes")
    if known is None:
        return named
    if known.classes is None or named.classes is None or not np.array_equal(known.classes, named.classes):
        raise ValueError(f"classes is {named.classes}; the network was fitted on {known.classes}.")
    return known


def default(loss: Loss, n_outputs: int) -> Targets:
    """Return the targets of a network that has seen no y: classes 0, 1, ..."""
    if not loss.classifies:
        return Targets(loss, n_outputs, "values", None)
    return Targets(loss, n_outputs, "classes", np.arange(loss.n_classes(n_outputs)))


def restored(
    configuration: Configuration, kind: str | None, classes: Array | None, scaling: Statistics | None = None
) -> Targets:
    """Return the targets that a file describes, when they go with its loss and outputs."""
    loss, n_outputs = configuration.loss, configuration.n_outputs
    if kind == "values":
        consistent = not loss.classifies and classes is None
    else:
        consistent = loss.classifies and classes is not None and len(classes) == loss.n_classes(n_outputs)
        consistent &= kind == "classes" or (loss.link == "sigmoid" and n_outputs > 1)
    if kind is None or not consistent:
        raise ValueError(
            f"targets {kind!r} and their classes do not go with {loss.name} and {n_outputs} outputs"
        )
    if scaling is not None and not (np.isfinite(scaling).all() and scaling.scale.min() > 0):
        raise ValueError("the centres and scales of the targets are not finite, or a scale is not above zero")
    return Targets(loss, n_outputs, kind, classes, scaling)
