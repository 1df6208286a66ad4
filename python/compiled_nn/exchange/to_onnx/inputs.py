"""Inputs of an ONNX graph: one tensor or one for each column, and their encoding as numbers.

A number is of the dtype of the model, NaN if it is missing. A category of text is a string, "" if it is missing, or
"<missing>" if "" is a category; a category of numbers is a number, NaN if it is missing. A date is an int64 in
microseconds since 1970-01-01, the smallest int64 if it is missing, as in
``column.astype("datetime64[us]").astype("int64")``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...common.text import is_unicode, short
from ...data.arrays import Array
from ...preprocessing.column_values import EXACT
from ...preprocessing.columns import Categorical, LeftOut, Numeric
from . import dates
from .graph import ML, Graph
from .lookups import Lookup, looked_up

if TYPE_CHECKING:
    from ...preprocessing.columns import Column
    from ..description import Description
    from ..verification import Probe

TENSOR = "X"
UNKNOWN, MISSING = -1, -2  # codes of strings


class Input(NamedTuple):
    """Input of a graph.

    Attributes
    ----------
    name : str
        Name of the input.
    columns : tuple of int
        Columns of X in it.
    kind : {"number", "category", "date"}
        Meaning of its numbers or strings.
    dtype : str
        Dtype of NumPy of its numbers; "str" for strings.
    shape : tuple of int
        Shape of one row.
    """

    name: str
    columns: tuple[int, ...]
    kind: str
    dtype: str
    shape: tuple[int, ...]

    def feed(self, description: Description, probe: Probe) -> Array:
        """Return the rows of a probe as this input takes them."""
        if description.columns is None:
            rows = np.stack([probe.columns[i] for i in self.columns], axis=1)
            return rows.reshape(len(probe), *self.shape).astype(self.dtype)
        found = [_fed(description.columns[i], probe.columns[i], self.dtype) for i in self.columns]
        return np.stack(found, axis=1)


def _fed(column: Column, values: Array, dtype: str) -> Array:
    """Return the values (m,) of a column as an input takes them."""
    if isinstance(column, LeftOut):
        return np.zeros(len(values), dtype)
    if values.dtype.kind == "M":
        return values.astype("datetime64[us]").astype(np.int64)
    if dtype == "str":
        assert isinstance(column, Categorical)
        missing_text = text_of_missing(column)
        return np.array([missing_text if value is None else value for value in values.tolist()], object)
    if values.dtype.kind == "O":
        missing = 0 if dtype == "int64" else np.nan
        return np.array([missing if value is None else value for value in values.tolist()]).astype(dtype)
    return values.astype(dtype)


def text_of_missing(column: Categorical) -> str:
    """Return the text that stands for a missing category: none of the categories."""
    text = "<missing>" if "" in column.categories else ""
    while text in column.categories:
        text += "_"
    return text


# ---- which inputs there are


def inputs_of(description: Description, form: str, dtype: str) -> tuple[Input, ...]:
    """Return the inputs of a graph.

    Parameters
    ----------
    description : Description
        Description of the model.
    form : {"auto", "tensor", "columns"}
        One tensor, or one input for each column; "auto": a tensor unless the model encodes its columns.
    dtype : {"float32", "float64"}
        Dtype of numbers.

    Raises
    ------
    ValueError
        If the columns cannot be one tensor, or a category is not Unicode.
    """
    n, fitted = description.n_features, description.columns
    if form == "tensor" or (form == "auto" and fitted is None):
        if fitted is not None:
            _check_numbers(description, fitted, dtype)
        shape = (n,) if description.shape is None else description.shape
        return (Input(TENSOR, tuple(range(n)), "number", dtype, shape),)
    if description.shape is not None:
        raise ValueError("The model takes images, which are a single tensor, not one input for each column.")
    columns: Sequence[Column] = fitted or [Numeric(None, 0.0, False)] * n
    names = _names(description.titles)
    _check_categories(columns)
    return tuple(
        Input(names[i], (i,), column.column_type.kind, _dtype(column, dtype), (1,))
        for i, column in enumerate(columns)
        if not isinstance(column, LeftOut)
    )


def _check_categories(columns: Sequence[Column]) -> None:
    """Raise ValueError for a category that UTF-8 cannot encode."""
    for column in columns:
        for each in column.categories if isinstance(column, Categorical) else ():
            if isinstance(each, str) and not is_unicode(each):
                raise ValueError(
                    f"The category {short(each)} has surrogates, which are not Unicode. ONNX has no such text."
                )


def _dtype(column: Column, dtype: str) -> str:
    """Return the dtype of the input of one column."""
    if isinstance(column, Numeric):
        return dtype
    if not isinstance(column, Categorical):
        return "int64"
    if not column.categories or isinstance(column.categories[0], str):
        return "str"
    if any(abs(category) >= EXACT for category in column.categories):
        return "int64"
    exact = all(float(np.dtype(dtype).type(category)) == category for category in column.categories)
    return dtype if exact else "float64"


def _check_numbers(description: Description, fitted: Sequence[Column], dtype: str) -> None:
    """Raise ValueError for a column that is not a number of this dtype."""
    for title, column in zip(description.titles, fitted, strict=True):
        if not isinstance(column, LeftOut) and _dtype(column, dtype) != dtype:
            what = {"str": "text", "int64": "dates, or whole numbers beyond 2**53"}.get(
                _dtype(column, dtype), "numbers that float32 rounds"
            )
            raise ValueError(
                f"A single tensor needs columns of numbers; column {short(title)} has {what}. Export one input for each"
                " column."
            )


def _names(titles: Sequence[str]) -> list[str]:
    """Return distinct names, those of the columns as far as possible, that are not those of the outputs."""
    taken = {"label", "probabilities", "values", "deviations", ""}
    found = []
    for i, title in enumerate(titles):
        wanted = title.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
        name, number = wanted or f"x{i}", 1
        while name in taken or (name != wanted and name in titles):
            number += 1
            name = f"{wanted or f'x{i}'}_{number}"
        taken.add(name)
        found.append(name)
    return found


# ---- their encoding


def encoded(
    graph: Graph, description: Description, inputs: Sequence[Input], wide: str
) -> tuple[str, list[Lookup]]:
    """Add the encoding of the inputs, and return it.

    Returns
    -------
    X : str
        Numbers (m, n) of the dtype `wide`: all columns but those that are looked up; "" if there are no others.
    lookups : list of Lookup
        Columns that are looked up.
    """
    encoding = _Encoding(graph, inputs, wide)
    if description.columns is None:
        X = encoding.together(tuple(range(description.n_features)))
        if description.shape is not None:
            X = graph.node("Flatten", X, name="flat", axis=1)
        return X if inputs[0].dtype == wide else graph.cast(X, wide, f"{X}/Cast"), []
    return encoding.of_table(description.columns, looked_up(description))


class _Encoding:
    """Nodes that encode the columns of a table."""

    def __init__(self, graph: Graph, inputs: Sequence[Input], wide: str) -> None:
        self.graph, self.inputs, self.wide = graph, inputs, wide
        self.of_column = {i: each for each in inputs for i in each.columns}

    def together(self, columns: tuple[int, ...]) -> str:
        """Return columns of one dtype next to each other (m, n)."""
        if columns == self.inputs[0].columns:
            return self.inputs[0].name
        if len(self.inputs[0].columns) > 1:
            places = self.graph.constant("columns", columns, "int64")
            return self.graph.node("Gather", self.inputs[0].name, places, name="numbers/Gather", axis=1)
        names = [self.of_column[i].name for i in columns]
        return (
            names[0] if len(names) == 1 else self.graph.node("Concat", *names, name="numbers/Concat", axis=1)
        )

    def of_table(self, fitted: Sequence[Column], wide: frozenset[int]) -> tuple[str, list[Lookup]]:
        """Return the numbers, the indicators of missing ones, and the categories; `wide` are looked up."""
        numbers: list[str] = []
        indicators: list[str] = []
        run: list[int] = []  # columns of numbers that follow each other
        for i, column in enumerate(fitted):
            if isinstance(column, Numeric):
                run.append(i)
            elif not isinstance(column, (Categorical, LeftOut)):
                self._add_numbers(fitted, run, numbers, indicators)
                run = []
                parts, missing = dates.parts(self.graph, column, self.of_column[i].name, self.wide)
                numbers += parts
                indicators += [self.cast(missing, "indicator")] if column.indicator else []
        self._add_numbers(fitted, run, numbers, indicators)
        numeric = [column for column in fitted if not isinstance(column, (Categorical, LeftOut))]
        start = sum(column.n_numbers + column.indicator for column in numeric)
        categories, lookups = [], []
        for i, column in enumerate(fitted):
            if not isinstance(column, Categorical) or not column.width:
                continue
            if i in wide:
                lookups.append(Lookup(self._place(i, column), start, column.width))
            else:
                categories.append(self._one_hot(i, column))
            start += column.width
        pieces = [*numbers, *indicators, *categories]
        if len(pieces) < 2:
            return "".join(pieces), lookups
        return self.graph.node("Concat", *pieces, name="encoded", axis=1), lookups

    def cast(self, x: str, name: str) -> str:
        """Return a tensor in the dtype of the result."""
        return self.graph.cast(x, self.wide, f"{name}/Cast")

    def _add_numbers(
        self, fitted: Sequence[Column], run: list[int], numbers: list[str], indicators: list[str]
    ) -> None:
        """Add columns of numbers, with their means in place of missing ones, and their indicators."""
        if not run:
            return
        graph, columns = self.graph, [fitted[i] for i in run]
        means = [column.mean for column in columns if isinstance(column, Numeric)]
        x = self.together(tuple(run))
        if self.of_column[run[0]].dtype != self.wide:
            x = self.cast(x, "numbers")
        gaps = graph.node("IsNaN", x, name="missing")
        numbers.append(
            graph.node("Where", gaps, graph.constant("means", [means], self.wide), x, name="numbers")
        )
        flagged = [k for k, column in enumerate(columns) if isinstance(column, Numeric) and column.indicator]
        if flagged:
            if len(flagged) < len(run):
                places = graph.constant("missing/columns", flagged, "int64")
                gaps = graph.node("Gather", gaps, places, name="missing/Gather", axis=1)
            indicators.append(self.cast(gaps, "missing"))

    def _one_hot(self, place: int, column: Categorical) -> str:
        """Return one column for each category, and one for rare and unknown ones if there is one."""
        graph, title, n = self.graph, self._title(place), len(column.categories)
        source = self.of_column[place]
        if source.dtype != "str":
            x = self.together((place,))
            categories = graph.constant(f"{title}/categories", [column.categories], source.dtype)
            hot = self.cast(graph.node("Equal", x, categories, name=f"{title}/Equal"), title)
            return self._with_rare(hot, x, source.dtype, title) if column.rare else hot
        code = self._code(place, column, MISSING, UNKNOWN)
        shown = graph.constant(f"{title}/codes", [[*range(n), *[UNKNOWN] * column.rare]], "int64")
        return self.cast(graph.node("Equal", code, shown, name=f"{title}/Equal"), title)

    def _place(self, place: int, column: Categorical) -> str:
        """Return the place (m,) of each row's category among the columns that it would be; their number for none."""
        code = self._code(place, column, column.width, len(column.categories))
        axes = self.graph.constant("axes", [1], "int64")
        return self.graph.node("Squeeze", code, axes, name=f"{self._title(place)}/Squeeze")

    def _code(self, place: int, column: Categorical, missing: int, unknown: int) -> str:
        """Return the index (m, 1) of each text among the categories, or one of these numbers."""
        keys = [category.encode() for category in (*column.categories, text_of_missing(column))]
        return self.graph.node(
            "LabelEncoder",
            self.together((place,)),
            name=f"{self._title(place)}/LabelEncoder",
            domain=ML,
            keys_strings=keys,
            values_int64s=[*range(len(column.categories)), missing],
            default_int64=unknown,
        )

    def _title(self, place: int) -> str:
        """Return the start of the names of the nodes of a column."""
        source = self.of_column[place]
        return f"category/{source.name if len(source.columns) == 1 else place}"

    def _with_rare(self, hot: str, x: str, dtype: str, title: str) -> str:
        """Return the columns of categories of numbers, and one that is 1 if none of them is and x is not missing."""
        graph = self.graph
        axes = graph.constant("axes", [1], "int64")
        other = graph.node("ReduceSum", hot, axes, name=f"{title}/known", keepdims=1)
        if dtype != "int64":
            gap = self.cast(graph.node("IsNaN", x, name=f"{title}/missing"), f"{title}/missing")
            other = graph.node("Add", other, gap, name=f"{title}/known")
        rare = graph.node("Sub", graph.constant("1", 1.0, self.wide), other, name=f"{title}/rare")
        return graph.node("Concat", hot, rare, name=f"{title}/with_rare", axis=1)


def described(inputs: Sequence[Input], description: Description) -> list[dict[str, Any]]:
    """Return the inputs for the metadata of a file, as JSON values."""
    titles, fitted = description.titles, description.columns
    found = []
    for each in inputs:
        entry = {
            "name": each.name,
            "columns": [titles[i] for i in each.columns],
            "kind": each.kind,
            "dtype": each.dtype,
        }
        column = None if fitted is None else fitted[each.columns[0]]
        if each.dtype == "str" and isinstance(column, Categorical):
            entry["missing"] = text_of_missing(column)
        found.append(entry)
    return found
