"""Rows of requests: checked by column, and encoded for the core, each of them alone.

Every row is read in the same way whether it comes alone or among others, so that its answer does not depend on them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..artefact.inputs import Inputs
from ..common.errors import did_you_mean
from ..data.arrays import Array
from ..preprocessing.columns import Categorical, LeftOut, Numeric
from ..preprocessing.single_row import RowReader
from .documents import kind_of, shown
from .request_errors import RequestError


class Rows:
    """Reader of the rows of a model.

    Parameters
    ----------
    inputs : Inputs
        Inputs of the model.

    Attributes
    ----------
    titles : tuple of str
        Keys of a row.
    """

    def __init__(self, inputs: Inputs) -> None:
        self.inputs, self.titles = inputs, inputs.titles
        self._reader = RowReader(self.titles, inputs.encoder, inputs.dtype)
        self._labels = inputs.names or inputs.labels
        optional = () if inputs.encoder is None else inputs.encoder.optional
        self.required = tuple(title for i, title in enumerate(self.titles) if i not in optional)
        self._known = frozenset(self.titles)

    def read(self, rows: Any) -> Array:
        """Return rows, dicts by column or lists in the order of the columns, encoded for the core (m, n) in float64.

        Raises
        ------
        RequestError
            If they cannot be used; it names the row and, where there is one, the column.
        """
        if not isinstance(rows, list) or not rows:
            found = "an empty list" if rows == [] else kind_of(rows)
            raise RequestError(
                422, f"rows is {found}; expected a list with one object or one list for each row."
            )
        if self.inputs.encoder is None and isinstance(rows[0], list):
            together = self._numbers(rows)
            if together is not None:
                return together
        if len(rows) == 1:
            return self._row(rows[0], 0)
        return np.concatenate([self._row(row, i) for i, row in enumerate(rows)])

    def table(self, rows: list[Any]) -> Any:
        """Return rows that :meth:`read` accepts as an X of ``Network.predict``."""
        if self.inputs.shape is not None and isinstance(rows[0], list):
            return np.array(rows)
        named = [row if isinstance(row, dict) else dict(zip(self.titles, row, strict=True)) for row in rows]
        return self._labelled(named)

    def _labelled(self, rows: list[dict[str, Any]]) -> Any:
        """Return rows with the labels of the columns of training, or as lists in their order."""
        if self._labels is None:
            return [[row.get(title) for title in self.titles] for row in rows]
        return {
            label: [row.get(title) for row in rows]
            for title, label in zip(self.titles, self._labels, strict=True)
        }

    def _numbers(self, rows: list[Any]) -> Array | None:
        """Return rows of plain numbers; None if one of them has to be looked at alone."""
        try:
            array = np.array(rows)
        except ValueError:  # of different lengths
            return None
        if array.dtype.kind not in "iuf" or (array.ndim > 2 and self.inputs.shape is None):
            return None
        try:
            return _dense(self.inputs.read(array))
        except (TypeError, ValueError):
            return None

    def _row(self, row: Any, i: int) -> Array:
        if isinstance(row, list):
            return self._of_list(row, i)
        if not isinstance(row, dict):
            raise RequestError(
                422, f"Row {i} is {kind_of(row)}; expected an object with one value by column.", row=i
            )
        found = self._reader.read(row)
        return self._checked(row, i) if found is None else found

    def _of_list(self, row: list[Any], i: int) -> Array:
        n = len(self.titles)
        if self.inputs.shape is not None and (len(row) != n or any(isinstance(part, list) for part in row)):
            return self._image(row, i)
        if len(row) != n:
            raise RequestError(422, f"Row {i} has {len(row)} values; the model takes {n}.", row=i)
        return self._row(dict(zip(self.titles, row, strict=True)), i)

    def _image(self, row: list[Any], i: int) -> Array:
        try:
            array = np.array([row])
        except ValueError:
            raise RequestError(
                422, f"Row {i} is an image whose rows of pixels have different lengths.", row=i
            ) from None
        if array.dtype.kind not in "iuf":
            raise RequestError(422, f"Row {i} is an image with a value that is not a number.", row=i)
        try:
            return _dense(self.inputs.read(array))
        except (TypeError, ValueError) as error:
            raise RequestError(422, f"Row {i}: {error}", row=i) from None

    def _checked(self, row: dict[str, Any], i: int) -> Array:
        """Return a row that needs a closer look, or raise the fault that is in it."""
        for key in row:
            if key not in self._known:
                hint = did_you_mean(key, self.titles)
                raise RequestError(
                    422,
                    f"Row {i} has the column {shown(key)}, which the model does not take.{hint}",
                    row=i,
                    column=key,
                )
        for title in self.required:
            if title not in row:
                raise RequestError(
                    422,
                    f"Row {i} lacks the column {shown(title)}. Send a value for it, or null if it is missing.",
                    row=i,
                    column=title,
                )
        for column, title in enumerate(self.titles):
            if title in row:
                self._check_value(row[title], i, column, title)
        return self._read_slowly(row, i)

    def _check_value(self, value: Any, i: int, column: int, title: str) -> None:
        """Raise a RequestError for a value that its column cannot hold."""
        encoder = self.inputs.encoder
        fitted = None if encoder is None else encoder.columns_[column]
        if isinstance(fitted, LeftOut):
            return
        expected = ""
        if isinstance(value, (list, dict)):
            expected = "a single value"
        elif encoder is None:
            if not isinstance(value, (int, float)):
                expected = "a number, and none may be missing"
        elif isinstance(fitted, Numeric):
            if isinstance(value, str):
                expected = "a number, or null if it is missing"
        elif isinstance(fitted, Categorical) and value is not None:
            text = not fitted.categories or isinstance(fitted.categories[0], str)
            if isinstance(value, str) != text:
                expected = f"{'text' if text else 'a number'}, or null if it is missing"
        if expected:
            message = f"Row {i}, column {shown(title)}: {kind_of(value)} cannot be used; expected {expected}."
            raise RequestError(422, message, row=i, column=title)

    def _read_slowly(self, row: dict[str, Any], i: int) -> Array:
        """Return a row in the way of ``Network.predict``, which reads all that a table may hold."""
        try:
            return _dense(self.inputs.read(self._labelled([row])))
        except (TypeError, ValueError, OverflowError) as error:
            message = " ".join(str(error).split())
            column = next((title for title in self.titles if repr(title) in message), None)
            raise RequestError(422, f"Row {i}: {message}", row=i, column=column) from None


def _dense(rows: Any) -> Array:
    """Return rows that the core reads as an array (m, n) in float64."""
    dense = rows if isinstance(rows, np.ndarray) else rows.toarray()
    result: Array = dense.astype(np.float64, copy=False)
    return result
