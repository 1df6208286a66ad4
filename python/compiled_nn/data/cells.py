"""Single values of labels and of table columns: whether one is missing, and of which kind it is."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

_MISSING_TYPES = frozenset(
    ("NAType", "MaskedConstant")
)  # of pandas and numpy.ma, which are not imported here


def is_missing(value: Any) -> bool:
    """Whether a value is missing: None, NaN of any type, NaT, or the missing value of pandas or of a masked array."""
    if value is None:
        return True
    if isinstance(value, (str, bytes, int)):
        return False
    if type(value).__name__ in _MISSING_TYPES:
        return True
    try:
        return bool(value != value)
    except ArithmeticError:  # a signalling NaN of the module decimal
        return True
    except (TypeError, ValueError):  # values that cannot be compared, such as arrays
        return False


def name_of_missing(value: Any) -> str:
    """Return the name of a missing value for messages: None, NaN, NaT or <NA>."""
    kind = type(value).__name__
    if kind == "MaskedConstant":
        return "a masked entry"
    if value is None or kind in ("NAType", "NaTType"):
        return str(value)
    return "NaT" if isinstance(value, (np.datetime64, np.timedelta64)) else "NaN"


def kind(value: Any) -> str:
    """Return the kind of a value that is not missing: "text", "bytes", "numbers", or the name of its type."""
    if isinstance(value, str):
        return "text"
    if isinstance(value, bytes):
        return "bytes"
    if isinstance(value, (numbers.Real, np.bool_)):
        return "numbers"
    return type(value).__name__


def kind_of_array(array: np.ndarray[Any, np.dtype[Any]]) -> str:
    """Return the kind of contents of an array, for messages."""
    return {
        "c": f"complex numbers ({array.dtype})",
        "O": "objects",
        "U": "text",
        "S": "bytes",
        "T": "text",
        "M": "dates",
        "m": "time differences",
    }.get(array.dtype.kind, f"records ({array.dtype})")
