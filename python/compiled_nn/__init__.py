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
from .activations import Activation, register_activation
from .averaging import SWA
from .errors import CompiledNNWarning, DivergenceError, NotFittedError
from .initializers import Normal, Uniform
from .layers import Dense
from .network import Network, load, load_checkpoint
from .optimizers import SGD, Adam, AdamW
from .parallel import get_num_threads, set_num_threads, threads

if TYPE_CHECKING:
    from types import ModuleType

    from . import datasets, functional, metrics, rates, schedules, streams, tutorials
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

_LAZY = ("datasets", "functional", "metrics", "rates", "schedules", "streams", "tutorials")
_FURTHER = ("Adadelta", "Adagrad", "Lion", "NAdam", "RAdam", "RMSprop", "Rprop")


_ESTIMATORS = ("MLPClassifier", "MLPRegressor")


def __getattr__(name: str) -> ModuleType | type:
    """Import such a module when it is first asked for: a service that only predicts never does."""
    if name in _LAZY:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    if name in _FURTHER:
        from . import further

        return vars(further)[name]  # type: ignore[no-any-return]
    if name in _ESTIMATORS:
        from . import estimators

        return vars(estimators)[name]  # type: ignore[no-any-return]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
