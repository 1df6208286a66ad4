"""Classes that depend on scikit-learn: imported only by `sklearn_compat`, and only where scikit-learn is installed."""

from __future__ import annotations

from functools import cache
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning as _ConvergenceWarning
from sklearn.exceptions import DataConversionWarning as _DataConversionWarning
from sklearn.exceptions import NotFittedError as _NotFittedError
from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

from ..common import errors


class NotFittedError(errors.NotFittedError, _NotFittedError):
    """Error of an estimator that is not fitted: an error of compiled_nn and of scikit-learn."""


class ConvergenceWarning(errors.CompiledNNWarning, _ConvergenceWarning):
    """Warning that training did not converge: a warning of compiled_nn and of scikit-learn."""


class DataConversionWarning(errors.CompiledNNWarning, _DataConversionWarning):
    """Warning that y has an unexpected shape: a warning of compiled_nn and of scikit-learn."""


def make_tags(estimator: Any) -> Tags:
    """Return scikit-learn's tags of an estimator for its present parameters."""
    classifies, encodes = estimator._kind == "classifier", estimator.categorical_features is not None
    return Tags(
        estimator_type=estimator._kind,
        target_tags=TargetTags(required=True, multi_output=not classifies),
        transformer_tags=None,
        classifier_tags=ClassifierTags(multi_label=estimator._takes_several_labels()) if classifies else None,
        regressor_tags=None if classifies else RegressorTags(),
        input_tags=InputTags(
            sparse=not encodes or estimator._encodes_arrays_only,
            string=encodes,
            categorical=encodes,
            allow_nan=encodes,
        ),
    )


@cache
def _make_requester_class(owner: Any) -> Any:
    """Return a subclass of ``sklearn.base.BaseEstimator`` with the methods of `owner` that take metadata."""
    names = [name for name in ("fit", "partial_fit", "score") if hasattr(owner, name)]
    return type(owner.__name__, (BaseEstimator,), {name: getattr(owner, name) for name in names})


def make_requester(estimator: Any) -> Any:
    """Return a ``BaseEstimator`` with the present metadata requests of an estimator."""
    owner: Any = type(estimator)
    requester = _make_requester_class(owner)()
    if hasattr(estimator, "_metadata_request"):
        requester._metadata_request = estimator._metadata_request
    return requester
