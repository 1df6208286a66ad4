"""Random numbers, drawn in the same order as by scikit-learn, so that equal seeds give equal networks."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator, RandomState

from ..data.arrays import Array
from ..spec import layers
from ..spec.initializers import Pair
from ..spec.layers import Dense

Rows: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"


def random_state(seed: object) -> RandomState:
    """Return the RandomState of a seed: an int, None, or a RandomState or Generator, whose state then advances.

    NumPy's global generator is not used: None gives a new state from the entropy of the operating system.
    """
    if isinstance(seed, RandomState):
        return seed
    if isinstance(seed, Generator):
        return RandomState(seed.bit_generator)
    if seed is None or (isinstance(seed, numbers.Integral) and not isinstance(seed, bool)):
        return RandomState(None if seed is None else int(seed))
    raise ValueError(f"{seed!r} cannot be used to seed a numpy.random.RandomState instance")


class RowOrder:
    """Row orders, where each shuffles the previous one; a Trainer uses it in place of its generator."""

    def __init__(self, random: RandomState) -> None:
        self.reset(random)

    def reset(self, random: RandomState) -> None:
        """Start from the rows in their given order, with the generator `random`."""
        self._random = random
        self._order: Rows | None = None

    def permutation(self, n_rows: int) -> Rows:
        """Return the row order (n_rows,) of the next epoch."""
        shuffled = self._random.permutation(n_rows)
        self._order = shuffled if self._order is None else self._order[shuffled]
        return self._order

    def integers(self, low: int, high: int) -> int:
        """Return a random whole number from `low` to below `high`: the seed of an epoch over sharded rows."""
        return int(self._random.randint(low, high, dtype=np.int64))

    def state(self) -> tuple[dict[str, Any] | None, Rows | None]:
        """Return the state of the generator, None if it is not that of a seed, and the present order of the rows."""
        state: dict[str, Any] = self._random.get_state(legacy=False)
        return (state if state["bit_generator"] == "MT19937" else None), self._order

    def resume(self, state: dict[str, Any], order: Rows | None) -> None:
        """Set a :meth:`state`."""
        self._random.set_state(state)
        self._order = order

    def skip(self, n_rows: int, epochs: int) -> None:
        """Advance the generator by the row orders of some epochs, which were not needed."""
        for _ in range(epochs):
            self._random.permutation(n_rows)


def draw_weights(layers_: Sequence[Dense], random: RandomState, n_features: int) -> list[Pair]:
    """Return the initial weights and biases of each layer: by its `init` if it has one, else by Glorot's rule.

    That is uniform in [-b, b] with ``b = sqrt(6 / (inputs + units))``, or ``sqrt(2 / (inputs + units))`` for sigmoid
    hidden layers. Per layer, W is drawn before b.
    """
    drawn: list[Pair] = []
    factor = 2.0 if any(layer.activation == "sigmoid" for layer in layers_) else 6.0
    for layer in layers_:
        if layer.init is not None:
            # RandomState has the methods that the initialisers call of a Generator.
            ((W, b),) = layers.draw_weights([layer], random, n_features)  # type: ignore[arg-type]
            drawn.append((W, np.zeros(layer.units) if layer.bias and b is None else b))
            n_features = layer.units
            continue
        bound = math.sqrt(factor / (n_features + layer.units))
        W = random.uniform(-bound, bound, (n_features, layer.units))
        drawn.append((W, random.uniform(-bound, bound, layer.units) if layer.bias else None))
        n_features = layer.units
    return drawn


def draw_dropout_seed(random: RandomState, layers_: Sequence[Dense], input_dropout: float) -> int | None:
    """Return the seed of dropout; None, without a draw, where nothing is dropped."""
    drops = input_dropout or any(layer.dropout for layer in layers_)
    return int(random.randint(1 << 31)) if drops else None


# ---- validation


def split_validation_rows(
    random: RandomState, n_rows: int, fraction: float, strata: Array | None
) -> tuple[Rows, Rows]:
    """Return the row numbers of the training and of the validation part.

    Parameters
    ----------
    random : RandomState
        Generator of the split.
    n_rows : int
        Number of rows to split.
    fraction : float
        Share of the rows in the validation part, rounded up to whole rows.
    strata : ndarray (n_rows,) or None
        Labels that are stratified: each has the same share in both parts, up to whole rows. With more than two labels
        the split is not stratified if a part has fewer rows than there are labels, or if a label has only one row.

    Raises
    ------
    ValueError
        If a part would have too few rows.
    """
    n_validation = math.ceil(fraction * n_rows)
    n_train = n_rows - n_validation
    codes = np.zeros(n_rows, np.int64)
    if strata is not None:
        classes, codes = np.unique(strata, return_inverse=True)
    counts = np.bincount(codes)
    if len(counts) > 2 and (counts.min() < 2 or min(n_train, n_validation) < len(counts)):
        strata = None
    if strata is not None and counts.min() < 2 <= len(counts):
        raise ValueError(
            "The least populated classes in y have only 1 member, which is too few for a stratified validation"
            f" split: it needs at least 2. Classes with too few members are: {classes[counts < 2].tolist()}"
        )
    if n_validation < 2 or n_train < 1:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            f" It has {n_validation} of n_samples={n_rows}."
        )
    if strata is None:
        order = random.permutation(n_rows)
        return order[n_validation:], order[:n_validation]
    if min(n_train, n_validation) < len(counts):
        raise ValueError(
            f"validation_fraction={fraction:g} splits {n_rows} rows into {n_train} and {n_validation}; each part should"
            f" be greater or equal to the number of classes = {len(counts)}."
        )
    n_train_of_class = _draw_counts(random, counts, n_train)
    n_validation_of_class = _draw_counts(random, counts - n_train_of_class, n_validation)
    rows_of_classes = np.split(np.argsort(codes, kind="stable"), np.cumsum(counts)[:-1])
    train, validation = [], []
    for rows, first, second in zip(rows_of_classes, n_train_of_class, n_validation_of_class, strict=True):
        order = rows[random.permutation(len(rows))]
        train.append(order[:first])
        validation.append(order[first : first + second])
    return random.permutation(np.concatenate(train)), random.permutation(np.concatenate(validation))


def _draw_counts(random: RandomState, counts: Rows, n_drawn: int) -> Rows:
    """Return the number of the `n_drawn` rows per class: its share rounded to whole rows, ties at random."""
    exact = counts / counts.sum() * n_drawn
    shares: Rows = np.floor(exact).astype(np.int64)
    missing = n_drawn - int(shares.sum())
    remainders = exact - shares
    for remainder in np.unique(remainders)[::-1]:
        if missing <= 0:
            break
        tied = np.flatnonzero(remainders == remainder)
        chosen = random.choice(tied, size=min(len(tied), missing), replace=False)
        shares[chosen] += 1
        missing -= len(chosen)
    return shares
