"""Averages of weights over epochs: the parameters of averaging, and the running mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..common import checks
from .weights import LayerState, copy_layers, walk


@dataclass(frozen=True)
class SWA:
    """Stochastic weight averaging (Izmailov et al., 2018): predict with the mean of the weights after late epochs.

    During training, validation and callbacks use the weights of the current epoch. When fit returns, predictions,
    ``get_weights`` and saved files use the mean. ``fit(..., warm_start=True)`` continues from the weights of the last
    epoch, not from the mean.

    Parameters
    ----------
    start : float or int, default 0.75
        Epoch after which averaging starts: a float in [0, 1) is a fraction of all epochs, an int is a number of epochs.
        With an int, two calls of fit with ``warm_start=True`` give the same bits as one call with the sum of their
        epochs.

    Raises
    ------
    TypeError, ValueError
        If `start` has the wrong type or is out of range.

    See Also
    --------
    compiled_nn.Ensemble : Mean of the predictions of several networks.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(32, "relu"), cnn.Dense(10)], input_scale=1 / 16, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=10, averaging=cnn.SWA(start=0.5))
    >>> round(net.score(data.X_test, data.y_test), 2)
    0.93
    """

    start: float = 0.75

    def __post_init__(self) -> None:
        if isinstance(self.start, int):
            checks.integer("SWA", "start", self.start, minimum=0)
        else:
            object.__setattr__(self, "start", checks.real("SWA", "start", self.start, minimum=0, below=1))

    def first_epoch(self, epochs: int) -> float:
        """Return the epoch after which averaging starts, when training ends after `epochs` epochs."""
        return self.start if isinstance(self.start, int) else self.start * epochs


class Average:
    """Running mean of the weights of several epochs.

    Attributes
    ----------
    count : int
        Number of epochs in the mean.
    mean : list of dict
        Mean of the state of each layer, in float64, without running statistics.
    live : list of dict, optional
        Weights of the last epoch, from which training continues. They are stored here while the network holds the mean,
        and None otherwise.
    """

    def __init__(
        self, count: int = 0, mean: Sequence[LayerState] = (), live: Sequence[LayerState] | None = None
    ) -> None:
        self.count = count
        self.mean = mean
        self.live = live

    def add(self, layers: Sequence[LayerState]) -> None:
        """Add the weights of an epoch to the mean: ``mean += (w - mean) / count``."""
        count, new = self.count + 1, copy_layers(self.mean or layers, "float64")
        for array, mean in zip(walk(layers), walk(new), strict=True):
            mean += (array - mean) / count
        self.count, self.mean = count, new
