"""Settings of train that follow from the data where the options do not say otherwise."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ...optimizers import OptimizerName
from ...spec.layers import Norm

_STEPS = 1000  # of arrays, at least: the epochs of a small file have too few steps
_STEPS_OF_A_TABLE = 1500
_MOST_EPOCHS = 400  # of a table
_VISITS = 10_000_000  # of rows of a large table, in all epochs
_FEWEST_EPOCHS = 10
_FEWEST_TO_STOP = 20  # training rows of a table from which some are held out to stop early
_MANY_OF_CLASSES, _MANY_OF_VALUES = (
    1000,
    50,
)  # training rows from which a tenth is held out; of fewer, a fifth
_BATCHES = (
    (200_000, 512),
    (50_000, 256),
    (20_000, 128),
    (10_000, 64),
    (0, 32),
)  # more rows than: rows of a batch


@dataclass(frozen=True)
class Defaults:
    """Settings of the network and its training.

    Attributes
    ----------
    layers : tuple of int
        Units of the hidden layers.
    activation : str
        Activation of the hidden layers.
    dropout : float
        Dropout of the hidden layers.
    norm : str or None
        Normalisation of the hidden layers.
    standardize : bool
        Whether columns are standardised.
    optimizer : str
        Name of the optimizer.
    learning_rate : float or None
        Learning rate; None for that of the optimizer.
    decays : bool
        Whether the learning rate falls to 0 as half a cosine wave.
    weight_decay : float or None
        Decay of the weights; None for that of the optimizer.
    ema : float or None
        Decay of the average of the weights, None for no average.
    batch_size : int
        Rows of a batch.
    epochs : int
        Largest number of epochs, unless they are too few steps.
    least_steps : int
        Number of steps below which more epochs are trained.
    most_epochs : float
        Limit of their number.
    stops : bool
        Whether training stops early.
    monitor : str
        Column of the history, without "val_", that decides which epoch is the best.
    validation_fraction : float
        Share of the training rows that are held out, if any are.
    """

    layers: tuple[int, ...] = (128, 64)
    activation: str = "relu"
    dropout: float = 0.0
    norm: Norm | None = None
    standardize: bool = False
    optimizer: OptimizerName = "adam"
    learning_rate: float | None = None
    decays: bool = False
    weight_decay: float | None = None
    ema: float | None = None
    batch_size: int = 32
    epochs: int = 30
    least_steps: int = _STEPS
    most_epochs: float = math.inf
    stops: bool = False
    monitor: str = "loss"
    validation_fraction: float = 0.1

    def n_epochs(self, n_steps: int) -> int:
        """Return the largest number of epochs of `n_steps` steps each."""
        return int(min(max(self.epochs, math.ceil(self.least_steps / n_steps)), self.most_epochs))

    def patience(self, epochs: int) -> int | None:
        """Return the number of epochs without an improvement after which training stops; None: it does not."""
        return max(20, epochs // 4) if self.stops else None


ARRAYS = Defaults()
_VALUES = Defaults(
    layers=(128, 128),
    activation="tanh",
    standardize=True,
    optimizer="adamw",
    learning_rate=3e-3,
    decays=True,
    weight_decay=0.02,
    ema=0.995,
    epochs=60,
    least_steps=_STEPS_OF_A_TABLE,
    most_epochs=_MOST_EPOCHS,
)
_CLASSES = replace(_VALUES, dropout=0.1, weight_decay=0.2)


def of_table(n_rows: int, *, classifies: bool) -> Defaults:
    """Return the settings for a table with a number of rows that are not test rows."""
    chosen, many = (_CLASSES, _MANY_OF_CLASSES) if classifies else (_VALUES, _MANY_OF_VALUES)
    return replace(
        chosen,
        epochs=min(chosen.epochs, max(_FEWEST_EPOCHS, _VISITS // n_rows)),
        batch_size=next(size for rows, size in _BATCHES if n_rows > rows),
        stops=n_rows >= _FEWEST_TO_STOP,
        validation_fraction=0.1 if n_rows >= many else 0.2,
    )
