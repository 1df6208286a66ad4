"""Embeddings: each category of a column is represented by a trained vector, instead of by a column of 0 and 1.

(a) Embeddings are a first layer that is linear and has no biases. Its W has one block (categories, width) per embedded
    column, and an identity block that passes on the other columns. All numbers outside the embedding blocks are fixed
    by the core (`Stack.set_mask`). Weights, files, checkpoints, averages and optimizers need no special cases for them.
    A category that is in no row of a batch has the gradient 0: with plain SGD its vector does not change.
(b) For prediction, the blocks are multiplied by the weights of the next layer once: see `folding`.
(c) An unknown category is encoded as a row of zeros, so its vector is 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from ..common import checks
from ..common.errors import count
from ..data.arrays import Array
from .initializers import Normal
from .layers import Block, Dense

if TYPE_CHECKING:
    from ..preprocessing.tabular import Tabular

Widths: TypeAlias = "int | Literal['auto'] | Mapping[int, int] | Mapping[str, int] | Mapping[int | str, int]"
EmbeddingWidths: TypeAlias = "int | Literal['auto'] | tuple[tuple[int | str, int], ...] | None"
_WIDEST = 600
_SPREAD = 0.1  # standard deviation of initial vectors; small, so that rare categories have little effect


def check(widths: Any) -> EmbeddingWidths:
    """Check the parameter `embeddings`, and return it; a mapping, which files store as pairs, becomes pairs."""
    message = (
        "The 'embeddings' parameter of Network must be 'auto', a width or a mapping of columns to widths."
        f" Got {widths!r} instead."
    )
    if isinstance(widths, str) and widths == "auto":
        return "auto"
    if isinstance(widths, (Mapping, list, tuple)):
        pairs = list(widths.items()) if isinstance(widths, Mapping) else widths
        if not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs):
            raise TypeError(message)
        if not all(type(column) in (int, str) for column, _ in pairs):
            raise TypeError(message)
        return tuple((column, checks.integer("Network", "embeddings", n, minimum=1)) for column, n in pairs)
    if isinstance(widths, str):
        raise ValueError(message)
    return checks.integer("Network", "embeddings", widths, minimum=1)


def width_for(n: int) -> int:
    """Return the width of the embedding of `n` categories for "auto": ``min(600, round(1.6 n**0.56))``."""
    return min(_WIDEST, round(1.6 * math.pow(n, 0.56)))


def embedded(
    layers: Sequence[Dense], widths: EmbeddingWidths, encoder: Tabular, n_bins: int = 0
) -> tuple[Dense, ...]:
    """Return the layers of a network with an embedding layer as the first one, for the columns of a fitted encoder.

    `n_bins` inputs follow these columns, and are passed on.
    """
    blocks = _blocks(widths, encoder) + (((n_bins, 0),) if n_bins else ())
    first = Dense(sum(map(_units, blocks)), bias=False, init=Normal(_SPREAD), blocks=blocks)
    others = layers[1:] if layers[0].blocks else layers
    return first, *others


def _blocks(widths: EmbeddingWidths, encoder: Tabular) -> tuple[Block, ...]:
    columns = encoder.embeddable()
    if isinstance(widths, tuple):
        names = {key for i, name, _ in columns for key in (i, name)}
        for column, _ in widths:
            if column not in names:
                raise ValueError(f"embeddings contains {column!r}, which is not a categorical column of X.")
    blocks = [(_n_plain(encoder), 0), *((n, _width(widths, i, name, n)) for i, name, n in columns)]
    return tuple(block for block in blocks if block[0] > 0)


def _n_plain(encoder: Tabular) -> int:
    """Return the number of columns that do not belong to a category."""
    return encoder.n_columns_ - sum(n for _, _, n in encoder.embeddable())


def _width(widths: EmbeddingWidths, i: int, name: str | None, n: int) -> int:
    """Return the width of the embedding of column `i` with `n` categories; 0 for no embedding."""
    if isinstance(widths, tuple):
        by_column = dict(widths)
        return by_column.get(i, 0 if name is None else by_column.get(name, 0))
    return widths if isinstance(widths, int) else width_for(n)


def check_held(blocks: Sequence[Block], W: Array, name: str) -> None:
    """Raise a ValueError if a number of W (k, n) that is not trained is not the one that :func:`held` returns."""
    _check_columns(blocks, len(W))
    for (rows, columns), (n, width) in zip(_places(blocks), blocks, strict=True):
        part = W[rows].view(f"u{W.itemsize}")  # in which -0.0 is not 0
        wrong = bool(part[:, : columns.start].any() or part[:, columns.stop :].any())
        if not width:
            ones = np.diagonal(W[rows, columns]) == 1
            wrong |= not ones.all() or np.count_nonzero(part[:, columns]) != n
        if wrong:
            raise ValueError(
                f"{name} has other numbers than 0 and 1 in rows {rows.start} to {rows.stop - 1}, outside the vectors of"
                " the embeddings"
            )


def held(blocks: Sequence[Block], n_features: int) -> tuple[Array, Array]:
    """Return a mask of the numbers of W (k, n) that are trained, and a mask of those that are fixed at 1."""
    _check_columns(blocks, n_features)
    shape = n_features, sum(map(_units, blocks))
    free, ones = np.zeros(shape, bool), np.zeros(shape, bool)
    for (rows, columns), (_, width) in zip(_places(blocks), blocks, strict=True):
        if width:
            free[rows, columns] = True
        else:
            np.fill_diagonal(ones[rows, columns], True)
    return free, ones


def tables(layer: Dense, W: Array, encoder: Tabular) -> dict[int | str, Array]:
    """Return the vectors (categories, width) of each embedded column, by its name or index."""
    assert layer.blocks is not None
    columns = encoder.embeddable()
    first = (
        1 if _n_plain(encoder) else 0
    )  # the block of the other columns, if any, is first; that of bins is last
    chosen = slice(first, first + len(columns))
    places, blocks = _places(layer.blocks)[chosen], layer.blocks[chosen]
    return {
        i if name is None else name: W[rows, units].copy()
        for (i, name, _), (rows, units), (_, width) in zip(columns, places, blocks, strict=True)
        if width
    }


def _check_columns(blocks: Sequence[Block], n_features: int) -> None:
    needed = sum(n for n, _ in blocks)
    if needed != n_features:
        raise ValueError(
            f"The embedding layer needs {count(needed, 'column')}; the encoded X has {n_features}."
        )


def _units(block: Block) -> int:
    n, width = block
    return width or n


def _places(blocks: Sequence[Block]) -> list[tuple[slice, slice]]:
    """Return the rows and columns of W that each block occupies."""
    places, row, column = [], 0, 0
    for n, width in blocks:
        places.append((slice(row, row + n), slice(column, column + _units((n, width)))))
        row, column = row + n, column + _units((n, width))
    return places
