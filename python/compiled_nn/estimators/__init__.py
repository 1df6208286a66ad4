"""Estimators with the interface of scikit-learn; they do not need scikit-learn itself."""

from typing import TYPE_CHECKING

from ..common import lazy
from .classifier import MLPClassifier
from .regressor import MLPRegressor

if TYPE_CHECKING:
    from .tabular import TabularClassifier, TabularRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "TabularClassifier", "TabularRegressor"]

# imported on first use, to keep programs fast that use the other estimators
__getattr__, __dir__ = lazy.attach(
    __name__, dict.fromkeys(("TabularClassifier", "TabularRegressor"), "tabular")
)
