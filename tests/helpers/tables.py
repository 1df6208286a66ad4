"""The same table in every library that is installed; importing this skips a test module if one is missing."""

import numpy as np
import pytest

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")
pyarrow = pytest.importorskip("pyarrow")


class Stream:
    """Object that offers an Arrow stream, and nothing else; it can be read once, as streams of a database."""

    def __init__(self, data):
        self.reader = pyarrow.table(data).to_reader()

    def __arrow_c_stream__(self, requested_schema=None):
        reader, self.reader = self.reader, None
        return reader.__arrow_c_stream__(requested_schema)


MAKERS = {
    "pandas": pandas.DataFrame,
    "pandas nullable": lambda data: pandas.DataFrame(data).convert_dtypes(),
    "pandas of arrow": lambda data: pandas.DataFrame(data).convert_dtypes(dtype_backend="pyarrow"),
    "polars": polars.DataFrame,
    "pyarrow": pyarrow.table,
    "record batch": lambda data: pyarrow.table(data).to_batches()[0],
    "reader": lambda data: pyarrow.table(data).to_reader(),
    "stream": Stream,
}
every_library = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def columns_of(X, names):
    """Return the columns of an array (m, k) by name."""
    return {name: np.ascontiguousarray(column) for name, column in zip(names, X.T, strict=True)}


def reordered(data, names):
    """Return some columns of a table given as a dict, in this order."""
    return {name: data[name] for name in names}
