"""One of several networks that are trained together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .history import new_history

if TYPE_CHECKING:
    from cnn_core.stack import Objective, Stack

    from ..callbacks.stopping import Target
    from ..data.arrays import Array
    from ..spec.configuration import Configuration
    from .trainer import Trainer


class Member:
    """One of several networks in training.

    Parameters
    ----------
    index : int
        Index of the member in the ensemble.
    configuration : Configuration
        Parameters of the network, with its embeddings.
    trainer : Trainer
        Trainer of the network.

    Attributes
    ----------
    objective : Objective
        Function to minimise; validation rows have the weight 0.
    validating : Objective
        Loss of the validation rows, without label smoothing.
    rows : ndarray of int64, or None
        Validation rows; None for all rows of `validation_data`, and without validation.
    best : Stack or None
        Weights of the best epoch; None before the first one, and without validation.
    value : float
        Value of the best epoch: the loss, or the negative score.
    epoch, best_epoch : int
        Last epoch that was trained, and the best one; 0 before.
    limit : int or None
        Epoch after which the member is not trained further; None for any number.
    last_finite : Stack or None
        Weights after the last epoch that ended with finite values.
    history : dict of lists
        History of the network.
    penalty_per_row : bool
        Whether the penalty of the weights is divided by the number of rows, as that of an estimator.
    target : Target or None
        Value of a column of the history at which its training ends.
    has_ended : bool
        Whether the value was reached.
    dropped : str or None
        Reason why the member is not trained further and not used; None for the others.
    """

    def __init__(self, index: int, configuration: Configuration, trainer: Trainer) -> None:
        self.index, self.configuration, self.trainer = index, configuration, trainer
        self.objective: Objective
        self.validating: Objective
        self.rows: Array | None = None
        self.best: Stack | None = None
        self.value = math.inf
        self.epoch = self.best_epoch = 0
        self.limit: int | None = None
        self.last_finite: Stack | None = None
        self.history = new_history()
        self.penalty_per_row = False
        self.target: Target | None = None
        self.has_ended = False
        self.dropped: str | None = None

    @property
    def kept(self) -> Stack:
        """Weights that the member predicts with: those of its best epoch; without validation, those of the last one."""
        return self.best or self.last_finite or self.trainer.stack.present(averaged=True)
