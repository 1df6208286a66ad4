"""Description of a call of fit, as JSON: calls with the same description have the same result."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from ..callbacks.stopping import EarlyStopping, Plateau, Target
from ..files.safetensors_file import numbers
from ..optimizers.registry import to_config
from ..spec.initializers import Given, WithBiases
from ..spec.initializers import to_config as initializer_to_config

if TYPE_CHECKING:
    from ..data.arrays import Array
    from ..data.samples import Samples
    from ..spec.initializers import Init
    from ..training.batches import Data
    from ..training.plan import Plan
    from ..training.validation import Validation
    from ..training.weights import LayerState
    from .run import Run

_SIMPLE = (bool, int, float, str, type(None))


def of_network(net: Any, run: Run, source: Any, plan: Plan) -> dict[str, Any]:
    """Return everything that determines the result of a call of fit, beside the network itself."""
    return {
        "parameter": net._run_parameters(),
        "optimizer": to_config(net.optimizer),
        "initial weights": initial_weights(net),
        "argument": {
            "epochs": plan.epochs,
            "batch_size": plan.batch_size if run.data is None else run.data.batches.size,
            "shuffle": plan.shuffle,
            "drop_last": plan.drop_last,
            "averaging": plan.averaging and plan.averaging.start,
            "metrics": [metric.name for metric in plan.metrics],
        },
        "callbacks": described_callbacks(plan),
        "rows": described_source(source) if run.data is None else _rows(run.data, run.objective.weights),
        "validation rows": held_out_rows(run.held_out),
    }


def initial_weights(net: Any) -> list[Any]:
    """Return the initialiser of each layer as JSON, or the hashes of its weights if they are given as arrays."""
    if net._initial is not None:
        return [_hashes_of_state(state) for state in net._initial]
    return [_described_initializer(layer.init) for layer in net.layers]


def _hashes_of_state(state: LayerState) -> dict[str, Any]:
    return {
        name: _hashes_of_state(value) if isinstance(value, dict) else hash_of(value)
        for name, value in state.items()
    }


def _described_initializer(init: Init) -> Any:
    if isinstance(init, Given):
        return _hashes_of_state({"weight": init.weight} | ({} if init.bias is None else {"bias": init.bias}))
    if isinstance(init, WithBiases) and isinstance(init.bias, np.ndarray):
        return [initializer_to_config(init.weight), hash_of(init.bias)]
    return initializer_to_config(init)


def described_callbacks(plan: Plan) -> list[dict[str, Any]]:
    """Return the parameters of the callbacks of this package that stop training or change its rate."""
    return [_described(each) for each in plan.callbacks if type(each) in (EarlyStopping, Plateau, Target)]


def described_source(source: Any) -> dict[str, Any]:
    """Return the description of rows that are not in memory."""
    return source.description() if hasattr(source, "description") else {}


def held_out_rows(held_out: Validation | None) -> dict[str, Any] | None:
    """Return the description of the validation rows."""
    return None if held_out is None else hashes(held_out.X, held_out.y, held_out.weights)


def _described(callback: Any) -> dict[str, Any]:
    values = {name: value for name, value in vars(callback).items() if name[0] != "_"}
    monitor = values.pop("monitor")
    column = {"monitor": monitor.column, "rises": monitor.rises, "min_delta": monitor.min_delta}
    simple = {name: value for name, value in values.items() if isinstance(value, _SIMPLE)}
    return {"callback": type(callback).__name__, **column, **simple}


def _rows(data: Data, weights: Array | None) -> dict[str, Any]:
    X, y, batches = data
    described = {"number": batches.n_rows, **hashes(X, y, weights)}
    return described | {"hash of the training rows": None if batches.rows is None else hash_of(batches.rows)}


def hashes(X: Samples, y: Array, weights: Array | None) -> dict[str, Any]:
    """Return the shape of X, and hashes of X, y and the weights."""
    arrays = [X] if isinstance(X, np.ndarray) else [X.data, X.indices, X.indptr]
    return {
        "shape of X": list(X.shape),
        "hash of X": hash_of(*arrays),
        "hash of y": hash_of(y),
        "hash of the weights": None if weights is None else hash_of(weights),
    }


def hash_of(*arrays: Array) -> str:
    """Return a hash of the numbers of arrays, as 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(array.dtype.str.encode())
        for piece in numbers(array):
            digest.update(piece)
    return digest.hexdigest()[:16]
