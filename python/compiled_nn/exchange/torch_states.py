"""Reader of PyTorch's state dicts."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import arithmetic
from ..data.arrays import Array
from ..files.safetensors_file import open_tensors
from ..spec import activations
from .assembly import Assembly, PlainNetwork
from .torch_reader import numbers_of

if TYPE_CHECKING:
    from ..spec.configuration import DType

_GROUP = re.compile(r"(?:(.*)\.)?(weight|bias|running_mean|running_var|num_batches_tracked)", re.DOTALL)
_MODULE = "Pass the module itself, whose class states what it does."


def read_state(state: Mapping[str, Any], names: Sequence[str]) -> tuple[PlainNetwork, DType]:
    """Return the layers of a state dict, and their dtype.

    Parameters
    ----------
    state : mapping of str to array
        Tensors by name, in the order in which they are used.
    names : sequence of str
        Activations of the hidden layers, or of all layers.
    """
    assembly = Assembly()
    dtype: DType = "float32"
    groups, activations_ = _groups(state), list(names)
    pending: str | None = None
    for name, group in groups.items():
        assembly.where = f"{name!r} of the state dict"
        if any(str(each.dtype).endswith("float64") for each in group.values()):
            dtype = "float64"
        arrays = {key: _as_reals(each, f"{name}.{key}") for key, each in group.items()}
        if "running_mean" in arrays:
            assembly.batch_norm(
                arrays.get("weight"), arrays.get("bias"), arrays["running_mean"], arrays["running_var"], 1e-5
            )
            continue
        if np.ndim(arrays.get("weight", ())) != 2:
            raise ValueError(
                f"{assembly.where} has the tensors {sorted(group)} of shape {[np.shape(t) for t in group.values()]};"
                f" expected the weight (units, inputs) and the bias (units,) of a linear layer. {_MODULE}"
            )
        if pending is not None:
            _activate(assembly, pending)
        assembly.linear(arrays["weight"].T, arrays.get("bias"))
        pending = activations_.pop(0)
    if pending is not None:
        _activate(assembly, pending)
    return assembly.finish(), dtype


def _activate(assembly: Assembly, name: str) -> None:
    if name in ("softmax", "log_softmax"):
        assembly.end(name)  # type: ignore[arg-type]
    else:
        assembly.activation(name)


def _groups(state: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the tensors of each module by its name, in their order; ValueError for a name of another form."""
    groups: dict[str, dict[str, Any]] = {}
    for name, tensor in state.items():
        found = _GROUP.fullmatch(name) if isinstance(name, str) else None
        if found is None:
            raise ValueError(
                f"The state dict has the tensor {name!r}; expected names that end with weight or bias, or those of"
                f" batch normalisation. {_MODULE}"
            )
        if found[2] != "num_batches_tracked":
            groups.setdefault(found[1] or "", {})[found[2]] = tensor
    if not groups:
        raise ValueError("The state dict has no tensors.")
    for name, group in groups.items():
        if "running_mean" in group or "running_var" in group:
            _check_place(name, list(groups), group)
    return groups


def _check_place(name: str, names: list[str], group: dict[str, Any]) -> None:
    """Raise ValueError for batch normalisation that does not directly follow a linear layer."""
    place = names.index(name)
    before = names[place - 1].rpartition(".") if place else None
    own = name.rpartition(".")
    adjacent = (
        before is not None
        and before[0] == own[0]
        and before[2].isdecimal()
        and own[2].isdecimal()
        and int(own[2]) == int(before[2]) + 1
    )
    if not (adjacent and {"running_mean", "running_var"} <= group.keys()):
        raise ValueError(
            f"{name!r} of the state dict is batch normalisation, and its number does not follow that of a linear layer,"
            f" so that its place before or after the activation is not known. {_MODULE}"
        )


def check_activations(names: str | Sequence[str] | None, state: Mapping[str, Any]) -> list[str]:
    """Return the activation of each layer of a state dict."""
    n_layers = sum(np.ndim(group.get("weight", ())) == 2 for group in _groups(state).values())
    if names is None:
        raise TypeError(
            "A state dict does not contain the activations. Pass activations='relu', or a list with one for each hidden"
            " layer."
        )
    if isinstance(names, str):
        names = [names] * (n_layers - 1)
    if len(names) == n_layers - 1:
        names = [*names, "identity"]
    if len(names) != n_layers:
        raise ValueError(
            f"activations has {len(names)} names; the state dict has {n_layers} linear layers, {n_layers - 1} of them"
            " hidden."
        )
    return [name if name == "log_softmax" else activations.named("from_torch", name) for name in names]


def _as_reals(tensor: Any, name: str) -> Array:
    """Return a tensor or an array as real floats."""
    if hasattr(tensor, "detach"):
        return numbers_of(tensor)
    array = np.asarray(tensor)
    if array.dtype.kind != "f":
        raise ValueError(f"The tensor {name!r} has the dtype {array.dtype}; expected floats.")
    return array if array.dtype == np.float64 else array.astype(np.float32)


def evaluate_state(state: Mapping[str, Any], names: Sequence[str], X: Array) -> Array:
    """Return the outputs (m, n) of a state dict for rows X, computed in float64 without merging anything."""
    groups = _groups(state)
    rows, todo, pending = X.astype(np.float64), list(names), "identity"
    for name, group in groups.items():
        arrays = {key: _as_reals(each, f"{name}.{key}").astype(np.float64) for key, each in group.items()}
        if "running_mean" in arrays:
            rows = (rows - arrays["running_mean"]) / np.sqrt(arrays["running_var"] + 1e-5)
            rows = rows * arrays.get("weight", 1.0) + arrays.get("bias", 0.0)
            continue
        rows = arithmetic.matmul(_activated(pending, rows), np.ascontiguousarray(arrays["weight"].T))
        rows, pending = rows + arrays.get("bias", 0.0), todo.pop(0)
    return _activated(pending, rows)


def _activated(name: str, rows: Array) -> Array:
    if name == "log_softmax":
        return np.log(arithmetic.activate("softmax", rows))
    return arithmetic.activate(name, rows)


def load_state(path: Any) -> dict[str, Array]:
    """Return the tensors of a safetensors file in their natural order: "2.weight" before "10.weight".

    Raises
    ------
    ValueError
        If it is a file of another kind, such as one of torch.save, or the names do not give the order of the layers.
    """
    with open_tensors(path) as file:
        names = [name for name in file.keys() if not name.endswith("num_batches_tracked")]  # noqa: SIM118
        layers = sorted({name.rpartition(".")[0] for name in names})
        if len({re.sub(r"\d+", "0", layer) for layer in layers}) > 1:
            raise ValueError(
                f"{os.fspath(path)} does not contain the order in which {layers[0]!r} and the other layers are used,"
                " because their names do not differ by a number only. Pass a dict of its tensors in that order."
            )
        return {name: file.get_tensor(name) for name in sorted(names, key=_in_numbers)}


def _in_numbers(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts names by the numbers in them."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
