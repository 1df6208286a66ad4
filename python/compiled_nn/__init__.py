"""Dense neural networks on the CPU: a compiled core under a small face.

>>> import compiled_nn as cnn
>>> net = cnn.Network([cnn.Dense(3, "tanh"), cnn.Dense(1)], loss="binary_cross_entropy", seed=0)
>>> net = net.fit([[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"], epochs=2)
>>> net.classes_.tolist()
['no', 'yes']
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._version import __version__
from .errors import CompiledNNWarning, DivergenceError, NotFittedError
from .initializers import Normal, Uniform
from .layers import Dense
from .network import Network, load
from .optimizers import SGD, Adam, AdamW
from .parallel import get_num_threads, set_num_threads, threads

if TYPE_CHECKING:
    from . import datasets, functional, tutorials
    from .estimators import MLPClassifier, MLPRegressor

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "CompiledNNWarning",
    "Dense",
    "DivergenceError",
    "MLPClassifier",
    "MLPRegressor",
    "Network",
    "Normal",
    "NotFittedError",
    "Uniform",
    "__version__",
    "datasets",
    "functional",
    "get_num_threads",
    "load",
    "set_num_threads",
    "threads",
    "tutorials",
]

_LAZY = ("datasets", "functional", "tutorials")


_ESTIMATORS = ("MLPClassifier", "MLPRegressor")


def __getattr__(name: str) -> Any:
    """Import such a module when it is first asked for: a service that only predicts never does."""
    if name in _LAZY or name in _ESTIMATORS:
        from importlib import import_module

        if name in _LAZY:
            return import_module(f"{__name__}.{name}")
        return getattr(import_module(f"{__name__}.estimators"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
