"""Dask: training and prediction on the workers of ``dask.distributed``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common import lazy, optional

if TYPE_CHECKING:
    from .engine import DaskEngine
    from .prediction import predict
    from .searches import search

__all__ = ["DaskEngine", "predict", "search"]

optional.load("distributed", purpose="compiled_nn.dask", library="Dask", extra="dask")

# These names are imported on first use, so that each needs only its own part of Dask.
__getattr__, __dir__ = lazy.attach(
    __name__, {"DaskEngine": "engine", "predict": "prediction", "search": "searches"}
)
