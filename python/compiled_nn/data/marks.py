"""Numbers by which an array is recognised that is not kept, such as the y of the last fit."""

from __future__ import annotations

from zlib import crc32

import numpy as np

from .arrays import Array


def marks_of(y: Array) -> tuple[int, ...]:
    """Return the shape and a checksum of an array; numbers of any dtype that have equal values have equal marks."""
    content = y.astype(np.float64).tobytes() if y.dtype.kind in "biuf" else repr(y.tolist()).encode()
    return (*y.shape, crc32(content))
