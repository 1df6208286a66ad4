"""Encodings of numbers: parameters of the network's own columns that are functions of one column of X.

Piecewise-linear bins are those of [1]_: each column of numbers is followed by one input for each of its bins, which
rises from 0 to `gain` within the bin. The outer bins extend below and above: to -gain and to 2 gain. The core computes
them while it gathers the rows; see :mod:`compiled_nn.preprocessing.piecewise_linear` for the edges of the bins.

Periodic encodings are a first layer with the activation "sine", whose blocks are those of an embedding layer: each
column of numbers has its own units, and each column of 0 and 1 of an encoded table is passed on by one unit.

References
----------
.. [1] Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features in tabular deep learning", Advances
   in Neural Information Processing Systems 35, 2022.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..common import checks
from ..common.errors import suggest_keywords
from .initializers import Normal
from .layers import Block, Dense

if TYPE_CHECKING:
    from ..preprocessing.tabular import Tabular

MOST_FREQUENCIES = 4096  # of a column
MOST_BINS = 1024  # of a column
BinRule: TypeAlias = Literal["quantile", "tree", "both"]
BIN_RULES: tuple[BinRule, ...] = ("quantile", "tree", "both")
NumericEmbeddingName: TypeAlias = Literal["piecewise_linear", "periodic"]


@suggest_keywords("PiecewiseLinear")
@dataclass(frozen=True)
class PiecewiseLinear:
    """Piecewise-linear encoding of the columns of numbers, for the parameter `numeric_embeddings`.

    A number z between the edges l and u of a bin has the input ``gain * (z - l) / (u - l)`` there, 0 in the bins above
    and `gain` in the bins below. The lowest bin goes down to -gain below its edge, and the highest one up to 2 gain
    above it. The inputs of the bins follow the columns themselves.

    Parameters
    ----------
    bins : int, default 16
        Largest number of bins of a column, at least 2. There are fewer if the training rows are fewer than 50 for each
        bin, if quantiles are equal, or if edges are closer than the dtype of the network can distinguish.
    bins_by : {"quantile", "tree", "both"}, default "quantile"
        Edges of the bins: quantiles of the column, for which a number that is repeated often (such as 0) counts no more
        than a bin does, so that the others have bins too; the splits of a tree with at most `bins` leaves, which is
        grown on y for each column alone; or half of them quantiles and half of them splits.
    gain : float, default 0.5
        Input of a bin at its upper edge, above 0.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or value.

    See Also
    --------
    Periodic : Encoding by sines and cosines.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> import numpy as np
    >>> X = np.linspace(0, 1, 400)[:, np.newaxis]
    >>> encoding = cnn.PiecewiseLinear(bins=4)
    >>> net = cnn.Network([cnn.Dense(1)], loss="mse", numeric_embeddings=encoding, seed=0)
    >>> net.fit(X, np.sin(9 * X), epochs=1).input_names_.tolist()
    ['x0', 'x0[0, 0.25)', 'x0[0.25, 0.5)', 'x0[0.5, 0.75)', 'x0[0.75, 1)']
    """

    bins: int = field(default=16, kw_only=True)
    bins_by: BinRule = field(default="quantile", kw_only=True)
    gain: float = field(default=0.5, kw_only=True)

    def __post_init__(self) -> None:
        bins = checks.integer("PiecewiseLinear", "bins", self.bins, minimum=2)
        if bins > MOST_BINS:
            raise ValueError(
                f"The 'bins' parameter of PiecewiseLinear is {bins}; at most {MOST_BINS} are allowed."
            )
        object.__setattr__(self, "bins", bins)
        checks.choice("PiecewiseLinear", "bins_by", self.bins_by, BIN_RULES)
        gain = checks.real("PiecewiseLinear", "gain", self.gain, above=0)
        if not 1e-6 <= gain <= 1e6:
            raise ValueError(f"The 'gain' parameter of PiecewiseLinear is {gain:g}; expected 1e-06 to 1e+06.")
        object.__setattr__(self, "gain", gain)


@suggest_keywords("Periodic")
@dataclass(frozen=True)
class Periodic:
    """Periodic encoding of the columns of numbers, for the parameter `numeric_embeddings`.

    It is an additional first layer with the activation "sine": each column z, once scaled, has the units
    ``sin(2 pi c z + b)``, whose frequencies c and phases b are trained [1]_. Half of the phases start at 0, and half at
    pi / 2, which are sines and cosines. For a table, the columns of categories, and those of missing numbers, have one
    unit each.

    Parameters
    ----------
    n_frequencies : int, default 16
        Number of sines, and of cosines, of each column, at least 1.
    sigma : float, default 0.1
        Standard deviation of the initial frequencies, whose mean is 0, above 0. Larger values suit functions that
        change faster, and need more rows.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or value.

    See Also
    --------
    PiecewiseLinear : Encoding by bins of the values.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features in tabular deep learning",
       Advances in Neural Information Processing Systems 35, 2022.

    Examples
    --------
    >>> import numpy as np
    >>> import compiled_nn as cnn
    >>> X = np.linspace(0.0, 1.0, 400)[:, np.newaxis]
    >>> y = np.sin(40 * X[:, 0])
    >>> for encoding in (None, cnn.Periodic(n_frequencies=8, sigma=5.0)):
    ...     layers = [cnn.Dense(16, "relu"), cnn.Dense(1)]
    ...     net = cnn.Network(layers, loss="mse", optimizer=cnn.Adam(0.01), numeric_embeddings=encoding, seed=0)
    ...     print(round(net.fit(X, y, epochs=50).score(X, y), 1))
    0.0
    1.0
    """

    n_frequencies: int = field(default=16, kw_only=True)
    sigma: float = field(default=0.1, kw_only=True)

    def __post_init__(self) -> None:
        n = checks.integer("Periodic", "n_frequencies", self.n_frequencies, minimum=1)
        if n > MOST_FREQUENCIES:
            raise ValueError(
                f"The 'n_frequencies' parameter of Periodic is {n}; at most {MOST_FREQUENCIES} are allowed."
            )
        object.__setattr__(self, "n_frequencies", n)
        object.__setattr__(self, "sigma", checks.real("Periodic", "sigma", self.sigma, above=0))

    def embedded(self, layers: Sequence[Dense], encoder: Tabular | None, n_columns: int) -> tuple[Dense, ...]:
        """Return the layers of a network with the layer of this encoding as the first one."""
        width, n_numbers = 2 * self.n_frequencies, n_columns if encoder is None else encoder.n_numeric_
        blocks: list[Block] = [(1, width)] * n_numbers
        if n_columns > n_numbers:
            blocks.append((n_columns - n_numbers, 0))
        n_units = n_numbers * width + n_columns - n_numbers
        first = Dense(n_units, "sine", init=Normal(2 * math.pi * self.sigma), blocks=tuple(blocks))
        return first, *(layers[1:] if layers[0].blocks else layers)


NumericEmbedding: TypeAlias = PiecewiseLinear | Periodic
NAMES: dict[str, type[NumericEmbedding]] = {"piecewise_linear": PiecewiseLinear, "periodic": Periodic}


def resolve(value: Any) -> NumericEmbedding:
    """Return the encoding for the parameter `numeric_embeddings`, a name or an encoding."""
    if isinstance(value, (PiecewiseLinear, Periodic)):
        return value
    if isinstance(value, str):
        return NAMES[checks.choice("Network", "numeric_embeddings", value, tuple(NAMES))]()
    raise TypeError(
        "The 'numeric_embeddings' parameter of Network must be one of"
        f" {', '.join(map(repr, NAMES))}, an encoding such as PiecewiseLinear(), or None. Got {value!r} instead."
    )


def to_config(encoding: NumericEmbedding) -> dict[str, Any]:
    """Return an encoding as JSON values: its name, and all parameters."""
    name = next(name for name, kind in NAMES.items() if type(encoding) is kind)
    return {"name": name} | {each.name: getattr(encoding, each.name) for each in fields(encoding)}


def from_config(config: Any) -> NumericEmbedding:
    """Return the encoding from the JSON values that :func:`to_config` returned."""
    name = config.get("name") if isinstance(config, dict) else None
    kind = NAMES[checks.choice("the file", "numeric_embeddings", name, tuple(NAMES))]
    given: dict[str, Any] = checks.fields(
        "numeric_embeddings", config, ("name", *(each.name for each in fields(kind)))
    )
    return kind(**{key: value for key, value in given.items() if key != "name"})
