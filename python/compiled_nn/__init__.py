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
from .activations import Activation, register_activation
from .errors import CompiledNNWarning, DivergenceError, NotFittedError
from .initializers import Normal, Uniform
from .layers import Dense
from .network import Network, load, load_checkpoint
from .parallel import get_num_threads, set_num_threads, threads

if TYPE_CHECKING:
    from . import callbacks, datasets, functional, metrics, rates, schedules, streams, tutorials
    from .averaging import SWA
    from .descent import SGD, Adam, AdamW
    from .estimators import MLPClassifier, MLPRegressor
    from .further import Adadelta, Adagrad, Lion, NAdam, RAdam, RMSprop, Rprop

__all__ = [
    "SGD",
    "SWA",
    "Activation",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "CompiledNNWarning",
    "Dense",
    "DivergenceError",
    "Lion",
    "MLPClassifier",
    "MLPRegressor",
    "NAdam",
    "Network",
    "Normal",
    "NotFittedError",
    "RAdam",
    "RMSprop",
    "Rprop",
    "Uniform",
    "__version__",
    "callbacks",
    "datasets",
    "functional",
    "get_num_threads",
    "load",
    "load_checkpoint",
    "metrics",
    "rates",
    "register_activation",
    "schedules",
    "set_num_threads",
    "streams",
    "threads",
    "tutorials",
]

_MODULES = ("callbacks", "datasets", "functional", "metrics", "rates", "schedules", "streams", "tutorials")
_HOMES = {
    **dict.fromkeys(("SGD", "Adam", "AdamW"), "descent"),
    **dict.fromkeys(("Adadelta", "Adagrad", "Lion", "NAdam", "RAdam", "RMSprop", "Rprop"), "further"),
    **dict.fromkeys(("MLPClassifier", "MLPRegressor"), "estimators"),
    "SWA": "averaging",
}


def __getattr__(name: str) -> Any:
    """Import, once, what a program that only predicts never asks for."""
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return __all__
