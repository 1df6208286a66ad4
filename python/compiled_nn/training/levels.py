"""Level and size of values y: what a dtype can hold, and what a network can be trained on without scaling."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

from ..common.errors import CompiledNNWarning
from ..data.arrays import Array, Title

if TYPE_CHECKING:
    from ..losses import Loss

_LARGEST_ERROR = 0.1  # root mean square of the rounding errors, in standard deviations of y
_EPSILON = 2.0**-23  # larger than the relative rounding error of float32
_LARGEST = {name: float(np.finfo(name).max) for name in ("float32", "float64")}
_USUAL_SIZE = 1e-4, 1e4  # root mean squares of y that training without scaling reaches


def dtype_of_predictions(y: Array, network: str) -> str:
    """Return the dtype in which a network of a dtype, fitted on y, predicts.

    It is the float dtype of y, which is float64 for integers. A network of float64 predicts in float64 in any case: it
    was chosen for its digits.
    """
    is_short = y.dtype.kind == "f" and y.dtype.itemsize <= 4 and network == "float32"
    return "float32" if is_short else "float64"


def _remedy(loss: Loss) -> str:
    scaling = "scale_targets=True or " if loss.link == "identity" else ""
    return f"Use {scaling}dtype='float64'"


def rounded(values: Array, dtype: str, loss: Loss, title: Title = int) -> Array:
    """Return finite values (m, n) in the dtype of the network; `title` names their columns in the error.

    Raises
    ------
    ValueError
        If a value is beyond the range of the dtype.
    """
    largest = _LARGEST[dtype]
    if values.item(values.argmax()) <= largest and values.item(values.argmin()) >= -largest:
        return values.astype(dtype, copy=False)
    with np.errstate(over="ignore"):
        result = values.astype(dtype)
    bad = ~np.isfinite(result)
    if bad.any():
        row, column = np.argwhere(bad)[0].tolist()
        raise ValueError(
            f"Input y contains {values[row, column]:g}, a value too large for {dtype}: row {row}, column"
            f" {title(column)!r}. {_remedy(loss)}, or check y."
        )
    return result


def _are_usual(values: Array) -> bool:
    """Return whether bounds on the values y (m, 1) are enough to see that :func:`check` finds nothing."""
    if values.shape[1] > 1:
        return False
    highest, lowest = values.item(values.argmax()), values.item(values.argmin())
    largest = max(highest, -lowest)
    smallest, largest_usual = _USUAL_SIZE
    if not smallest * math.sqrt(values.size) <= largest <= largest_usual:
        return False
    # The deviation is at least (highest - lowest) / sqrt(2 * m), and no rounding error is above epsilon * largest.
    largest_error = math.sqrt(2 * len(values)) * _EPSILON * largest
    return bool((highest - lowest) * _LARGEST_ERROR >= largest_error)


def check(values: Array, dtype: str, loss: Loss, title: Title = int) -> None:
    """Check values y (m, n) in float64 on which a network of this dtype is to be trained without scaling.

    `title` is the function from the index of a column to its name in errors.

    Raises
    ------
    ValueError
        If the differences in a column are lost when y is rounded to the dtype.

    Warns
    -----
    CompiledNNWarning
        If the values are so large or small that training will hardly reach them.
    """
    if _are_usual(values):
        return
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        errors = values.astype(dtype) - values
        deviations = values.std(axis=0)
        sizes = np.sqrt(np.mean(errors**2, axis=0))
        size = float(np.sqrt(np.mean(values**2)))
    lost = np.isfinite(sizes) & (sizes > _LARGEST_ERROR * deviations) & (deviations > 0)
    if lost.any():
        column = int(np.argmax(lost))
        row = int(np.argmax(abs(errors[:, column])))
        value = values[row, column]
        nearest = float(np.dtype(dtype).type(value))
        raise ValueError(
            f"The standard deviation of column {title(column)!r} of y, {deviations[column]:g}, is too small for its"
            f" size: row {row} is {value!s}, which {dtype} rounds to {nearest:.15g}. {_remedy(loss)}."
        )
    usual = size == 0 or _USUAL_SIZE[0] <= size <= _USUAL_SIZE[1]
    if loss.link == "identity" and not usual and np.isfinite(errors).all():
        warnings.warn(
            f"The root mean square of y is {size:.3g}. Training starts with outputs near 0 and of size 1, from which it"
            " hardly reaches such values. Use scale_targets=True.",
            CompiledNNWarning,
            stacklevel=5,
        )
