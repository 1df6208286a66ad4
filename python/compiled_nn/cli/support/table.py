"""Matrix with names of its columns, in the form of a table that networks read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray


class Table:
    """Matrix with named columns.

    Parameters
    ----------
    X : ndarray (m, k)
    names : sequence of str

    Attributes
    ----------
    column_names : list of str
    shape : tuple of int
    """

    def __init__(self, X: NDArray[Any], names: Sequence[str]) -> None:
        self._X = X
        self.column_names = list(names)
        self.shape = X.shape

    def __len__(self) -> int:
        return len(self._X)

    def column(self, i: int) -> NDArray[Any]:
        """Return the values of a column."""
        values: NDArray[Any] = self._X[:, i]
        return values
