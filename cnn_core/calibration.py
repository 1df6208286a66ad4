"""Ranges of the inputs of layers, for `Layers.quantize`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cnn_core.layers import Layers
    from cnn_core.sparse import SparseRows

_ROWS = 1024  # that are computed at once


def ranges_of(
    layers: Layers, X: NDArray[Any] | SparseRows, *, scale: float = 1.0, n_threads: int | None = None
) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Smallest and largest input of each layer, for given rows.

    Parameters
    ----------
    layers : Layers
        Network; its inputs are found in its present precision.
    X, scale, n_threads
        As for `Layers.forward`; X has at least one row.

    Returns
    -------
    (list of ndarray (k,), list of ndarray (k,))
        For each layer the smallest and the largest number of each input: arguments of `Layers.quantize`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnn_core.calibration import ranges_of
    >>> from cnn_core.layers import Layers
    >>> layers = Layers((2, 3, 1), ("relu", "identity"))
    >>> low, high = ranges_of(layers, np.array([[1.0, 5.0], [2.0, -5.0]]))
    >>> low[0].tolist(), high[0].tolist(), low[1].shape
    ([1.0, -5.0], [2.0, 5.0], (3,))
    """
    low: list[NDArray[Any]] = []
    high: list[NDArray[Any]] = []
    for i in range(len(layers.sizes) - 1):
        parts = [
            layers.hidden(_part(X, at), i, scale=scale, n_threads=n_threads)
            for at in range(0, X.shape[0], _ROWS)
        ]
        low.append(np.min([part.min(axis=0) for part in parts], axis=0))
        high.append(np.max([part.max(axis=0) for part in parts], axis=0))
    return low, high


def _part(X: NDArray[Any] | SparseRows, at: int) -> NDArray[Any] | SparseRows:
    if isinstance(X, np.ndarray):
        return X[at : at + _ROWS]
    return X.select(np.arange(at, min(at + _ROWS, X.shape[0])))
