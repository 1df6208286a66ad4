"""Validation rows that are held out of each part: how many, and which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..common import checks
from ..common.errors import count
from ..data.arrays import Array


def numbers(n_rows: Sequence[int], fraction: float, most: int) -> tuple[int, ...]:
    """Return the number of rows that are held out of each part; each part keeps at least one row.

    Parameters
    ----------
    n_rows : sequence of int
        Number of rows of each part.
    fraction : float
        Parameter `validation_fraction`.
    most : int
        Largest number of rows of all parts.

    Raises
    ------
    ValueError
        If the fraction is not between 0 and 1, or too small for a row.
    """
    fraction = checks.real("fit", "validation_fraction", fraction, above=0, below=1)
    total = sum(n_rows)
    share = min(fraction, most / total)
    ends = np.rint(share * np.cumsum(n_rows)).astype(np.int64)
    found = np.minimum(np.diff(ends, prepend=0), np.maximum(np.array(n_rows) - 1, 0))
    if ends[-1] and not found.any():
        raise ValueError(
            f"validation_fraction={fraction:g} of {total} rows in {count(len(n_rows), 'part')} holds out no rows,"
            " because each part keeps at least one row. Pass larger parts, or validation_data."
        )
    if not found.any():
        raise ValueError(
            f"validation_fraction={fraction:g} of {total} rows rounds to 0 rows. Pass a larger fraction, or"
            " validation_data."
        )
    return tuple(found.tolist())


def split(m: int, n: int, labels: Array | None, seed: int, number: int) -> tuple[Array, Array | None]:
    """Return the sorted indices of the rows of a part that are held out, and of its training rows; None for all rows.

    Each class has its share of the rows that are held out, up to one row.

    Parameters
    ----------
    m, n : int
        Number of rows of the part, and of those that are held out.
    labels : ndarray (m,) of int, optional
        Class index of each row.
    seed, number : int
        Seed of the split, and place of the part in the list of all parts, on which it depends.
    """
    if not n:
        return np.empty(0, np.int64), None
    generator = np.random.default_rng([seed, number])
    order = generator.permutation(m)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    places = ((np.arange(n) + generator.random()) * (m / n)).astype(np.int64)
    chosen = np.zeros(m, np.bool_)
    chosen[order[places]] = True
    return np.flatnonzero(chosen), np.flatnonzero(~chosen)
