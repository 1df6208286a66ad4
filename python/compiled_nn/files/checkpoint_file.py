"""Checkpoint files: the file of a network, with the state of training in additional tensors and metadata.

The file has the form that :mod:`compiled_nn.files.network_file` describes, so that ``load`` can read it. The names of
the additional tensors begin with ``training.``:

    training.moments.J.layers.I.weight, ...    moments of the optimizer, in the dtype of the network
    training.mean.layers.I.weight, ...         running mean of the weights with SWA, float64
    training.live.layers.I.weight, ...         weights from which training continues, if the network has averaged ones
                                               (SWA, or ema), in the dtype of the network
    training.history.NAME                      columns of the history, float64

where ``...`` stands for .bias and .norm.weight of layers that have them.

The metadata have a second key, ``compiled_nn_training``: name and hyperparameters of the optimizer, its steps and
epochs, the factor of learning rates, the state of the generator, the number of averaged epochs, and the names of the
columns of the history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core.hyperparameters import MOMENTS, OPTIMIZERS

from ..artefact.parts import Parts
from ..data.arrays import Array
from ..training.averaging import Average
from ..training.history import new_history
from ..training.trainer import Trainer, new_generator
from ..training.weights import LayerState, copy_layers
from . import network_file
from .documents import parse_json
from .network_file import ESTIMATOR_TENSORS, TRAINING
from .safetensors_file import (
    check_tensors,
    expected_layers,
    layer_states,
    layer_tensors,
    write_tensors,
)
from .schemas import LARGEST, array, choice, fail, flag, integer, mapping, optional, real, record, text

if TYPE_CHECKING:
    from ..common.protocols import History
    from .places import Writable

_KEY = "compiled_nn_training"
_VERSION = 1
GENERATOR = record(
    {
        "bit_generator": choice(("PCG64",)),
        "state": record({"state": integer(0, 2**128 - 1), "inc": integer(0, 2**128 - 1)}),
        "has_uint32": integer(0, 1),
        "uinteger": integer(0, 2**32 - 1),
    }
)
_SCHEMA = record(
    {
        "format_version": integer(_VERSION, _VERSION),
        "optimizer": optional(choice(OPTIMIZERS)),
        "hyperparameters": mapping(real()),
        "steps": integer(),
        "epochs": integer(),
        "rate_scale": real(minimum=0),
        "generator": optional(GENERATOR),
        "n_moments": integer(0, max(MOMENTS.values())),
        "n_averaged": integer(),
        "lent": flag,
        "dropout_key": integer(0, 2**64 - 1),
        "columns": array(text()),
    }
)
_ALWAYS_FINITE = ("epoch", "loss", "learning_rate", "seconds")  # columns of the history


def write(path: Writable, parts: Parts, trainer: Trainer, history: History, library_version: str) -> None:
    """Write a checkpoint; documented in :meth:`compiled_nn.Network.save_checkpoint`.

    Parameters
    ----------
    path : str, path-like or binary file object
        Place to write to.
    parts : Parts
        Parts of the network.
    trainer : Trainer
        Trainer of the network.
    history : dict of lists
        History of the network.
    library_version : str
        Version of compiled_nn, to be stored in the file.

    Raises
    ------
    TypeError
        If a column of the history contains a value that is not a number.
    OSError
        If the file cannot be written; an existing file is then unchanged.
    """
    tensors, documents = make_content(parts, trainer, history, library_version)
    write_tensors(path, tensors, documents)


def make_content(
    parts: Parts, trainer: Trainer, history: History, library_version: str
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the tensors and the JSON documents of a checkpoint."""
    tensors, document = network_file.make_content(parts, library_version)
    state = trainer.state()
    optimizer, average = state["optimizer"], state["swa"] or Average()
    for j, moment in enumerate(optimizer["moments"]):
        tensors |= layer_tensors(moment, f"{TRAINING}moments.{j}.")
    tensors |= layer_tensors(average.mean, f"{TRAINING}mean.")
    live = copy_layers(trainer.trained_layers()) if "average" in state else average.live
    tensors |= layer_tensors(live or (), f"{TRAINING}live.")
    tensors |= {f"{TRAINING}history.{name}": as_tensor(name, column) for name, column in history.items()}
    progress = {
        "format_version": _VERSION,
        "optimizer": optimizer["name"],
        "hyperparameters": optimizer["hyperparameters"],
        "steps": optimizer["step"],
        "epochs": state["epochs"],
        "rate_scale": state["rate_scale"],
        "generator": generator_state(state["rng"]),
        "n_moments": len(optimizer["moments"]),
        "n_averaged": average.count,
        "lent": live is not None,
        "dropout_key": state["dropout_key"],
        "columns": list(history),
    }
    return tensors, {network_file.KEY: document, _KEY: progress}


def generator_state(rng: Any) -> Any:
    """Return the state of a generator; None if it is not stored, as the order of rows of an estimator."""
    generator = getattr(rng, "bit_generator", None)
    return None if generator is None else generator.state


def as_tensor(name: str, column: list[Any]) -> Array:
    """Return a column of a history as a tensor."""
    try:
        return np.array(column, np.float64).reshape(len(column))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"Column {name!r} of the history has a value that is not a number, which a checkpoint cannot store."
            " Remove the column, or make all its values numbers."
        ) from error


def parse(file: Any) -> tuple[Parts, dict[str, Any], History]:
    """Return the content of a checkpoint in a file opened by :func:`open_tensors`.

    Returns
    -------
    parts : Parts
        Parts of the network.
    state : dict
        State of training, as ``Trainer.restored`` expects it.
    history : dict of lists
        History of the network.

    Raises
    ------
    ValueError
        If it is not a valid checkpoint.
    """
    if not is_checkpoint(file):
        raise ValueError(
            "it is not a checkpoint, because it has no state of training. Read it with compiled_nn.load"
        )
    if network_file.ESTIMATOR in (file.metadata() or {}):
        raise ValueError(
            "it is the checkpoint of an estimator. Read it with the method load of the class of the estimator, or"
            " with compiled_nn.load as a trained network"
        )
    parts = network_file.parse_network(file)
    parts = parts.replace(layers=list(parts.layers))
    return parts, *parse_training(file, parts)


def is_checkpoint(file: Any) -> bool:
    """Return whether a file opened by :func:`open_tensors` has a state of training."""
    return _KEY in (file.metadata() or {})


def parse_training(file: Any, parts: Parts) -> tuple[dict[str, Any], History]:
    """Return the state of training and the history in an opened file, for the network with these parts."""
    progress = _progress(parse_json(file.metadata()[_KEY], file.n_bytes))
    _check_tensors(file, parts, progress)
    return _state(file, parts, progress), read_history(file, progress["columns"])


def _progress(document: Any) -> dict[str, Any]:
    version = document.get("format_version") if isinstance(document, dict) else None
    if type(version) is not int or version != _VERSION:
        raise ValueError(
            f"its state of training has format version {version!r}; this compiled_nn reads {_VERSION}"
        )
    fields: dict[str, Any] = _SCHEMA("training", document)
    columns = fields["columns"]
    if not set(new_history()).issubset(columns) or len(set(columns)) < len(columns):
        fail("training.columns", columns, f"different names, among them {', '.join(new_history())}")
    return fields


def _check_tensors(file: Any, parts: Parts, progress: dict[str, Any]) -> None:
    layers, n_features, dtype = (
        parts.configuration.layers,
        parts.inputs.n_inputs,
        parts.configuration.dtype,
    )
    expected: dict[str, tuple[str, list[int]]] = {}
    for j in range(progress["n_moments"]):
        expected |= expected_layers(layers, n_features, dtype, f"{TRAINING}moments.{j}.")
    if progress["n_averaged"]:
        expected |= expected_layers(layers, n_features, "float64", f"{TRAINING}mean.")
    if progress["lent"]:
        expected |= expected_layers(layers, n_features, dtype, f"{TRAINING}live.")
    names = [f"{TRAINING}history.{name}" for name in progress["columns"]]
    found = {name for name in file.keys() if name.startswith(TRAINING)}  # noqa: SIM118 - not a mapping
    found = {name for name in found if not name.startswith(ESTIMATOR_TENSORS)}
    length = file.get_slice(names[0]).get_shape() if names[0] in found else [0]
    expected |= dict.fromkeys(names, ("F64", length[:1]))
    check_tensors(file, found, expected)


def _state(file: Any, parts: Parts, progress: dict[str, Any]) -> dict[str, Any]:
    """Return the state of training, as ``Trainer.restored`` expects it."""
    configuration = parts.configuration

    def layers(name: str) -> list[LayerState]:
        states = layer_states(file, configuration.layers, f"{TRAINING}{name}.", running=False)
        for tensor, numbers in layer_tensors(states, f"{TRAINING}{name}.").items():
            if not np.isfinite(numbers).all():
                raise ValueError(f"{tensor} has a number that is not finite")
        return states

    live = layers("live") if progress["lent"] else None
    swa = Average(progress["n_averaged"], layers("mean"), live) if progress["n_averaged"] else None
    for name, states in (("live", live), ("mean", None if swa is None else swa.mean)):
        if states is not None:
            network_file.check_embeddings(configuration, states, f"{TRAINING}{name}.")
    state: dict[str, Any] = {
        "layers": list(parts.layers),
        "optimizer": {
            "name": progress["optimizer"],
            "hyperparameters": progress["hyperparameters"],
            "step": progress["steps"],
            "epoch": progress["epochs"],
            "moments": [layers(f"moments.{j}") for j in range(progress["n_moments"])],
        },
        "statistics": parts.statistics,
        "clipped": parts.inputs.n_clipped,
        "encoding": parts.inputs.encoding(parts.statistics),
        "dropout_key": progress["dropout_key"],
        "seed": configuration.seed,
        "rng": generator_of(progress["generator"]),
        "epochs": progress["epochs"],
        "rate_scale": progress["rate_scale"],
        "swa": swa,
    }
    if configuration.ema is not None and live is not None:  # the layers in `parts` have the averaged weights
        state["average"] = [_without_running(layer) for layer in parts.layers]
        state["layers"] = [
            _with_trained(layer, trained) for layer, trained in zip(parts.layers, live, strict=True)
        ]
    return state


def _without_running(layer: LayerState) -> LayerState:
    return layer | {"norm": {"gain": layer["norm"]["gain"]}} if "norm" in layer else layer


def _with_trained(layer: LayerState, trained: LayerState) -> LayerState:
    """Return the state of a layer with the running statistics of `layer` and everything else from `trained`."""
    return trained | {"norm": layer["norm"] | trained["norm"]} if "norm" in layer else trained


def generator_of(state: Any) -> Any:
    """Return the generator with a state; None if it is not stored."""
    if state is None:
        return None
    generator = new_generator(None)
    generator.bit_generator.state = state
    return generator


def read_history(file: Any, columns: list[str], prefix: str = TRAINING) -> History:
    """Return the columns of a history whose tensors have names that begin with `prefix`."""
    history: History = {}
    for name in columns:
        column = file.get_tensor(f"{prefix}history.{name}")
        if name in _ALWAYS_FINITE and not np.isfinite(column).all():
            raise ValueError(f"column {name!r} of the history has a value that is not finite")
        if name == "epoch":
            column = _epochs(column)
        history[name] = column.tolist()
    return history


def _epochs(column: Array) -> Array:
    """Return the numbers of epochs as integers."""
    in_range = (column >= 0) & (column <= LARGEST) & (column == np.floor(column))
    if not in_range.all() or (np.diff(column) <= 0).any():
        raise ValueError(
            "column 'epoch' of the history has values that are not the numbers of epochs in their order"
        )
    return column.astype(np.int64)
