"""Conversion of array-likes to arrays that the core accepts, and the error messages about X and y.

(a) The core reads rows with any strides and every dtype in `CORE_DTYPES`, one block at a time, so arrays of
    those dtypes are passed on without conversion or copy. Anything else is converted once.
(b) The check for non-finite values takes the sum of the squares of each block, which is as fast as memory: 11 ms for
    60,000 x 784 float32. Only if it is not finite, or the block is not contiguous, the maximum and the minimum are
    taken (19 ms). Neither needs a temporary array, because NaN propagates through them. Blocks are cut along the axis
    with the larger stride, and are small enough to stay in the cache for the second reduction.
(c) For small arrays, NumPy computes the sum of squares, as its call is shorter.
"""

from __future__ import annotations

import math
import numbers
import sys
from collections.abc import Callable, Iterator, Set, Sized
from datetime import date
from functools import partial
from typing import Any, Never, TypeAlias

import numpy as np

from ..common import arithmetic, clock
from ..common.errors import count
from . import cells, class_labels, dataframes

_WIDTHS = {"f": (4, 8), "b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8)}
CORE_DTYPES = frozenset(np.dtype(f"{kind}{width}") for kind, widths in _WIDTHS.items() for width in widths)

_PLAIN_NUMBERS = {int, float, bool}
_REALS = (np.dtype("float32"), np.dtype("float64"))
_BLOCK = 1 << 18  # elements per block of the check for non-finite values
_SMALL = 1 << 12  # largest size for the sum of squares; above it a BLAS could start threads
_LARGEST = {name: float(np.finfo(name).max) for name in ("float32", "float64")}
_REMEDIES = {  # for missing numbers
    "X": " With categorical_features='auto', missing numbers are replaced by the mean of their column; without it, fill"
    " them or leave the row out.",
    "y": " Leave out rows without a target.",
}

Array = np.ndarray[Any, np.dtype[Any]]


# ---- samples


Title: TypeAlias = Callable[[int], int | str]


def design(X: Any, *, dtype: str, n_features: int | None = None, title: Title | None = None) -> Array:
    """Return the samples as a 2-D array of finite real numbers, which shares memory with `X` if possible.

    Parameters
    ----------
    X : array-like of shape (m, k), or images (m, height, width) or (m, height, width, channels)
        Samples; each image is flattened to one row, in C order.
    dtype : {"float32", "float64"}
        Dtype of the network; numbers beyond its range are rejected.
    n_features : int, optional
        Number of columns that the network takes. Default: any number.
    title : callable, optional
        Function from the index of a column to its name, for errors. Default: the name in the table `X`, or the index.

    Returns
    -------
    ndarray of shape (m, k)
        Array of one of `CORE_DTYPES`.

    Raises
    ------
    TypeError, ValueError
        If `X` cannot be read as real numbers, has another shape, or has numbers that are not finite in `dtype`.
    """
    if type(X) is not np.ndarray:
        X = dataframes.opened(X)
    samples = _numeric(as_array(X, "X"), "X")
    if samples.ndim != 2:
        samples = _flat_images(samples, X)
    check_shape(samples.shape, n_features)
    if samples.dtype.kind == "f":
        check_finite(samples, "X", dtype, title or partial(dataframes.title, X))
    return samples


def check_shape(shape: tuple[int, ...], n_features: int | None) -> None:
    """Raise ValueError if X has no rows or no columns, or another number of columns than the network takes."""
    m, k = shape
    if n_features is not None and k != n_features:
        raise ValueError(f"X has {count(k, 'column')}; the network takes {n_features}.")
    if m == 0 or k == 0:
        raise ValueError(f"X is empty: it has {count(m, 'row')} and {count(k, 'column')}.")


def _flat_images(X: Array, given: Any) -> Array:
    if X.ndim == 1 and X.size == 0:
        check_shape((0, 0), None)
    if X.ndim in (3, 4):
        flat: Array = np.reshape(X, (len(X), math.prod(X.shape[1:])))
        return flat
    raise ValueError(
        f"X has {count(X.ndim, 'dimension')}; expected 2, or 3 or 4 for images.{advice_on_shape(given, X.ndim)}"
    )


def advice_on_shape(X: Any, ndim: int) -> str:
    """Return a sentence for an X that has `ndim` dimensions in place of 2."""
    if ndim != 1:
        return ""
    if hasattr(X, "iloc"):
        return " Pass a single row of a data frame as df.iloc[[i]], or as a dict, row.to_dict()."
    return (
        " Reshape your data either using X.reshape(-1, 1) if it has a single feature"
        " or X.reshape(1, -1) if it is a single sample."
    )


# ---- targets


def is_matrix(y: Array) -> bool:
    """Whether the targets have one column per output, rather than one number or label per sample."""
    return y.ndim == 2 and y.shape[1] != 1


def targets(y: Any, name: str = "y") -> Array:
    """Return `y` as an array of 1 or 2 dimensions in its own dtype; shape (m, 1) becomes (m,)."""
    array = as_array(y, name)
    if isinstance(y, (list, tuple)) and array.dtype.kind in "US" and array.ndim in (1, 2):
        # NumPy has converted other labels in the list to text.
        class_labels.check(y if array.ndim == 1 else [label for row in y for label in row], name)
    if array.ndim not in (1, 2):
        raise ValueError(
            f"{name} has {count(array.ndim, 'dimension')}; expected 1, or 2 with one column per output."
        )
    if array.size == 0:
        raise ValueError(f"{name} is empty: it has shape {array.shape}.")
    return array if is_matrix(array) else array.reshape(-1)


def values(y: Any, *, n_outputs: int, dtype: str, title: Title = int) -> Array:
    """Return finite real targets as a C-contiguous array (m, n_outputs) of `dtype`.

    `title` is the function from the index of a column to its name in errors.
    """
    y = _numeric(targets(y), "y")
    width = y.shape[1] if y.ndim == 2 else 1
    if width != n_outputs:
        raise ValueError(f"y has {count(width, 'column')}; the network has {count(n_outputs, 'output')}.")
    y = y.reshape(len(y), n_outputs)
    if y.dtype.kind == "f":
        check_finite(y, "y", dtype, title)
    return np.ascontiguousarray(y, dtype=dtype)


def check_shares(y: Array, *, sum_to_one: bool) -> None:
    """Raise ValueError if targets (m, n) are not probabilities: outside [0, 1], or rows that do not sum to 1."""
    outside = (y < 0) | (y > 1)
    if outside.any():
        row, column = np.argwhere(outside)[0].tolist()
        raise ValueError(
            f"y is {y[row, column]:g} in row {row}, column {column}; with one column per output, the targets of"
            " this loss are probabilities from 0 to 1."
        )
    if sum_to_one:
        sums = y.sum(axis=1, dtype=np.float64)
        off = np.abs(sums - 1) > 1e-3
        if off.any():
            row = int(np.argmax(off))
            raise ValueError(f"Row {row} of y sums to {sums[row]:g}; one-hot or soft labels sum to 1.")


def check_rows(X: Sized, y: Sized, X_name: str = "X", y_name: str = "y") -> None:
    """Raise ValueError if X and y differ in length; the message uses the names that are passed."""
    if len(X) != len(y):
        raise ValueError(f"{X_name} has {count(len(X), 'row')}; {y_name} has {len(y)}.")


# ---- samples, targets and weights


def weights(array: Any, name: str, *, dtype: str, ndim: int) -> Array:
    """Return a C-contiguous copy of the weights as finite real numbers with `ndim` dimensions and `dtype`."""
    array = _numeric(as_array(array, name), name)
    if array.ndim != ndim:
        raise ValueError(f"{name} has {count(array.ndim, 'dimension')}; expected {ndim}.")
    if array.dtype.kind == "f" and array.size:
        if ndim == 1 and (row := first_unusable(array, dtype)) is not None:
            refuse(array[row], name, dtype, row)
        check_finite(array.reshape(len(array), -1), name, dtype)
    return np.array(array, dtype=dtype, order="C")


def real(array: Any, name: str) -> Array:
    """Return `array` as real numbers of one of `CORE_DTYPES`, without a check of shape or finiteness."""
    return _numeric(as_array(array, name), name)


def check_finite(A: Array, name: str, dtype: str, title: Title = int) -> None:
    """Raise ValueError if a 2-D array of floats has NaN, infinity or numbers beyond the range of `dtype`.

    `title` is the function from the index of a column to its name in the error.
    """
    if A.size <= _SMALL and A.flags.c_contiguous and float(np.vdot(A, A)) <= _LARGEST[dtype]:
        return
    transposed = abs(A.strides[0]) < abs(A.strides[1])
    B = A.T if transposed else A
    rows = max(1, _BLOCK // B.shape[1])
    for start in range(0, len(B), rows):
        clock.check()
        position = _first_unusable(B[start : start + rows], dtype)
        if position is not None:
            position += (start, 0)
            row, column = (position[::-1] if transposed else position).tolist()
            refuse(A[row, column], name, dtype, row, title(column))


def _first_unusable(block: Array, dtype: str) -> Array | None:
    """Return the index of the first NaN, infinity or number beyond the range of `dtype`; None if there is none.

    The array must not be empty.
    """
    largest = _LARGEST[dtype]
    if block.flags.c_contiguous and block.dtype in _REALS:
        flat = block.reshape(-1)
        if arithmetic.dot(flat, flat) <= largest:
            return None
    if float(block.max()) <= largest and float(block.min()) >= -largest:
        return None
    first: Array = np.argwhere(~(np.abs(block) <= np.float64(largest)))[0]
    return first


def first_unusable(numbers: Array, dtype: str) -> int | None:
    """Return the index of the first of the numbers (n,) that :func:`check_finite` rejects; None if there is none."""
    for start in range(0, len(numbers), _BLOCK):
        clock.check()
        index = _first_unusable(numbers[start : start + _BLOCK], dtype)
        if index is not None:
            return start + int(index[0])
    return None


def refuse(number: Any, name: str, dtype: str, row: int, column: int | str | None = None) -> Never:
    """Raise the ValueError for a number that is NaN, infinite or beyond the range of `dtype`."""
    remedy = _REMEDIES.get(name, "") if np.isnan(number) else ""
    place = f"row {row}" if column is None else f"row {row}, column {column!r}"
    raise ValueError(f"Input {name} contains {_name_of(number, dtype)}: {place}.{remedy}")


def _name_of(value: Any, dtype: str = "") -> str:
    if np.isnan(value):
        return "NaN"
    return "infinity" if np.isinf(value) else f"{value:g}, a value too large for {dtype}"


def as_array(a: Any, name: str) -> Array:
    """Return `a` as an ndarray, which shares its memory if possible."""
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
    if isinstance(a, dict):
        raise TypeError(f"{name} is a dict; pass an array or a table, such as pandas.DataFrame({name}).")
    if isinstance(a, (list, tuple)) and a and isinstance(a[0], dict):
        raise TypeError(f"{name} is a list of dicts; pass a table, such as pandas.DataFrame({name}).")
    if isinstance(a, (str, bytes, Iterator, Set, type, numbers.Number)) or callable(a):
        raise TypeError(f"{name} is {_described(a)}; expected an array.{_remedy_for(a, name)}")
    if hasattr(a, "collect") and not hasattr(a, "__array__"):
        raise TypeError(f"{name} is a {type(a).__name__}, which is not computed yet; pass {name}.collect().")
    # Without this module in memory, `a` cannot be a masked array. Another thread may have imported a part of it.
    masked: Any = sys.modules.get("numpy.ma")
    if hasattr(masked, "is_masked") and masked.is_masked(a):
        mask = masked.getmaskarray(a)
        first = np.argwhere(mask)[0].tolist()
        where = f"row {first[0]}" + (f", column {first[1]}" if len(first) == 2 else "")
        raise ValueError(
            f"{name} has masked entries: {where}, {int(mask.sum())} in all. Leave these rows out, or fill them first,"
            f" for example with {name}.filled(value)."
        )
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
    ) as error:  # for example a tensor on another device
        raise TypeError(f"{name} cannot be read as an array: {error}") from error


def _described(a: Any) -> str:
    if isinstance(a, type):
        return f"the class {a.__name__}"
    return repr(a)[:60] if isinstance(a, (str, bytes, numbers.Number)) else f"a {type(a).__name__}"


def _remedy_for(a: Any, name: str) -> str:
    if isinstance(a, Iterator):
        return f" Pass list({name})."
    return f" A set has no order; pass sorted({name}), or a list." if isinstance(a, Set) else ""


def _from_table(table: Any, name: str) -> Array:
    """Return a table as an array of the common dtype of all columns, without a copy if possible."""
    if dataframes.one_dtype(table):
        array = np.asarray(table)
        if array.dtype in CORE_DTYPES and array.ndim == 2:
            return array
    columns = dataframes.columns(table, name)
    if len(columns) == 1 and name != "X":
        return columns[0][1].reshape(-1, 1)
    numeric = [_numeric(column, f"{name}[{title!r}]") for title, column in columns]
    m = len(numeric[0]) if numeric else 0
    full = np.empty((m, len(numeric)), np.result_type(*numeric) if numeric else np.float64, order="F")
    for i, column in enumerate(numeric):
        full[:, i] = column
    return full


def floats(array: Any, name: str) -> Array:
    """Return numbers as contiguous and aligned float32 if it holds them exactly, else float64; no needless copy."""
    numbers_ = _numeric(as_array(array, name), name)
    exact = numbers_.dtype.itemsize <= (4 if numbers_.dtype.kind == "f" else 2)
    return np.require(numbers_, np.float32 if exact else np.float64, ["C", "A"])


def _numeric(array: Array, name: str) -> Array:
    """Return `array` converted to one of `CORE_DTYPES`; an aligned array of such a dtype is returned unchanged."""
    if array.dtype in CORE_DTYPES:
        return array if array.flags.aligned else array.copy()
    kind = array.dtype.kind
    if kind == "O":
        return _from_objects(array, name)
    if kind not in "biuf":
        place = ", ".join("0" for _ in array.shape)
        first = f" {name}[{place}] is {array.flat[0].item()!r}." if kind in "UST" and array.size else ""
        raise TypeError(
            f"{name} holds {cells.kind_of_array(array)}; the network takes real numbers.{first}{_advice(name, kind)}"
        )
    if kind == "f" and array.dtype.itemsize not in (4, 8):
        with np.errstate(over="ignore"):  # numbers too large for float64 are rejected later, by check_finite
            return array.astype(np.float32 if array.dtype.itemsize == 2 else np.float64)
    return array.astype(array.dtype.newbyteorder("="))


def _advice(name: str, kind: str) -> str:
    """Return a sentence on values of X that are not numbers, by the kind of their dtype."""
    if not name.startswith("X"):
        return ""
    if kind == "M":
        return " Dates are encoded with categorical_features='auto'; or convert them to days since a date."
    return " Columns of text are encoded with categorical_features='auto'." if kind in "UST" else ""


def _from_objects(array: Array, name: str) -> Array:
    plain = set(map(type, array.ravel().tolist())) <= _PLAIN_NUMBERS
    for index, value in () if plain else np.ndenumerate(array):
        real = not isinstance(value, numbers.Complex) or isinstance(value, numbers.Real)
        if isinstance(value, (str, bytes)) or not real:
            advice = _advice(name, "U" if isinstance(value, (str, bytes)) else "O")
            raise TypeError(f"{_place(name, index)} is {value!r}; the network takes real numbers.{advice}")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        if array.ndim == 1:
            dataframes.check_cells(name, array)
        raise _not_a_number(array, name) or TypeError(
            f"{name} holds objects that are not real numbers: {error}"
        ) from error


def _place(name: str, index: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def _not_a_number(array: Array, name: str) -> Exception | None:
    """Return the error for the first object of an array that float64 cannot hold."""
    for index, value in np.ndenumerate(array):
        try:
            np.float64(value)
        except OverflowError:
            return ValueError(f"{_place(name, index)} is an integer too large for float64.")
        except (TypeError, ValueError) as error:
            if isinstance(value, date) or type(value).__name__ == "Period":
                return TypeError(
                    f"{_place(name, index)} is {value!r}, a date; the network takes real numbers.{_advice(name, 'M')}"
                )
            return TypeError(
                f"{_place(name, index)} is of the type {type(value).__name__}; the network takes real numbers: {error}"
            )
    return None
