"""Estimators: a network behind the interface that scikit-learn's tools know, without that library."""

from .classifier import MLPClassifier
from .regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
