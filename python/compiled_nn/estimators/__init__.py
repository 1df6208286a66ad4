"""Estimators with the interface of scikit-learn; they do not need scikit-learn itself."""

from .classifier import MLPClassifier
from .regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
