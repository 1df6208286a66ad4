"""First pass over the parts: descriptions from which the inputs of a network and its targets follow."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..artefact.inputs import titles_of
from ..common.errors import located
from ..data import arrays, class_labels, dataframes, images, records, sample_weights, samples
from ..preprocessing.table_summary import TableSummary
from ..training import levels
from ..training.targets import default_targets
from . import measures
from .parts import is_empty, place, read_part

if TYPE_CHECKING:
    from ..artefact.inputs import Inputs
    from ..data.arrays import Array
    from ..data.column_names import Label
    from ..data.samples import Samples
    from ..spec.configuration import Configuration
    from ..training.targets import Targets
    from .measures import Measures, Measuring


class Columns(NamedTuple):
    """Description of X.

    Attributes
    ----------
    n_columns : int
        Number of columns, before encoding.
    names, labels, shape
        As those of :class:`compiled_nn.artefact.inputs.Inputs`.
    in_order : bool
        Whether the columns are in an order; those of dicts are not.
    summary : TableSummary or None
        Summary of the columns of a table that is to be encoded.
    """

    n_columns: int
    names: tuple[str, ...] | None
    labels: tuple[Label, ...] | None
    shape: tuple[int, ...] | None
    in_order: bool
    summary: TableSummary | None


class Outputs(NamedTuple):
    """Description of y.

    Attributes
    ----------
    n_columns : int or None
        Number of columns; None for one label or value per row.
    dtype : dtype
        Dtype.
    examples : ndarray (m,) or (m, n)
        Sorted distinct labels if each row has one; otherwise some rows, with the first one, and those with the smallest
        and the largest number of each column.
    counts, weights : ndarray (m,) or None
        Number of rows of each of these labels, and the sum of their sample weights; None if rows have no labels.
    """

    n_columns: int | None
    dtype: Any
    examples: Array
    counts: Array | None
    weights: Array | None


class Description(NamedTuple):
    """Description of a part.

    Attributes
    ----------
    number : int
        Place of the part in the list of all parts.
    n_rows : int
        Number of rows; the other attributes are None if it is 0.
    columns : Columns or None
        Description of X; None if the inputs are known.
    outputs : Outputs or None
        Description of y.
    is_sparse : bool
        Whether X is a sparse matrix.
    measures : Measures or None
        Result of the second pass, if it is made together with the first one.
    n_values : int
        Number of distinct values in the summary of a table.
    """

    number: int
    n_rows: int
    columns: Columns | None = None
    outputs: Outputs | None = None
    is_sparse: bool = False
    measures: Measures | None = None
    n_values: int = 0


class Look(NamedTuple):
    """How parts are described.

    Attributes
    ----------
    configuration : Configuration
        Parameters of the network.
    inputs : Inputs or None
        Inputs that are known.
    targets : Targets or None
        Encoding of y that is known.
    checks_y : bool
        Whether y has to fit the loss and the number of outputs of the configuration.
    n_columns : int or None
        Number of columns that X must have, if it is not encoded.
    counts : frozenset of int
        Indices of the columns of tables whose distinct values are counted.
    uncounted : frozenset of int
        Indices of the columns of tables whose distinct values are not needed, because they are too many.
    measuring : Measuring or None
        How the part is measured in the same pass; None if it is not.
    n_sample : int
        Number of rows of the sample that is taken then.
    """

    configuration: Configuration
    inputs: Inputs | None
    targets: Targets | None
    checks_y: bool
    n_columns: int | None
    counts: frozenset[int] = frozenset()
    uncounted: frozenset[int] = frozenset()
    measuring: Measuring | None = None
    n_sample: int = 0


def describe(source: Any, number: int, look: Look) -> Description:
    """Return the description of a part, on a worker.

    Parameters
    ----------
    source : tuple or callable
        As for :func:`compiled_nn.distributed.parts.read_part`.
    number : int
        Place of the part in the list of all parts.
    look : Look
        How it is described.

    Raises
    ------
    TypeError, ValueError
        If X, y or the weights cannot be used; messages name the part and the row in it.
    """
    raw = read_part(source, number)
    with located(place(number)):
        samples.check_lengths(raw.X, y=raw.y, sample_weight=raw.weights)
        if is_empty(raw.X):
            if not is_empty(raw.y):
                arrays.check_rows((), arrays.as_array(raw.y, "y"))
            return Description(number, 0)
        y = arrays.targets(raw.y)
        columns, X = _columns_of(raw.X, len(y), look)
        if columns is not None and columns.summary is not None:
            columns.summary.locate(place(number))
        weights = sample_weights.check(raw.weights, len(y), may_be_zero=True)
        outputs = _outputs_of(raw.y, y, weights, look)
        measured = None
        if look.measuring is not None and X is not None:
            measured = measures.measured(X, y, None, weights, number, look.measuring, look.n_sample)
    n_values = 0 if columns is None or columns.summary is None else columns.summary.n_values
    return Description(number, len(y), columns, outputs, hasattr(raw.X, "tocsr"), measured, n_values)


def _columns_of(X: Any, n_rows: int, look: Look) -> tuple[Columns | None, Samples | None]:
    """Return the description of X, which must have `n_rows` rows, and its rows if it is not to be encoded."""
    c = look.configuration
    if look.inputs is not None:
        if look.measuring is None:
            return None, None
        known = look.inputs.read(X)
        arrays.check_rows(known, range(n_rows))
        return None, known
    in_order = not records.is_records(X)
    X, names, labels = titles_of(X)
    if c.categorical_features is not None:
        summary = TableSummary.of(c.new_encoder(), X, look.counts).without_counts(look.uncounted)
        m = max(column.rows for column in summary.columns) or n_rows
        arrays.check_rows(range(m), range(n_rows))
        return Columns(len(summary.columns), names, labels, None, in_order, summary), None
    X = samples.plain(X)
    shape = images.shape_of(X)
    rows: Samples | None = None
    if look.measuring is None and type(X) is np.ndarray and X.ndim in (2, 3, 4):
        width = math.prod(X.shape[1:])  # the rows are read in the second pass
        arrays.check_shape((len(X), width), look.n_columns)
        arrays.check_rows(X, range(n_rows))
    else:
        rows = samples.read(X, dtype=c.dtype, n_features=look.n_columns)
        width = rows.shape[1]
        arrays.check_rows(rows, range(n_rows))
    return Columns(width, names, labels, shape, in_order, None), rows


def _outputs_of(given: Any, y: Array, weights: Array | None, look: Look) -> Outputs:
    """Return the description of y, which is `given` as an array."""
    c, targets = look.configuration, look.targets
    n_columns = y.shape[1] if arrays.is_matrix(y) else None
    title = partial(dataframes.title, given)
    if c.loss.classifies and n_columns is None:
        labels = class_labels.read(y)
        classes = class_labels.distinct(labels)
        if targets is not None and targets.classes is not None:
            class_labels.indices(labels, targets.classes)  # raises an error for an unknown label
        indices = np.searchsorted(classes, labels)
        counts = np.bincount(indices, minlength=len(classes))
        sums = counts if weights is None else np.bincount(indices, weights, len(classes))
        return Outputs(None, y.dtype, classes, counts, sums.astype(np.float64))
    if targets is None and look.checks_y:
        targets = default_targets(c.loss, c.n_outputs)
    if targets is not None:
        values = targets.encode(y, c.dtype, scaled=False, title=title)
        if targets.kind == "values" and targets.scaling is None and not c.scale_targets:
            levels.rounded(values, c.dtype, targets.loss, title)
    else:
        values = arrays.values(y, n_outputs=n_columns or 1, dtype="float64", title=title)
    columns = values.reshape(len(y), -1)
    rows = {0, *columns.argmin(axis=0).tolist(), *columns.argmax(axis=0).tolist()}
    between = (columns != 0) & (columns != 1)  # which an indicator has not
    if between.any():
        rows.add(int(np.argmax(between.any(axis=1))))
    return Outputs(n_columns, y.dtype, y[sorted(rows)], None, None)
