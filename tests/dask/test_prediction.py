"""Lazy predictions: values, dtypes and forms of those of the plain model, for every kind of collection and model."""

import tracemalloc
import warnings

import compiled_nn as cnn
import numpy as np
import pytest

pytest.importorskip("distributed", reason="needs the extra dask")
import dask
import dask.array as da
import dask.dataframe as dd
import pandas as pd
from compiled_nn.dask import predict, sending

M = 60


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 80, M).astype(float),
            "city": rng.choice(["Ulm", "Bonn", "Kiel"], M),
            "income": rng.normal(size=M).astype(np.float32),
        },
        index=pd.Index(np.arange(M) * 3, name="customer"),
    )


@pytest.fixture(scope="module")
def numbers():
    return np.random.default_rng(4).normal(size=(M, 5))


@pytest.fixture(scope="module")
def labels(numbers):
    return np.array(["no", "yes", "maybe"])[np.argsort(numbers[:, :3], axis=1)[:, -1]]


@pytest.fixture(scope="module")
def classifier(numbers, labels):
    model = cnn.MLPClassifier(hidden_layer_sizes=6, max_iter=5, random_state=0).fit(numbers, labels)
    return model.calibrate_intervals(numbers, labels)


def check_array(lazy, plain):
    """A lazy array has the values and the dtype of the plain one, and says both before it is computed."""
    computed = lazy.compute(scheduler="threads")
    assert computed.dtype == plain.dtype == lazy.dtype == lazy._meta.dtype
    assert computed.shape == plain.shape
    assert lazy.ndim == plain.ndim == lazy._meta.ndim
    assert (computed == plain).all()
    return lazy


METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function", "predict_set", "hidden"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("chunks", [(20, 5), (17, 5), (25, 2), (M, 1)])
def test_arrays(classifier, numbers, method, chunks):
    lazy = predict(classifier, da.from_array(numbers, chunks=chunks), method)
    check_array(lazy, getattr(classifier, method)(numbers))
    assert lazy.chunks[0] == da.from_array(numbers, chunks=chunks).chunks[0]


def test_a_quantised_classifier(classifier, numbers):
    small = classifier.quantize(numbers)
    lazy = predict(small, da.from_array(numbers, chunks=(20, 5)), "predict_proba")
    check_array(lazy, small.predict_proba(numbers))


def test_unknown_numbers_of_rows(classifier, numbers):
    X = da.from_array(numbers, chunks=(20, 3))
    X = X[X[:, 0] > 0]
    kept = numbers[numbers[:, 0] > 0]
    assert np.isnan(X.shape[0])
    check_array(predict(classifier, X, "predict_proba"), classifier.predict_proba(kept))


def test_empty_chunks(classifier, numbers):
    X = da.from_array(numbers, chunks=(20, 5))
    least = numbers[20:40, 0].max()
    X, kept = X[X[:, 0] > least], numbers[numbers[:, 0] > least]
    assert [len(block) for block in dask.compute(*X.to_delayed().ravel(), scheduler="threads")] == [2, 0, 2]
    for method in METHODS:
        check_array(predict(classifier, X, method), getattr(classifier, method)(kept))


def test_pairs_of_arrays(numbers):
    y = numbers[:, :2] * 3
    for targets in (y[:, 0], y):
        model = cnn.MLPRegressor(hidden_layer_sizes=4, max_iter=3, random_state=0).fit(numbers, targets)
        model.calibrate_intervals(numbers, targets)
        found = predict(model, da.from_array(numbers, chunks=(20, 2)), "predict_interval", coverage=0.8)
        for lazy, plain in zip(found, model.predict_interval(numbers, 0.8), strict=True):
            check_array(lazy, plain)


def test_the_dtype_of_a_regression_follows_y(numbers):
    for dtype in (np.float32, np.float64, np.int64):
        model = cnn.MLPRegressor(hidden_layer_sizes=4, max_iter=3, random_state=0)
        model.fit(numbers, (numbers[:, 0] * 9).astype(dtype))
        for rows in (numbers, numbers.astype(np.float32)):
            check_array(predict(model, da.from_array(rows, chunks=(20, 5))), model.predict(rows))


def test_images():
    rng = np.random.default_rng(0)
    images, y = rng.normal(size=(30, 4, 3)), rng.integers(0, 2, 30)
    net = cnn.Network([cnn.Dense(3, "tanh"), cnn.Dense(1)], loss="binary_cross_entropy", seed=0)
    net.fit(images, y, epochs=2)
    check_array(predict(net, da.from_array(images, chunks=(7, 2, 3))), net.predict(images))


def test_sparse_chunks(numbers, labels):
    sparse = pytest.importorskip("scipy.sparse")
    rows = np.where(numbers > 0.5, numbers, 0)
    model = cnn.MLPClassifier(hidden_layer_sizes=4, max_iter=3, random_state=0).fit(rows, labels)
    for chunks in ((20, 5), (20, 2)):
        X = da.from_array(rows, chunks=chunks).map_blocks(sparse.csr_matrix)
        check_array(predict(model, X), model.predict(rows))


def test_networks_and_ensembles(numbers, labels):
    net = cnn.Network([cnn.Dense(3, "tanh"), cnn.Dense(3)], seed=0).fit(numbers, labels, epochs=2)
    members = [cnn.Network([cnn.Dense(3)], seed=seed) for seed in (1, 2)]
    for model in (net, cnn.Ensemble(members).fit(numbers, labels, epochs=2)):
        X = da.from_array(numbers, chunks=(20, 5))
        for method in ("predict", "predict_proba"):
            check_array(predict(model, X, method), getattr(model, method)(numbers))


def test_user_defined_functions(numbers, labels):
    """They are not in files, and a worker has not registered them."""
    sine = cnn.register_activation("sine of the test of dask", np.sin, np.cos)
    for model in (
        cnn.MLPClassifier(hidden_layer_sizes=3, max_iter=2, random_state=0, activation=sine),
        cnn.MLPClassifier(hidden_layer_sizes=3, max_iter=2, random_state=0, callbacks=[lambda *_: False]),
    ):
        model.fit(numbers, labels)
        assert sending.SentModel(model).kind is None
        check_array(predict(model, da.from_array(numbers, chunks=(20, 5))), model.predict(numbers))


# ---- data frames


@pytest.fixture(scope="module")
def tabular(frame):
    y = np.where(frame["city"] == "Ulm", "stays", "leaves")
    model = cnn.MLPClassifier(
        hidden_layer_sizes=6, max_iter=5, random_state=0, categorical_features="auto", dtype="float64"
    )
    return model.fit(frame, y).calibrate_intervals(frame, y)


def check_frame(lazy, plain, names):
    """A lazy series or frame has the values, names, dtypes and index of the plain predictions."""
    computed = lazy.compute(scheduler="threads")
    of_meta, of_values = lazy._meta.dtypes, computed.dtypes
    assert (of_meta == of_values) if computed.ndim == 1 else (of_meta == of_values).all()
    assert ([computed.name] if computed.ndim == 1 else list(computed.columns)) == names
    assert (computed.to_numpy() == plain).all()
    assert computed.index.name == lazy._meta.index.name == "customer"
    return computed


NAMES = {
    "predict": ["prediction"],
    "predict_proba": ["probability_leaves", "probability_stays"],
    "predict_log_proba": ["log_probability_leaves", "log_probability_stays"],
    "decision_function": ["decision"],
    "predict_set": ["set_leaves", "set_stays"],
    "hidden": [f"hidden_{i}" for i in range(6)],
}


@pytest.mark.parametrize("method", NAMES)
def test_data_frames(tabular, frame, method):
    X = dd.from_pandas(frame, npartitions=4)
    computed = check_frame(predict(tabular, X, method), getattr(tabular, method)(frame), NAMES[method])
    assert (computed.index == frame.index).all()


def test_data_frames_of_regressions(frame):
    y = frame[["age", "income"]].to_numpy()
    X = dd.from_pandas(frame, npartitions=3)
    model = cnn.MLPRegressor(hidden_layer_sizes=3, max_iter=3, random_state=0, categorical_features="auto")
    model.fit(frame, y).calibrate_intervals(frame, y)
    check_frame(predict(model, X), model.predict(frame), ["prediction_0", "prediction_1"])
    for lazy, plain, name in zip(
        predict(model, X, "predict_interval"), model.predict_interval(frame), ("lower", "upper"), strict=True
    ):
        check_frame(lazy, plain, [f"{name}_0", f"{name}_1"])
    model.fit(frame, y[:, 0]).calibrate_intervals(frame, y[:, 0])
    for lazy, plain, name in zip(
        predict(model, X, "predict_interval"), model.predict_interval(frame), ("lower", "upper"), strict=True
    ):
        check_frame(lazy, plain, [name])
    model.set_params(loss=cnn.losses.Quantile((0.1, 0.9))).fit(frame, y[:, 0])
    check_frame(predict(model, X), model.predict(frame), ["q0.1", "q0.9"])
    with pytest.raises(TypeError, match=r"'input_gradient' has 3 dimensions .* X\.to_dask_array"):
        predict(model, X, "input_gradient")


def test_partitions_that_are_empty_or_in_another_order(tabular, frame):
    parts = [frame.iloc[:20], frame.iloc[:0], frame.iloc[20:][["income", "city", "age"]]]
    X = dd.from_delayed([dask.delayed(part) for part in parts], meta=frame.iloc[:0], verify_meta=False)
    for method, names in NAMES.items():
        check_frame(predict(tabular, X, method), getattr(tabular, method)(frame), names)


def test_categorical_columns(tabular, frame):
    X = dd.from_pandas(frame.astype({"city": "category"}), npartitions=3)
    check_frame(predict(tabular, X), tabular.predict(frame), ["prediction"])
    unknown = X.assign(city=X["city"].cat.as_unknown())
    check_frame(predict(tabular, unknown), tabular.predict(frame), ["prediction"])


def test_arrays_of_objects_with_columns_of_text(frame):
    rows, y = frame.to_numpy(dtype=object), np.arange(M) % 2
    model = cnn.MLPClassifier(hidden_layer_sizes=6, max_iter=5, categorical_features="auto", random_state=0)
    model.fit(rows, y)
    check_array(
        predict(model, da.from_array(rows, chunks=(20, 3)), "predict_proba"), model.predict_proba(rows)
    )
    numbers = frame[["age", "income"]].to_numpy(
        dtype=object
    )  # without an encoder, which would take missing values
    model = cnn.MLPClassifier(hidden_layer_sizes=6, max_iter=5, random_state=0).fit(numbers, y)
    check_array(predict(model, da.from_array(numbers, chunks=(20, 2))), model.predict(numbers))


def test_tabular_estimators(frame):
    y = np.where(frame["city"] == "Ulm", "stays", "leaves")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cnn.CompiledNNWarning)
        model = cnn.TabularClassifier(random_state=0, max_iter=3, n_members=2, calibrated=False).fit(frame, y)
    X = dd.from_pandas(frame, npartitions=3)
    check_frame(predict(model, X, "predict_proba"), model.predict_proba(frame), NAMES["predict_proba"])


# ---- errors, and what is sent


def test_errors(classifier, tabular, numbers, frame):
    X = da.from_array(numbers, chunks=(20, 5))
    with pytest.raises(
        ValueError, match="X has 4 features, but MLPClassifier is expecting 5 features as input"
    ):
        predict(classifier, X[:, :4])
    with pytest.raises(ValueError, match=r"unknown number of columns: its shape is \(60, nan\)"):
        predict(classifier, X[:, X[0] > -9])
    with pytest.raises(TypeError, match="'out' cannot be given for Array"):
        predict(classifier, X, out=np.empty(3))
    with pytest.raises(TypeError, match="'check_inputs' does not return an array with a row for each row"):
        predict(classifier, X, "check_inputs")
    with pytest.raises(cnn.NotFittedError):
        predict(cnn.MLPClassifier(), X)
    with pytest.raises(ValueError, match="feature names"):
        predict(tabular, dd.from_pandas(frame[["age", "city"]], npartitions=2))
    bad = numbers.copy()
    bad[30, 2] = np.nan
    lazy = predict(classifier, da.from_array(bad, chunks=(20, 5)))
    with pytest.raises(ValueError, match="Input X contains NaN"):
        lazy.compute(scheduler="threads")


def test_plain_rows_are_predicted_at_once(classifier, numbers):
    assert (predict(classifier, numbers) == classifier.predict(numbers)).all()


def loads():
    """How often this process has loaded a model, and not found it in its memory."""
    return sending.loaded.cache_info().misses


def test_one_model_for_each_worker(client, classifier, numbers):
    X = da.from_array(numbers, chunks=(4, 5))
    before = client.run(loads)
    lazy = predict(classifier, X)
    first, second = dask.compute(lazy, predict(classifier, X, "predict_proba"))
    assert (first == classifier.predict(numbers)).all()
    assert (second == classifier.predict_proba(numbers)).all()
    assert (lazy.compute() == first).all()
    after = client.run(loads)
    assert sorted(after[worker] - before[worker] for worker in after) == [1, 1]


def test_a_graph_has_the_model_once(classifier, numbers):
    lazy = predict(classifier, da.from_array(numbers, chunks=(4, 5)))
    (optimized,) = dask.optimize(lazy)
    for graph in (lazy.__dask_graph__(), optimized.__dask_graph__()):
        sent = [key for key in dict(graph) if str(key).startswith("model-")]
        assert len(sent) == 1


def test_names_depend_on_the_model_and_the_method(classifier, numbers):
    X = da.from_array(numbers, chunks=(20, 5))
    other = cnn.MLPClassifier.load(sending.SentModel(classifier).content)
    other.coefs_[0][0, 0] += 1
    assert predict(classifier, X).name == predict(classifier, X).name
    assert predict(classifier, X).name != predict(other, X).name
    small, large = (predict(classifier, X, "predict_set", coverage=c).name for c in (0.5, 0.9))
    assert small != large


def test_a_model_in_a_worker_uses_one_thread(classifier):
    sent = sending.SentModel(classifier)
    assert sent.model().network_.n_threads == 1
    assert sent.model() is sending.SentModel(classifier).model()


def test_a_collection_is_predicted_block_by_block(classifier):
    """Of 100 blocks few exist at the same time."""
    made = []

    def block(block_info=None):
        ((first, last), _) = block_info[None]["array-location"]
        made.append(last - first)
        return np.full((last - first, 5), first % 7, np.float64)

    X = da.map_blocks(block, chunks=((20_000,) * 100, (5,)), dtype=np.float64, meta=np.empty((0, 0)))
    tracemalloc.start()
    try:
        positive = (predict(classifier, X) == "yes").sum().compute(scheduler="threads", num_workers=2)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(made) == 2_000_000
    assert 0 <= positive <= 2_000_000
    assert peak < 16_000_000  # of 80 MB; a block has .8 MB
