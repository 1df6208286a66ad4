"""Searches whose candidates are divided over workers: the same bits as in one process, for any number of workers."""

import builtins
import math
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.tuning import Real
from spread import Workers, same_history, same_results

RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3]
SPACE = {"learning_rate_init": RATES, "hidden_layer_sizes": [4, (16, 8)]}


@pytest.fixture(scope="module")
def rows():
    """X (120, 4), and y (120,) of three classes."""
    X = np.random.default_rng(0).normal(size=(120, 4))
    return X, np.array(["a", "b", "c"])[np.clip(np.round(X[:, 0] + X[:, 1] * X[:, 2]) + 1, 0, 2).astype(int)]


def classifier(**parameters):
    return cnn.MLPClassifier(**{"hidden_layer_sizes": (8,), "max_iter": 8, "standardize": True} | parameters)


def network(**parameters):
    layers = [cnn.Dense(8, "relu", dropout=0.1), cnn.Dense(3)]
    return cnn.Network(layers, **{"optimizer": cnn.Adam(0.01), "standardize": True} | parameters)


def make(units, rate=0.01):
    return cnn.Network([cnn.Dense(units, "relu"), cnn.Dense(3)], optimizer=cnn.Adam(rate))


def compared(model, X, y, map, **options):
    """Return the result of a spread search, which is that of a search in this process."""
    options = {"random_state": 3} | options
    alone, spread = cnn.search(model, X, y, **options), cnn.search(model, X, y, map=map, **options)
    same_results(spread.results_, alone.results_)
    assert spread.best_params_ == alone.best_params_
    assert spread.best_score_ == alone.best_score_
    assert type(spread) is type(alone)
    predict = "predict_proba" if hasattr(alone, "predict_proba") else "predict"
    assert (getattr(spread, predict)(X) == getattr(alone, predict)(X)).all()
    for name in ("history", "stop_reason_", "best_epoch_", "loss_curve_", "n_iter_"):
        if name == "history" and hasattr(alone, name):
            same_history(spread.history, alone.history)
        elif hasattr(alone, name):
            assert getattr(spread, name) == getattr(alone, name), name
    return spread


# ---- maps and numbers of workers


@pytest.mark.parametrize("n_workers", [1, 2, 3, 20])
def test_any_number_of_workers(rows, n_workers):
    workers = Workers(n_workers, repeats=2)
    compared(classifier(), *rows, workers, space=SPACE)
    assert workers.ranks[0] == list(range(min(n_workers, 12)))
    assert len(workers.ranks) == 3, "one round up to each rung, and the refit"
    assert workers.ranks[-1] == [0]
    assert workers.released == len(workers.held) == n_workers


def test_maps(rows):
    spawn = get_context("spawn")  # a fork of a process with threads is a warning since Python 3.12
    with ThreadPoolExecutor(2) as threads, ProcessPoolExecutor(2, spawn) as processes:
        for map in (builtins.map, threads.map, processes.map):
            compared(classifier(dropout=0.2), *rows, map, space=SPACE)
        tabular = cnn.TabularClassifier(n_members=2, max_iter=3, hidden_layer_sizes=8, random_state=0)
        compared(tabular, *rows, processes.map, space={"dropout": [0.0, 0.3]}, halving=None)


def test_the_rows_are_sent_once_to_each_worker(rows):
    """Also if candidates read them in different ways, of which each needs a pack of its own."""
    X, y = np.tile(rows[0], (40, 10)), np.tile(rows[1], 40)
    workers = Workers(2)
    space = {"learning_rate_init": RATES, "batch_size": [100, 200], "activation": ["relu", "tanh"]}
    compared(classifier(hidden_layer_sizes=4, dtype="float64"), X, y, workers, space=space)
    assert len(workers.held) == 2
    assert X.nbytes < max(workers.held) < 1.3 * X.nbytes
    assert len(workers.sent) == 2 * (len(workers.ranks) - 1) + 1
    assert max(workers.sent) < 0.1 * X.nbytes


def test_the_work_is_divided_equally(rows):
    workers = Workers(2)
    space = {"learning_rate_init": RATES, "hidden_layer_sizes": [(200,), (4,)]}
    compared(classifier(), *rows, workers, space=space, halving=None, refit=False)
    small, large = sorted(workers.sent)
    assert large < 1.2 * small, "each has three large and three small networks"


def test_a_map_that_is_none(rows):
    with pytest.raises(
        TypeError, match=r"The 'map' parameter of search must be a function like the builtin map.*Got 3"
    ):
        cnn.search(classifier(), *rows, space=SPACE, map=3)
    with pytest.raises(ValueError, match=r"has returned 0 results for \d+ task"):
        cnn.search(classifier(), *rows, space=SPACE, map=lambda function, tasks: [], n_threads=1)


# ---- estimators, networks, functions, tables


@pytest.mark.parametrize("halving", [None, "auto", (0.2, 0.3, 0.7)])
def test_kinds_of_networks(rows, halving):
    space = {
        "dropout": [0.0, 0.3],
        "solver": ["adam", "sgd"],
        "norm": [None, "layer", "batch"],
        "ema": [None, 0.9],
    }
    best = compared(classifier(alpha=0.1), *rows, Workers(3), space=space, n_candidates=12, halving=halving)
    assert set(best.results_["status"]) == ({"completed"} if halving is None else {"completed", "dropped"})


def test_other_inputs(rows):
    X, y = rows
    space = {"standardize": [False, True, "robust"], "batch_size": [8, 32], "dtype": ["float32", "float64"]}
    compared(classifier(), X * [1, 10, 1e-3, 1], y, Workers(2), space=space, halving=(0.5,))


def test_values(rows):
    X, _ = rows
    y = 100 + 30 * X[:, 0] * X[:, 1] + X[:, 2]
    model = cnn.MLPRegressor(hidden_layer_sizes=16, max_iter=10, standardize=True, scale_targets=True)
    space = {"learning_rate_init": RATES, "activation": ["relu", "tanh"]}
    compared(model, X, y, Workers(2), space=space, monitor="val_score")


def test_networks_and_functions(rows):
    space = {
        "optimizer": [cnn.Adam(0.01), cnn.SGD(0.3, momentum=0.9), cnn.AdamW(cnn.schedules.Cosine(0.1, 8))]
    }
    compared(network(seed=3), *rows, Workers(2), space=space, epochs=6)
    compared(make, *rows, Workers(2), space={"units": [2, 4, 8], "rate": [0.01, 0.1], "epochs": [3, 6]})
    local = lambda units: make(units)  # noqa: E731  the function itself is not sent
    compared(local, *rows, Workers(2), space={"units": [2, 4, 8]}, epochs=4)


def test_embeddings_and_categories(rows):
    X, y = rows
    table = [{"a": row[0], "b": "xyz"[int(row[1] > 0) + int(row[2] > 0)]} for row in X.tolist()]
    model = classifier(categorical_features="auto", hidden_layer_sizes=8)
    compared(model, table, y, Workers(2), space={"learning_rate_init": RATES})
    compared(
        classifier(numeric_embeddings="piecewise_linear"),
        X,
        y,
        Workers(2),
        space={"learning_rate_init": RATES},
    )


def test_several_outputs_and_labels(rows):
    X, _ = rows
    compared(
        cnn.MLPRegressor(hidden_layer_sizes=8, max_iter=4),
        X,
        X[:, :2] * X[:, 2:],
        Workers(2),
        space={"alpha": [0, 1]},
    )
    compared(classifier(), X, (X[:, :2] > 0).astype(int), Workers(2), space={"alpha": [0, 1]})
    compared(classifier(), X, np.zeros(len(X)), Workers(2), space={"alpha": [0, 1]})


def test_sparse_rows(rows):
    sparse = pytest.importorskip("scipy.sparse", reason="SciPy is not installed")
    X, y = rows
    matrix = sparse.csr_matrix(np.where(abs(X) > 0.5, X, 0).astype(np.float32))
    compared(classifier(standardize=False), matrix, y, Workers(2), space={"alpha": [0, 1]})


def test_tabular_estimators(rows):
    X, y = rows
    model = cnn.TabularClassifier(n_members=3, max_iter=4, hidden_layer_sizes=8, random_state=0)
    space = {"dropout": [0.0, 0.1, 0.3], "norm": [None, "rms"]}
    best = compared(model, X, y, Workers(2), space=space, halving=(0.5,))
    assert sorted(best.results_["epochs"]) == [2, 2, 2, 4, 4, 4]
    alone = cnn.search(model, X, y, space=space, halving=(0.5,), random_state=3)
    np.testing.assert_array_equal(best.ensemble_.oof_, alone.ensemble_.oof_)
    same_history(best.ensemble_.history, alone.ensemble_.history)
    values = cnn.TabularRegressor(n_members=2, max_iter=4, hidden_layer_sizes=8, random_state=0, refit=True)
    compared(values, X, X[:, 0] + X[:, 1], Workers(2), space={"dropout": [0.0, 0.1]})
    with pytest.raises(ValueError, match="shared_weights=True cannot be used with map"):
        cnn.search(model, X, y, space={"shared_weights": [True]}, map=builtins.map)


# ---- validation


@pytest.mark.parametrize(
    "options",
    [
        {"validation": "folds", "n_folds": 3},
        {"validation": np.arange(120) % 3 == 0},
        {"validation": np.arange(120) % 4 == np.arange(3)[:, np.newaxis]},
        {"validation_groups": np.arange(120) // 7},
        {"sample_weight": np.arange(120) % 5},
        {"refit": False},
    ],
    ids=lambda options: "-".join(options),
)
def test_validation_rows(rows, options):
    compared(classifier(class_weight="balanced"), *rows, Workers(2), space=SPACE, n_candidates=8, **options)


def test_validation_data(rows):
    X, y = rows
    held_out = X[80:], y[80:]
    compared(classifier(), X[:80], y[:80], Workers(2), space=SPACE, n_candidates=8, validation_data=held_out)


def test_early_stopping_of_a_candidate(rows):
    model = classifier(early_stopping=True, n_iter_no_change=2, max_iter=30)
    space = {"learning_rate_init": [0.0001, 0.03, 0.1, 1.0], "n_iter_no_change": [1, 3]}
    best = compared(model, *rows, Workers(2), space=space)
    assert len(set(best.results_["epochs"])) > 3


def test_targets_and_callbacks(rows):
    space = {"target": [None, ("loss", 0.6), ("val_loss", 0.9)], "learning_rate_init": [0.01, 0.1]}
    best = compared(classifier(max_iter=20), *rows, Workers(2), space=space, halving=None)
    assert len(set(best.results_["epochs"])) > 2
    best = compared(
        classifier(), *rows, Workers(2), space=SPACE, callbacks=[lambda results: results["epochs"].max() > 3]
    )
    assert set(best.results_["status"]) == {"dropped", "stopped"}


def test_an_ensemble_of_the_best(rows):
    for options in ({}, {"combine": "greedy", "refit": False}, {"validation": "folds", "n_folds": 2}):
        best = compared(
            network(seed=1), *rows, Workers(3), space={"l2": Real(0, 1)}, n_candidates=10, n_kept=3, **options
        )
        assert isinstance(best, cnn.Ensemble)


# ---- what goes wrong


def test_a_candidate_that_diverges(rows):
    space = {"learning_rate_init": [0.01, 1e18, 0.1, 1e19], "solver": ["sgd"], "activation": ["identity"]}
    for n_workers in (1, 2, 4):
        best = compared(classifier(), *rows, Workers(n_workers), space=space, halving=None)
        assert best.results_["status"].tolist() == ["completed", "diverged"] * 2
    with pytest.raises(cnn.DivergenceError, match="All of 2 candidates of the search have diverged"):
        cnn.search(classifier(), *rows, space=space | {"learning_rate_init": [1e18, 1e19]}, map=Workers(2))


def test_an_invalid_candidate(rows):
    workers = Workers(2)
    with pytest.raises(ValueError, match=r"candidate 1, \{'alpha': -1\}"):
        cnn.search(classifier(), *rows, space={"alpha": [0.1, -1]}, map=workers)
    assert not workers.sent
    assert workers.released == len(workers.held)


def test_the_rows_are_released_after_an_error(rows):
    class Broken(Workers):
        def map(self, function, arguments, ranks=None):
            raise OSError("no worker is left")

    workers = Broken(2)
    with pytest.raises(OSError, match="no worker is left"):
        cnn.search(classifier(), *rows, space=SPACE, map=workers)
    assert workers.released == 2


def test_a_time_limit(rows):
    model = classifier(hidden_layer_sizes=64, max_iter=100_000)
    space = {"alpha": [0.1, 0.2, 0.3]}
    with pytest.warns(UserWarning, match="time_limit has passed"):
        best = cnn.search(model, *rows, space=space, map=Workers(2), time_limit=0.5, random_state=0)
    results = best.results_
    assert set(results["status"]) <= {"stopped", "dropped"}
    assert results["status"].tolist().count("stopped") >= 1
    assert math.isfinite(best.best_score_)
    with pytest.raises(TimeoutError, match="time_limit has passed before the first epoch of 3 candidates"):
        cnn.search(model, *rows, space=space, map=Workers(2), time_limit=1e-9)


def test_lines(rows, capsys):
    cnn.search(classifier(), *rows, space=SPACE, random_state=0, verbose=1)
    expected = capsys.readouterr().out
    assert expected.count("\n") == 2
    cnn.search(classifier(), *rows, space=SPACE, random_state=0, verbose=1, map=Workers(2))
    assert capsys.readouterr().out == expected


# ---- other functions


def test_evaluate(rows):
    candidates = [{"alpha": 0.1}, {"alpha": 1e-4, "activation": "tanh"}, {"alpha": 1.0}]
    workers = Workers(2)
    results = cnn.tuning.evaluate(classifier(), *rows, candidates, random_state=0, map=workers)
    same_results(results, cnn.tuning.evaluate(classifier(), *rows, candidates, random_state=0))
    assert workers.released == 2


def test_searchcv(rows):
    search = cnn.tuning.SearchCV(classifier(), {"alpha": [1e-4, 1.0], "activation": ["relu", "tanh"]}, cv=3)
    search.set_params(random_state=0)
    workers = Workers(2)
    spread = dict(search.fit(*rows, map=workers).cv_results_)
    assert workers.ranks[0] == [0, 1]
    alone = search.fit(*rows).cv_results_
    for name in alone.keys() - {"mean_fit_time"}:
        np.testing.assert_array_equal(spread[name], alone[name], err_msg=name)
