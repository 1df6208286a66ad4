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

from ..artefact.parts import Parts
from ..data.arrays import Array
from ..training.averaging import Average
from ..training.trainer import Trainer
from ..training.weights import LayerState, copy_layers
from . import network_file, recorded, trainer_state
from .documents import parse_json
from .network_file import TRAINING
from .safetensors_file import (
    check_tensors,
    expected_layers,
    layer_tensors,
)
from .schemas import array, flag, integer, record, text

if TYPE_CHECKING:
    from ..common.protocols import History
    from .network_file import Description

_KEY = "compiled_nn_training"
_VERSION = 1
_SCHEMA = record(
    {
        "format_version": integer(_VERSION, _VERSION),
        **trainer_state.FIELDS,
        "n_averaged": integer(),
        "lent": flag,
        "dropout_key": integer(0, 2**64 - 1),
        "columns": array(text()),
    }
)


def make_content(
    parts: Parts, trainer: Trainer, history: History, library_version: str
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the tensors and the JSON documents of a checkpoint.

    Parameters
    ----------
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
    """
    tensors, document = network_file.make_content(parts, library_version)
    state = trainer.state()
    average = state["swa"] or Average()
    tensors |= trainer_state.moment_tensors(state, TRAINING)
    tensors |= layer_tensors(average.mean, f"{TRAINING}mean.")
    live = copy_layers(trainer.trained_layers()) if "average" in state else average.live
    tensors |= layer_tensors(live or (), f"{TRAINING}live.")
    tensors |= trainer_state.history_tensors(history, TRAINING)
    progress = {
        "format_version": _VERSION,
        **trainer_state.fields_of(state),
        "n_averaged": average.count,
        "lent": live is not None,
        "dropout_key": state["dropout_key"],
        "columns": list(history),
    }
    card = recorded.documents(document, tensors, parts)
    return tensors, {network_file.KEY: document, _KEY: progress, **card}


def parse(file: Any) -> tuple[Description, Parts, dict[str, Any], History]:
    """Return the content of a checkpoint in a file opened by :func:`open_tensors`.

    Returns
    -------
    described : Description
        Description of the network.
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
    described = network_file.describe(file)
    parts = network_file.parts_of_network(file, described)
    parts = parts.replace(layers=list(parts.layers))
    return described, parts, *parse_training(file, parts)


def is_checkpoint(file: Any) -> bool:
    """Return whether a file opened by :func:`open_tensors` has a state of training."""
    return _KEY in (file.metadata() or {})


def parse_training(file: Any, parts: Parts) -> tuple[dict[str, Any], History]:
    """Return the state of training and the history in an opened file, for the network with these parts."""
    if parts.ranges:
        raise ValueError("it has a state of training, but a quantised network is not trained")
    fields = progress(file)
    _check_tensors(file, parts, fields)
    return _state(file, parts, fields), trainer_state.read_history(file, fields["columns"])


def progress(file: Any) -> dict[str, Any]:
    """Return the numbers of the training in an opened checkpoint, without its tensors."""
    document = parse_json(file.metadata()[_KEY], file.n_bytes)
    trainer_state.check_version(document, _VERSION)
    fields: dict[str, Any] = _SCHEMA("training", document)
    trainer_state.check_columns(fields["columns"])
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
    found = trainer_state.tensor_names(file)
    expected |= trainer_state.expected_history(file, found, progress["columns"], TRAINING)
    check_tensors(file, found, expected)


def _state(file: Any, parts: Parts, progress: dict[str, Any]) -> dict[str, Any]:
    """Return the state of training, as ``Trainer.restored`` expects it."""
    configuration = parts.configuration

    def layers(name: str) -> list[LayerState]:
        return trainer_state.finite_layers(file, configuration.layers, f"{TRAINING}{name}.")

    live = layers("live") if progress["lent"] else None
    swa = Average(progress["n_averaged"], layers("mean"), live) if progress["n_averaged"] else None
    for name, states in (("live", live), ("mean", None if swa is None else swa.mean)):
        if states is not None:
            network_file.check_embeddings(configuration, states, f"{TRAINING}{name}.")
    state = trainer_state.state_of(
        file, TRAINING, progress, configuration, list(parts.layers), parts.inputs, parts.statistics
    )
    state["swa"] = swa
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
