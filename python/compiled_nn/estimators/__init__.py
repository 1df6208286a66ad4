"""Estimators with the interface of scikit-learn; they do not need scikit-learn itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common import lazy

if TYPE_CHECKING:
    from .classifier import MLPClassifier
    from .regressor import MLPRegressor
    from .tabular import TabularClassifier, TabularRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "TabularClassifier", "TabularRegressor"]

__getattr__, __dir__ = lazy.attach(
    __name__,
    {
        "MLPClassifier": "classifier",
        "MLPRegressor": "regressor",
        "TabularClassifier": "tabular.classifier",
        "TabularRegressor": "tabular.regressor",
    },
)
