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

from ..common import checks
from ..common.protocols import History
from ..data.arrays import Array
from ..training.averaging import Average
from ..training.history import new_history
from ..training.trainer import Trainer, new_generator
from . import network_file
from .network_file import TRAINING, Saved

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
    path: str | os.PathLike[str], saved: Saved, trainer: Trainer, history: History, library_version: str
) -> None:
    """Write a checkpoint, replacing the file of that name only when all is on the disk.

    Raises
    ------
    TypeError
        When a column of the history has anything but numbers.
    OSError
        When the file cannot be written.
    """
    tensors, document = network_file.content(saved, library_version)
    state = trainer.state()
    average = state["average"] or Average()
    for j, moment in enumerate(state["moments"]):
        tensors |= network_file.layer_tensors(moment, f"{TRAINING}moments.{j}.")
    tensors |= network_file.layer_tensors(average.mean, f"{TRAINING}mean.")
    live = average.live if state["ema"] is None else state["parts"]
    tensors |= network_file.layer_tensors(live or (), f"{TRAINING}live.")
    tensors |= {f"{TRAINING}history.{name}": _as_tensor(name, column) for name, column in history.items()}
    name, hyperparameters = state["optimizer"] or (None, {})
    progress = {
        "format_version": _VERSION,
        "optimizer": name,
        "hyperparameters": hyperparameters,
        "steps": state["steps"],
        "epochs": state["epochs"],
        "rate_scale": state["rate_scale"],
        "generator": None if state["rng"] is None else state["rng"].bit_generator.state,
        "n_moments": len(state["moments"]),
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


def read(path: str | os.PathLike[str]) -> tuple[Saved, dict[str, Any], History]:
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
        saved = network_file.parse(file)
        progress = _progress(network_file.parse_json(text))
        _check_tensors(file, saved, progress)
        return saved, _state(file, saved, progress), _history(file, progress["columns"])


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


def _check_tensors(file: Any, saved: Saved, progress: dict[str, Any]) -> None:
    layers, n_features, dtype = (
        saved.configuration.layers,
        len(saved.weights[0][0]),
        saved.configuration.dtype,
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


def _state(file: Any, saved: Saved, progress: dict[str, Any]) -> dict[str, Any]:
    layers = saved.configuration.layers
    live = network_file.layer_parts(file, layers, f"{TRAINING}live.") if progress["lent"] else None
    average, ema = None, None
    if saved.configuration.ema is not None and live is not None:
        gains = (None if norm is None else norm["gain"] for norm in saved.norms)
        ema = [(W, b, gain) for (W, b), gain in zip(saved.weights, gains, strict=True)]
    if progress["n_averaged"]:
        mean = network_file.layer_parts(file, layers, f"{TRAINING}mean.")
        average = Average(progress["n_averaged"], mean, live)
    name = progress["optimizer"]
    return {
        "seed": saved.configuration.seed,
        "statistics": saved.statistics,
        "norms": saved.norms,
        "dropout_key": progress["dropout_key"] % 2**64,
        "rng": _generator(progress["generator"]),
        "optimizer": None if name is None else (name, progress["hyperparameters"]),
        "moments": [
            network_file.layer_parts(file, layers, f"{TRAINING}moments.{j}.")
            for j in range(progress["n_moments"])
        ],
        "steps": progress["steps"],
        "epochs": progress["epochs"],
        "rate_scale": float(progress["rate_scale"]),
        "average": average,
        "ema": ema,
        "parts": live if ema is not None else None,
    }


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
