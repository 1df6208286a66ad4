"""The estimators on Dask: the bits of plain estimators on the same shards, from every form of rows; their manners."""

import copy
import dataclasses
import inspect
import pickle

import compiled_nn as cnn
import numpy as np
import pytest

pytest.importorskip("distributed", reason="needs the extra dask")
import dask.array as da
import dask.dataframe as dd
import distributed
import pandas as pd
from compiled_nn import dask as on_dask
from compiled_nn.distributed import ShardedRows

M = 120
SHARDS = {"n_shards": 2, "steps_per_average": 2}
SMALL = {"hidden_layer_sizes": 4, "max_iter": 3, "batch_size": 16, "random_state": 0}
KINDS = {
    on_dask.MLPClassifier: cnn.MLPClassifier,
    on_dask.MLPRegressor: cnn.MLPRegressor,
    on_dask.TabularClassifier: cnn.TabularClassifier,
    on_dask.TabularRegressor: cnn.TabularRegressor,
}
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def numbers():
    return np.random.default_rng(1).normal(size=(M, 5))


@pytest.fixture(scope="module")
def labels(numbers):
    return np.where(numbers[:, 0] > numbers[:, 1], "yes", "no")


@pytest.fixture(scope="module")
def frame(numbers, labels):
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 80, M).astype(float),
            "city": rng.choice(["Ulm", "Bonn", "Kiel"], M),
            "income": numbers[:, 0],
            "buys": labels,
            "weight": rng.uniform(0.5, 2, M),
        }
    )


def cut(data, starts):
    """Pieces of data that begin at these rows."""
    return [data[start:stop] for start, stop in zip(starts, [*starts[1:], M], strict=True)]


def plain_fit(model, parts, **options):
    """A plain estimator that is trained in this process on shards with these parts."""
    return model.fit(ShardedRows(parts, **{"n_shards": 2, "steps_per_average": 2, **options}))


def check_equal(found, expected, X):
    """Both have the same weights, history and predictions, bit for bit."""
    for one, other in zip(
        found.coefs_ + found.intercepts_, expected.coefs_ + expected.intercepts_, strict=True
    ):
        assert (one == other).all()
    same = {"loss", "val_loss", "val_score", "epoch"} & expected.history_.keys()
    assert {name: found.history_[name] for name in same} == {name: expected.history_[name] for name in same}
    assert (found.predict(X) == expected.predict(X)).all()


# ---- fit


@pytest.mark.parametrize("mode", ["averaging", "synchronous"])
@pytest.mark.parametrize("n_shards", [2, 3])
def test_arrays_give_the_bits_of_one_process(client, numbers, labels, mode, n_shards):
    starts = [0, 30, 50, 90]
    chunks = tuple(np.diff([*starts, M]).tolist())
    model = on_dask.MLPClassifier(mode=mode, **SMALL | SHARDS | {"n_shards": n_shards})
    found = model.fit(da.from_array(numbers, chunks=(chunks, 2)), da.from_array(labels, chunks=50))
    parts = list(zip(cut(numbers, starts), cut(labels, starts), strict=True))
    expected = plain_fit(cnn.MLPClassifier(**SMALL), parts, mode=mode, n_shards=n_shards)
    check_equal(found, expected, numbers)
    assert type(found.model_) is cnn.MLPClassifier
    assert found.pace_.chosen == (2 if mode == "averaging" else 1)


def test_data_frames_by_the_names_of_columns(client, frame):
    options = {**SMALL, "categorical_features": "auto", "standardize": True, "early_stopping": True}
    found = on_dask.MLPClassifier(**options, **SHARDS)
    found.fit(dd.from_pandas(frame, npartitions=3), "buys", "weight")
    parts = [(p[["age", "city", "income"]], p["buys"], p["weight"]) for p in cut(frame, [0, 40, 80])]
    expected = plain_fit(cnn.MLPClassifier(**options), parts)
    check_equal(found, expected, frame[["age", "city", "income"]])
    assert found.feature_names_in_.tolist() == ["age", "city", "income"]


def test_parquet_gives_the_bits_of_the_frame(client, frame, tmp_path):
    options = {**SMALL, "categorical_features": "auto"}
    frame.drop(columns="weight").to_parquet(tmp_path / "rows.parquet", row_group_size=40)
    parts = [(p[["age", "city", "income"]], p["buys"]) for p in cut(frame, [0, 40, 80])]
    expected = plain_fit(cnn.MLPClassifier(**options), parts)
    for in_memory in ("auto", True, False):
        found = on_dask.MLPClassifier(**options, **SHARDS, in_memory=in_memory).fit(tmp_path, "buys")
        check_equal(found, expected, frame[["age", "city", "income"]])


def test_data_in_memory(client, numbers, frame):
    y = numbers[:, :2] * 3
    found = on_dask.MLPRegressor(**SMALL, **SHARDS).fit(numbers, y, np.ones(M))
    expected = plain_fit(
        cnn.MLPRegressor(**SMALL), [(numbers[i::2], y[i::2], np.ones(M // 2)) for i in range(2)]
    )
    check_equal(found, expected, numbers)
    assert found.predict(da.from_array(numbers, chunks=50)).chunks == ((50, 50, 20), (2,))


def test_tabular_estimators(client, frame):
    options = {"n_members": 2, "max_iter": 3, "random_state": 0}
    X = frame.drop(columns=["weight", "buys"])
    found = on_dask.TabularClassifier(**options, **SHARDS).fit(
        dd.from_pandas(frame, npartitions=2), "buys", "weight"
    )
    parts = [(X[i : i + 60], p["buys"], p["weight"]) for i, p in ((0, frame[:60]), (60, frame[60:]))]
    expected = plain_fit(cnn.TabularClassifier(**options), parts)
    assert (found.predict_proba(X) == expected.predict_proba(X)).all()
    assert found.classes_.tolist() == ["no", "yes"]
    assert found.pace_.chosen == 2
    lazy = found.predict_proba(dd.from_pandas(X, npartitions=3))
    assert (lazy.compute()["probability_yes"] == expected.predict_proba(X)[:, 1]).all()
    y = frame["income"]
    values = on_dask.TabularRegressor(**options, **SHARDS).fit(X[["age", "city"]], y)
    assert values.predict(X[["age", "city"]]).shape == (M,)


def test_validation_data_warm_start_and_callbacks(client, numbers, labels):
    seen = []
    options = {**SMALL, "callbacks": [lambda net, epoch, history: seen.append(history["val_loss"][-1])]}
    held_out = (numbers[:30], labels[:30])
    model = on_dask.MLPClassifier(**options, **SHARDS, warm_start=True)
    X, y = da.from_array(numbers, chunks=60), da.from_array(labels, chunks=60)
    lazy = (X[:30], y[:30])
    model.fit(X, y, validation_data=lazy)
    parts = [(numbers[:60], labels[:60]), (numbers[60:], labels[60:])]
    expected = cnn.MLPClassifier(**SMALL, warm_start=True)
    for _ in range(2):
        expected.fit(ShardedRows(parts, n_shards=2, steps_per_average=2), validation_data=held_out)
        assert seen == expected.history_["val_loss"][-3:]
        seen.clear()
        model.fit(X, y, validation_data=lazy)


def test_progress_is_printed_here(client, numbers, labels, capsys):
    on_dask.MLPClassifier(**SMALL, **SHARDS, verbose=1).fit(numbers, labels)
    assert len(capsys.readouterr().out.splitlines()) >= 3


def test_a_checkpoint_is_written_and_continued(client, numbers, labels, tmp_path):
    options = {**SMALL, **SHARDS, "max_iter": 4}
    whole = on_dask.MLPClassifier(**options).fit(numbers, labels)

    def stop(net, epoch, history):
        if epoch == 2:
            raise RuntimeError("the driver ends")

    path = tmp_path / "fit.ckpt"
    with pytest.raises(RuntimeError, match="the driver ends"):
        on_dask.MLPClassifier(**options, checkpoint=path, callbacks=[stop]).fit(numbers, labels)
    resumed = on_dask.MLPClassifier(**options, checkpoint=path).fit(numbers, labels)
    assert resumed.model_.callbacks is None
    resumed.model_.save(tmp_path / "model")
    check_equal(resumed, whole, numbers)


def test_score_of_collections(client, numbers, labels, frame):
    X, y = da.from_array(numbers, chunks=50), da.from_array(labels, chunks=50)
    weights = frame["weight"].to_numpy()
    model = on_dask.MLPClassifier(**SMALL, **SHARDS).fit(X, y)
    plain = model.to_local()
    assert model.score(X, y) == model.score(numbers, labels) == plain.score(numbers, labels)
    lazy_weights = da.from_array(weights, chunks=50)
    assert model.score(X, y, lazy_weights) == plain.score(numbers, labels, weights)
    table = frame[["age", "income"]]
    values = on_dask.MLPRegressor(**SMALL, **SHARDS).fit(dd.from_pandas(table, npartitions=2), "income")
    assert values.score(dd.from_pandas(table, npartitions=3), "income") == values.model_.score(
        table[["age"]], table["income"]
    )
    assert values.score(table, "income") == values.model_.score(table[["age"]], table["income"])


def test_rows_stay_in_memory_if_they_fit(client, frame, monkeypatch):
    engine = on_dask.DaskEngine(client)
    model = on_dask.MLPClassifier(**SHARDS)
    lazy, array = dd.from_pandas(frame, npartitions=4), da.zeros((1000, 4), chunks=(500, 4))
    for share, fits in ((0.3, True), (1e-12, False)):
        monkeypatch.setattr("compiled_nn.dask.memory._SHARE", share)
        assert model._rows(engine, lazy, "buys", None).shards.in_memory is fits
        assert model._rows(engine, array, array[:, 0], None).shards.in_memory is fits
        assert model._rows(engine, frame, "buys", None).shards.in_memory
    assert not model.set_params(in_memory=False)._rows(engine, frame, "buys", None).shards.in_memory
    engine.close()


# ---- the client


def fit_in_a_task(numbers, labels):
    """A fit in a task, whose tasks run on the workers of the cluster."""
    return on_dask.MLPClassifier(**SMALL, **SHARDS).fit(numbers, labels).to_local()


def test_fit_inside_of_a_worker(client, numbers, labels):
    found = client.submit(fit_in_a_task, numbers, labels, pure=False).result(timeout=60)
    check_equal(found, on_dask.MLPClassifier(**SMALL, **SHARDS).fit(numbers, labels), numbers)


def test_without_a_client(numbers, labels):
    with pytest.raises(ValueError, match=r"MLPClassifier has no client of Dask.*client = Client\(\)"):
        on_dask.MLPClassifier(**SMALL).fit(numbers, labels)
    with pytest.raises(
        TypeError, match=r"'client' parameter of MLPRegressor must be a distributed\.Client or None"
    ):
        on_dask.MLPRegressor(client="tcp://127.0.0.1:8786").fit(numbers, numbers[:, 0])


def where_it_is_computed(block):
    """The block itself, of a worker that is a thread of this process."""
    assert distributed.get_worker().nanny is None
    return block


def test_with_a_client_of_threads(numbers, labels, client):
    expected = on_dask.MLPClassifier(**SMALL, **SHARDS).fit(numbers, labels)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as local,
        distributed.Client(local, set_as_default=False) as own,
    ):
        X, y = (
            da.from_array(each, chunks=60).map_blocks(where_it_is_computed, dtype=each.dtype, meta=each[:0])
            for each in (numbers, labels)
        )
        found = on_dask.MLPClassifier(client=own, **SMALL, **SHARDS)
        found.fit(numbers, labels, validation_data=(X, y))
        check_equal(found, expected, numbers)
        assert found.score(X, y) == expected.score(numbers, labels)
    with pytest.raises(ValueError, match="The client of MLPClassifier is closed"):
        found.fit(numbers, labels)


# ---- errors


def failing_block(block, block_info=None):
    if block_info and block_info[0]["chunk-location"][0] == 1:
        raise OSError("the disk of block 1 is gone")
    return block


def test_errors_name_the_part(client, numbers, labels):
    bad = numbers.copy()
    bad[70, 3] = np.nan
    X, y = da.from_array(bad, chunks=(60, 5)), da.from_array(labels, chunks=60)
    with pytest.raises(ValueError, match="NaN") as caught:
        on_dask.MLPClassifier(**SMALL, **SHARDS).fit(X, y)
    told = "".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert "art 1" in told
    broken = da.from_array(numbers, chunks=(60, 5)).map_blocks(
        failing_block, dtype=float, meta=np.empty((0, 0))
    )
    with pytest.raises(OSError, match="disk") as caught:
        on_dask.MLPClassifier(**SMALL, **SHARDS).fit(broken, y)
    assert "part 1 (describe)" in "".join(caught.value.__notes__)
    kept, other = X[da.from_array(numbers, chunks=60)[:, 0] > 0], y[:60]
    with pytest.raises(ValueError, match="X has 2 partitions, but y has 1"):
        on_dask.MLPClassifier(**SMALL, **SHARDS).fit(kept, other)
    for name, value in (
        ("timeout", -1),
        ("retries", -1),
        ("n_shards", 0),
        ("mode", "fast"),
        ("in_memory", 3),
    ):
        with pytest.raises((ValueError, TypeError), match=name):
            on_dask.MLPClassifier(**SMALL | {name: value}).fit(numbers, labels)
    with pytest.raises(ValueError, match="lbfgs"):
        on_dask.MLPClassifier(solver="lbfgs").fit(numbers, labels)
    fitted = on_dask.MLPClassifier(**SMALL, **SHARDS).fit(numbers, labels)
    before = fitted.to_local().fingerprint()
    for model in (fitted, on_dask.MLPClassifier()):
        with pytest.raises(AttributeError, match="partial_fit of to_local"):
            model.partial_fit(numbers, labels)
    assert fitted.to_local().fingerprint() == before


# ---- parameters and attributes


@every_kind
def test_parameters_are_those_of_the_plain_estimator(kind):
    plain = KINDS[kind]
    own = {"client", "mode", "n_shards", "steps_per_average", "in_memory", "timeout", "retries"}
    own |= {"checkpoint"} if kind.__name__.startswith("MLP") else set()
    assert set(kind().get_params()) == own | set(plain().get_params())
    ours, theirs = (inspect.signature(each).parameters for each in (kind, plain))
    for field in dataclasses.fields(plain):
        assert ours[field.name].default == theirs[field.name].default, field.name
    assert kind._kind == plain._kind


@every_kind
def test_manners_of_an_estimator(kind):
    model = kind(max_iter=7, n_shards=3, random_state=1)
    assert repr(model) == f"{kind.__name__}(max_iter=7, n_shards=3, random_state=1)"
    assert model.set_params(mode="synchronous").mode == "synchronous"
    with pytest.raises(ValueError, match="Did you mean 'n_shards'"):
        model.set_params(n_shard=3)
    with pytest.raises(TypeError, match="Did you mean 'n_shards'"):
        kind(n_shard=3)
    copied = pickle.loads(pickle.dumps(model))
    assert copied.get_params() == model.get_params()
    assert copy.copy(model).max_iter == 7
    for name in ("model_", "no_such_name", "_private"):
        assert not hasattr(model, name)
    assert hasattr(model, "predict_proba") == hasattr(KINDS[kind], "predict_proba")
    for method in ("predict", "score") if kind._kind == "regressor" else ("predict", "predict_proba"):
        with pytest.raises(cnn.NotFittedError, match=f"This {kind.__name__} instance is not fitted yet"):
            getattr(model, method)(*[[[0.0]]] * (2 if method == "score" else 1))
    with pytest.raises(cnn.NotFittedError):
        model.to_local()
    assert "n_shards" in model._repr_html_()


def test_scikit_learn(client, numbers, labels):
    base = pytest.importorskip("sklearn.base")
    model = on_dask.MLPClassifier(client=client, **SMALL, **SHARDS)
    twin = base.clone(model)
    assert twin.client is client
    assert twin.get_params() == model.get_params()
    assert base.is_classifier(model)
    assert base.is_regressor(on_dask.MLPRegressor())
    assert twin.fit(numbers, labels).score(numbers, labels) == twin.model_.score(numbers, labels)
    assert not hasattr(base.clone(twin), "model_")


def test_what_comes_back_needs_no_dask(client, numbers, labels, tmp_path):
    model = on_dask.MLPClassifier(**SMALL, **SHARDS).fit(numbers, labels)
    assert model.to_local() is model.model_
    assert model.n_iter_ == 3
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.coefs_[0].shape == (5, 4)
    model.save(tmp_path / "model.safetensors")
    loaded = cnn.MLPClassifier.load(tmp_path / "model.safetensors")
    assert (loaded.predict_proba(numbers) == model.predict_proba(numbers)).all()
    stored = pickle.loads(pickle.dumps(model))
    assert stored.client is None
    assert (stored.predict(numbers) == model.predict(numbers)).all()
    assert b"distributed" not in pickle.dumps(model.to_local())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("mode", "x", "must be a str among {'synchronous', 'averaging'}"),
        ("steps_per_average", 0, "must be an int >= 1"),
        ("in_memory", "x", "must be a str among {'auto'}"),
        ("in_memory", 1, "must be a bool or a str among {'auto'}"),
        ("timeout", 0, "must be a finite number > 0"),
        ("retries", -1, "must be an int >= 0"),
    ],
)
@pytest.mark.parametrize("kind", [on_dask.MLPClassifier, on_dask.TabularRegressor])
def test_errors_name_the_estimator_and_come_before_rows_are_read(kind, name, value, message):
    with pytest.raises((TypeError, ValueError), match=f"'{name}' parameter of {kind.__name__} {message}"):
        kind(**{name: value}).fit(None, None)
