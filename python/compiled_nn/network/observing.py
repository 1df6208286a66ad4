"""Rows of a call of fit or partial_fit that are added to what training saw of the columns of X."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..artefact.inputs import Inputs
    from ..artefact.seen import Seen
    from ..data.arrays import Array
    from ..data.samples import Samples

# Epochs times units of the first layers from which training takes 50 times as long as the summary of all rows.
_THOROUGH = 512
_LITTLE, _FEW = 1 << 10, 1 << 13  # numbers that are always used: of a batch, and of all rows
_KEPT = 1 << 15  # largest sample of a 16th of the numbers; of more, it is a 128th


def sample(X: Samples, passes: int, *, whole: bool) -> int | None:
    """Return the number of numbers of a sample of X that takes some percent of the time of training; None for all."""
    if whole and passes >= _THOROUGH:
        return None
    size = X.size if isinstance(X, np.ndarray) else len(X.data)
    return max(_FEW if whole else _LITTLE, min(size // 16, _KEPT), size // 128)


def begun(inputs: Inputs, known: Inputs | None) -> Inputs:
    """Return inputs with an object for what training will see, unless they are the known ones of a fitted model."""
    return inputs if inputs is known else inputs.replace(seen=inputs.new_seen())


def observe(
    inputs: Inputs, X: Samples, rows: Array | None, weights: Array | None, *, passes: int, whole: bool
) -> None:
    """Add the rows with these indices whose weight is not 0; None for all rows.

    Parameters
    ----------
    inputs : Inputs
        Inputs. If it is not known what earlier training saw, there is nothing to add to.
    X : ndarray or SparseRows (m, k)
        Rows, converted for the core.
    rows : ndarray of int, optional
        Indices of the training rows.
    weights : ndarray (m,), optional
        Weights of the rows of X.
    passes : int
        Number of epochs times units of the first layers.
    whole : bool
        Whether this is a call of fit, which is not counted again for the same rows.
    """
    seen = inputs.seen
    if seen is None:
        return
    most = sample(X, passes, whole=whole)
    if not whole or seen.is_empty:
        seen.add(X, rows, weights, most=most)
        return
    other = inputs.new_seen()
    other.add(X, rows, weights, most=most)
    seen.add_again(other.summary)


def trained_rows(masks: Array | None, refit: bool) -> Array | None:
    """Return the indices of the rows that a member of an ensemble is trained on, None for all.

    `masks` (n, m) are True for the validation rows of a member.
    """
    if masks is None or refit:
        return None
    never = masks.all(axis=0)
    return np.flatnonzero(~never) if never.any() else None


class Observer:
    """Observer of the batches of a stream, which are counted in the first epoch of a call of fit.

    Parameters
    ----------
    inputs : Inputs
        Inputs with an object for what training saw, or none.
    """

    def __init__(self, inputs: Inputs) -> None:
        self._target = inputs.seen
        self._seen: Seen | None = self._target
        if self._target is not None and not self._target.is_empty:
            self._seen = inputs.new_seen()

    def __call__(self, X: Samples, weights: Array | None) -> None:
        """Add the rows of a batch whose weight is not 0."""
        if self._seen is not None:
            self._seen.add(X, None, weights, most=sample(X, 1, whole=False))

    def finish(self) -> None:
        """End the first epoch."""
        seen, self._seen = self._seen, None
        if self._target is not None and seen is not None and seen is not self._target:
            self._target.add_again(seen.summary)


def copied(inputs: Inputs | None) -> Any:
    """Return inputs for another model, to which rows can be added independently."""
    seen = None if inputs is None else inputs.seen
    return inputs if inputs is None or seen is None else inputs.replace(seen=seen.copy())
