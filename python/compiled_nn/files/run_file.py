"""Record of a call of fit in a checkpoint, from which the same call continues; see ``Checkpoint(resume=True)``.

The file is that of :mod:`compiled_nn.files.checkpoint_file`, or the checkpoint of an estimator. The names of the
additional tensors begin with ``training.run.``:

    training.run.best.K.layers.I.weight, ...             weights of the best epoch of the K-th callback that keeps some
    training.run.best.K.average.layers.I.weight, ...     average of the weights in that epoch, with ema
    training.run.order                                   order of the rows in the last epoch of an estimator, row
                                                         numbers of uint32 as (4 m,) of uint8

The metadata have the key ``compiled_nn_run``: the description of the call, which must be the same in the call that
continues; the stop reason, null if the run has not ended; which callbacks have weights of a best epoch; and of an
estimator the generator of the row order, and the seed that was drawn for ``random_state=None``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..data.arrays import Array
from . import trainer_state
from .documents import parse_json
from .network_file import RUN_TENSORS
from .safetensors_file import check_tensors, expected_layers, expected_states, layer_states, layer_tensors
from .schemas import array, choice, integer, optional, real, record, text

if TYPE_CHECKING:
    from ..artefact.parts import Parts
    from ..spec.layers import Dense

KEY = "compiled_nn_run"
_VERSION = 1
_ORDER = f"{RUN_TENSORS}order"
_BEST = f"{RUN_TENSORS}best."
_WORDS = 624  # of the state of a Mersenne Twister
_GENERATOR = record(
    {
        "bit_generator": choice(("MT19937",)),
        "state": record(
            {"key": array(integer(0, 2**32 - 1), _WORDS, _WORDS), "pos": integer(0, _WORDS)},
        ),
        "has_gauss": integer(0, 1),
        "gauss": real(),
    }
)


def _any_object(path: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{path} must be an object")
    return value


_SCHEMA = record(
    {
        "format_version": integer(_VERSION, _VERSION),
        "description": _any_object,
        "stop_reason": optional(text()),
        "best": array(optional(choice(("layers", "average")))),
        "generator": optional(_GENERATOR),
        "n_rows": optional(integer(1, 2**32)),
        "seed": optional(integer(0, 2**32 - 1)),
        "source": _any_object,
    }
)


class RunState(NamedTuple):
    """State of a call of fit beside that of its network.

    Attributes
    ----------
    description : dict
        Description of the call as JSON: two calls with the same description give the same result.
    stop_reason : str or None
        Reason why training ended; None if it has not.
    best : list of dict or None
        Snapshot of the best epoch of each callback that keeps one.
    generator : dict or None
        State of the RandomState of the row order of an estimator.
    order : ndarray (m,) or None
        Latest order of the rows of an estimator.
    seed : int or None
        Seed that was drawn for the call.
    source : dict
        State of the source of epochs as JSON.
    """

    description: dict[str, Any]
    stop_reason: str | None
    best: list[dict[str, Any] | None]
    generator: dict[str, Any] | None
    order: Array | None
    seed: int | None
    source: dict[str, Any]


def make_content(state: RunState) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the additional tensors and metadata of a checkpoint."""
    tensors: dict[str, Array] = {}
    for k, best in enumerate(state.best):
        if best is not None:
            tensors |= layer_tensors(best["layers"], f"{_BEST}{k}.")
            tensors |= layer_tensors(best.get("average", ()), f"{_BEST}{k}.average.")
    if state.order is not None:
        tensors[_ORDER] = state.order.astype("<u4").view(np.uint8)
    generator = state.generator
    if generator is not None:
        words = generator["state"]
        generator = generator | {"state": {"key": words["key"].tolist(), "pos": int(words["pos"])}}
    document = {
        "format_version": _VERSION,
        "description": state.description,
        "stop_reason": state.stop_reason,
        "best": [best and ("average" if "average" in best else "layers") for best in state.best],
        "generator": generator,
        "n_rows": None if state.order is None else len(state.order),
        "seed": state.seed,
        "source": state.source,
    }
    return tensors, {KEY: document}


def seed(file: Any) -> int | None:
    """Return the seed that was drawn for the call of fit in an opened file, None if there is none."""
    found: int | None = None if KEY not in (file.metadata() or {}) else _document(file)["seed"]
    return found


def parse(file: Any, parts: Parts | None) -> RunState:
    """Return the state of the call of fit in an opened checkpoint with these parts; None for those of an ensemble.

    Raises
    ------
    ValueError
        If there is none, or it is not valid.
    """
    if KEY not in (file.metadata() or {}):
        raise ValueError(
            "it has no record of a call of fit, because it was not written with resume=True. Pass another path, or"
            " continue with load_checkpoint and warm_start=True"
        )
    fields = _document(file)
    layers: tuple[Dense, ...] = ()
    n_inputs, dtype, kinds = 0, "float64", []
    if parts is not None:
        c, kinds = parts.configuration, fields["best"]
        layers, n_inputs, dtype = c.layers, parts.inputs.n_inputs, c.dtype
    expected: dict[str, tuple[str, list[int]]] = {}
    for k, kind in enumerate(kinds):
        if kind is not None:
            expected |= expected_states(layers, n_inputs, dtype, f"{_BEST}{k}.")
        if kind == "average":
            expected |= expected_layers(layers, n_inputs, dtype, f"{_BEST}{k}.average.")
    if fields["n_rows"] is not None:
        expected[_ORDER] = "U8", [4 * fields["n_rows"]]
    check_tensors(file, trainer_state.run_tensor_names(file), expected)
    best: list[dict[str, Any] | None] = []
    for k, kind in enumerate(kinds):
        snapshot = kind and {"layers": layer_states(file, layers, f"{_BEST}{k}.")}
        if kind == "average":
            snapshot["average"] = layer_states(file, layers, f"{_BEST}{k}.average.", running=False)
        best.append(snapshot)
    return RunState(
        fields["description"],
        fields["stop_reason"],
        best,
        _generator(fields["generator"]),
        None if fields["n_rows"] is None else _order(file),
        fields["seed"],
        fields["source"],
    )


def _document(file: Any) -> dict[str, Any]:
    document = parse_json(file.metadata()[KEY], file.n_bytes)
    trainer_state.check_version(document, _VERSION)
    fields: dict[str, Any] = _SCHEMA("run", document)
    return fields


def _generator(state: Any) -> dict[str, Any] | None:
    if state is None:
        return None
    words = {"key": np.array(state["state"]["key"], np.uint32), "pos": state["state"]["pos"]}
    return {**state, "state": words}


def _order(file: Any) -> Array:
    order: Array = file.get_tensor(_ORDER).view("<u4").astype(np.int64)
    if (np.sort(order) != np.arange(len(order))).any():
        raise ValueError(f"{_ORDER} does not have each row number once")
    return order
