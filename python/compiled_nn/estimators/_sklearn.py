"""scikit-learn's own classes, for those who have it: imported by `manners` alone, once that library is there."""

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
    """An estimator was used before fit; both libraries' error."""


class ConvergenceWarning(errors.CompiledNNWarning, _ConvergenceWarning):
    """Training ended before it converged; both libraries' warning."""


class DataConversionWarning(errors.CompiledNNWarning, _DataConversionWarning):
    """y was of another shape than expected; both libraries' warning."""


def tags(estimator: Any) -> Tags:
    """Return the tags of an estimator, as its parameters are now."""
    classifies, encodes = estimator._kind == "classifier", estimator.categorical_features is not None
    return Tags(
        estimator_type=estimator._kind,
        target_tags=TargetTags(required=True, multi_output=not classifies),
        transformer_tags=None,
        classifier_tags=ClassifierTags(multi_label=estimator.class_weight is None) if classifies else None,
        regressor_tags=None if classifies else RegressorTags(),
        input_tags=InputTags(sparse=not encodes, string=encodes, categorical=encodes, allow_nan=encodes),
    )


@cache
def _requester_class(owner: Any) -> Any:
    """Return a class of that library which has the methods of `owner` that take metadata."""
    names = [name for name in ("fit", "partial_fit", "score") if hasattr(owner, name)]
    return type(owner.__name__, (BaseEstimator,), {name: getattr(owner, name) for name in names})


def requester(estimator: Any) -> Any:
    """Return what keeps the requests of an estimator, as they are now."""
    owner: Any = type(estimator)
    made = _requester_class(owner)()
    if hasattr(estimator, "_metadata_request"):
        made._metadata_request = estimator._metadata_request
    return made
