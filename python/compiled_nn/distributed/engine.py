"""Alias for :mod:`compiled_nn.common.engine`, which the chapters below this one use as well."""

from ..common.engine import CACHE_BYTES, Engine, Function, Held, Map, MapEngine, engine_of, hold_value, same
from ..common.result_cache import size_of

__all__ = [
    "CACHE_BYTES",
    "Engine",
    "Function",
    "Held",
    "Map",
    "MapEngine",
    "engine_of",
    "hold_value",
    "same",
    "size_of",
]
