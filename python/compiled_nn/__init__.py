"""Dense neural networks on the CPU: a compiled core under a small face.

>>> import compiled_nn as cnn
>>> net = cnn.Network([cnn.Dense(3, "tanh"), cnn.Dense(1)], loss="binary_cross_entropy", seed=0)
>>> net = net.fit([[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"], epochs=2)
>>> net.classes_.tolist()
['no', 'yes']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import callbacks
from ._version import __version__
from .averaging import SWA
from .errors import CompiledNNWarning, DivergenceError, NotFittedError
from .initializers import Normal, Uniform
from .layers import Dense
from .network import Network, load, load_checkpoint
from .optimizers import SGD, Adam, AdamW
from .parallel import get_num_threads, set_num_threads, threads

if TYPE_CHECKING:
    from types import ModuleType

    from . import datasets, functional, rates, schedules, streams, tutorials

__all__ = [
    "SGD",
    "SWA",
    "Adam",
    "AdamW",
    "CompiledNNWarning",
    "Dense",
    "DivergenceError",
    "Network",
    "Normal",
    "NotFittedError",
    "Uniform",
    "__version__",
    "callbacks",
    "datasets",
    "functional",
    "get_num_threads",
    "load",
    "load_checkpoint",
    "rates",
    "schedules",
    "set_num_threads",
    "streams",
    "threads",
    "tutorials",
]

_LAZY = ("datasets", "functional", "rates", "schedules", "streams", "tutorials")


def __getattr__(name: str) -> ModuleType:
    """Import such a module when it is first asked for: a service that only predicts never does."""
    if name in _LAZY:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
