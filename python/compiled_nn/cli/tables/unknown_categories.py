"""Note about categories of a table that were not in training: a sign of other spellings, which predictions hide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...data.table import Table
from ..support.terminal import print_note

_LISTED = 5  # columns in the note


class UnknownCategories:
    """Counts of values that are not among the categories of a model.

    Parameters
    ----------
    categories : mapping
        Categories of the model by the name of the column in the model.
    """

    def __init__(self, categories: Mapping[Any, frozenset[Any]]) -> None:
        self._categories = categories
        self._found: dict[Any, tuple[int, Any]] = {}

    def count(self, table: Table, names: Mapping[Any, Any]) -> None:
        """Count the values of a batch.

        Parameters
        ----------
        table : Table
            Rows.
        names : mapping
            Names in the table by the names in the model.
        """
        for name, categories in self._categories.items():
            cell = names[name]
            values = table[cell].tolist()
            # A missing number is not equal to itself.
            unknown = {value for value in set(values) - categories if value is not None and value == value}
            if unknown:
                n_rows, example = self._found.get(cell, (0, min(unknown)))
                self._found[cell] = (n_rows + sum(map(unknown.__contains__, values)), example)

    def note(self, n_rows: int) -> None:
        """Print a note that names the columns with such values, if there are any, in `n_rows` rows."""
        if not self._found:
            return
        texts = [
            f"{cell!r} in {n:,} of {n_rows:,} rows, such as {example!r}"
            for cell, (n, example) in sorted(self._found.items(), key=lambda item: -item[1][0])[:_LISTED]
        ]
        more = f"; and {len(self._found) - _LISTED} more columns" if len(self._found) > _LISTED else ""
        print_note(f"categories that were not in training: {'; '.join(texts)}{more}")
