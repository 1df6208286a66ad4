"""Errors of cells, which name their row."""

from __future__ import annotations

import numpy as np

from .column_cells import Cells


class CellError(Exception):
    """A cell that cannot be read.

    Attributes
    ----------
    row : int or None
        Row among those of the cells; None for the whole column.
    """

    def __init__(self, row: int | None, message: str) -> None:
        super().__init__(message)
        self.row = row


def row_of(cells: Cells, level: str) -> int:
    """Return the first row of a cell."""
    levels, codes = cells.levels()
    return int(np.argmax(codes == levels.index(level)))
