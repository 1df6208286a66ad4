"""Inputs: the form that X must have, and its conversion to the rows of the first layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

import numpy as np

from ..common.immutable import Immutable
from ..data import column_names, dataframes, images, samples
from ..data.records import Records
from ..data.samples import Samples
from ..spec.configuration import CLIPPING, Configuration

if TYPE_CHECKING:
    from cnn_core.layers import Layers

    from ..data.arrays import Array
    from ..preprocessing.piecewise_linear import Bins, Encoding
    from ..preprocessing.single_row import RowReader
    from ..preprocessing.standardization import Statistics
    from ..preprocessing.tabular import Tabular
    from .seen import Seen

# Readers of rows as dicts, made when they are first needed. They are not attributes, so that they are not pickled.
_READERS: WeakKeyDictionary[Inputs, RowReader] = WeakKeyDictionary()


class Inputs(Immutable):
    """Description of the inputs of a network. It is immutable.

    Attributes
    ----------
    n_columns : int
        Number of columns that the core reads: those of X or, for a table, of the encoded X.
    dtype : {"float32", "float64"}
        Dtype of the network.
    scale : float
        Factor by which X is multiplied.
    scaling : {"standard", "robust", "standard_smooth_clip", "robust_smooth_clip", "minmax"} or None
        Method by which the columns are scaled; None if they are not.
    encoder : Tabular or None
        Encoder that turns a table into numbers; None for numeric X.
    names : tuple of str, or None
        Names of the columns of X, before encoding, if they are texts; otherwise None.
    labels : tuple of numbers or tuples, or None
        These names if they are not texts; None if they are 0, 1, ... in this order, as those of an array.
    shape : tuple of int, or None
        Shape of one image, (height, width) or (height, width, channels); None for other rows.
    bins : Bins or None
        Bins of the columns of numbers; None if the network has none, or was not fitted.
    seen : Seen or None
        Ranges, means and categories of the training rows; None if they are not known. Training adds rows to it.
    """

    n_columns: int
    dtype: str
    scale: float
    scaling: str | None
    encoder: Tabular | None
    names: tuple[str, ...] | None
    shape: tuple[int, ...] | None
    labels: tuple[column_names.Label, ...] | None
    bins: Bins | None
    seen: Seen | None

    def __init__(
        self,
        n_columns: int,
        dtype: str,
        scale: float = 1.0,
        scaling: str | None = None,
        encoder: Tabular | None = None,
        names: tuple[str, ...] | None = None,
        shape: tuple[int, ...] | None = None,
        labels: tuple[column_names.Label, ...] | None = None,
        bins: Bins | None = None,
        seen: Seen | None = None,
    ) -> None:
        if encoder is not None:
            titles = encoder.feature_names_in_
            names = None if titles is None else tuple(titles.tolist())
        self._set(
            n_columns=n_columns,
            dtype=dtype,
            scale=scale,
            scaling=scaling,
            encoder=encoder,
            names=names,
            shape=shape,
            labels=labels,
            bins=bins,
            seen=seen,
        )

    @classmethod
    def of(
        cls,
        configuration: Configuration,
        n_columns: int,
        encoder: Tabular | None = None,
        *,
        names: tuple[str, ...] | None = None,
        shape: tuple[int, ...] | None = None,
        labels: tuple[column_names.Label, ...] | None = None,
        bins: Bins | None = None,
        seen: Seen | None = None,
    ) -> Inputs:
        """Return the inputs of a network with this configuration."""
        c = configuration
        return cls(n_columns, c.dtype, c.scale, c.scaling, encoder, names, shape, labels, bins, seen)

    @property
    def n_features(self) -> int:
        """Number of columns of X, before encoding."""
        return self.n_columns if self.encoder is None else self.encoder.n_features_in_

    @property
    def n_bins(self) -> int:
        """Number of bins of all columns."""
        return 0 if self.bins is None else self.bins.n_bins

    @property
    def n_inputs(self) -> int:
        """Number of inputs of the first layer: the columns, and the bins."""
        return self.n_columns + self.n_bins

    @property
    def n_numeric(self) -> int:
        """Number of columns of numbers, which are the first ones."""
        return self.n_columns if self.encoder is None else self.encoder.n_numeric_

    @property
    def titles(self) -> tuple[str, ...]:
        """Names of the columns of X, before encoding; "x0", "x1", ... if they have none."""
        names = self.names or self.labels
        return tuple(f"x{i}" for i in range(self.n_features)) if names is None else tuple(map(str, names))

    @property
    def encoded_titles(self) -> tuple[str, ...]:
        """Names of the inputs of the first layer: those of the columns, then those of their bins."""
        names = self.titles
        if self.encoder is not None:
            given = names if self.encoder.feature_names_in_ is None else None
            names = tuple(self.encoder.get_feature_names_out(given).tolist())
        return names if self.bins is None else (*names, *self.bins.titles(names))

    @property
    def n_clipped(self) -> int:
        """Number of columns that are clipped after they are scaled: those of numbers, which are the first ones."""
        if self.scaling not in CLIPPING:
            return 0
        return self.n_numeric

    def new_seen(self) -> Seen:
        """Return an object for what training will see, without any rows."""
        from .seen import Seen  # imported here to keep `import compiled_nn` fast

        return Seen(self.encoder, self.n_columns)

    def embedded(self, configuration: Configuration) -> Configuration:
        """Return a configuration with the layer of its embeddings or its periodic encoding, for these inputs."""
        return configuration.embedded(self.encoder, self.n_bins, self.n_columns)

    def encoding(self, statistics: Statistics | None) -> Encoding | None:
        """Return the arguments of ``Layers.encode`` for columns scaled by these statistics; None without bins."""
        return None if self.bins is None else self.bins.encoding(statistics, self.scale, self.dtype)

    def set_in(self, layers: Layers, statistics: Statistics | None) -> None:
        """Set scaling and bins of layers that take these inputs."""
        encoding = self.encoding(statistics)
        if encoding is not None:
            layers.encode(*encoding)
        if statistics is not None:
            layers.standardize(*statistics, self.n_clipped)

    def with_bins(
        self,
        configuration: Configuration,
        X: Samples,
        statistics: Statistics | None,
        y: Array | None = None,
        rows: Array | None = None,
        weights: Array | None = None,
    ) -> Inputs:
        """Return these inputs with the bins that are learned from X; documented in ``bin_edges.learn``.

        Raises
        ------
        TypeError
            If X is a sparse matrix.
        """
        encoding = configuration.bins
        if encoding is None:
            return self
        from ..preprocessing import bin_edges  # imported here to keep `import compiled_nn` fast

        if self.encoder is not None:
            numbers = self.encoder.numbers(X)
        elif isinstance(X, np.ndarray):
            numbers = X
        else:
            raise TypeError(
                "X is a sparse matrix, whose columns numeric_embeddings does not encode. Pass X.toarray(), or leave"
                " numeric_embeddings out."
            )
        bins = bin_edges.learn(
            numbers,
            self.n_columns,
            bins=encoding.bins,
            gain=encoding.gain,
            statistics=statistics,
            scale=self.scale,
            dtype=self.dtype,
            y=None if encoding.bins_by == "quantile" else y,
            mixed=encoding.bins_by == "both",
            rows=rows,
            weights=weights,
        )
        return self.replace(bins=bins)

    @classmethod
    def learned(
        cls, configuration: Configuration, X: Any, n_columns: int | None = None
    ) -> tuple[Inputs, Samples]:
        """Return the inputs of a network that is fitted on X, and X converted for the core.

        Parameters
        ----------
        configuration : Configuration
            Parameters of the network.
        X : array-like or table (m, k), or images
            Rows, as given to fit.
        n_columns : int, optional
            Number of columns that the core reads. Default: any number.

        Returns
        -------
        inputs : Inputs
            Inputs with the names of the columns of X, its encoder, or the shape of its images.
        X : ndarray (m, n_columns) or SparseRows
            Rows, converted for the core.

        Raises
        ------
        TypeError, ValueError
            If X cannot be used.
        """
        c, encoder = configuration, None
        X, names, labels = titles_of(X)
        if c.categorical_features is not None:
            encoder = c.new_encoder().fit(X)
        else:
            X = samples.plain(X)
        rows = samples.read(X, dtype=c.dtype, n_features=n_columns, encoder=encoder)
        shape = images.shape_of(X) if encoder is None else None
        return cls.of(c, rows.shape[1], encoder, names=names, shape=shape, labels=labels), rows

    def of_encoded(self) -> Inputs:
        """Return the inputs for rows that are encoded already, with their columns in the order of fit."""
        return Inputs(self.n_columns, self.dtype, self.scale, self.scaling)

    def read(self, X: Any) -> Samples:
        """Return X converted for the core, with its columns in the order of fit.

        The columns of a table are matched by name, if those of fit had names as well; arrays are taken by position.
        Names 0, 1, ... in this order are none, and those in another order are a permutation of positions.
        Otherwise X is read as :func:`compiled_nn.data.samples.read` describes.

        Raises
        ------
        TypeError, ValueError
            If X cannot be used: names are missing or additional, or images have another shape.
        """
        order = None
        if type(X) is dict:
            row = self._read_row(X)
            if row is not None:
                return row
        if type(X) is not np.ndarray:
            X = dataframes.opened(X)
            if isinstance(X, Records):
                self._check_keys(X)
            order = self.order(X)
            if order is not None and self.encoder is not None:
                X, order = self.reordered(X, order), None
        if self.shape is not None:
            X = samples.plain(X)
            images.check_shape(self.shape, X)
        rows = samples.read(X, dtype=self.dtype, n_features=self.n_columns, encoder=self.encoder)
        return rows if order is None else cast("Array", rows)[:, cast("list[int]", order)]

    def _read_row(self, X: dict[Any, Any]) -> Array | None:
        """Return a dict that is one row; None if it has to be read as a table."""
        names = self.names or self.labels
        if names is None:
            return None
        reader = _READERS.get(self)
        if reader is None:
            # imported here to keep `import compiled_nn` fast
            from ..preprocessing.single_row import RowReader

            reader = _READERS[self] = RowReader(names, self.encoder, self.dtype)
        return reader.read(X)

    def in_order(self, X: Records) -> Any:
        """Return a table of dicts with its columns in the order of fit, unless the encoder matches them.

        Raises
        ------
        ValueError
            If keys are missing or additional, or the network was fitted without names.
        """
        self._check_keys(X)
        order = self.order(X)
        return X if order is None else self.reordered(X, order)

    def reordered(self, X: Any, order: list[int | None]) -> dataframes.Reordered:
        """Return a table with its columns in the order of fit."""
        return dataframes.Reordered(X, order, self.names or self.labels or range(len(order)))

    def _check_keys(self, X: Records) -> None:
        """Raise ValueError for dicts if their keys cannot be matched, since columns of dicts are in no order."""
        if self.names is None and self.labels is None and dataframes.positions(X) is None:
            raise ValueError(
                f"X has the keys {column_names.some(X.column_names)}, but the network was fitted without names of"
                " columns, so they cannot be matched. Pass an array, or fit the network on dicts or a table."
            )

    def order(self, X: Any) -> list[int | None] | None:
        """Return the indices of the columns of X in the order of fit; None if that is their order."""
        optional = () if self.encoder is None else self.encoder.optional
        names = dataframes.feature_names(X)
        if names is not None:
            if self.labels is not None:
                column_names.check_same(self.labels, names, optional=optional)
            # The encoder matches texts itself.
            return (
                None
                if self.names is None or self.encoder is not None
                else column_names.order(self.names, names)
            )
        known, labels = self.names or self.labels, dataframes.positions(X)
        if known is None:
            return None if labels is None else column_names.order(range(len(labels)), labels)
        labels = labels or dataframes.labels(X)
        if labels is None or (column_names.counted(labels) and set(labels) != set(known)):
            return None
        return column_names.order(known, labels, optional)

    def range_error(self) -> ValueError:
        """Return the error for an X that overflows when it is scaled."""
        operation = f"scaled by {self.scale:g}" if self.scaling is None else "standardised"
        return ValueError(f"X is beyond the range of {self.dtype} once {operation}.")


def titles_of(X: Any) -> tuple[Any, tuple[str, ...] | None, tuple[column_names.Label, ...] | None]:
    """Return X, opened if it is a table, and the `names` and the `labels` of inputs that are fitted on it.

    Raises
    ------
    TypeError, ValueError
        If columns have the same name, or names that cannot be matched.
    """
    if type(X) is np.ndarray:
        return X, None, None
    X = dataframes.opened(X)
    names, labels = dataframes.feature_names(X), dataframes.labels(X)
    column_names.check_distinct(names or labels or ())
    return X, names, None if labels is None or column_names.counted(labels) else labels
