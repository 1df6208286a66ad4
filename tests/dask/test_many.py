"""Many fits on the workers of a Dask cluster: searches, ensembles, and searches of scikit-learn by joblib."""

import os
import signal

import compiled_nn as cnn
import numpy as np
import pytest

pytest.importorskip("distributed", reason="the extra dask is not installed")

import dask.array as da
import dask.dataframe as dd
import pandas as pd
from compiled_nn.dask import DaskEngine, search
from compiled_nn.training.spread import Tables
from spread import same_history, same_results

SPACE = {"learning_rate_init": [0.001, 0.01, 0.1, 1.0], "hidden_layer_sizes": [4, (16, 8)]}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(240, 4))
Y = np.array(["a", "b", "c"])[np.clip(np.round(X[:, 0] + X[:, 1] * X[:, 2]) + 1, 0, 2).astype(int)]


def classifier(**parameters):
    return cnn.MLPClassifier(**{"hidden_layer_sizes": (8,), "max_iter": 8, "standardize": True} | parameters)


def make(units):
    return cnn.Network([cnn.Dense(units, "relu"), cnn.Dense(3)], optimizer=cnn.Adam(0.01), seed=0)


@pytest.fixture(scope="module")
def best_here():
    return cnn.search(classifier(), X, Y, space=SPACE, random_state=0)


# ---- searches


def test_a_search_has_the_bits_of_one_process(client, best_here):
    best = search(classifier(), X, Y, space=SPACE, random_state=0, client=client)
    same_results(best.results_, best_here.results_)
    assert type(best) is cnn.MLPClassifier
    assert (best.predict_proba(X) == best_here.predict_proba(X)).all()
    same_history(best.history_, best_here.history_)


def test_a_search_without_a_client():
    with pytest.raises(ValueError, match=r"search has no client of Dask.*client = Client\(\)"):
        search(classifier(), X, Y, space=SPACE)


def search_in_a_task():
    """A search in a task, whose tasks run on the workers of the cluster."""
    return search(classifier(), X, Y, space=SPACE, random_state=0)


def test_a_search_inside_of_a_worker(client, best_here):
    found = client.submit(search_in_a_task, pure=False).result(timeout=60)
    same_results(found.results_, best_here.results_)


def test_rows_of_all_kinds(client, best_here):
    table = pd.DataFrame(X, columns=list("abcd")).assign(y=Y)
    frame = dd.from_pandas(table, npartitions=3)
    weights = np.ones(len(X))
    for rows, y, options in (
        (da.from_array(X, chunks=(50, 4)), da.from_array(Y, chunks=50), {}),
        (client.scatter(X), Y, {"sample_weight": da.from_array(weights, chunks=50)}),
        (frame, "y", {}),
    ):
        best = search(classifier(), rows, y, space=SPACE, random_state=0, **options)
        assert best.best_score_ == best_here.best_score_
    held_out = da.from_array(X[:60], chunks=(30, 4)), da.from_array(Y[:60], chunks=30)
    options = {"space": {"alpha": [0.1, 1.0]}, "random_state": 0}
    best = search(classifier(), X[60:], Y[60:], validation_data=held_out, **options)
    here = cnn.search(classifier(), X[60:], Y[60:], validation_data=(X[:60], Y[:60]), **options)
    assert best.best_score_ == here.best_score_


def test_a_worker_can_be_the_driver(client, best_here, monkeypatch):
    """Collections are then computed there."""
    monkeypatch.setattr(Tables, "__init__", None)  # of this process
    rows, y = da.from_array(X, chunks=(50, 4)), da.from_array(Y, chunks=50)
    best = search(classifier(), rows, y, space=SPACE, random_state=0, driver="worker")
    same_results(best.results_, best_here.results_)
    assert best.best_params_ == best_here.best_params_
    assert (best.predict_proba(X) == best_here.predict_proba(X)).all()
    with pytest.raises(ValueError, match=r"candidate 1, \{'alpha': -1\}"):
        search(classifier(), X, Y, space={"alpha": [0.1, -1]}, driver="worker")
    with pytest.raises(ValueError, match="'driver' parameter of search must be"):
        search(classifier(), X, Y, space=SPACE, driver="scheduler")


def test_other_models(client):
    unknown = lambda units: make(units)  # noqa: E731  a function of no module
    for model, driver, options in (
        (make, "worker", {"space": {"units": [2, 4, 8]}, "epochs": 4}),
        (unknown, "client", {"space": {"units": [2, 4]}, "epochs": 2, "validation": "folds", "n_folds": 2}),
        (
            cnn.TabularClassifier(n_members=2, max_iter=3, hidden_layer_sizes=8, random_state=0),
            "worker",
            {"space": {"dropout": [0.0, 0.3]}},
        ),
    ):
        best = search(model, X, Y, random_state=0, driver=driver, **options)
        here = cnn.search(model, X, Y, random_state=0, **options)
        same_results(best.results_, here.results_)
        assert (best.predict_proba(X) == here.predict_proba(X)).all()


def test_the_client_sends_the_rows_once(client, monkeypatch):
    sent = []
    monkeypatch.setattr(
        Tables, "__getstate__", lambda self: sent.append(self.nbytes) or vars(self), raising=False
    )
    rows, y = np.tile(X, (100, 10)), np.tile(Y, 100)
    search(classifier(max_iter=4), rows, y, space=SPACE, random_state=0)
    assert len(sent) <= 3, (
        "the client sends them to the scheduler, also in this process, which sends them to each of two workers"
    )
    assert sent[0] >= rows.nbytes


def test_a_worker_that_is_lost(client, best_here):
    """Its candidates and rows are computed again by the other one."""
    lost = []

    def ends_one(engine, *arguments):
        if len(lost) < 1:
            lost.append(next(iter(client.run(os.getpid).values())))
            os.kill(lost[0], signal.SIGKILL)
        return engine(*arguments)

    engine = DaskEngine(client)
    call = engine.map
    engine.map = lambda *arguments: ends_one(call, *arguments)
    best = cnn.search(classifier(), X, Y, space=SPACE, random_state=0, map=engine)
    assert lost
    same_results(best.results_, best_here.results_)
    client.wait_for_workers(2, timeout=30)


def test_errors(client):
    with pytest.raises(ValueError, match=r"candidate 1, \{'alpha': -1\}"):
        search(classifier(), X, Y, space={"alpha": [0.1, -1]})
    with pytest.raises(TypeError, match="has no parameter 'map'"):
        search(classifier(), X, Y, space=SPACE, map=map)
    with pytest.raises(TypeError, match="The 'client' parameter of search"):
        search(classifier(), X, Y, space=SPACE, client=3)


# ---- ensembles


def test_an_ensemble_has_the_bits_of_one_process(client):
    options = {"epochs": 6, "validation": "folds", "patience": 2}
    nets = [make(units) for units in (4, 8, 16)]
    spread = cnn.Ensemble(nets, seed=0).fit(X, Y, map=DaskEngine(client), **options)
    here = cnn.Ensemble(nets, seed=0).fit(X, Y, **options)
    assert (spread.predict_proba(X) == here.predict_proba(X)).all()
    assert (spread.oof_ == here.oof_).all()
    same_history(spread.history, here.history)


# ---- scikit-learn


def test_threads_of_workers(client):
    assert set(client.run(cnn.get_num_threads).values()) == {1}, "Dask sets OMP_NUM_THREADS=1 for its workers"


def test_searches_of_scikit_learn(tmp_path):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    import clusters
    import joblib
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_validate

    model, grid = classifier(max_iter=3, random_state=0), {"alpha": [1e-4, 1.0]}
    found = []
    # Workers in threads of this process, because their own imports of scikit-learn would take most of the time.
    for backend in ("dask", "sequential"):
        with (
            clusters.cluster(tmp_path, nannies=False) as client,
            client.as_current(),
            joblib.parallel_config(backend),
        ):
            searches = GridSearchCV(model, grid, cv=3), HalvingGridSearchCV(model, grid, cv=3, random_state=0)
            found.append(
                [cross_validate(model, X, Y, cv=3)["test_score"].tolist()]
                + [each.fit(X, Y).cv_results_["mean_test_score"].tolist() for each in searches]
                + [each.predict_proba(X).tolist() for each in searches]
            )
    assert found[0] == found[1]
