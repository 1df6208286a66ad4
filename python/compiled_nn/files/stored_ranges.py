"""Ranges of the inputs of layers in the file of a quantised model: the object ``quantization``, and tensors.

    quantization             {"precision": "int8"}; absent for a model that is not quantised
    quantization.inputs      (2, n_inputs): smallest and largest number of each input of the first layer that predicts
    quantization.layers      (2, n_layers - 1): the same for all inputs together of each later layer; absent if there
                             are none

The tensors are float32. Those of an ensemble have the names with the start of the tensors of each network. An embedding
layer is part of the layer after it, so that it is not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..artefact.narrowing import Ranges
from .schemas import choice, record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..data.arrays import Array
    from ..spec.configuration import Configuration
    from .content import Content

NAME = "quantization"
_INPUTS, _LAYERS = f"{NAME}.inputs", f"{NAME}.layers"
_SCHEMA = record({"precision": choice(("int8",))})


def to_config(is_quantized: bool) -> dict[str, str]:
    """Return the object ``quantization``; empty for a model that is not quantised."""
    return {"precision": "int8"} if is_quantized else {}


def read_config(document: Mapping[str, Any], configuration: Configuration) -> bool:
    """Return whether the document of a file is that of a quantised model.

    Raises
    ------
    ValueError
        If the object is not valid, or a network with these parameters cannot be quantised.
    """
    if NAME not in document:
        return False
    _SCHEMA(NAME, document[NAME])
    if configuration.dtype != "float32":
        raise ValueError(f"{NAME} is given, but the dtype of the network is {configuration.dtype}")
    return True


def tensors(ranges: Ranges, prefix: str = "") -> dict[str, Array]:
    """Return the tensors of the ranges of one network."""
    low, high = ranges
    found = {f"{prefix}{_INPUTS}": np.stack([low[0], high[0]])}
    if len(low) > 1:
        found[f"{prefix}{_LAYERS}"] = np.stack([np.concatenate(low[1:]), np.concatenate(high[1:])])
    return found


def expected(
    configuration: Configuration, n_inputs: int, prefix: str = ""
) -> dict[str, tuple[str, list[int]]]:
    """Return dtypes and shapes of the tensors of a network, by name."""
    n_layers = len(configuration.layers) - configuration.layers[0].is_merged
    found = {f"{prefix}{_INPUTS}": ("F32", [2, n_inputs])}
    if n_layers > 1:
        found[f"{prefix}{_LAYERS}"] = ("F32", [2, n_layers - 1])
    return found


def read(file: Content, prefix: str = "") -> Ranges:
    """Return the ranges of a network, whose tensors have the expected names and shapes.

    Raises
    ------
    ValueError
        If a number is not finite, or a range ends before it begins.
    """
    names: Sequence[str] = [f"{prefix}{_INPUTS}", f"{prefix}{_LAYERS}"]
    found = {name: file.get_tensor(name) for name in names if name in file.keys()}  # noqa: SIM118 - not a mapping
    for name, (low, high) in found.items():
        if not (np.isfinite(low).all() and np.isfinite(high).all() and (low <= high).all()):
            raise ValueError(f"{name} has a range that is not finite, or ends before it begins")
    low, high = found[names[0]]
    later = found.get(names[1], np.empty((2, 0), np.float32))
    return Ranges((low, *later[0].reshape(-1, 1)), (high, *later[1].reshape(-1, 1)))
