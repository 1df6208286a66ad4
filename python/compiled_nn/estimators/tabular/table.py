"""Table of a fit: its rows, read and encoded once, and the properties on which the choices depend."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...artefact.inputs import Inputs
from ...artefact.read_rows import ReadRows
from ...data import column_names, dataframes, rows, samples
from ...data.marks import marks_of
from ...network.network import Network
from ...spec.layers import Dense
from ...training.targets import Targets
from ...training.validation import codes_of_groups
from .. import inputs

if TYPE_CHECKING:
    from ...data.arrays import Array
    from .parameters import TabularParameters
    from .target_kinds import TargetKind


class Table(NamedTuple):
    """Table of a fit.

    Attributes
    ----------
    read : ReadRows
        Rows, converted for the core, with their inputs.
    y : ndarray (m,) or (m, n_outputs)
        Targets.
    weights : ndarray (m,) or None
        Weight of each row, above 0.
    groups : ndarray (m,) or None
        Group of each row.
    used : ndarray of int (m,) or None
        Index of each row in the X of fit; None if all rows are used, because none has the weight 0.
    n_given : int
        Number of rows of the X of fit.
    marks : tuple of int
        Numbers by which the y of fit is recognised.
    kind : TargetKind
        Kind of y.
    encodes : bool
        Whether columns are encoded by their types.
    sparse : bool
        Whether X is sparse.
    n_all : int or None, default None
        Number of rows of all shards, of which the rows here are a sample; None if they are all rows.
    trained : (int, int) or None, default None
        Numbers of training rows of all shards, and of the longest one; None without shards.
    """

    read: ReadRows
    y: Array
    weights: Array | None
    groups: Any
    used: Array | None
    n_given: int
    marks: tuple[int, ...]
    kind: TargetKind
    encodes: bool
    sparse: bool
    n_all: int | None = None
    trained: tuple[int, int] | None = None

    @property
    def inputs(self) -> Inputs:
        """Inputs that were learned from the rows."""
        return self.read.inputs

    @property
    def numbers(self) -> Array | None:
        """Columns (m, n) of numbers and parts of dates; None if X is sparse."""
        rows, encoder = self.read.rows, self.inputs.encoder
        if encoder is not None:
            return encoder.numbers(rows)
        return rows if isinstance(rows, np.ndarray) else None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.y) if self.n_all is None else self.n_all

    @property
    def n_groups(self) -> int | None:
        """Number of groups of rows; None without groups."""
        return None if self.groups is None else int(codes_of_groups(self.n_rows, self.groups).max()) + 1

    def rows_for(self, network: Network) -> ReadRows:
        """Return the rows for networks that scale them as this one does."""
        c, targets = network._configuration, None
        if self.kind.classes is not None:
            # A single class is entered twice, so that it is predicted whatever the output.
            classes = np.resize(self.kind.classes, max(len(self.kind.classes), 2))
            targets = Targets(c.loss, c.n_outputs, "classes", classes)
        return self.read.replace(inputs=self.inputs.replace(scaling=c.scaling), targets=targets)


def read_table(
    model: TabularParameters,
    kind_of: Callable[[Array, Any, Array | None, Any], TargetKind],
    X: Any,
    y: Any,
    sample_weight: Any,
    groups: Any,
    classes: Any = None,
) -> Table:
    """Return the table of a fit; raise TypeError or ValueError if it cannot be used.

    `kind_of` returns the kind of y, for y, the given one, the rows of a weight above 0 and `classes`: all labels, if y
    lacks some of them.
    """
    owner, given = model._owner, y
    sparse = hasattr(X, "tocsr")
    encodes = model.categorical_features is not None and not sparse
    X = inputs.opened(owner, X, encodes)
    names = dataframes.feature_names(X)
    column_names.check_distinct(names or ())
    X = inputs.read(owner, X, model.dtype, None, encodes)
    y = inputs.read_targets(owner, y, len(X) if hasattr(X, "__len__") else None)
    weights, used = inputs.read_weights(sample_weight, len(y)), None
    if weights is not None and not weights.all():
        used = np.flatnonzero(weights)
        X = rows.take(rows.of(X), used) if encodes else samples.select(X, used)
        weights = weights[used]
        groups = None if groups is None else np.asarray(groups)[used]
    n_given, marks = len(y), marks_of(y)
    kind = kind_of(y, given, used, classes)
    y = y if used is None else y[used]
    read = ReadRows.of(template(model, encodes)._configuration, X)
    if not encodes:
        read = read.replace(inputs=read.inputs.replace(names=names))
    return Table(read, y, weights, groups, used, n_given, marks, kind, encodes, sparse)


def template(model: TabularParameters, encodes: bool, *, classifies: bool = False) -> Network:
    """Return a network that reads X as the members do."""
    options: dict[str, Any] = {"loss": "binary_cross_entropy" if classifies else "mse"}
    if encodes:
        options |= {
            "categorical_features": model.categorical_features,
            "min_frequency": model.min_frequency,
            "column_types": model.column_types,
        }
    return Network([Dense(1)], dtype=model.dtype, **options)
