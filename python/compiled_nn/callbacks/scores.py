"""A callback that scores given rows after each epoch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .base import Callback

if TYPE_CHECKING:
    from ..common.protocols import History, NetworkLike


class TrainingScore(Callback):
    """Adds the score on given rows to the history, epoch by epoch.

    `fit` itself computes no score of the training rows, which would take a forward pass over all of them
    after each epoch. Given as a callback, this does: on all rows, or on a sample of them.

    Parameters
    ----------
    X : array-like (m, k), or images (m, height, width[, channels])
    y : array-like (m,) or (m, n_outputs)
        As given to ``Network.score``.
    name : str, default "score"
        Column of the history; NaN for epochs that were trained without this callback.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.callbacks import TrainingScore
    >>> data = cnn.datasets.xor()
    >>> X, y = data.X_train, data.y_train
    >>> net = cnn.Network([cnn.Dense(4, "tanh"), cnn.Dense(1)], loss="binary_cross_entropy", seed=0)
    >>> len(net.fit(X, y, epochs=3, callbacks=[TrainingScore(X, y)]).history["score"])
    3
    """

    def __init__(self, X: Any, y: Any, name: str = "score") -> None:
        self.X = X
        self.y = y
        self.name = name

    def on_epoch_end(self, net: NetworkLike, epoch: int, history: History) -> None:
        """Record the score of this epoch."""
        column = history.setdefault(self.name, [math.nan] * len(history["epoch"]))
        column[-1] = net.score(self.X, self.y)
