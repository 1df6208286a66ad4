"""Values of parameters and attributes as JSON, for the files of estimators.

A value is JSON, with these additions: ``{"items": [[key, value], ...]}`` is a dict, ``{"float": "inf"}``, "-inf" or
"nan" a float that is not finite, and ``{"optimizer": ...}``, ``{"loss": ...}``, ``{"schedule": ...}``,
``{"init": ...}``, ``{"activation": name}``, ``{"averaging": start}`` and ``{"numeric_embedding": ...}`` are objects of
these kinds.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import losses, optimizers, schedules
from ..common import checks
from ..files.schemas import NOT_FINITE, choice
from ..losses import Loss
from ..optimizers.base import Optimizer
from ..optimizers.registry import to_config
from ..schedules.base import Schedule
from ..spec import activations, initializers, numeric_embeddings
from ..spec.activations import Activation
from ..spec.initializers import Constant, Normal, Uniform
from ..training.averaging import SWA

_FUNCTION = "function"  # a schedule that is a function, which JSON cannot express
_READERS = {
    "float": lambda name: NOT_FINITE[choice(NOT_FINITE)("a parameter", name)],
    "optimizer": optimizers.from_config,
    "loss": losses.from_config,
    "schedule": schedules.from_config,
    "init": initializers.from_config,
    "activation": activations.from_config,
    "averaging": SWA,
    "numeric_embedding": numeric_embeddings.from_config,
}


def to_json(name: str, value: Any) -> Any:
    """Return the JSON form of a value; `name` is that of its parameter.

    Raises
    ------
    TypeError
        If it has none.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, numbers.Real):
        number = float(value)
        return number if math.isfinite(number) else {"float": str(number)}
    if isinstance(value, Mapping):
        return {"items": [[to_json(name, key), to_json(name, each)] for key, each in value.items()]}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [to_json(name, each) for each in value]
    if isinstance(value, np.dtype):
        return value.str
    described = _object_to_json(value)
    if described is None:
        raise TypeError(
            f"{name} is {value!r}, which cannot be saved to a file of an estimator. Use pickle, or save only the"
            " network with network_.save."
        )
    return described


def _object_to_json(value: Any) -> dict[str, Any] | None:
    """Return the JSON form of an object of compiled_nn; None if it has none."""
    if isinstance(value, Schedule):
        schedule = schedules.to_config(value, unknown=_FUNCTION)
        return None if schedule == _FUNCTION else {"schedule": schedule}
    if isinstance(value, Optimizer):
        config = to_config(value)
        return None if config.get("learning_rate") == _FUNCTION else {"optimizer": config}
    if isinstance(value, (Normal, Uniform, Constant)):
        return {"init": initializers.to_config(value)}
    encoding: Any = value
    if type(value) in numeric_embeddings.NAMES.values():
        return {"numeric_embedding": numeric_embeddings.to_config(encoding)}
    if isinstance(value, SWA):
        return {"averaging": value.start}
    try:
        if isinstance(value, Loss):
            return {"loss": losses.to_config(value)}
        if isinstance(value, Activation):
            return {"activation": activations.to_config(value)}
    except ValueError:  # a loss that is a function, or an activation that is not registered
        return None
    return None


def from_json(value: Any, sequence: type[Any]) -> Any:
    """Return the value whose JSON form is `value`; lists become `sequence`.

    Raises
    ------
    TypeError, ValueError
        If it is not the JSON form of a value.
    """
    if isinstance(value, list):
        return sequence(from_json(each, sequence) for each in value)
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (kind,) = value
        if kind in _READERS:
            return _READERS[kind](value[kind])  # type: ignore[operator]
    items: Any = checks.fields("a parameter", value, ("items",))["items"]
    return {from_json(key, sequence): from_json(each, sequence) for key, each in items}
