"""Checkpoint files of ensembles: the file of an ensemble, with the state of training of its networks.

The file has the form that :mod:`compiled_nn.files.ensemble_file` describes, with the weights of the best epochs, so
that ``load`` can read it. The names of the additional tensors begin with ``training.``, with i for the i-th network of
``kept``:

    training.members.i.layers.J.weight, ...               weights of the last step, in the dtype of the network
    training.members.i.average.layers.J.weight, ...       average of the weights, with ema
    training.members.i.moments.K.layers.J.weight, ...     moments of the optimizer
    training.members.i.history.NAME                       columns of its history, float64
    training.history.NAME                                 columns of the history of the ensemble, float64
    training.masks                                        validation rows, (networks, ceil(m / 8)) of uint8, 8 rows each

The metadata have a second key, ``compiled_nn_ensemble_training``, with the numbers of the training.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..data.arrays import Array
from . import ensemble_file, members, network_file, recorded, trainer_state
from .documents import parse_json
from .network_file import TRAINING
from .safetensors_file import (
    check_tensors,
    expected_layers,
    expected_states,
    layer_tensors,
)
from .schemas import array, fail, flag, integer, optional, real, record, text
from .stored_layers import StoredLayers

if TYPE_CHECKING:
    from ..artefact.ensemble_parts import EnsembleParts
    from ..artefact.inputs import Inputs
    from ..common.protocols import History
    from ..preprocessing.standardization import Statistics
    from ..spec.configuration import Configuration
    from ..training.together import Together
    from .network_file import Description

_KEY = "compiled_nn_ensemble_training"
_VERSION = 1
_MASKS = f"{TRAINING}masks"
_MEMBER = record(
    {
        **trainer_state.FIELDS,
        "averages": flag,
        "dropout_key": integer(0, 2**64 - 1),
        "value": optional(real()),
        "epoch": integer(),
        "best_epoch": integer(),
        "columns": array(text()),
    }
)
_SCHEMA = record(
    {
        "format_version": integer(_VERSION, _VERSION),
        "epoch": integer(),
        "generator": trainer_state.GENERATOR,
        "n_rows": optional(integer(1)),
        "members": array(_MEMBER, 1),
        "columns": array(text()),
    }
)


class MemberTraining(NamedTuple):
    """State of training of a network; the attributes are those of ``Member``, and `trainer` is ``Trainer.state``."""

    trainer: dict[str, Any]
    value: float
    epoch: int
    best_epoch: int
    history: History


class Training(NamedTuple):
    """State of training of an ensemble.

    Attributes
    ----------
    members : tuple of MemberTraining
        State of each network that predicts.
    epoch : int
        Number of epochs that were trained.
    rng : numpy.random.Generator
        Generator of the order of the rows.
    masks : ndarray of bool (n_networks, m), or None
        Validation rows.
    history : dict of lists
        History of the ensemble.
    """

    members: tuple[MemberTraining, ...]
    epoch: int
    rng: Any
    masks: Array | None
    history: History


def make_content(
    parts: EnsembleParts,
    together: Together,
    masks: Array | None,
    history: History,
    library_version: str,
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the tensors and the documents of a checkpoint; see :meth:`compiled_nn.Ensemble.save_checkpoint`."""
    tensors, document = ensemble_file.make_content(parts, library_version)
    states = []
    alive = [member for member in together.members if member.dropped is None]
    for i, member in enumerate(alive):
        prefix, state = _prefix(i), member.trainer.state()
        tensors |= layer_tensors(state["layers"], prefix)
        tensors |= layer_tensors(state.get("average", ()), f"{prefix}average.")
        tensors |= trainer_state.moment_tensors(state, prefix)
        tensors |= trainer_state.history_tensors(member.history, prefix)
        states.append(
            {
                **trainer_state.fields_of(state),
                "averages": "average" in state,
                "dropout_key": state["dropout_key"],
                "value": member.value if math.isfinite(member.value) else None,
                "epoch": member.epoch,
                "best_epoch": member.best_epoch,
                "columns": list(member.history),
            }
        )
    tensors |= trainer_state.history_tensors(history, TRAINING)
    if masks is not None:
        tensors[_MASKS] = np.packbits(masks, axis=1)
    progress = {
        "format_version": _VERSION,
        "epoch": together.epoch,
        "generator": trainer_state.generator_state(together.rng),
        "n_rows": None if masks is None else masks.shape[1],
        "members": states,
        "columns": list(history),
    }
    card = recorded.documents(document, tensors, parts)
    return tensors, {network_file.KEY: document, _KEY: progress, **card}


def _prefix(i: int) -> str:
    return f"{TRAINING}{members.prefix_of(i)}"


def is_checkpoint(file: Any) -> bool:
    """Return whether a file opened by :func:`open_tensors` has the state of training of an ensemble."""
    return _KEY in (file.metadata() or {})


def parse(file: Any, described: Description) -> Training:
    """Return the state of training in an opened file.

    Raises
    ------
    ValueError
        If it is not valid, or does not match the ensemble.
    """
    fields = progress(file, described)
    _check_tensors(file, described, fields)
    states, statistics = [], network_file.statistics_of(file)
    assert described.members is not None
    for i, (each, of_member) in enumerate(zip(described.members.kept, fields["members"], strict=True)):
        c = described.members.networks[each["place"]]
        states.append(_member(file, _prefix(i), c, described.inputs, statistics, of_member))
    masks = None
    if fields["n_rows"] is not None:
        masks = np.unpackbits(file.get_tensor(_MASKS), axis=1, count=fields["n_rows"]).astype(np.bool_)
    return Training(
        tuple(states),
        fields["epoch"],
        trainer_state.generator_of(fields["generator"]),
        masks,
        trainer_state.read_history(file, fields["columns"]),
    )


def progress(file: Any, described: Description) -> dict[str, Any]:
    """Return the numbers of the training in an opened checkpoint, without its tensors."""
    document = parse_json(file.metadata()[_KEY], file.n_bytes)
    trainer_state.check_version(document, _VERSION)
    fields: dict[str, Any] = _SCHEMA("training", document)
    of_members = described.members
    assert of_members is not None
    n_kept = len(of_members.kept)
    if len(fields["members"]) != n_kept:
        fail("the number of training.members", len(fields["members"]), f"{n_kept}, as in members.kept")
    for each, state in zip(of_members.kept, fields["members"], strict=True):
        if state["averages"] != (of_members.networks[each["place"]].ema is not None):
            fail("training.members.averages", state["averages"], "whether the network has ema")
    for columns in (fields["columns"], *(member["columns"] for member in fields["members"])):
        trainer_state.check_columns(columns)
    return fields


def _check_tensors(file: Any, described: Description, progress: dict[str, Any]) -> None:
    """Check names, shapes and dtypes of the tensors of training before any of them is read."""
    found = trainer_state.tensor_names(file)
    expected: dict[str, tuple[str, list[int]]] = {}
    of_members, n_inputs = described.members, described.inputs.n_inputs
    assert of_members is not None
    for i, (each, state) in enumerate(zip(of_members.kept, progress["members"], strict=True)):
        c, prefix = of_members.networks[each["place"]], _prefix(i)
        expected |= expected_states(c.layers, n_inputs, c.dtype, prefix)
        if state["averages"]:
            expected |= expected_layers(c.layers, n_inputs, c.dtype, f"{prefix}average.")
        for j in range(state["n_moments"]):
            expected |= expected_layers(c.layers, n_inputs, c.dtype, f"{prefix}moments.{j}.")
        expected |= trainer_state.expected_history(file, found, state["columns"], prefix)
    expected |= trainer_state.expected_history(file, found, progress["columns"], TRAINING)
    if progress["n_rows"] is not None:
        expected[_MASKS] = "U8", [len(of_members.networks), -(-progress["n_rows"] // 8)]
    check_tensors(file, found, expected)


def _member(
    file: Any,
    prefix: str,
    c: Configuration,
    inputs: Inputs,
    statistics: Statistics | None,
    state: dict[str, Any],
) -> MemberTraining:
    live = list(StoredLayers(file, c.layers, prefix))
    network_file.check_embeddings(c, live, prefix)
    trainer = trainer_state.state_of(file, prefix, state, c, live, inputs, statistics)
    if state["averages"]:
        trainer["average"] = trainer_state.finite_layers(file, c.layers, f"{prefix}average.")
        network_file.check_embeddings(c, trainer["average"], f"{prefix}average.")
    value = math.inf if state["value"] is None else state["value"]
    history = trainer_state.read_history(file, state["columns"], prefix)
    return MemberTraining(trainer, value, state["epoch"], state["best_epoch"], history)
