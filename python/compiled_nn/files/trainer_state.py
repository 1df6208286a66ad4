"""State of the trainer of one network in a checkpoint: fields of the document, moments, and the history.

Checkpoints of networks and of ensembles share it; `prefix` is the start of the names of the tensors of a network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core.hyperparameters import MOMENTS, OPTIMIZERS

from ..data.arrays import Array
from ..training.history import new_history
from ..training.trainer import new_generator
from .network_file import ESTIMATOR_TENSORS, RUN_TENSORS, TRAINING
from .safetensors_file import layer_states, layer_tensors
from .schemas import LARGEST, choice, fail, integer, mapping, optional, real, record

if TYPE_CHECKING:
    from ..artefact.inputs import Inputs
    from ..common.protocols import History
    from ..preprocessing.standardization import Statistics
    from ..spec.configuration import Configuration
    from ..spec.layers import Dense
    from ..training.weights import LayerState

GENERATOR = record(
    {
        "bit_generator": choice(("PCG64",)),
        "state": record({"state": integer(0, 2**128 - 1), "inc": integer(0, 2**128 - 1)}),
        "has_uint32": integer(0, 1),
        "uinteger": integer(0, 2**32 - 1),
    }
)
# Fields of the document that `fields_of` returns.
FIELDS = {
    "optimizer": optional(choice(OPTIMIZERS)),
    "hyperparameters": mapping(real()),
    "steps": integer(),
    "epochs": integer(),
    "rate_scale": real(minimum=0),
    "generator": optional(GENERATOR),
    "n_moments": integer(0, max(MOMENTS.values())),
}
_ALWAYS_FINITE = ("epoch", "loss", "learning_rate", "seconds")  # columns of the history


# ---- writing


def fields_of(state: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the document for a state that ``Trainer.state`` returned."""
    optimizer = state["optimizer"]
    return {
        "optimizer": optimizer["name"],
        "hyperparameters": optimizer["hyperparameters"],
        "steps": optimizer["step"],
        "epochs": state["epochs"],
        "rate_scale": state["rate_scale"],
        "generator": generator_state(state["rng"]),
        "n_moments": len(optimizer["moments"]),
    }


def moment_tensors(state: dict[str, Any], prefix: str) -> dict[str, Array]:
    """Return the tensors of the moments of the optimizer."""
    tensors: dict[str, Array] = {}
    for j, moment in enumerate(state["optimizer"]["moments"]):
        tensors |= layer_tensors(moment, f"{prefix}moments.{j}.")
    return tensors


def history_tensors(history: History, prefix: str) -> dict[str, Array]:
    """Return the tensors of the columns of a history."""
    return {f"{prefix}history.{name}": _as_tensor(name, column) for name, column in history.items()}


def generator_state(rng: Any) -> Any:
    """Return the state of a generator; None if it is not stored, as the order of rows of an estimator."""
    generator = getattr(rng, "bit_generator", None)
    return None if generator is None else generator.state


def _as_tensor(name: str, column: list[Any]) -> Array:
    try:
        return np.array(column, np.float64).reshape(len(column))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"Column {name!r} of the history has a value that is not a number, which a checkpoint cannot store."
            " Remove the column, or make all its values numbers."
        ) from error


# ---- reading


def check_version(document: Any, version: int) -> None:
    """Raise ValueError if the document of a state of training does not have this format version."""
    found = document.get("format_version") if isinstance(document, dict) else None
    if type(found) is not int or found != version:
        raise ValueError(
            f"its state of training has format version {found!r}; this compiled_nn reads {version}"
        )


def check_columns(columns: list[str]) -> None:
    """Raise ValueError if a history cannot have columns of these names."""
    if not set(new_history()).issubset(columns) or len(set(columns)) < len(columns):
        fail("training.columns", columns, f"different names, among them {', '.join(new_history())}")


def tensor_names(file: Any) -> set[str]:
    """Return the names of the tensors of the state of training in an opened file."""
    found = {name for name in file.keys() if name.startswith(TRAINING)}  # noqa: SIM118 - not a mapping
    return {name for name in found if not name.startswith((ESTIMATOR_TENSORS, RUN_TENSORS))}


def run_tensor_names(file: Any) -> set[str]:
    """Return the names of the tensors of a call of fit that is continued, in an opened file."""
    return {name for name in file.keys() if name.startswith(RUN_TENSORS)}  # noqa: SIM118 - not a mapping


def expected_history(
    file: Any, found: set[str], columns: list[str], prefix: str
) -> dict[str, tuple[str, list[int]]]:
    """Return dtypes and shapes of the tensors of a history by name: all have the length of the first one."""
    names = [f"{prefix}history.{name}" for name in columns]
    length = file.get_slice(names[0]).get_shape()[:1] if names[0] in found else [0]
    return dict.fromkeys(names, ("F64", length))


def finite_layers(file: Any, layers: Sequence[Dense], prefix: str) -> list[LayerState]:
    """Return states of layers without running statistics, whose numbers must be finite."""
    states = layer_states(file, layers, prefix, running=False)
    for tensor, numbers in layer_tensors(states, prefix).items():
        if not np.isfinite(numbers).all():
            raise ValueError(f"{tensor} has a number that is not finite")
    return states


def state_of(
    file: Any,
    prefix: str,
    fields: dict[str, Any],
    configuration: Configuration,
    layers: list[LayerState],
    inputs: Inputs,
    statistics: Statistics | None,
) -> dict[str, Any]:
    """Return the state for ``Trainer.restored``, without averages of weights.

    Parameters
    ----------
    file : Content
        Opened file, whose tensors have been checked.
    prefix : str
        Start of the names of the tensors.
    fields : dict
        Fields of the document, with "dropout_key".
    configuration, inputs, statistics
        Parts of the network.
    layers : list of dict
        States of its layers in training.
    """
    moments = [
        finite_layers(file, configuration.layers, f"{prefix}moments.{j}.") for j in range(fields["n_moments"])
    ]
    return {
        "layers": layers,
        "optimizer": {
            "name": fields["optimizer"],
            "hyperparameters": fields["hyperparameters"],
            "step": fields["steps"],
            "epoch": fields["epochs"],
            "moments": moments,
        },
        "statistics": statistics,
        "clipped": inputs.n_clipped,
        "encoding": inputs.encoding(statistics),
        "dropout_key": fields["dropout_key"],
        "seed": configuration.seed,
        "rng": generator_of(fields["generator"]),
        "epochs": fields["epochs"],
        "rate_scale": fields["rate_scale"],
        "swa": None,
    }


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
