"""Dense neural networks on the CPU, with a compiled core and a small Python interface.

>>> import compiled_nn as cnn
>>> net = cnn.Network([cnn.Dense(3, "tanh"), cnn.Dense(1)], loss="binary_cross_entropy", seed=0)
>>> net = net.fit([[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"], epochs=2)
>>> net.classes_.tolist()
['no', 'yes']
>>> cnn.__version__
'0.1.0'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._version import __version__
from .common import lazy
from .common.errors import CompiledNNWarning, DivergenceError, NotFittedError
from .common.threads import get_num_threads, set_num_threads, threads
from .network.loading import load, load_checkpoint, read_card
from .network.network import Network
from .spec.activations import Activation, register_activation
from .spec.initializers import Constant, Normal, Uniform
from .spec.layers import Dense

if TYPE_CHECKING:
    from . import (
        calibration,
        callbacks,
        conformal,
        datasets,
        diagram,
        distributed,
        estimators,
        functional,
        losses,
        metrics,
        optimizers,
        plotting,
        preprocessing,
        rates,
        report,
        schedules,
        streams,
        tuning,
        tutorials,
    )
    from .distributed.states import merge_states
    from .estimators import MLPClassifier, MLPRegressor
    from .estimators.from_sklearn import from_sklearn
    from .estimators.tabular import TabularClassifier, TabularRegressor
    from .network.ensemble import Ensemble
    from .network.from_libraries import from_keras, from_onnx, from_torch
    from .network.importance import permutation_importance
    from .optimizers import LBFGS, SGD, Adadelta, Adagrad, Adam, AdamW, Lion, NAdam, RAdam, RMSprop, Rprop
    from .spec.numeric_embeddings import Periodic, PiecewiseLinear
    from .training.averaging import SWA
    from .tuning.searching import search

__all__ = [
    "LBFGS",
    "SGD",
    "SWA",
    "Activation",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "CompiledNNWarning",
    "Constant",
    "Dense",
    "DivergenceError",
    "Ensemble",
    "Lion",
    "MLPClassifier",
    "MLPRegressor",
    "NAdam",
    "Network",
    "Normal",
    "NotFittedError",
    "Periodic",
    "PiecewiseLinear",
    "RAdam",
    "RMSprop",
    "Rprop",
    "TabularClassifier",
    "TabularRegressor",
    "Uniform",
    "__version__",
    "calibration",
    "callbacks",
    "conformal",
    "datasets",
    "diagram",
    "distributed",
    "estimators",
    "from_keras",
    "from_onnx",
    "from_sklearn",
    "from_torch",
    "functional",
    "get_num_threads",
    "load",
    "load_checkpoint",
    "losses",
    "merge_states",
    "metrics",
    "optimizers",
    "permutation_importance",
    "plotting",
    "preprocessing",
    "rates",
    "read_card",
    "register_activation",
    "report",
    "schedules",
    "search",
    "set_num_threads",
    "streams",
    "threads",
    "tuning",
    "tutorials",
]

_MODULES = (
    *("calibration", "callbacks", "conformal", "datasets", "diagram", "distributed"),
    *(
        "estimators",
        "functional",
        "losses",
        "metrics",
        "optimizers",
        "plotting",
        "preprocessing",
        "read_card",
        "rates",
        "report",
        "schedules",
        "streams",
        "tuning",
        "tutorials",
    ),
)
_OPTIMIZERS = (
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Lion",
    "NAdam",
    "RAdam",
    "RMSprop",
    "Rprop",
)

# These modules are imported on first use, to keep `import compiled_nn` fast for programs that only predict.
__getattr__, __dir__ = lazy.attach(
    __name__,
    {
        **dict.fromkeys(_MODULES, ""),
        **dict.fromkeys(_OPTIMIZERS, "optimizers"),
        **dict.fromkeys(("MLPClassifier", "MLPRegressor"), "estimators"),
        **dict.fromkeys(("TabularClassifier", "TabularRegressor"), "estimators.tabular"),
        "Ensemble": "network.ensemble",
        **dict.fromkeys(("Periodic", "PiecewiseLinear"), "spec.numeric_embeddings"),
        "SWA": "training.averaging",
        "from_sklearn": "estimators.from_sklearn",
        **dict.fromkeys(("from_keras", "from_onnx", "from_torch"), "network.from_libraries"),
        "merge_states": "distributed.states",
        "permutation_importance": "network.importance",
        "search": "tuning.searching",
    },
)
