"""Summary of a part of a table; the joined summaries of all parts result in the encoder of the table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from ..common import clock
from ..data import column_names, column_types, dataframes
from ..data.counted import Counted
from . import choices
from .column_summary import ColumnSummary
from .columns import Column, LeftOut
from .tables import open_table, refuse_empty, where

if TYPE_CHECKING:
    from ..data.column_types import Word


class Parameters(Protocol):
    """Parameters of the encoder, such as a :class:`compiled_nn.preprocessing.Tabular`."""

    categorical_features: tuple[int | str, ...] | Literal["auto"]
    min_frequency: float | None
    column_types: dict[int | str, Word] | None


class TableSummary(NamedTuple):
    """Summary of the rows of a table, or of some of them.

    Attributes
    ----------
    names : tuple of str, or None
        Names of the columns; None if they are not text.
    of_numbers : bool
        Whether it is an array whose dtype is not that of objects.
    columns : tuple of ColumnSummary
        Summary of each column.
    """

    names: tuple[str, ...] | None
    of_numbers: bool
    columns: tuple[ColumnSummary, ...]

    @classmethod
    def of(cls, encoder: Parameters, X: Any, counts: Collection[int] = ()) -> TableSummary:
        """Return the summary of a table.

        Parameters
        ----------
        encoder : Tabular
            Parameters of the encoder, which need not be fitted.
        X : array-like or table (m, k)
            Rows.
        counts : collection of int
            Indices of columns whose distinct values are counted whatever they are: `lacking` of the joined summary.

        Raises
        ------
        TypeError, ValueError
            If X is not a table, or a column has other values than the user states.
        """
        table = open_table(X)
        names = None if table.names is None else tuple(table.names)
        column_names.check_distinct(names or ())
        given = _words(encoder, names, table.n_columns)
        categories, zoned = dataframes.categorical(X), dataframes.zoned(X)
        found = []
        for i in range(table.n_columns):
            clock.check()
            word = given.get(i)
            if word == "ignore":
                found.append(ColumnSummary(0))
                continue
            column, place = table.column(i), where(i, names)
            refuse_empty(len(column), table.n_columns)
            if word is not None:
                found.append(ColumnSummary.stated(column, word, place, zoned=i in zoned))
                continue
            named = names is not None and column_types.is_identifier(names[i])
            found.append(
                ColumnSummary.of(
                    column,
                    place,
                    inferred=encoder.categorical_features == "auto",
                    named=named,
                    categories=i in categories,
                    zoned=i in zoned,
                    counts=i in counts,
                )
            )
        return cls(names, table.of_numbers, tuple(found))

    def joined(self, other: TableSummary) -> TableSummary:
        """Return the summary of the rows of both tables, in this order; the columns must be the same."""
        columns = (a.joined(b) for a, b in zip(self.columns, other.columns, strict=True))
        return TableSummary(self.names, self.of_numbers and other.of_numbers, tuple(columns))

    @property
    def lacking(self) -> frozenset[int]:
        """Indices of the columns whose distinct values have to be counted in all parts to determine their types."""
        return frozenset(i for i, column in enumerate(self.columns) if column.lacks_counts)

    @property
    def beyond(self) -> frozenset[int]:
        """Indices of the columns that have more distinct values than are counted."""
        return frozenset(
            i
            for i, column in enumerate(self.columns)
            if isinstance(column.counted, Counted) and column.counted.counts is None
        )

    @property
    def n_values(self) -> int:
        """Number of distinct values of all columns."""
        return sum(
            len(column.counted.counts or ()) for column in self.columns if isinstance(column.counted, Counted)
        )

    def without_counts(self, columns: Collection[int]) -> TableSummary:
        """Return the summary without the distinct values of some columns."""
        found = (column.without_counts() if i in columns else column for i, column in enumerate(self.columns))
        return self._replace(columns=tuple(found))

    def locate(self, place: str) -> None:
        """Put `place` in front of the messages of the exceptions that are kept."""
        for column in self.columns:
            column.locate(place)

    def words(self, encoder: Parameters) -> dict[int, Word]:
        """Return the types that the user states, by the index of the column."""
        return _words(encoder, self.names, len(self.columns))

    def fitted(self, encoder: Parameters) -> tuple[Column, ...]:
        """Return the encoder of each column, by the parameters of `encoder`."""
        given, inferred = self.words(encoder), encoder.categorical_features == "auto"
        found: list[Column] = []
        for i, column in enumerate(self.columns):
            name, word = None if self.names is None else self.names[i], given.get(i)
            if word == "ignore":
                found.append(LeftOut(name, *choices.IGNORED))
                continue
            type_ = column.column_type(inferred=inferred, plain=self.of_numbers)
            if word is not None:
                type_ = column_types.ColumnType(word)
            found.append(column.encoder(type_, name, where(i, self.names), encoder.min_frequency))
        return tuple(found)


def _words(encoder: Parameters, names: Sequence[str] | None, n_columns: int) -> dict[int, Word]:
    return choices.words(names, n_columns, encoder.categorical_features, encoder.column_types or {})


def joined(summaries: Sequence[TableSummary]) -> TableSummary:
    """Return the summary of the rows of all tables, in this order."""
    found = list(summaries)
    while len(found) > 1:  # in pairs, so that large ones are copied seldom
        pairs = zip(found[::2], [*found[1::2], None], strict=False)
        found = [first if second is None else first.joined(second) for first, second in pairs]
    return found[0]
