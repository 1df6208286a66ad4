"""Ranges of the inputs of layers, for `Layers.quantize`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core.layers import Layers

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    later = [_single(layers, i) for i in range(1, len(layers.sizes) - 2)]
    low: list[NDArray[Any]] = []
    high: list[NDArray[Any]] = []
    for at in range(0, X.shape[0], _ROWS):
        rows = _part(X, at)
        for i in range(len(layers.sizes) - 1):
            if i < 2:
                inputs = layers.hidden(rows, i, scale=scale, n_threads=n_threads)
            else:
                outputs = later[i - 2].hidden(inputs, 1, n_threads=n_threads)
                inputs = outputs + inputs if layers.residuals[i - 1] else outputs
            smallest, largest = inputs.min(axis=0), inputs.max(axis=0)
            if at == 0:
                low.append(smallest)
                high.append(largest)
            else:
                low[i], high[i] = np.minimum(low[i], smallest), np.maximum(high[i], largest)
    return low, high


def _single(layers: Layers, i: int) -> Layers:
    """Return a network whose hidden layer is layer i without its residual connection."""
    ranges = layers.ranges
    W, _ = layers.views()[i]
    single = Layers(
        (layers.sizes[i], layers.sizes[i + 1], 1),
        (layers.activations[i], "identity"),
        (layers.biases[i], False),
        layers.dtype,
        units_major=W.strides[0] < W.strides[1],
        norms=(layers.norms[i], None),
        precision="float32" if ranges is not None else layers.precision,
    )
    for target, source in zip(single.views()[0], layers.views()[i], strict=True):
        if target is not None:
            target[...] = source
    if (gain := single.gains()[0]) is not None:
        gain[...] = layers.gains()[i]
    if (running := single.running_statistics()[0]) is not None:
        for target, source in zip(running, layers.running_statistics()[i] or (), strict=True):
            target[...] = source
    if ranges is not None:
        smallest, largest = (end[i] for end in ranges)
        if smallest is not None and largest is not None:
            single.quantize((smallest.min(), None), (largest.max(), None))
    return single


def _part(X: NDArray[Any] | SparseRows, at: int) -> NDArray[Any] | SparseRows:
    if isinstance(X, np.ndarray):
        return X[at : at + _ROWS]
    return X.select(np.arange(at, min(at + _ROWS, X.shape[0])))
