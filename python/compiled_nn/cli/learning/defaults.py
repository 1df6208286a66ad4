"""Settings of train that follow from the data where the options do not say otherwise."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...estimators.tabular import recipe
from ...optimizers import OptimizerName
from ...spec.configuration import Scaling
from ...spec.layers import Norm
from ...spec.numeric_embeddings import NumericEmbeddingName

_STEPS = 1000  # of arrays, at least: the epochs of a small file have too few steps
_VISITS = 10_000_000  # of rows of a large table, in all epochs
_FEWEST_EPOCHS = 10
# Training rows of a table from which a tenth is held out; of fewer, a fifth.
_MANY_OF_CLASSES, _MANY_OF_VALUES = 1000, 50


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
    standardize : bool or str
        Whether, or how, columns are standardised.
    numeric_embeddings : str or None
        Encoding of the columns of numbers.
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
    standardize: bool | Scaling = False
    numeric_embeddings: NumericEmbeddingName | None = None
    optimizer: OptimizerName = "adam"
    learning_rate: float | None = None
    decays: bool = False
    weight_decay: float | None = None
    ema: float | None = None
    batch_size: int = 32
    epochs: int = 30
    least_steps: int = _STEPS
    stops: bool = False
    monitor: str = "loss"
    validation_fraction: float = 0.1

    def n_epochs(self, n_steps: int) -> int:
        """Return the largest number of epochs of `n_steps` steps each."""
        return max(self.epochs, math.ceil(self.least_steps / n_steps))

    def patience(self, epochs: int) -> int:
        """Return the number of epochs without an improvement after which training stops, if it stops early."""
        return max(20, epochs // 4)


ARRAYS = Defaults()


def of_table(n_rows: int, *, classifies: bool) -> Defaults:
    """Return the settings of one network for a table with a number of rows that are not test rows.

    They are those of the networks that :mod:`compiled_nn.estimators.tabular` averages.
    """
    chosen, batch_size = recipe.settings(classifies=classifies), recipe.batch_size(n_rows)
    return Defaults(
        layers=recipe.LAYERS,
        activation=chosen.activation,
        dropout=chosen.dropout,
        norm=chosen.norm,
        standardize=chosen.standardize,
        numeric_embeddings="piecewise_linear" if recipe.n_bins(n_rows) else None,
        optimizer="adamw",
        learning_rate=recipe.learning_rate(batch_size),
        decays=True,
        weight_decay=chosen.weight_decay,
        ema=chosen.ema,
        batch_size=batch_size,
        epochs=min(recipe.wanted_epochs(n_rows, batch_size), max(_FEWEST_EPOCHS, _VISITS // n_rows)),
        least_steps=0,
        stops=n_rows >= recipe.FEWEST_TO_VALIDATE,
        validation_fraction=0.1 if n_rows >= (_MANY_OF_CLASSES if classifies else _MANY_OF_VALUES) else 0.2,
    )
