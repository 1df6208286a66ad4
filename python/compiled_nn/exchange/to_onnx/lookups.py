"""Columns of many categories: rows of the first layer's weights are looked up, in place of columns of 0 and 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...preprocessing.columns import Categorical
from ..description import Chain, DenseLayer, Description
from .graph import Graph

if TYPE_CHECKING:
    from ...data.arrays import Array

_WIDEST = 64  # categories of a column that becomes columns of 0 and 1


class Lookup(NamedTuple):
    """Column of X that is looked up.

    Attributes
    ----------
    code : str
        Category (m,) of each row; `width` for none.
    start, width : int
        First column, and number of columns, that the column would be after encoding.
    """

    code: str
    start: int
    width: int


def looked_up(description: Description) -> frozenset[int]:
    """Return the columns of text with many categories; none if a first layer passes its input on, or is of int8."""
    if description.ranges or any(chain.layers[0].residual for chain in description.networks):
        return frozenset()
    return frozenset(
        i
        for i, column in enumerate(description.columns or ())
        if isinstance(column, Categorical)
        and column.width > _WIDEST
        and isinstance(column.categories[0], str)
    )


def without(description: Description, lookups: Sequence[Lookup]) -> Description:
    """Return a description whose encoded rows lack the columns that are looked up; its first layers are unchanged."""
    gone = _columns(lookups)
    chains = [
        replace(
            chain,
            mean=None if chain.mean is None else np.delete(chain.mean, gone),
            deviation=None if chain.deviation is None else np.delete(chain.deviation, gone),
        )
        for chain in description.networks
    ]
    return replace(description, n_columns=description.n_columns - len(gone), networks=tuple(chains))


def divided(layer: DenseLayer, lookups: Sequence[Lookup]) -> tuple[DenseLayer, list[Array]]:
    """Return a first layer without the rows of columns that are looked up, and the tables (width + 1, n) of those.

    The last row of a table is 0: that of a missing category, or of an unknown one without a column for rare ones.
    """
    zeros = np.zeros((1, layer.weight.shape[1]), layer.weight.dtype)
    tables = [np.concatenate([layer.weight[each.start : each.start + each.width], zeros]) for each in lookups]
    return replace(layer, weight=np.delete(layer.weight, _columns(lookups), axis=0)), tables


def _columns(lookups: Sequence[Lookup]) -> list[int]:
    return [place for each in lookups for place in range(each.start, each.start + each.width)]


def add(
    graph: Graph,
    description: Description,
    chain: Chain,
    u: str,
    lookups: Sequence[Lookup],
    tables: Sequence[Array],
    scope: str,
) -> str:
    """Return u (m, n), the products of the other columns ("" for none), plus the rows that are looked up."""
    scale = 1.0 if chain.mean is not None else description.scale
    for i, (each, table) in enumerate(zip(lookups, tables, strict=True)):
        rows = graph.constant(f"{scope}/table_{i}", table * np.float64(scale))
        found = graph.node("Gather", rows, each.code, name=f"{scope}/lookup_{i}", axis=0)
        u = graph.node("Add", u, found, name=f"{scope}/with_lookup_{i}") if u else found
    return u
