"""Embeddings: a vector learned for each category of a column, in place of a column of 0 and 1 for each.

(a) They are a first layer: linear, without biases, whose W is a block for each column, categories x width, and lets
    other columns through as they are. The core holds all other numbers of W (`Stack.set_mask`). So weights, files,
    checkpoints, averages and optimizers know nothing of embeddings, and a category that no row of a batch has, has the
    gradient 0: with plain SGD its vector does not move.
(b) Predicting multiplies the blocks by the weights of the next layer, once: see `folding`.
(c) An unknown category is a row of zeros, and has the vector 0.
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
Wanted: TypeAlias = "int | Literal['auto'] | tuple[tuple[int | str, int], ...] | None"
_WIDEST = 600
_SPREAD = 0.1  # of initial vectors: small, so that categories which training rarely meets count little


def check(wanted: Any) -> Wanted:
    """Return the parameter `embeddings`, checked; a mapping, or what a file has of it, as pairs."""
    message = (
        "The 'embeddings' parameter of Network must be 'auto', a width or a mapping of columns to widths."
        f" Got {wanted!r} instead."
    )
    if isinstance(wanted, str) and wanted == "auto":
        return "auto"
    if isinstance(wanted, (Mapping, list, tuple)):
        pairs = list(wanted.items()) if isinstance(wanted, Mapping) else wanted
        if not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs):
            raise TypeError(message)
        if not all(type(column) in (int, str) for column, _ in pairs):
            raise TypeError(message)
        return tuple((column, checks.integer("Network", "embeddings", n, minimum=1)) for column, n in pairs)
    if isinstance(wanted, str):
        raise ValueError(message)
    return checks.integer("Network", "embeddings", wanted, minimum=1)


def width_for(n: int) -> int:
    """Return how long a vector "auto" gives to each of `n` categories: ``min(600, round(1.6 n**0.56))``."""
    return min(_WIDEST, round(1.6 * math.pow(n, 0.56)))


def embedded(layers: Sequence[Dense], wanted: Wanted, encoder: Tabular) -> tuple[Dense, ...]:
    """Return the layers of a network, with that of the embeddings of what `encoder` has learned as the first one."""
    blocks = _blocks(wanted, encoder)
    first = Dense(sum(map(_units, blocks)), bias=False, init=Normal(_SPREAD), blocks=blocks)
    own = layers[1:] if layers[0].blocks else layers
    return first, *own


def _blocks(wanted: Wanted, encoder: Tabular) -> tuple[Block, ...]:
    columns = encoder.embeddable()
    plain = encoder.n_columns_ - sum(n for _, _, n in columns)
    if isinstance(wanted, tuple):
        known = {key for i, name, _ in columns for key in (i, name)}
        for column, _ in wanted:
            if column not in known:
                raise ValueError(f"embeddings names {column!r}, which is no categorical column of X.")
    blocks = [(plain, 0), *((n, _width(wanted, i, name, n)) for i, name, n in columns)]
    return tuple(block for block in blocks if block[0] > 0)


def _width(wanted: Wanted, i: int, name: str | None, n: int) -> int:
    """Return the width for column `i` of `n` categories; 0 for none."""
    if isinstance(wanted, tuple):
        widths = dict(wanted)
        return widths.get(i, 0 if name is None else widths.get(name, 0))
    return wanted if isinstance(wanted, int) else width_for(n)


def held(blocks: Sequence[Block], n_features: int) -> tuple[Array, Array]:
    """Return which numbers of W (k, n) move, as booleans, and what the others are."""
    shape = sum(n for n, _ in blocks), sum(map(_units, blocks))
    if shape[0] != n_features:
        raise ValueError(f"The embeddings take {count(shape[0], 'column')}; there are {n_features}.")
    free, values = np.zeros(shape, bool), np.zeros(shape)
    for (rows, columns), (n, width) in zip(_places(blocks), blocks, strict=True):
        if width:
            free[rows, columns] = True
        else:
            values[rows, columns] = np.eye(n)
    return free, values


def tables(layer: Dense, W: Array, encoder: Tabular) -> dict[int | str, Array]:
    """Return the vectors (categories, width) of each embedded column, by its name or number."""
    assert layer.blocks is not None
    columns = encoder.embeddable()
    places = _places(layer.blocks)[-len(columns) :]  # those of other columns come first
    blocks = layer.blocks[-len(columns) :]
    return {
        i if name is None else name: W[rows, units].copy()
        for (i, name, _), (rows, units), (_, width) in zip(columns, places, blocks, strict=True)
        if width
    }


def _units(block: Block) -> int:
    n, width = block
    return width or n


def _places(blocks: Sequence[Block]) -> list[tuple[slice, slice]]:
    """Return which rows and columns of W each block is."""
    places, row, column = [], 0, 0
    for n, width in blocks:
        places.append((slice(row, row + n), slice(column, column + _units((n, width)))))
        row, column = row + n, column + _units((n, width))
    return places
