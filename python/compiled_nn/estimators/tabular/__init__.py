"""Estimators of tables: ensembles of networks that choose their settings by the table."""

from .classifier import TabularClassifier as TabularClassifier
from .regressor import TabularRegressor as TabularRegressor
