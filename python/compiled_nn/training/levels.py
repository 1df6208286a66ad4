"""Level and size of the columns of y and X: what a dtype can hold, and what can be trained on without scaling."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Never

import numpy as np

from ..common.errors import CompiledNNWarning
from ..data.arrays import Array, Title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..data.samples import Samples
    from ..losses import Loss
    from ..spec.configuration import Configuration
    from .trainer import Trainer

_LARGEST_ERROR = 0.1  # root mean square of the rounding errors, in standard deviations of y
_EPSILON = 2.0**-23  # larger than the relative rounding error of float32
_LARGEST = {name: float(np.finfo(name).max) for name in ("float32", "float64")}
_SAMPLE = 4096  # rows of X that decide whether a column is looked at
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
    lost = np.isfinite(sizes) & (sizes > _LARGEST_ERROR * deviations)
    lost &= values.min(axis=0) < values.max(
        axis=0
    )  # the deviation of a constant column may be a rounding error
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


def check_columns(X: Samples, dtype: str, names: Sequence[str] | None) -> None:
    """Warn of columns of X (m, k) whose differences are lost when they are rounded to the dtype of the network.

    It is meant for X that is not standardised: the core subtracts the means in float64, before it rounds.

    Warns
    -----
    CompiledNNWarning
        If there is such a column.
    """
    if dtype != "float32" or not isinstance(X, np.ndarray) or X.dtype.itemsize <= 4:
        return
    some = X[:: max(1, len(X) // _SAMPLE)]
    low, high = some.min(axis=0).astype(np.float64), some.max(axis=0).astype(np.float64)
    # No rounding error is above epsilon * size, and the deviation is about the spread.
    for i in np.flatnonzero(
        high - low < _EPSILON / _LARGEST_ERROR * np.maximum(high, -low) * _SAMPLE
    ).tolist():
        column = X[:, i].astype(np.float64)
        error = float(np.sqrt(np.mean((column.astype(dtype) - column) ** 2)))
        deviation = float(column.std())
        if deviation > 0 and error > _LARGEST_ERROR * deviation:
            row = int(np.argmax(abs(column.astype(dtype) - column)))
            name = i if names is None else names[i]
            warnings.warn(
                f"The standard deviation of column {name!r} of X, {deviation:g}, is too small for its size: row {row}"
                f" is {column[row]!s}, which {dtype} rounds to {float(np.float32(column[row])):.15g}. Use"
                " standardize=True, or subtract a constant from the column.",
                CompiledNNWarning,
                stacklevel=5,
            )
            return


def check_first_row(configuration: Configuration, trainer: Trainer | None, learned: object) -> None:
    """Raise a ValueError if statistics, which hold for all later rows, would be computed from one row.

    `trainer` and `learned` are the trainer and the targets of a network that has been trained; None for a new one.
    """
    if configuration.scaling is not None and (trainer is None or trainer.stack.statistics is None):
        refuse_first_row("standardize")
    if configuration.bins is not None and trainer is None:
        refuse_first_row("numeric_embeddings")
    if configuration.scale_targets and learned is None:
        refuse_first_row("scale_targets")


def refuse_first_row(parameter: str) -> Never:
    """Raise the ValueError for statistics that would be computed from one row, and hold for all later rows."""
    raise ValueError(
        f"The statistics of {parameter} are computed from the rows of the first call of partial_fit, or the first"
        " item of a stream, and stay as they are. 1 row has no deviations; begin with more rows, or call fit."
    )
