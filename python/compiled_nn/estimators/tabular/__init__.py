"""Estimators of tables: ensembles of networks that choose their settings by the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...common import lazy

if TYPE_CHECKING:
    from .classifier import TabularClassifier
    from .regressor import TabularRegressor

__all__ = ["TabularClassifier", "TabularRegressor"]

__getattr__, __dir__ = lazy.attach(
    __name__, {"TabularClassifier": "classifier", "TabularRegressor": "regressor"}
)
