"""Errors of sharded rows that are used in a wrong way: the fault, its place, and the remedy."""

import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.distributed import ShardedRows

X = np.random.default_rng(0).normal(size=(60, 4))
Y = np.where(X[:, 0] > 0, "yes", "no")
PARTS = [(X[i::3], Y[i::3]) for i in range(3)]


def net():
    return cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(2)], seed=0)


@pytest.mark.parametrize("map", [None, "map", 2])
def test_a_map_is_a_function(map):
    with pytest.raises(TypeError, match="'map' parameter of ShardedRows must be a function like"):
        ShardedRows(PARTS, map=map)


def test_an_engine_has_its_members():
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(TypeError, match="Pass the map of an executor or a pool as"),
    ):
        ShardedRows(PARTS, engine=pool)


class UnsendableError(Exception):
    """Exception that pickle stores and cannot load, as those of many libraries."""

    def __init__(self, code, words):
        super().__init__(f"{code} {words}")


def load_nothing():
    raise UnsendableError(403, "access denied")


def test_errors_of_loaders_do_not_break_a_pool():
    """A pool of processes ends, and says nothing of the cause, if it cannot load an exception."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        rows = ShardedRows([*PARTS, load_nothing], map=pool.map)
        with pytest.raises(
            RuntimeError, match=r"UnsendableError: 403 access denied. This is part 3 of the rows"
        ):
            net().fit(rows)
        with pytest.raises((AttributeError, pickle.PicklingError, TypeError), match="ickle") as caught:
            net().fit(ShardedRows([lambda: PARTS[0]], map=pool.map))
        assert "must be one of a module" in "".join(caught.value.__notes__)
        assert net().fit(ShardedRows(PARTS, map=pool.map, steps_per_average=1), epochs=1)


@pytest.mark.parametrize("call", ["fit", "predict", "predict_proba", "score"])
def test_only_fit_without_y_takes_sharded_rows(call):
    rows, y = ShardedRows(PARTS), () if call.startswith("predict") else (Y,)
    fitted = net().fit(X, Y, epochs=1)
    with pytest.raises(
        TypeError, match=r"ShardedRows is not an array. Pass it to fit in place of X, without y"
    ):
        getattr(fitted, call)(rows, *y)
    estimator = cnn.MLPClassifier(solver="lbfgs", max_iter=500).fit(X, Y)
    if call != "fit":
        with pytest.raises(TypeError, match="other methods take arrays or tables"):
            getattr(estimator, call)(rows, *y)
    else:
        with pytest.raises(ValueError, match="Leave y out"):
            estimator.fit(rows, Y)


def test_searches_do_not_take_sharded_rows():
    with pytest.raises(TypeError, match="ShardedRows is not an array"):
        cnn.search(cnn.MLPClassifier(), ShardedRows(PARTS), None, space={"alpha": [1, 2]}, n_candidates=2)


@pytest.mark.parametrize("change", [-5, 5])
def test_a_part_that_changes_its_number_of_rows_is_an_error(change):
    """Also one that grows: a permutation of the old number of rows would pass over the new rows."""
    n = [30]

    def load():
        n[0] += change
        return X[: n[0]], Y[: n[0]]

    rows = ShardedRows([*PARTS, load], in_memory=False, cache_bytes=0, steps_per_average=1)
    with pytest.raises(
        ValueError, match=r"Part 3 has \d+ training rows now; it had \d+ when it was first read"
    ):
        net().fit(rows, epochs=2)


def test_parts_of_one_row_have_no_rows_for_validation():
    parts = [(X[i : i + 1], Y[i : i + 1]) for i in range(20)]
    with pytest.raises(ValueError, match=r"of 20 rows in 20 parts holds out no rows.*Pass larger parts"):
        net().fit(ShardedRows(parts, n_shards=2), validation_fraction=0.2)
