"""Content of a safetensors file in memory, with the methods of ``safetensors.safe_open`` that the readers use."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..data.arrays import Array
from . import places

_DTYPES = {"F32": np.float32, "F64": np.float64}


class Tensor(NamedTuple):
    """Tensor in the content of a file."""

    dtype: str
    shape: list[int]
    data: bytearray

    def get_dtype(self) -> str:
        """Return the name of the dtype, such as "F32"."""
        return self.dtype

    def get_shape(self) -> list[int]:
        """Return the shape."""
        return self.shape


class Content:
    """Content of a safetensors file.

    Parameters
    ----------
    content : bytes
        All bytes of the file.

    Raises
    ------
    ValueError
        If they are not a safetensors file.
    """

    def __init__(self, content: bytes) -> None:
        from json import loads

        from safetensors import SafetensorError, deserialize

        try:
            tensors: Any = deserialize(content)  # type: ignore[no-untyped-call]
        except SafetensorError as error:
            raise ValueError(places.explain(content[: places.HEAD], str(error))) from error
        self._tensors = {name: Tensor(each["dtype"], each["shape"], each["data"]) for name, each in tensors}
        header = content[8 : 8 + int.from_bytes(content[:8], "little")]
        self._metadata: dict[str, str] | None = loads(header).get("__metadata__")

    def metadata(self) -> dict[str, str] | None:
        """Return the metadata, None if there are none."""
        return self._metadata

    def keys(self) -> list[str]:
        """Return the names of the tensors."""
        return list(self._tensors)

    def get_slice(self, name: str) -> Tensor:
        """Return a tensor that has not been converted to an array."""
        return self._tensors[name]

    def get_tensor(self, name: str) -> Array:
        """Return a tensor as an array."""
        dtype, shape, data = self._tensors[name]
        return np.frombuffer(data, np.dtype(_DTYPES[dtype]).newbyteorder("<")).reshape(shape)
