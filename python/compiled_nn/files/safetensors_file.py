"""Safetensors files: written in one step, opened with errors that name the file, with JSON documents as metadata.

The states of layers are tensors with the names of a sequence of fully connected layers in other libraries, such as
``layers.0.weight`` (units, inputs); :mod:`compiled_nn.files.network_file` lists them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.arrays import Array
from ..spec.layers import Dense
from . import content, header, places
from .documents import check_cost
from .replacing import TOGETHER

if TYPE_CHECKING:
    from ..training.weights import LayerState
    from .content import Content
    from .places import Readable, Writable
    from .replacing import Piece

TENSOR_DTYPES = {"float32": "F32", "float64": "F64"}
NORM_TENSORS = {"gain": "weight", "mean": "running_mean", "variance": "running_var"}
_TRAINED_TENSORS = ("weight", "bias", "norm.weight")  # tensors of a layer that optimizers change


# ---- writing


def write_tensors(path: Writable, tensors: dict[str, Array], documents: dict[str, Any]) -> None:
    """Write a safetensors file, with documents as JSON in its metadata.

    An existing file is replaced only after the new one is completely on the disk.

    Parameters
    ----------
    path : str, path-like or binary file object
        Place to write to.
    tensors : dict of str to ndarray
        Tensors by name.
    documents : dict of str to JSON values
        Metadata by key.

    Raises
    ------
    OSError
        If the file cannot be written; an existing file is then unchanged.
    ValueError
        If the documents are so large in comparison with the tensors that the file would be refused when it is read.
    """
    metadata = {
        key: json.dumps(text, separators=(",", ":"), allow_nan=False) for key, text in documents.items()
    }
    n_bytes = sum(array.nbytes for array in tensors.values()) + sum(map(len, metadata.values()))
    try:
        for text in metadata.values():
            check_cost(text, n_bytes)
    except ValueError as error:
        raise ValueError(f"The file would be refused by load: {error}.") from None
    places.write(path, _pieces(tensors, metadata))


def _pieces(tensors: dict[str, Array], metadata: dict[str, str]) -> Iterator[Piece]:
    """Yield the bytes of a file. At most `TOGETHER` of them are copies of numbers at any time."""
    beginning, names = header.make(tensors, metadata)
    yield beginning
    for name in names:
        yield from numbers(tensors[name])


def numbers(array: Array) -> Iterator[Piece]:
    """Yield the bytes of an array in C order; parts that are stored otherwise are copied in blocks of rows."""
    rows = array.reshape(1) if array.ndim == 0 else array
    together = max(1, TOGETHER * len(rows) // max(1, rows.nbytes))
    for start in range(0, len(rows), together):
        part = rows[start : start + together]
        block = np.ascontiguousarray(part, part.dtype.newbyteorder("<"))
        yield block.reshape(-1).view(np.uint8).data


def layer_tensors(layers: Iterable[LayerState], prefix: str = "") -> dict[str, Array]:
    """Return the states of layers as tensors, by name; `prefix` is the start of the names."""
    tensors = {}
    for i, layer in enumerate(layers):
        for name, value in layer.items():
            arrays = (
                {NORM_TENSORS[key]: each for key, each in value.items()} if name == "norm" else {name: value}
            )
            for key, array in arrays.items():
                tensor = f"norm.{key}" if name == "norm" else key
                tensors[f"{prefix}layers.{i}.{tensor}"] = array.T
    return tensors


# ---- reading


@contextmanager
def name_file_in_errors(path: Readable) -> Iterator[None]:
    """Turn errors about the content of a file into a ValueError that names the file."""
    try:
        yield
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{places.name(path)} is not a readable network: {error}") from error


@contextmanager
def open_tensors(path: Readable, *, mmap: bool = False) -> Iterator[Content]:
    """Open a safetensors file for reading; with `mmap`, a file at a path is mapped into memory.

    Raises
    ------
    TypeError
        If `path` is neither a path, nor bytes, nor a binary file object.
    OSError
        If the file cannot be opened.
    ValueError
        If there is an error in its content, also in the body of the ``with`` statement.
    """
    with content.opened(path, mmap=mmap) as parse, name_file_in_errors(path):
        yield parse()


def expected_layers(
    layers: Sequence[Dense], n_inputs: int, dtype: str, prefix: str = ""
) -> dict[str, tuple[str, list[int]]]:
    """Return the dtypes and shapes of the tensors of :func:`layer_tensors` by name, without running statistics."""
    expected = {}
    for i, layer in enumerate(layers):
        shapes = [layer.units, n_inputs], [layer.units], [layer.units]
        exists = (True, layer.bias, layer.norm is not None)
        for name, shape, has_tensor in zip(_TRAINED_TENSORS, shapes, exists, strict=True):
            if has_tensor:
                expected[f"{prefix}layers.{i}.{name}"] = TENSOR_DTYPES[dtype], shape
        n_inputs = layer.units
    return expected


def expected_states(
    layers: Sequence[Dense], n_inputs: int, dtype: str, prefix: str = ""
) -> dict[str, tuple[str, list[int]]]:
    """Return the dtypes and shapes of the tensors of :func:`layer_tensors` by name, with running statistics."""
    expected = expected_layers(layers, n_inputs, dtype, prefix)
    for i, layer in enumerate(layers):
        names = [f"{prefix}layers.{i}.norm.{NORM_TENSORS[name]}" for name in norm_names(layer)]
        expected |= dict.fromkeys(names, (TENSOR_DTYPES[dtype], [layer.units]))
    return expected


def check_tensors(file: Content, found: set[str], expected: dict[str, tuple[str, list[int]]]) -> None:
    """Check names, shapes and dtypes of tensors without reading them.

    Parameters
    ----------
    file : Content
        Opened file.
    found : set of str
        Names of the tensors to check.
    expected : dict of str to (str, list of int)
        Dtype and shape of each tensor that the file must have.

    Raises
    ------
    ValueError
        If a tensor is missing or unknown, or has another dtype or shape.
    """
    if found != expected.keys():
        missing, extra = expected.keys() - found, found - expected.keys()
        raise ValueError(
            f"it lacks the tensor {min(missing)}" if missing else f"it has the unknown tensor {min(extra)}"
        )
    for name, (dtype, shape) in expected.items():
        tensor = file.get_slice(name)
        if list(tensor.get_shape()) != shape or tensor.get_dtype() != dtype:
            raise ValueError(
                f"{name} is {tensor.get_dtype()} {tensor.get_shape()}; expected {dtype} {shape} from the configuration"
            )


def layer_states(
    file: Content, layers: Sequence[Dense], prefix: str = "", *, running: bool = True
) -> list[LayerState]:
    """Read the states of layers; `running` is whether to read their running statistics too."""
    return [
        layer_state(file, layer, f"{prefix}layers.{i}", running=running) for i, layer in enumerate(layers)
    ]


def layer_state(
    file: Content, layer: Dense, path: str, *, running: bool = True, copy: bool = True
) -> LayerState:
    """Read the state of the layer whose tensors have names that begin with `path`; `copy` as for ``get_tensor``."""
    state: LayerState = {"weight": file.get_tensor(f"{path}.weight", copy=copy).T}
    if layer.bias:
        state["bias"] = file.get_tensor(f"{path}.bias", copy=copy)
    names = norm_names(layer) if running else norm_names(layer)[:1]
    if names:
        state["norm"] = {
            name: file.get_tensor(f"{path}.norm.{NORM_TENSORS[name]}", copy=copy) for name in names
        }
    return state


def norm_names(layer: Dense) -> tuple[str, ...]:
    """Return the keys of the "norm" part of the state of a layer; none for a layer that is not normalised."""
    return () if layer.norm is None else tuple(NORM_TENSORS) if layer.norm == "batch" else ("gain",)
