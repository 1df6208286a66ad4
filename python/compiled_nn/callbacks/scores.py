"""Callback that computes a score after each epoch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .base import Callback

if TYPE_CHECKING:
    from ..common.protocols import History, NetworkLike

_COLUMNS = ("epoch", "loss", "penalty", "learning_rate", "seconds", "val_loss", "val_score")


class TrainingScore(Callback):
    """Callback that adds the score on some rows to the history after each epoch.

    `fit` does not compute a score of the training rows, because this takes a forward pass over all of them after each
    epoch. This callback does, for all training rows or a sample of them.

    Parameters
    ----------
    X : array-like (m, k), or images (m, height, width[, channels])
        Rows to score, as for ``Network.score``.
    y : array-like (m,) or (m, n_outputs)
        Labels or values, as for ``Network.score``.
    name : str, default "score"
        Column of the history. It is NaN for epochs that were trained without this callback.

    See Also
    --------
    compiled_nn.Network.fit : The parameter `validation_data`, for scores of other rows.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], input_scale=1 / 16, seed=0)
    >>> score = cnn.callbacks.TrainingScore(data.X_train, data.y_train)
    >>> net = net.fit(data.X_train, data.y_train, epochs=3, callbacks=[score])
    >>> [round(value, 2) for value in net.history["score"]]
    [0.23, 0.45, 0.61]
    """

    def __init__(self, X: Any, y: Any, name: str = "score") -> None:
        if not isinstance(name, str) or name in _COLUMNS:
            taken = ", ".join(map(repr, _COLUMNS))
            raise (ValueError if isinstance(name, str) else TypeError)(
                f"The 'name' parameter of TrainingScore must be a str other than the columns of every history, {taken}."
                f" Got {name!r} instead."
            )
        self.X = X
        self.y = y
        self.name = name

    def on_epoch_end(self, net: NetworkLike, epoch: int, history: History) -> None:
        """Add the score of this epoch to the history."""
        column = history.setdefault(self.name, [math.nan] * len(history["epoch"]))
        column[-1] = net.score(self.X, self.y)
