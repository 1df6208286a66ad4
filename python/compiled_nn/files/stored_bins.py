"""Bins of a piecewise-linear encoding in a file: their numbers in the document, and their edges as one tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import checks
from ..data.arrays import Array
from ..spec.configuration import Configuration

if TYPE_CHECKING:
    from ..preprocessing.piecewise_linear import Bins

_EDGES = "bins.edges"


def tensors(bins: Bins | None) -> dict[str, Array]:
    """Return the tensor of the edges; none if no column has bins."""
    return {} if bins is None or not bins.n_bins else {_EDGES: np.concatenate(bins.edges)}


def read_counts(counts: Any, configuration: Configuration, n_columns: int) -> list[int] | None:
    """Return the number of bins of each column in the document of a file, checked; None for a network without bins.

    Raises
    ------
    ValueError
        If they do not match the network.
    """
    encoding = configuration.bins
    if encoding is None or counts is None:
        if (encoding is None) != (counts is None):
            raise ValueError(
                "inputs.bins and a piecewise-linear encoding in numeric_embeddings belong together"
            )
        return None
    if not isinstance(counts, list) or len(counts) != n_columns:
        raise ValueError(f"inputs.bins must be a list of {n_columns} numbers, one for each column")
    for n in counts:
        if checks.integer("inputs", "bins", n, minimum=0) > encoding.bins or n == 1:
            raise ValueError(f"inputs.bins has {n}; a column has no bins, or from 2 to {encoding.bins}")
    return counts


def expected(counts: list[int] | None) -> dict[str, tuple[str, list[int]]]:
    """Return dtype and shape of the tensor of the edges, if there is one."""
    return {_EDGES: ("F64", [sum(n + 1 for n in counts if n)])} if counts and any(counts) else {}


def read(file: Any, configuration: Configuration, counts: list[int] | None) -> Bins | None:
    """Return the bins of a network, for the number of bins of each column.

    Raises
    ------
    ValueError
        If edges are not finite, or not increasing.
    """
    encoding = configuration.bins
    if encoding is None or counts is None:
        return None
    from ..preprocessing.piecewise_linear import Bins  # imported here because most networks have no bins

    edges = file.get_tensor(_EDGES) if any(counts) else np.empty(0)
    stops = np.cumsum([n + 1 if n else 0 for n in counts])
    found = np.split(edges, stops[:-1])
    for j, of_column in enumerate(found):
        if not np.isfinite(of_column).all() or (np.diff(of_column) <= 0).any():
            raise ValueError(f"{_EDGES} has edges for column {j} that are not finite and increasing")
    return Bins(found, encoding.gain)
