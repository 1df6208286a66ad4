"""Classes in the document of a file: ``{"dtype": ..., "values": [...]}``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..common import checks
from ..data import class_labels
from ..data.arrays import Array

_FREE, _TIMES = 4 << 20, 2  # bytes of the array of classes for any file, and for each byte of it
_CLASS_DTYPES = {
    bool: ("bool",),
    int: ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    float: ("float16", "float32", "float64"),
    str: ("str", "bytes"),
}


def to_config(classes: Array | None) -> dict[str, Any] | None:
    """Return the classes as JSON values; None for a network without classes."""
    if classes is None:
        return None
    kind = class_labels.kind(classes)
    if kind == "bytes":
        return {"dtype": "bytes", "values": [label.decode("latin-1") for label in classes.tolist()]}
    return {"dtype": "str" if kind == "text" else classes.dtype.name, "values": classes.tolist()}


def read(config: object, n_bytes: int) -> Array | None:
    """Return the classes in a document of a file of `n_bytes`.

    Raises
    ------
    ValueError
        If they are not valid.
    """
    if config is None:
        return None
    fields = checks.fields("classes", config, ("dtype", "values"))
    dtype, labels = fields["dtype"], fields["values"]
    if not isinstance(labels, list) or not labels:
        raise ValueError("classes.values must be a list of at least one label")
    kind = type(labels[0])
    if kind not in _CLASS_DTYPES or dtype not in _CLASS_DTYPES[kind]:
        raise ValueError(f"classes of type {kind.__name__} cannot have the dtype {dtype!r}")
    if any(type(label) is not kind for label in labels):
        raise ValueError("classes.values must be labels of one type")
    return _array(labels, str(dtype), _FREE + _TIMES * n_bytes)


def _array(labels: list[Any], dtype: str, at_most: int) -> Array:
    if dtype in ("str", "bytes"):
        if max(map(len, labels)) > class_labels.LONGEST:
            raise ValueError(
                f"a label has {max(map(len, labels))} characters; at most {class_labels.LONGEST} are allowed"
            )
        labels = labels if dtype == "str" else [label.encode("latin-1") for label in labels]
        classes = class_labels.stored(labels, at_most)
    else:
        with np.errstate(over="ignore"):  # a float16 out of range becomes infinite, which is checked below
            classes = np.array(labels, dtype=dtype)
        if not all(math.isfinite(label) for label in classes.tolist()):
            raise ValueError("classes.values has a number that is not finite")
    only_one = len(classes) == 2 and classes[0] == classes[1]  # an estimator enters a single class twice
    if not (only_one or (classes[1:] > classes[:-1]).all()):
        raise ValueError("classes.values must be sorted and distinct")
    return classes
