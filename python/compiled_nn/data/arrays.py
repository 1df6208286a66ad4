"""What users pass -> arrays that the core accepts; every complaint about data is worded here.

(a) The core reads rows of any strides and of every dtype in `CORE_DTYPES`, a block at a time, so arrays of
    those dtypes go through as they are: no conversion here, no copy. Anything else is converted once.
(b) Non-finite values are looked for by maxima and minima of blocks: no temporary, since NaN wins both. A
    block is cut along the axis of the larger stride and small enough that the second reduction finds it in
    the cache.
(c) For the few numbers of one row, a scalar product is four times quicker than two reductions; it can only
    err on the side of asking for them.
"""

from __future__ import annotations

import math
import numbers
import sys
from collections.abc import Sized
from typing import Any, Never

import numpy as np

from ..common.errors import count
from . import dataframes

_WIDTHS = {"f": (4, 8), "b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8)}
CORE_DTYPES = frozenset(np.dtype(f"{kind}{width}") for kind, widths in _WIDTHS.items() for width in widths)
LONGEST_LABEL = 1000  # characters; bounds the memory that the classes of a file can ask for

_BLOCK = 1 << 18  # numbers checked at a time
_SMALL = 1 << 12  # numbers up to which one scalar product is tried first; above it BLAS could start threads
_LARGEST = {name: float(np.finfo(name).max) for name in ("float32", "float64")}

Array = np.ndarray[Any, np.dtype[Any]]


# ---- samples


def design(X: Any, *, dtype: str, n_features: int | None = None) -> Array:
    """Return the samples as a 2-D array of real, finite numbers, a view of `X` whenever that is possible.

    Parameters
    ----------
    X : array-like of shape (m, k), or images (m, height, width) or (m, height, width, channels)
        Images are flattened row by row.
    dtype : {"float32", "float64"}
        Dtype of the network: numbers beyond its range are refused.
    n_features : int, optional
        Columns that the network takes; any number of them when None.
    """
    samples = _numeric(_as_array(X, "X"), "X")
    if samples.ndim != 2:
        samples = _flat_images(samples)
    check_shape(samples.shape, n_features)
    if samples.dtype.kind == "f":
        check_finite(samples, "X", dtype)
    return samples


def check_shape(shape: tuple[int, ...], n_features: int | None) -> None:
    """Refuse samples of no rows or columns, and of another number of columns than the network takes."""
    m, k = shape
    if n_features is not None and k != n_features:
        raise ValueError(f"X has {count(k, 'column')}; the network takes {n_features}.")
    if m == 0 or k == 0:
        raise ValueError(f"X is empty: it has {count(m, 'row')} and {count(k, 'column')}.")


def _flat_images(X: Array) -> Array:
    if X.ndim in (3, 4):
        flat: Array = np.reshape(X, (len(X), math.prod(X.shape[1:])))
        return flat
    hint = ""
    if X.ndim == 1:
        hint = (
            " Reshape your data either using X.reshape(-1, 1) if it has a single feature"
            " or X.reshape(1, -1) if it is a single sample."
        )
    raise ValueError(f"X has {count(X.ndim, 'dimension')}; expected 2, or 3 or 4 for images.{hint}")


# ---- targets


def is_matrix(y: Array) -> bool:
    """Whether the targets have one column an output, rather than one number or label a sample."""
    return y.ndim == 2 and y.shape[1] != 1


def targets(y: Any) -> Array:
    """Return `y` as an array of 1 or 2 dimensions, (m, 1) as (m,), not yet converted."""
    array = _as_array(y, "y")
    if isinstance(y, (list, tuple)) and array.dtype.kind in "US":
        _refuse_mixed_labels(y)  # np.asarray has made text of the numbers beside it
    if array.ndim not in (1, 2):
        raise ValueError(f"y has {count(array.ndim, 'dimension')}; expected 1, or 2 with a column an output.")
    if array.size == 0:
        raise ValueError(f"y is empty: it has shape {array.shape}.")
    return array if is_matrix(array) else array.reshape(-1)


def labels(y: Array) -> Array:
    """Return the labels (m,) as bool, int, float, str or bytes, native and finite."""
    if y.dtype.kind == "O":
        _refuse_mixed_labels(y)
        y = np.array(y.tolist())
    elif y.dtype.kind == "T":
        y = np.array(y.tolist())
    if y.dtype.kind not in "biufUS":
        raise TypeError(f"y holds {_kind(y)}; labels are text, integers, booleans or real numbers.")
    if y.dtype.kind in "US":
        return y
    if y.dtype.kind == "f" and y.dtype.itemsize > 8:
        y = y.astype(np.float64)
    if not y.dtype.isnative:
        y = y.astype(y.dtype.newbyteorder("="))
    if y.dtype.kind == "f":
        _check_finite_column(y)
    return y


def _check_finite_column(y: Array) -> None:
    bad = ~np.isfinite(y)
    if bad.any():
        raise ValueError(f"Input y contains {_name_of(y[bad][0])}: row {int(np.argmax(bad))}.")


def _refuse_mixed_labels(y: Any) -> None:
    for row, label in enumerate(y):
        if label is None:
            raise TypeError(f"y holds None: row {row}.")
    texts = sum(isinstance(label, (str, bytes)) for label in y)
    if 0 < texts < len(y):
        raise TypeError("y mixes text with other labels; all labels must be of one type.")


def unique_labels(y: Array) -> Array:
    """Return the sorted distinct labels, text in no more room than the longest of them needs."""
    found: Array = np.unique(y)
    if found.dtype.kind in "US":
        found = np.array(found.tolist())
        longest = max(len(label) for label in found.tolist())
        if longest > LONGEST_LABEL:
            raise ValueError(
                f"y has a label of {longest} characters; the longest allowed has {LONGEST_LABEL}."
            )
    return found


def class_indices(y: Array, classes: Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return where each label of `y` (m,) stands in `classes`; a label that is not there is a ValueError."""
    if _family(y) != _family(classes):
        _refuse_unseen(y, classes)
    indices = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    if not (classes[indices] == y).all():
        _refuse_unseen(y, classes)
    return indices.astype(np.int64, copy=False)


def _family(labels: Array) -> str:
    return labels.dtype.kind if labels.dtype.kind in "US" else "number"


def _refuse_unseen(y: Array, classes: Array) -> Never:
    raise ValueError(
        "`y` has classes not in `self.classes_`. "
        f"`self.classes_` has {_some(classes)}. 'y' has {_some(unique_labels(y))}."
    )


def _some(values: Array, at_most: int = 10) -> str:
    texts = [repr(value) for value in values[:at_most].tolist()]
    return f"[{', '.join(texts)}{', ...' if len(values) > at_most else ''}]"


def values(y: Any, *, n_outputs: int, dtype: str) -> Array:
    """Return real, finite targets as a C-contiguous array (m, n_outputs) of the network's dtype."""
    y = _numeric(targets(y), "y")
    width = y.shape[1] if y.ndim == 2 else 1
    if width != n_outputs:
        raise ValueError(f"y has {count(width, 'column')}; the network has {count(n_outputs, 'output')}.")
    y = y.reshape(len(y), n_outputs)
    if y.dtype.kind == "f":
        check_finite(y, "y", dtype)
    return np.ascontiguousarray(y, dtype=dtype)


def check_shares(y: Array, *, sum_to_one: bool) -> None:
    """Refuse targets (m, n) that are no probabilities: outside [0, 1], or rows that do not sum to one."""
    outside = (y < 0) | (y > 1)
    if outside.any():
        row, column = np.argwhere(outside)[0].tolist()
        raise ValueError(
            f"y is {y[row, column]:g} in row {row}, column {column}; with a column an output, the targets of"
            " this loss are probabilities from 0 to 1."
        )
    if sum_to_one:
        sums = y.sum(axis=1, dtype=np.float64)
        off = np.abs(sums - 1) > 1e-3
        if off.any():
            row = int(np.argmax(off))
            raise ValueError(f"Row {row} of y sums to {sums[row]:g}; one-hot or soft labels sum to 1.")


def check_rows(X: Sized, y: Sized, X_name: str = "X", y_name: str = "y") -> None:
    """Refuse X and y of different length, under the names that the user knows them by."""
    if len(X) != len(y):
        raise ValueError(f"{X_name} has {count(len(X), 'row')}; {y_name} has {len(y)}.")


# ---- both


def weights(array: Any, name: str, *, dtype: str, ndim: int) -> Array:
    """Return a copy of a user's weights as a real, finite array of `ndim` dimensions and of `dtype`."""
    array = _numeric(_as_array(array, name), name)
    if array.ndim != ndim:
        raise ValueError(f"{name} has {count(array.ndim, 'dimension')}; expected {ndim}.")
    if array.dtype.kind == "f" and array.size:
        check_finite(array.reshape(len(array), -1), name, dtype)
    return np.array(array, dtype=dtype, order="C")


def real(array: Any, name: str) -> Array:
    """Return `array` as real numbers of one of the dtypes that the core reads; nothing else is checked."""
    return _numeric(_as_array(array, name), name)


def check_finite(A: Array, name: str, dtype: str) -> None:
    """Refuse NaN, infinity and numbers beyond the range of `dtype` in a 2-D array of floats."""
    if A.size <= _SMALL and A.flags.c_contiguous and float(np.vdot(A, A)) <= _LARGEST[dtype]:
        return
    transposed = abs(A.strides[0]) < abs(A.strides[1])
    B = A.T if transposed else A
    rows = max(1, _BLOCK // B.shape[1])
    for start in range(0, len(B), rows):
        position = _first_unusable(B[start : start + rows], dtype)
        if position is not None:
            position += (start, 0)
            row, column = (position[::-1] if transposed else position).tolist()
            refuse(A[row, column], name, dtype, row, column)


def _first_unusable(block: Array, dtype: str) -> Array | None:
    """Return where a not empty array first has NaN, infinity or a number beyond the range of `dtype`; None: nowhere."""
    largest = _LARGEST[dtype]
    if float(block.max()) <= largest and float(block.min()) >= -largest:
        return None
    first: Array = np.argwhere(~(np.abs(block) <= np.float64(largest)))[0]
    return first


def first_unusable(numbers: Array, dtype: str) -> int | None:
    """Return the place of the first of the numbers (n,) that :func:`check_finite` would refuse."""
    for start in range(0, len(numbers), _BLOCK):
        place = _first_unusable(numbers[start : start + _BLOCK], dtype)
        if place is not None:
            return start + int(place[0])
    return None


def refuse(number: Any, name: str, dtype: str, row: int, column: int) -> Never:
    """Say what is wrong with a number."""
    raise ValueError(f"Input {name} contains {_name_of(number, dtype)}: row {row}, column {column}.")


def _name_of(value: Any, dtype: str = "") -> str:
    if np.isnan(value):
        return "NaN"
    return "infinity" if np.isinf(value) else f"{value:g}, a value too large for {dtype}"


def _as_array(a: Any, name: str) -> Array:
    """Return `a` as an ndarray, sharing its memory when it offers that."""
    if type(a) is np.ndarray:
        return a
    if a is None:
        raise TypeError(f"{name} is None; expected an array.")
    if hasattr(a, "toarray") and hasattr(a, "nnz"):
        raise TypeError(
            f"{name} is sparse ({type(a).__name__}), which is not supported here; pass {name}.toarray()."
        )
    if dataframes.is_table(a):
        return _from_table(a, name)
    if hasattr(a, "collect") and not hasattr(a, "__array__"):
        raise TypeError(f"{name} is a {type(a).__name__}, still to be computed; pass {name}.collect().")
    masked = sys.modules.get("numpy.ma")  # a masked array cannot exist before this module
    if masked is not None and masked.is_masked(a):
        raise ValueError(f"{name} has masked entries; fill them first, as with {name}.filled(value).")
    try:
        if hasattr(a, "__dlpack__") and not hasattr(a, "__array__"):
            return np.from_dlpack(a)
        return np.asarray(dataframes.decoded(a))
    except ValueError as error:
        if "inhomogeneous" in str(error):
            raise ValueError(f"{name} is ragged: its rows differ in length or depth.") from error
        raise ValueError(f"{name} cannot be read as an array: {error}") from error
    except (
        TypeError,
        RuntimeError,
        OverflowError,
        BufferError,
    ) as error:  # a tensor on another device, among others
        raise TypeError(f"{name} cannot be read as an array: {error}") from error


def _from_table(table: Any, name: str) -> Array:
    """Return a table as an array, of the dtype that holds all columns; as it lies in memory when that is possible."""
    if dataframes.one_dtype(table):
        array = np.asarray(table)
        if array.dtype in CORE_DTYPES:
            return array
    columns = dataframes.columns(table)
    if len(columns) == 1:
        return columns[0][1].reshape(-1, 1)
    numeric = [_numeric(column, f"{name}[{title!r}]") for title, column in columns]
    m = len(numeric[0]) if numeric else 0
    full = np.empty((m, len(numeric)), np.result_type(*numeric) if numeric else np.float64, order="F")
    for i, column in enumerate(numeric):
        full[:, i] = column
    return full


def floats(array: Any, name: str) -> Array:
    """Return an array of numbers as contiguous float32 or float64, whichever holds them; itself when it is that."""
    numbers_ = _numeric(_as_array(array, name), name)
    exact = numbers_.dtype.itemsize <= (4 if numbers_.dtype.kind == "f" else 2)
    return np.ascontiguousarray(numbers_, dtype=np.float32 if exact else np.float64)


def _numeric(array: Array, name: str) -> Array:
    """Return `array` as one of the dtypes that the core reads, itself when it is one already."""
    if array.dtype in CORE_DTYPES:
        return array if array.flags.aligned else array.copy()
    kind = array.dtype.kind
    if kind == "O":
        return _from_objects(array, name)
    if kind not in "biuf":
        raise TypeError(f"{name} holds {_kind(array)}; the network takes real numbers.")
    if kind == "f" and array.dtype.itemsize not in (4, 8):
        with np.errstate(over="ignore"):  # what is too large for float64 is refused by check_finite
            return array.astype(np.float32 if array.dtype.itemsize == 2 else np.float64)
    return array.astype(array.dtype.newbyteorder("="))


def _from_objects(array: Array, name: str) -> Array:
    for index, value in np.ndenumerate(array):
        real = not isinstance(value, numbers.Complex) or isinstance(value, numbers.Real)
        if isinstance(value, (str, bytes)) or not real:
            where = ", ".join(str(i) for i in index)
            raise TypeError(f"{name}[{where}] is {value!r}; the network takes real numbers.")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"{name} holds objects that are not real numbers: {error}") from error


def _kind(array: Array) -> str:
    return {
        "c": f"complex numbers ({array.dtype})",
        "O": "objects",
        "U": "text",
        "S": "bytes",
        "T": "text",
        "M": "dates",
        "m": "time differences",
    }.get(array.dtype.kind, f"records ({array.dtype})")
