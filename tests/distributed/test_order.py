"""Order of the rows of an epoch: each row once, in an order that depends on seed, rank and part only."""

from itertools import pairwise

import numpy as np
import pytest
from compiled_nn.distributed.order import Sequences, rows_of, share
from hypothesis import given, settings
from hypothesis import strategies as st

SHARDS = [[(0, 5), (3, 0), (4, 2)], [(1, 7)], [(2, 0)]]


def rows(sequences, rank, start, stop, sizes):
    found = []
    for piece in sequences.pieces(rank, start, stop):
        chosen = np.arange(sizes[piece.part])[rows_of(piece, sizes[piece.part])]
        found += [(piece.part, row) for row in chosen.tolist()]
    return found


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 9), min_size=1, max_size=6),
    cuts=st.lists(st.integers(0, 60), max_size=8),
    seed=st.none() | st.integers(0, 2**62 - 1),
)
def test_pieces_have_each_row_once_however_they_are_cut(sizes, cuts, seed):
    sequences = Sequences([list(enumerate(sizes))], seed)
    total = sum(sizes)
    assert sequences.n_rows == [total]
    whole = rows(sequences, 0, 0, total, sizes)
    assert sorted(whole) == [(part, row) for part, n in enumerate(sizes) for row in range(n)]
    bounds = sorted({0, total, *(cut for cut in cuts if cut < total)})
    pieces = [rows(sequences, 0, *each, sizes) for each in pairwise(bounds)]
    assert sum(pieces, []) == whole  # noqa: RUF017
    order = list(dict.fromkeys(part for part, _ in whole))
    for stop in range(1, total + 1):
        at = order.index(whole[stop - 1][0])
        assert sequences.following(0, stop) == (order[at + 1] if at + 1 < len(order) else None)
    if seed is None:
        assert whole == sorted(whole)


def test_orders_depend_on_the_seed_the_rank_and_the_part():
    many = [(number, 50) for number in range(20)]
    first, again, other = Sequences([many, many], 1), Sequences([many, many], 1), Sequences([many], 2)
    sizes = dict(many)
    assert rows(first, 0, 0, 1000, sizes) == rows(again, 0, 0, 1000, sizes)
    parts = [
        [piece.part for piece in each.pieces(rank, 0, 1000)]
        for each, rank in ((first, 0), (first, 1), (other, 0))
    ]
    assert len(set(map(tuple, parts))) == 3
    by_part = {}
    for part, row in rows(first, 0, 0, 1000, sizes):
        by_part.setdefault(part, []).append(row)
    assert len(set(map(tuple, by_part.values()))) == 20


def test_shards_without_rows_have_none():
    sequences = Sequences(SHARDS, 5)
    assert sequences.n_rows == [7, 7, 0]
    assert sequences.pieces(2, 0, 0) == []
    assert sorted(piece.part for piece in sequences.pieces(0, 0, 7)) == [0, 4]


@pytest.mark.parametrize("n", [0, 1, 7, 100])
@pytest.mark.parametrize("total", [1, 3, 100])
def test_shares_add_up_and_differ_by_one(n, total):
    steps = [share(n, at + 1, total) - share(n, at, total) for at in range(total)]
    assert sum(steps) == n
    assert max(steps) - min(steps) <= 1
