"""Spaces of hyper-parameters: distributions, candidates, and what is refused."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.tuning import Integer, Real
from compiled_nn.tuning.space import candidates


@pytest.mark.parametrize("log", [False, True])
def test_real_numbers_fill_the_range(log):
    draws = Real(0.01, 100.0, log)
    found = np.array([draws.rvs(random_state) for random_state in range(300)])
    assert found.min() >= 0.01
    assert found.max() <= 100
    below_one = (found < 1).mean()
    # a probability of 1/2 or 1/100; 300 draws are within four standard deviations of it
    assert abs(below_one - (0.5 if log else 0.0099)) < 4 * (0.029 if log else 0.0058)


@pytest.mark.parametrize("log", [False, True])
def test_integers_include_both_limits(log):
    state = np.random.RandomState(0)
    found = [Integer(1, 4, log).rvs(state) for _ in range(200)]
    assert set(found) == {1, 2, 3, 4}
    assert all(type(value) is int for value in found)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Real(2.0, 1.0), ValueError, "low=2 and high=1; expected low < high"),
        (lambda: Real(0.0, 1.0, log=True), ValueError, "'low' parameter of Real must be a finite number > 0"),
        (lambda: Real("a", 1.0), TypeError, "'low' parameter of Real"),
        (lambda: Integer(1.5, 3), TypeError, "'low' parameter of Integer must be an int"),
        (lambda: Integer(0, 3, log=True), ValueError, "'low' parameter of Integer must be an int >= 1"),
        (lambda: Integer(3, 3), ValueError, "low=3 and high=3"),
    ],
)
def test_wrong_limits_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_all_combinations():
    space = {"b": [1, 2], "a": ("x", "y", "z")}
    found = candidates(space, None, 0)
    assert found[:3] == [{"a": "x", "b": 1}, {"a": "x", "b": 2}, {"a": "y", "b": 1}]
    assert len(found) == 6
    assert candidates(space, 6, 0) == found


def test_lists_are_drawn_without_replacement():
    space = {"a": np.arange(7), "b": [(8,), (16, 8)]}
    found = candidates(space, 13, 3)
    assert len({(each["a"], each["b"]) for each in found}) == 13
    assert found == candidates(space, 13, 3)
    assert found != candidates(space, 13, 4)
    assert all(type(each["a"]) is int for each in found)


def test_a_grid_too_large_for_memory():
    assert len(candidates({str(i): list(range(1000)) for i in range(20)}, 5, 0)) == 5


def test_distributions_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    found = candidates({"a": stats.loguniform(1e-4, 1e-2), "b": stats.randint(2, 5), "c": [None]}, 20, 0)
    assert all(1e-4 <= each["a"] <= 1e-2 and each["b"] in (2, 3, 4) and each["c"] is None for each in found)
    assert {type(each["b"]) for each in found} == {int}
    assert found == candidates(
        {"a": stats.loguniform(1e-4, 1e-2), "b": stats.randint(2, 5), "c": [None]}, 20, 0
    )


@pytest.mark.parametrize(
    ("space", "n_candidates", "error", "message"),
    [
        ([("alpha", [1])], 1, TypeError, "'space' parameter of search must be a dict"),
        ({}, 1, ValueError, "'space' parameter of search is empty"),
        ({3: [1]}, 1, TypeError, "must have names as keys. Got 3"),
        ({"alpha": []}, 1, ValueError, r"space\['alpha'\] has no values"),
        ({"alpha": 0.1}, 1, TypeError, r"space\['alpha'\] must be a list of values, or a distribution"),
        ({"activation": "relu"}, 1, TypeError, r"space\['activation'\] must be a list"),
        ({"alpha": [1, 2, 3]}, 4, ValueError, "n_candidates is 4, but space has 3 combinations"),
        ({"alpha": [1]}, 2, ValueError, "n_candidates is 2, but space has 1 combination of"),
        ({"alpha": [1]}, 0, ValueError, "'n_candidates' parameter of search must be an int >= 1"),
        ({"alpha": Real(1, 2)}, None, ValueError, r"space\['alpha'\] is a distribution"),
    ],
)
def test_wrong_spaces_are_refused(space, n_candidates, error, message):
    X, y = np.eye(4), [0, 1, 0, 1]
    with pytest.raises(error, match=message):
        cnn.search(cnn.MLPClassifier(), X, y, space=space, n_candidates=n_candidates)
