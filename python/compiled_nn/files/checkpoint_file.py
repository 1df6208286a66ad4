"""Checkpoints: a network's file with all that training on exactly needs beside it.

The file is that of ``persistence.py``, and ``load`` reads it as such. Tensors of training begin with ``training.``:

    training.moments.J.layers.I.weight, ...    momenta of the optimizer, in the network's dtype
    training.mean.layers.I.weight, ...         mean of averaged weights, float64
    training.live.layers.I.weight, ...         weights that a mean, or with ema an average of steps, stands in for, in
                                               the network's dtype
    training.history.NAME                      columns of the history, float64

where ... is .bias and .norm.weight of layers that have them.

The metadata have a second key, ``compiled_nn_training``, with the optimizer as the core has it, its steps and epochs,
the scale of learning rates, the state of the generator, the number of averaged weights and the columns' names.
"""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from ..artefact.parts import Parts
from ..common import checks
from ..common.protocols import History
from ..data.arrays import Array
from ..training.averaging import Average
from ..training.history import new_history
from ..training.trainer import Trainer, new_generator
from ..training.weights import LayerState, copy_layers
from . import network_file
from .network_file import TRAINING

_KEY = "compiled_nn_training"
_VERSION = 1
_FIELDS = (
    "format_version",
    "optimizer",
    "hyperparameters",
    "steps",
    "epochs",
    "rate_scale",
    "generator",
    "n_moments",
    "n_averaged",
    "lent",
    "dropout_key",
    "columns",
)
_GENERATOR = ("bit_generator", "state", "has_uint32", "uinteger")
_MOST_MOMENTS = 3


def write(
    path: str | os.PathLike[str], parts: Parts, trainer: Trainer, history: History, library_version: str
) -> None:
    """Write a checkpoint, replacing the file of that name only when all is on the disk.

    Raises
    ------
    TypeError
        When a column of the history has anything but numbers.
    OSError
        When the file cannot be written.
    """
    tensors, document = network_file.content(parts, library_version)
    state = trainer.state()
    optimizer, average = state["optimizer"], state["swa"] or Average()
    for j, moment in enumerate(optimizer["moments"]):
        tensors |= network_file.layer_tensors(moment, f"{TRAINING}moments.{j}.")
    tensors |= network_file.layer_tensors(average.mean, f"{TRAINING}mean.")
    live = copy_layers(trainer.trained_layers()) if "average" in state else average.live
    tensors |= network_file.layer_tensors(live or (), f"{TRAINING}live.")
    tensors |= {f"{TRAINING}history.{name}": _as_tensor(name, column) for name, column in history.items()}
    progress = {
        "format_version": _VERSION,
        "optimizer": optimizer["name"],
        "hyperparameters": optimizer["hyperparameters"],
        "steps": optimizer["step"],
        "epochs": state["epochs"],
        "rate_scale": state["rate_scale"],
        "generator": None if state["rng"] is None else state["rng"].bit_generator.state,
        "n_moments": len(optimizer["moments"]),
        "n_averaged": average.count,
        "lent": live is not None,
        "dropout_key": state["dropout_key"],
        "columns": list(history),
    }
    network_file.write_tensors(path, tensors, {network_file.KEY: document, _KEY: progress})


def _as_tensor(name: str, column: list[Any]) -> Array:
    try:
        return np.array(column, np.float64).reshape(len(column))
    except (TypeError, ValueError) as error:
        raise TypeError(f"Column {name!r} of the history has something that is no number.") from error


def read(path: str | os.PathLike[str]) -> tuple[Parts, dict[str, Any], History]:
    """Read a checkpoint: the network, a state for ``Trainer.restored``, the history.

    Raises
    ------
    OSError
        When the file cannot be opened.
    ValueError
        When its content is anything but a checkpoint.
    """
    with network_file.opened(path) as file:
        text = (file.metadata() or {}).get(_KEY)
        if text is None:
            raise ValueError("it is no checkpoint: it has no state of training")
        parts = network_file.parse(file)
        progress = _progress(network_file.parse_json(text))
        _check_tensors(file, parts, progress)
        return parts, _state(file, parts, progress), _history(file, progress["columns"])


def _progress(document: Any) -> dict[str, Any]:
    version = document.get("format_version") if isinstance(document, dict) else None
    if type(version) is not int or version != _VERSION:
        raise ValueError(f"its training has format version {version!r}; this compiled_nn reads {_VERSION}")
    fields: dict[str, Any] = checks.fields("training", document, _FIELDS)
    for name in ("steps", "epochs", "n_moments", "n_averaged", "dropout_key"):
        checks.integer("training", name, fields[name], minimum=0)
    if fields["n_moments"] > _MOST_MOMENTS:
        raise ValueError(f"it has {fields['n_moments']} moments; there are at most {_MOST_MOMENTS}")
    checks.real("training", "rate_scale", fields["rate_scale"], minimum=0)
    checks.flag("training", "lent", fields["lent"])
    columns = fields["columns"]
    if not isinstance(columns, list) or not set(new_history()).issubset(map(str, columns)):
        raise ValueError("columns of the history are missing")
    for name, value in checks.fields(
        "hyperparameters", fields["hyperparameters"], fields["hyperparameters"]
    ).items():
        checks.real("hyperparameters", name, value)
    return fields


def _check_tensors(file: Any, parts: Parts, progress: dict[str, Any]) -> None:
    layers, n_features, dtype = (
        parts.configuration.layers,
        parts.inputs.n_columns,
        parts.configuration.dtype,
    )
    expected: dict[str, tuple[str, list[int]]] = {}
    for j in range(progress["n_moments"]):
        expected |= network_file.expected_layers(layers, n_features, dtype, f"{TRAINING}moments.{j}.")
    if progress["n_averaged"]:
        expected |= network_file.expected_layers(layers, n_features, "float64", f"{TRAINING}mean.")
    if progress["lent"]:
        expected |= network_file.expected_layers(layers, n_features, dtype, f"{TRAINING}live.")
    names = [f"{TRAINING}history.{name}" for name in progress["columns"]]
    found = {name for name in file.keys() if name.startswith(TRAINING)}  # noqa: SIM118 - no mapping
    if names and names[0] in found:
        expected |= dict.fromkeys(names, ("F64", list(file.get_slice(names[0]).get_shape())))
    network_file.check_tensors(file, found, expected)


def _state(file: Any, parts: Parts, progress: dict[str, Any]) -> dict[str, Any]:
    """Return what ``Trainer.restored`` takes."""
    configuration = parts.configuration

    def layers(name: str) -> list[LayerState]:
        return network_file.layer_states(file, configuration.layers, f"{TRAINING}{name}.", running=False)

    live = layers("live") if progress["lent"] else None
    swa = Average(progress["n_averaged"], layers("mean"), live) if progress["n_averaged"] else None
    state: dict[str, Any] = {
        "layers": parts.layers,
        "optimizer": {
            "name": progress["optimizer"],
            "hyperparameters": progress["hyperparameters"],
            "step": progress["steps"],
            "moments": [layers(f"moments.{j}") for j in range(progress["n_moments"])],
        },
        "statistics": parts.statistics,
        "dropout_key": progress["dropout_key"] % 2**64,
        "seed": configuration.seed,
        "rng": _generator(progress["generator"]),
        "epochs": progress["epochs"],
        "rate_scale": float(progress["rate_scale"]),
        "swa": swa,
    }
    if configuration.ema is not None and live is not None:  # the file of the network has the averaged weights
        state["average"] = [_without_running(layer) for layer in parts.layers]
        state["layers"] = [_with_trained(layer, own) for layer, own in zip(parts.layers, live, strict=True)]
    return state


def _without_running(layer: LayerState) -> LayerState:
    return layer | {"norm": {"gain": layer["norm"]["gain"]}} if "norm" in layer else layer


def _with_trained(layer: LayerState, trained: LayerState) -> LayerState:
    """Return the state of a layer with other trained parts, and its running statistics."""
    return trained | {"norm": layer["norm"] | trained["norm"]} if "norm" in layer else trained


def _generator(state: Any) -> Any:
    if state is None:
        return None
    checks.fields("generator", state, _GENERATOR)
    for name, value in checks.fields("generator.state", state["state"], ("state", "inc")).items():
        checks.integer("generator", name, value, minimum=0)
    generator = new_generator(None)
    generator.bit_generator.state = state
    return generator


def _history(file: Any, columns: list[str]) -> History:
    history: History = {name: file.get_tensor(f"{TRAINING}history.{name}").tolist() for name in columns}
    if not all(map(math.isfinite, history["epoch"])):
        raise ValueError("an epoch of the history is no number")
    history["epoch"] = [int(epoch) for epoch in history["epoch"]]
    return history
