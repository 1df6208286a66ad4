"""Files of estimators: a network file with the parameters and fitted attributes in its metadata.

The file is that of ``network_file.py``, and ``compiled_nn.load`` reads it as a network. The metadata have a second
key, ``compiled_nn_estimator``:

    format_version    1
    estimator         name of the class
    parameters        parameters that differ from their defaults, by name
    attributes        fitted attributes, by name
    progress          losses and scores so far, which warm starts and partial_fit continue

Values are JSON, with two additions: ``{"items": [[key, value], ...]}`` is a dict, and ``{"float": "inf"}``, "-inf" or
"nan" a float that is not finite.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from .._version import __version__
from ..common import checks
from ..files import extras, network_file
from ..files.safetensors_file import open_tensors, parse_json, write_tensors
from .network import EstimatorNetwork
from .progress import Progress

if TYPE_CHECKING:
    from ..files.places import Readable, Writable
    from .parameters import Parameters

_KEY = "compiled_nn_estimator"
_VERSION = 1
_FIELDS = ("format_version", "estimator", "parameters", "attributes", "progress")
_ATTRIBUTES = (
    *("n_features_in_", "n_iter_", "t_", "stop_reason_", "loss_", "loss_curve_", "best_loss_", "best_iter_"),
    *("best_validation_score_", "validation_scores_", "_label_dtype"),
)
_OLD_NAMES = "feature_names_in_"  # attribute that files of format 4 do not have: the network has the names
_NOT_STORED = ("best_state", "has_begun")  # of `Progress`: they concern one call of fit
_PROGRESS = tuple(field.name for field in fields(Progress) if field.name not in _NOT_STORED)


def write(path: Writable, model: Parameters, network: EstimatorNetwork, progress: Progress) -> None:
    """Write a fitted estimator; an existing file is replaced only after the new one is complete on the disk."""
    tensors, content = network_file.make_content(network._parts(), __version__)
    attributes, state = vars(model), vars(progress)
    document = {
        "format_version": _VERSION,
        "estimator": type(model).__name__,
        "parameters": {name: _to_json(name, value) for name, value in model.changed().items()},
        "attributes": {name: _to_json(name, attributes[name]) for name in _ATTRIBUTES if name in attributes},
        "progress": {name: _to_json(name, state[name]) for name in _PROGRESS},
    }
    write_tensors(path, tensors, {network_file.KEY: content, _KEY: document})


def read(path: Readable, owner: type[Any]) -> Any:
    """Return the estimator of class `owner` from a file written by :func:`write`."""
    with open_tensors(path) as file:
        parts = network_file.parse_network(file)
        text = (file.metadata() or {}).get(_KEY)
        if text is None:
            raise ValueError("it holds a network without an estimator; read it with compiled_nn.load")
        document = checks.fields("the estimator", parse_json(text), _FIELDS)
        if document["format_version"] != _VERSION:
            raise ValueError(
                f"its estimator has format version {document['format_version']!r}; this version of compiled_nn reads"
                f" {_VERSION}"
            )
        if document["estimator"] != owner.__name__:
            raise ValueError(f"it holds an estimator {document['estimator']!r}, not {owner.__name__}")
        parameters = checks.fields("parameters", document["parameters"], (), owner().get_params())
        attributes = checks.fields("attributes", document["attributes"], (), (*_ATTRIBUTES, _OLD_NAMES))
        progress = checks.fields("progress", document["progress"], _PROGRESS)
        model = owner(**{name: _from_json(value, tuple) for name, value in parameters.items()})
        model._check()
        model._remember_parameters()
        names = attributes.pop(_OLD_NAMES, None)
        for name, value in attributes.items():
            setattr(model, name, _from_json(value, list))
        if "_label_dtype" in attributes:
            model._label_dtype = np.dtype(model._label_dtype)
        model._progress = Progress(**{name: _from_json(value, list) for name, value in progress.items()})
        if names is not None and parts.inputs.encoder is None:
            parts = parts.replace(inputs=parts.inputs.replace(names=_names(names, parts.inputs.n_columns)))
        model.network_ = EstimatorNetwork._of_parts(parts)
        model.network_.n_threads = model.n_threads
    return model


def _names(names: Any, n_columns: int) -> tuple[str, ...]:
    """Return the names of columns in a file of a format before 4."""
    read: tuple[str, ...] = extras.read_inputs({"inputs": {"names": names}}, n_columns)["names"]
    return read


def _to_json(name: str, value: Any) -> Any:
    """Return the JSON form of a value."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, numbers.Real):
        number = float(value)
        return number if math.isfinite(number) else {"float": str(number)}
    if isinstance(value, Mapping):
        return {"items": [[_to_json(name, key), _to_json(name, each)] for key, each in value.items()]}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_to_json(name, each) for each in value]
    if isinstance(value, np.dtype):
        return value.str
    raise TypeError(
        f"{name} is {value!r}, which cannot be saved to a file of an estimator. Use pickle, or save only the network"
        " with network_.save."
    )


def _from_json(value: Any, sequence: type[Any]) -> Any:
    """Return the value whose JSON form is `value`; lists become `sequence`."""
    if isinstance(value, dict):
        if "float" in value:
            return float(value["float"])
        items = checks.fields("a parameter", value, ("items",))["items"]
        return {_from_json(key, sequence): _from_json(each, sequence) for key, each in items}  # type: ignore[attr-defined]
    return sequence(_from_json(each, sequence) for each in value) if isinstance(value, list) else value
