"""Report of :meth:`compiled_nn.Network.check_inputs`: findings about the columns of X, and the rows outside ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ..common.errors import count
from ..common.text import html_table, printable

if TYPE_CHECKING:
    from ..data.arrays import Array

Kind = Literal["range", "unknown", "missing", "drift", "constant"]


class Finding(NamedTuple):
    """Finding about a column that at most one of 100 calls has with rows such as those of training.

    Attributes
    ----------
    kind : {"range", "unknown", "missing", "drift", "constant"}
        Values beyond the range of training, categories that training did not have, more missing values, another mean,
        or a single value in all rows where training had several.
    column : str
        Name of the column.
    text : str
        Description with the numbers.
    rows : tuple of int
        Indices of the rows, for "range" and "unknown".

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> net = cnn.Network([cnn.Dense(1)], loss="mse", seed=0).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0], epochs=1)
    >>> net.check_inputs([[1.0], [50.0]]).findings[0]
    Finding(kind='range', column='x0', text='1 of 2 above 2, up to 50', rows=(1,))
    """

    kind: Kind
    column: str
    text: str
    rows: tuple[int, ...]


class ColumnReport:
    """Comparison of one column with training.

    Attributes
    ----------
    name : str
        Name of the column.
    trained : str
        Range or categories of training.
    findings : list of Finding
        Findings.
    outside : list of str
        Values beyond the range and unknown categories, also those that are usual.
    rows : list of int
        Indices of the rows that have them.
    unknown : dict
        Number of rows of each unknown category.
    mean : float or None
        Mean of the numbers; None for few rows.
    missing : float or None
        Share of missing values; None if the column cannot have any.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> net = cnn.Network([cnn.Dense(1)], loss="mse", seed=0).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0], epochs=1)
    >>> column = net.check_inputs([[1.0], [50.0]]).columns["x0"]
    >>> column.trained, column.outside, column.rows
    ('0 to 2', ['1 of 2 above 2, up to 50'], [1])
    """

    def __init__(self, name: str, trained: str) -> None:
        self.name, self.trained = name, trained
        self.findings: list[Finding] = []
        self.outside: list[str] = []
        self.rows: list[int] = []
        self.unknown: dict[Any, int] = {}
        self.mean: float | None = None
        self.missing: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON values.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse", seed=0).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0], epochs=1)
        >>> found = net.check_inputs([[1.0], [50.0]]).columns["x0"].to_dict()
        >>> found["trained"], found["outside"]
        ('0 to 2', ['1 of 2 above 2, up to 50'])
        """
        return {
            "trained": self.trained,
            "outside": self.outside,
            "rows": sorted(set(self.rows)),
            "unknown": {str(value): rows for value, rows in self.unknown.items()},
            "mean": self.mean,
            "missing": self.missing,
        }


class InputReport:
    """Comparison of rows with those that a model was trained on. It is true if it has a finding, and prints as a table.

    Attributes
    ----------
    n_rows : int
        Number of rows that were compared.
    n_trained : int
        Number of rows that the model was trained on.
    findings : tuple of Finding
        Findings: at most one of 100 calls with rows such as those of training has a finding.
    rows : ndarray of int
        Indices of the rows with a value beyond the range of training or an unknown category, also those that are usual.
    columns : dict of str to ColumnReport
        Comparison of each column that is used.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> X = {"age": [31, 48, 25, 60], "city": ["Ulm", "Bonn", "Ulm", "Bonn"]}
    >>> net = cnn.Network([cnn.Dense(1)], loss="mse", categorical_features=["city"], seed=0)
    >>> report = net.fit(X, [0.0, 1.0, 0.0, 1.0], epochs=1).check_inputs({"age": [310, 40], "city": ["Ulm", "Oslo"]})
    >>> report
    2 rows compared with 4 of training: 2 findings; 2 rows outside the ranges and categories of training
    column  finding  here                        training
    age     range    1 of 2 above 60, up to 310  25 to 60
    city    unknown  1 of 2 unknown: Oslo (1)    Bonn, Ulm
    >>> report.rows.tolist()
    [0, 1]
    """

    def __init__(self, n_rows: int, n_trained: int, rows: Array, columns: tuple[ColumnReport, ...]) -> None:
        self.n_rows, self.n_trained, self.rows = n_rows, n_trained, rows
        self.columns = {column.name: column for column in columns}
        self.findings = tuple(finding for column in columns for finding in column.findings)

    def __bool__(self) -> bool:
        return bool(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values.

        Examples
        --------
        >>> import json
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse", seed=0).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0], epochs=1)
        >>> json.dumps(net.check_inputs([[1.0], [50.0]]).to_dict()["findings"])
        '[{"kind": "range", "column": "x0", "text": "1 of 2 above 2, up to 50", "rows": [1]}]'
        """
        return {
            "n_rows": self.n_rows,
            "n_trained": self.n_trained,
            "findings": [{**finding._asdict(), "rows": list(finding.rows)} for finding in self.findings],
            "rows": self.rows.tolist(),
            "columns": {name: column.to_dict() for name, column in self.columns.items()},
        }

    def _table(self) -> list[list[str]]:
        """Return the header and one row per finding."""
        rows = [
            [printable(each.column), each.kind, each.text, printable(self.columns[each.column].trained)]
            for each in self.findings
        ]
        return [["column", "finding", "here", "training"], *rows]

    def _head(self) -> str:
        """Return the first line."""
        found = count(len(self.findings), "finding") if self.findings else "nothing unusual"
        outside = f"{count(len(self.rows), 'row')} outside the ranges and categories of training"
        return f"{count(self.n_rows, 'row')} compared with {self.n_trained:,} of training: {found}; {outside}"

    def __repr__(self) -> str:
        """Return the first line and, if there are findings, a table of them."""
        if not self.findings:
            return self._head()
        table = self._table()
        widths = [max(len(row[i]) for row in table) for i in range(len(table[0]) - 1)]
        lines = [
            "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
            for row in table
        ]
        return "\n".join([self._head(), *lines])

    def _repr_html_(self) -> str:
        """Return the same for a notebook."""
        return f"<p>{self._head()}</p>" + (html_table(self._table()) if self.findings else "")
