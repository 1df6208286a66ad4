"""Tables with named columns, such as those of pandas, polars and pyarrow.

Tables are recognised by their methods, so that none of these libraries is imported. Columns are converted with NumPy's
``__array__`` protocol. Missing numbers become NaN, other missing values None, in every library.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common import optional
from . import column_names, records
from .coded import Array, Coded, types

_UNNAMED_INDEX = "__index_level_"  # start of the names that pandas gives to an index without a name
_NESTED = (np.ndarray, list, tuple, dict)  # types of cells that have several values


def is_table(X: Any) -> bool:
    """Whether X has named columns, or exports an Arrow stream."""
    streams = hasattr(X, "__arrow_c_stream__") and not hasattr(X, "__array__") and not isinstance(X, type)
    return table_names(X) is not None or streams


def opened(X: Any) -> Any:
    """Return dicts, and an object that only exports an Arrow stream, as a table; any other X unchanged.

    Such a stream can be read once. An Arrow table is returned without the columns that hold the unnamed index of a
    pandas data frame.

    Raises
    ------
    ImportError
        If X is such an object, and pyarrow is not installed.
    TypeError, ValueError
        If X consists of dicts that cannot be read as a table.
    """
    if table_names(X) is None:
        if records.is_records(X):
            return records.read(X)
        if hasattr(X, "__array__") or not hasattr(X, "__arrow_c_stream__") or isinstance(X, type):
            return X
        pyarrow = optional.load(
            "pyarrow", purpose="reading an Arrow stream", library="pyarrow", extra="arrow"
        )
        X = pyarrow.table(X)
    unnamed = unnamed_index(getattr(X, "schema", None))
    return X.select([name for name in X.column_names if name not in unnamed]) if unnamed else X


def index_columns(schema: Any) -> set[str]:
    """Return the names of the columns that hold the index of a pandas data frame, by the metadata of the schema."""
    if b"pandas" not in (getattr(schema, "metadata", None) or {}):
        return set()
    stored = schema.pandas_metadata.get("index_columns", ())
    return {name for name in stored if isinstance(name, str)} & set(
        schema.names
    )  # a range is stored as a dict


def unnamed_index(schema: Any) -> set[str]:
    """Return the names of the columns that hold the index of a pandas data frame which has no name."""
    return {name for name in index_columns(schema) if name.startswith(_UNNAMED_INDEX)}


def table_names(X: Any) -> list[Any] | None:
    """Return the column names of a table, None if X is not a table."""
    if isinstance(X, type):
        return None
    if hasattr(X, "column_names") and hasattr(X, "column"):
        return list(X.column_names)
    if (hasattr(X, "iloc") or hasattr(X, "get_column")) and hasattr(X, "columns"):
        return list(X.columns)
    return None


def columns(X: Any, of: str = "X") -> list[tuple[Any, Array]]:
    """Return the name and the values (m,) of each column of a table; views, if the library offers them.

    `of` is the name of the table in errors.

    Raises
    ------
    ImportError
        If X only exports an Arrow stream, and pyarrow is not installed.
    TypeError
        If a cell of a column has several values.
    """
    X = opened(X)
    found = [(name, as_column(raw_column(X, i, name))) for i, name in enumerate(table_names(X) or ())]
    for name, column in found:
        check_cells(f"{of}[{name!r}]", column)
    return found


def like(table: Any, values: Array) -> Any:
    """Return numbers (m, k) as a table of the type of `table`, with its k names.

    `values` are returned unchanged if `table` has no names that are all str.
    """
    names = feature_names(table)
    if names is None:
        return values
    native = table.to_native() if hasattr(table, "to_native") else table
    make = getattr(type(native), "from_pydict", type(native))  # pyarrow; pandas and polars take a dict
    return make(dict(zip(names, values.T, strict=True)))


def check_cells(where: str, column: Array | Coded) -> None:
    """Raise a TypeError for a column whose cells are arrays, lists or records."""
    if isinstance(column, np.ndarray) and column.ndim != 1:
        row, size = 0, math.prod(column.shape[1:])
    else:
        objects = isinstance(column, Coded) or _is_object(column)
        nested = {kind for kind in types(column) if issubclass(kind, _NESTED)} if objects else ()
        if not nested:
            return
        cells = column.objects() if isinstance(column, Coded) else column
        row = next(i for i, cell in enumerate(cells) if type(cell) in nested)
        size = len(cells[row])
    raise TypeError(
        f"{where} has several values per row: {size} in row {row}. A column has one value per row. Pass an array"
        " (m, n) in its place, as np.stack makes of such a column, or a table with one column for each value."
    )


def _is_object(column: Array) -> bool:
    return column.dtype.kind == "O"


def raw_column(X: Any, i: int, name: Any) -> Any:
    """Return the column of a table with the index `i` and this name, as an object of its library."""
    if hasattr(X, "iloc"):
        return X.iloc[:, i]
    return X.get_column(name) if hasattr(X, "get_column") else X.column(i)


def as_column(column: Any) -> Array:
    """Return the values (m,) of a column of a library; dates with a time zone are those of UTC."""
    if hasattr(column, "to_physical"):
        return _of_polars(column)
    if not hasattr(column, "iloc"):
        return np.asarray(decoded(column))
    dtype = column.dtype
    if not isinstance(dtype, np.dtype):
        kind = getattr(dtype, "kind", "")
        if kind in "biuf":
            missing = bool(column.isna().any())  # a nullable column of numbers: pandas would return objects
            return np.asarray(
                column.to_numpy(np.float64 if missing else None, na_value=np.nan if missing else 0)
            )
        if str(dtype).startswith("period"):
            return np.asarray(column.dt.to_timestamp())
        if hasattr(dtype, "categories"):  # as an array, whole numbers would be rounded to make room for NaN
            column = column.astype(object)
        inner = getattr(dtype, "pyarrow_dtype", dtype)
        if kind == "M" and hasattr(inner, "tz"):  # else dates without a time of Arrow, which become objects
            local = column if inner.tz is None else column.dt.tz_convert("UTC").dt.tz_localize(None)
            return np.asarray(local.to_numpy(dtype="datetime64[us]", na_value=np.datetime64("NaT", "us")))
    array = np.asarray(column)
    return np.where(column.isna(), np.array(None, object), array) if _is_object(array) else array


def _of_polars(column: Any) -> Array:
    """Return the values (m,) of a series of polars.

    Text becomes objects, because an array of text loses zeros at its end and has the width of the longest one; NumPy
    has no integers of 128 bits; and a column without values would become float32, to which its replacement is rounded.
    """
    if str(column.dtype).startswith(("String", "Categorical", "Enum", "Int128", "UInt128", "Null")):
        return np.fromiter(column.to_list(), object, len(column))
    return np.asarray(column)


def decoded(column: Any) -> Any:
    """Return an Arrow column of dictionary-encoded values or decimals in another form, any other object unchanged.

    Converted to an array directly, a dictionary-encoded column of several chunks would lose its nulls. Decimals become
    the nearest floats, by way of text: the direct conversion of pyarrow has rounding errors.
    """
    kind: Any = getattr(column, "type", None)
    if hasattr(kind, "index_type"):
        return column.cast(kind.value_type)
    if hasattr(kind, "precision") and hasattr(kind, "scale"):
        return column.cast("string").cast("float64")
    return column


def categorical(X: Any) -> set[int]:
    """Return the indices of the columns of a data frame that have a categorical dtype."""
    return {i for i, dtype in enumerate(getattr(X, "dtypes", ())) if hasattr(dtype, "categories")}


def zoned(X: Any) -> set[int]:
    """Return the indices of the columns of a table that have a dtype of dates with a time zone."""
    dtypes: Any = getattr(X, "dtypes", None)
    if dtypes is None:
        dtypes = getattr(getattr(X, "schema", None), "types", ())
    found = set()
    for i, dtype in enumerate(dtypes):
        inner = getattr(dtype, "pyarrow_dtype", dtype)
        if getattr(inner, "tz", None) or getattr(inner, "time_zone", None):
            found.add(i)
    return found


def one_dtype(X: Any) -> bool:
    """Whether all columns of a table have the same dtype, so that the whole table may be convertible in one step."""
    return len({str(dtype) for dtype in getattr(X, "dtypes", ())}) == 1


def title(X: Any, i: int) -> str | int:
    """Return the name of the column of X with the index `i`, or `i` if it has no name that is a str."""
    names = table_names(X)
    return names[i] if names is not None and isinstance(names[i], str) else i


def feature_names(X: Any) -> tuple[str, ...] | None:
    """Return the column names of X; None if X has no names, or if none is a str.

    Raises
    ------
    TypeError
        If some names are str and others are not.
    """
    return text_names(table_names(X))


def text_names(names: Sequence[Any] | None) -> tuple[str, ...] | None:
    """Return the names of a table as :func:`feature_names` does."""
    if not names:
        return None
    kinds = sorted({type(name).__name__ for name in names})
    texts = sum(isinstance(name, str) for name in names)
    if 0 < texts < len(names):
        raise TypeError(
            f"The columns of X have names of the types {', '.join(kinds)}. Feature names are only supported if all of"
            " them are str: rename the others, for example with X.columns = X.columns.astype(str), or pass an array"
            " without names."
        )
    return tuple(map(str, names)) if texts else None


def labels(X: Any) -> tuple[column_names.Label, ...] | None:
    """Return the column names of X that are numbers or tuples; None if X has no names, or texts.

    Raises
    ------
    TypeError
        If the names are of any other kind.
    """
    names = table_names(X)
    if not names or any(isinstance(name, str) for name in names):
        return None
    found = column_names.labels(names)
    if found is None:
        kinds = sorted({type(name).__name__ for name in names})
        raise TypeError(
            f"The columns of X have names of the types {', '.join(kinds)}. Columns are matched by names that are all"
            " str, all finite numbers, or all tuples of both: rename them, for example with X.columns ="
            " list(map(str, X.columns)), or pass an array without names."
        )
    return found


def positions(X: Any) -> tuple[column_names.Label, ...] | None:
    """Return the column names of X if they are 0, 1, ... in any order; otherwise None."""
    names = table_names(X)
    found = column_names.labels(names) if names and not isinstance(names[0], str) else None
    return found if found is not None and set(found) == set(range(len(found))) else None


class Reordered:
    """Table with columns of another table in another order.

    Parameters
    ----------
    X : table
        Table.
    order : list of int or None
        Indices of its columns; None for a column that it lacks, which is zeros.
    names : sequence
        Names of the columns in this order.
    """

    def __init__(self, X: Any, order: Sequence[int | None], names: Sequence[Any]) -> None:
        found = [values for _, values in columns(X)]
        filler = np.zeros(len(found[0]) if found else 0)
        self._columns = [filler if i is None else found[i] for i in order]
        self.column_names = list(names)

    def __len__(self) -> int:
        return len(self._columns[0])

    def column(self, i: int) -> Array:
        """Return the column with the index `i`."""
        return self._columns[i]


def without_labels(X: Any) -> Any:
    """Return a data frame whose column names are not texts with the names 0, 1, ...; any other X unchanged."""
    names = table_names(X)
    if not names or isinstance(names[0], str) or not hasattr(X, "set_axis"):
        return X
    return X.set_axis(range(len(names)), axis=1)
