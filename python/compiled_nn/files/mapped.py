"""Optional tensors of file format 4 from which processes that map the file predict, so that they share its memory.

    mapped.i.weights      parameters of the i-th network as the core lays them out in memory: rows padded with zeros
    mapped.i.predictor    the same of the layers that predict, with the linear operations around them folded in; absent
                          if nothing is folded

The object ``mapped`` of the document has the SHA-256 of each of them by name. They begin at multiples of 64 bytes and
repeat what the other tensors say: a network uses them only if all of their bits are those that it has computed from the
other tensors, and has its own memory otherwise, as on a machine that rounds otherwise.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .header import MAPPED
from .recorded import check_hash
from .safetensors_file import TENSOR_DTYPES, numbers

if TYPE_CHECKING:
    from cnn_core.layers import Layers

    from ..data.arrays import Array
    from .content import Content

_NAME = re.compile(rf"{re.escape(MAPPED)}(0|[1-9][0-9]{{0,4}})\.(weights|predictor)").fullmatch


def weights(i: int) -> str:
    """Return the name of the tensor of the weights of the i-th network."""
    return f"{MAPPED}{i}.weights"


def predictor(i: int) -> str:
    """Return the name of the tensor of the layers of the i-th network that predict."""
    return f"{MAPPED}{i}.predictor"


def arenas(networks: Iterable[tuple[Layers, Layers | None]]) -> dict[str, Array]:
    """Return the tensors of networks, each given as its layers and those that predict, which may be None."""
    found = {}
    for i, (layers, folded) in enumerate(networks):
        found[weights(i)] = layers.parameters
        if folded is not None and not np.may_share_memory(folded.parameters, layers.parameters):
            found[predictor(i)] = folded.parameters
    return found


def give_back() -> None:
    """Return memory to the operating system that loading has used and the C library has kept; glibc only."""
    if sys.platform == "linux":
        import ctypes  # imported here because most files are not mapped

        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def to_config(tensors: Mapping[str, Array]) -> dict[str, str]:
    """Return the object ``mapped``."""
    config = {}
    for name, array in tensors.items():
        digest = hashlib.sha256()
        for piece in numbers(array):
            digest.update(piece)
        config[name] = digest.hexdigest()
    return config


def expected(file: Content, config: Any, dtype: str) -> dict[str, tuple[str, list[int]]]:
    """Return dtypes and shapes of the tensors that an object ``mapped`` names, which may have any length.

    Raises
    ------
    ValueError
        If the object is not valid.
    """
    if not isinstance(config, dict) or not config:
        raise ValueError("mapped must be a JSON object that is not empty")
    found, names = {}, set(file.keys())
    for name, digest in config.items():
        if not _NAME(name):
            raise ValueError(f"mapped has {name[:60]!r}, which is not the name of such a tensor")
        check_hash(f"mapped.{name}", digest)
        shape = file.get_slice(name).get_shape()[:1] if name in names else []
        found[name] = TENSOR_DTYPES[dtype], shape
    return found


def read(file: Content, config: Mapping[str, str]) -> dict[str, Array]:
    """Return the tensors of a mapped file as arrays of its memory; none for a file that is not mapped.

    Raises
    ------
    ValueError
        If their hashes are others than those in the object ``mapped``.
    """
    if not file.is_mapped:
        return {}
    for name, digest in config.items():
        if file.hash(name) != digest:
            raise ValueError(f"{name} has another SHA-256 than in mapped: the file was damaged or changed")
    return {name: file.get_tensor(name, copy=False) for name in config}
