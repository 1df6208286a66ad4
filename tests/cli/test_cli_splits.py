"""Rows that train holds out: stratified by class, the last ones by time, or whole groups."""

import numpy as np
import pytest
from compiled_nn.cli.learning import splits
from compiled_nn.cli.learning.splits import Part, Rule
from compiled_nn.cli.support.terminal import UsageError
from hypothesis import given
from hypothesis import strategies as st

fractions = st.sampled_from([0.05, 0.2, 0.5, 0.9])


def halves(m, fraction, rule, seed=0):
    held_out, others = splits.hold_out(m, fraction, rule, seed)
    assert sorted([*held_out.tolist(), *others.tolist()]) == list(range(m))
    return held_out, others


@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), fractions)
def test_classes_have_their_shares(labels, fraction):
    y = np.array(labels)
    held_out, others = halves(len(y), fraction, Rule(y))
    for label in set(labels):
        n, n_held = labels.count(label), int((y[held_out] == label).sum())
        assert label in y[others]
        if n == 1:
            assert n_held == 0
        else:
            assert abs(n_held - fraction * n) <= 1  # rounded to whole rows, and at least one in each part


@given(st.lists(st.integers(0, 9), min_size=2, max_size=60), fractions)
def test_the_last_rows_are_held_out_and_ties_stay_together(moments, fraction):
    time = np.array(moments)
    if len(set(moments)) == 1:
        with pytest.raises(UsageError, match="has the same value"):
            splits.hold_out(len(time), fraction, Rule(time=time), 0)
        return
    cuts = [(time >= moment).sum() for moment in sorted(set(moments))[1:]]
    wanted = fraction * len(time)
    nearest = min(cuts, key=lambda cut: (abs(cut - wanted), cut))
    if len(time) - nearest < (len(time) - wanted) / 2:
        with pytest.raises(UsageError, match="too few earlier rows"):
            splits.hold_out(len(time), fraction, Rule(time=time), 0)
        return
    held_out, others = halves(len(time), fraction, Rule(time=time))
    assert time[others].max() < time[held_out].min()
    assert len(held_out) == nearest


def test_dates_have_an_order():
    days = np.array(["2024-03-01", "2023-01-01", "2024-12-31", "2023-06-01"], "datetime64[us]")
    assert halves(4, 0.25, Rule(time=days))[0].tolist() == [2]


@given(st.lists(st.sampled_from("abcde"), min_size=3, max_size=60), fractions)
def test_groups_stay_whole(names, fraction):
    groups = np.array(names, object)
    if len(set(names)) < 2:
        return
    held_out, others = halves(len(groups), fraction, Rule(groups=groups))
    assert len(held_out)
    assert len(others)
    assert set(groups[held_out]).isdisjoint(groups[others])


def test_equal_seeds_draw_equal_rows():
    y = np.arange(200) % 3
    for rule in (Rule(), Rule(y), Rule(groups=y + np.arange(200) // 10)):
        first, again, other = (halves(200, 0.2, rule, seed)[0].tolist() for seed in (1, 1, 2))
        assert first == again != other


def test_parts_of_a_part():
    X, y = np.arange(20.0).reshape(10, 2), np.arange(10) % 2
    part = Part(X, y, np.linspace(0, 1, 10))
    parts = splits.validated(splits.tested(part, Rule(y), None, None, "x"), 0.25, 0)
    assert [len(each) for each in (parts.train, parts.validation, parts.test)] == [6, 2, 2]
    whole = Part.concatenate([parts.train, parts.validation, parts.test])
    order = np.argsort(whole.X[:, 0])
    assert np.array_equal(whole.X[order], X)
    assert np.array_equal(whole.y[order], y)
    assert np.array_equal(whole.weights[order], part.weights)
    assert len(splits.tested(part, Rule(y), None, 0.0, "x").test) == 0
    assert len(splits.tested(part.take(np.arange(9)), Rule(y[:9]), None, None, "x").test) == 0
    assert splits.tested(part, Rule(y), part, None, "x").split is None
    one = splits.tested(part.take(np.arange(1)), Rule(), None, None, "x")
    assert len(splits.validated(one, 0.5, 0).validation) == 0
