"""Smooth clip of standardised inputs in NumPy: z becomes z / sqrt(1 + (z / 3)^2), as in `gather` of the core."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnn_core.sparse import SparseRows

LIMIT = 3.0  # of the absolute values


def clip(z: NDArray[np.float64], columns: int) -> NDArray[np.float64]:
    """Return standardised rows (m, k) whose first columns are clipped; an infinite number becomes NaN there."""
    if columns == 0:
        return z
    result = z.copy()
    with np.errstate(invalid="ignore"):
        result[:, :columns] /= np.hypot(1, z[:, :columns] / LIMIT)
    return result


def slopes(
    X: NDArray[Any] | SparseRows,
    rows: slice,
    mean: NDArray[np.float64],
    factor: NDArray[np.float64],
    columns: int,
) -> NDArray[np.float64]:
    """Return the derivatives of the clip at the first columns of some rows of X, which are not standardised yet."""
    x = X[rows] if isinstance(X, np.ndarray) else X.take(np.arange(rows.start, rows.stop))
    z = (x[:, :columns].astype(np.float64) - mean[:columns]) * factor[:columns]
    derivatives: NDArray[np.float64] = np.hypot(1, z / LIMIT) ** -3
    return derivatives
