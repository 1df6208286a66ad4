"""Errors for rows whose outputs are not finite: the weights, the scaled row, or its output is beyond the range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import arithmetic
from ..data import arrays, samples
from ..data.arrays import Array

if TYPE_CHECKING:
    from cnn_core.layers import Layers

    from ..data.samples import Samples
    from .inputs import Inputs
    from .outputs import Outputs

_REMEDY = "Check these rows; standardize=True, or dtype='float64', extends the range."


def refusal(
    layers: Layers, inputs: Inputs, outputs: Outputs, rows: Samples, link: bool, n_threads: int | None
) -> ValueError:
    """Return the error for rows that the core has refused although all numbers in them are finite.

    Parameters
    ----------
    layers : cnn_core.layers.Layers
        Folded layers.
    inputs, outputs : Inputs, Outputs
        Descriptions of the inputs and the outputs.
    rows : ndarray or SparseRows (m, k)
        Rows, converted for the core.
    link : bool
        Whether the outputs are those after the link.
    n_threads : int or None
        Number of threads.
    """
    if not np.isfinite(layers.parameters).all():
        return ValueError("The network has weights that are not finite. Fit it again, or set finite weights.")
    bad, first = 0, -1
    for part in samples.parts(rows, layers.sizes[-1]):
        some = samples.between(rows, part.start, part.stop)
        found = layers.forward(some, link=link, scale=inputs.scale, n_threads=n_threads)
        unusable = ~np.isfinite(found).all(axis=1)
        if bad == 0 and unusable.any():
            first = part.start + int(np.argmax(unusable))
        bad += int(unusable.sum())
    if bad == 0 and not outputs.loss.classifies and outputs.scaling is not None:
        return ValueError(
            "A prediction in units of y is beyond the range of its dtype. Check X; pass out= in float64, or fit on y in"
            " float64."
        )
    if bad == 0 or not _is_in_range(layers, inputs.scale, samples.between(rows, first, first + 1)):
        return inputs.range_error()
    return ValueError(_message(first, bad, len(rows), f"an output beyond the range of {layers.dtype}"))


def check_rows(outputs: Array, what: str) -> None:
    """Raise a ValueError that names the first row of `outputs` (m, n) with a number that is not finite."""
    if arrays.first_unusable(outputs.reshape(-1), outputs.dtype.name) is None:
        return
    unusable = ~np.isfinite(outputs).all(axis=1)
    text = f"a number of {what} beyond the range of {outputs.dtype}"
    raise ValueError(_message(int(np.argmax(unusable)), int(unusable.sum()), len(outputs), text))


def largest_exp(dtype: Any) -> float:
    """Return the number that the core computes for exp of all numbers that are too large."""
    return float(arithmetic.activate("exp", np.array([1e4], dtype))[0])


def check_below(outputs: Array, largest: float, what: str) -> None:
    """Raise a ValueError that names the first row of `outputs` (m, n) with a number that is not below `largest`."""
    rows = outputs.reshape(len(outputs), -1)
    if float(rows.max()) < largest:
        return
    above = ~(rows < largest).all(axis=1)
    text = f"{what} beyond the range of {outputs.dtype}"
    raise ValueError(_message(int(np.argmax(above)), int(above.sum()), len(rows), text))


def finite_score(score: float) -> float:
    """Return a score of values unless it is infinite; that of a single row is NaN."""
    if np.isinf(score):
        raise ValueError(
            f"The score of these rows is {score}: an error is beyond the range of float64. Check X, y and the weights."
        )
    return score


def check_above_zero(deviations: Array) -> None:
    """Raise a ValueError that names the first row of `deviations` (m, n) with a number that is 0."""
    zero = (deviations == 0).any(axis=1)
    if zero.any():
        raise ValueError(
            _message(
                int(np.argmax(zero)),
                int(zero.sum()),
                len(zero),
                "the standard deviation 0, below the range of exp",
            )
        )


def _message(row: int, n_bad: int, m: int, what: str) -> str:
    return f"Row {row} of X has {what} ({n_bad} of {m} rows). {_REMEDY}"


def _is_in_range(layers: Layers, scale: float, row: Samples) -> bool:
    """Return whether a row (1, k) is within the range of the dtype after scaling."""
    dense = row if isinstance(row, np.ndarray) else row.toarray()
    from cnn_core.clipping import clip  # imported here to keep `import compiled_nn` fast

    statistics = layers.statistics
    with np.errstate(over="ignore"):
        scaled = dense * np.float64(scale)
        if statistics is not None:
            scaled = clip((dense - statistics[0]) / statistics[1], layers.clipped)
    return bool((abs(scaled) <= np.finfo(layers.dtype).max).all())
