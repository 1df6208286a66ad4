"""Dask: training and prediction on the workers of ``dask.distributed``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common import lazy, optional

if TYPE_CHECKING:
    from .engine import DaskEngine
    from .estimators import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor
    from .prediction import predict
    from .searches import search

__all__ = [
    "DaskEngine",
    "MLPClassifier",
    "MLPRegressor",
    "TabularClassifier",
    "TabularRegressor",
    "predict",
    "search",
]

optional.load("distributed", purpose="compiled_nn.dask", library="Dask", extra="dask")

# These names are imported on first use, so that each needs only its own part of Dask.
__getattr__, __dir__ = lazy.attach(
    __name__,
    {
        "DaskEngine": "engine",
        **dict.fromkeys(
            ("MLPClassifier", "MLPRegressor", "TabularClassifier", "TabularRegressor"), "estimators"
        ),
        "predict": "prediction",
        "search": "searches",
    },
)
