"""numeric_embeddings: bins as by hand beforehand, in every entrance, in files, names, derivatives and diagnosis."""

import io
import pickle

import compiled_nn as cnn
import numpy as np
import pytest
import reference
from compiled_nn.preprocessing import bin_edges, piecewise_linear
from small import bits

# Rounding errors of a few epochs.
TOLERANCE = {"float32": 2e-5, "float64": 1e-11}
M = 300


def columns(seed=0, m=M):
    """Columns of unlike scales, of two values, of few values, and with an outlier."""
    X = np.random.default_rng(seed).normal(size=(m, 5)) * [0.1, 30, 1, 1, 1] + [-5, 1000, 0, 0, 0]
    X[:, 2] = X[:, 2] > 0.3
    X[:, 3] = np.clip(np.round(X[:, 3]), -1, 1)
    X[7, 4] = 1e4
    return X


Y = np.arange(M) % 3
PLACES = (0, 1, 3, 4)  # columns that have bins: M / 50 each, but for that of three values


def edges_of(column, n):
    return np.unique(np.quantile(column, np.linspace(0, 1, n + 1)))


def by_hand(X, fitted, gain=0.5):
    fitted = np.asarray(fitted, np.float64)
    parts = [reference.bins(X[:, j].astype(np.float64), edges_of(fitted[:, j], 6), gain) for j in PLACES]
    return np.concatenate(parts, axis=1)


def network(units=3, loss="softmax_cross_entropy", **parameters):
    parameters = {"seed": 0, "dtype": "float64", "optimizer": cnn.Adam(0.01), **parameters}
    return cnn.Network([cnn.Dense(7, "tanh"), cnn.Dense(units)], loss=loss, **parameters)


# ---- values


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("standardize", [False, True, "robust_smooth_clip", "minmax"])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_the_same_as_by_hand(dtype, standardize, n_threads):
    X, new = columns(), columns(seed=1)
    if not standardize:
        X[:, 1] -= 1000
        new[:, 1] -= 1000
        X[7, 4] = 2
    options = {"dtype": dtype, "n_threads": n_threads}
    inside = network(standardize=standardize, numeric_embeddings="piecewise_linear", **options)
    inside.fit(X, Y, epochs=3)

    def encoded(rows):
        z = (rows - inside.mean_) / inside.scale_ if standardize else rows
        z = reference.smooth_clip(z) if standardize == "robust_smooth_clip" else z
        return np.concatenate([z, by_hand(rows, X)], axis=1)

    outside = network(**options).fit(encoded(X), Y, epochs=3)
    assert inside.get_weights()[0][0].shape == (5 + 6 + 6 + 3 + 6, 7)
    for one, other in zip(inside.get_weights(), outside.get_weights(), strict=True):
        np.testing.assert_allclose(one[0], other[0], atol=TOLERANCE[dtype])
        np.testing.assert_allclose(one[1], other[1], atol=TOLERANCE[dtype])
    np.testing.assert_allclose(
        inside.predict_proba(new), outside.predict_proba(encoded(new)), atol=TOLERANCE[dtype]
    )
    np.testing.assert_allclose(inside.transform(new), outside.transform(encoded(new)), atol=TOLERANCE[dtype])
    np.testing.assert_allclose(inside.loss(new, Y), outside.loss(encoded(new), Y), atol=TOLERANCE[dtype])
    for row in (0, 5):
        np.testing.assert_array_equal(inside.predict_proba(new[[row]]), inside.predict_proba(new)[[row]])


def test_validation_rows_and_rows_of_weight_0_are_not_used():
    X, weights = columns(m=400), np.ones(400)
    y = np.arange(400) % 3
    weights[300:] = 0
    X[300:] *= 7
    net = network(standardize=True, numeric_embeddings="piecewise_linear").fit(
        X, y, sample_weight=weights, epochs=1
    )
    lone = network(standardize=True, numeric_embeddings="piecewise_linear").fit(X[:300], y[:300], epochs=1)
    assert net.input_names_.tolist() == lone.input_names_.tolist()
    groups = np.arange(400) >= 300
    parted = network(standardize=True, numeric_embeddings="piecewise_linear")
    parted.fit(X, y, epochs=1, validation_groups=groups, validation_fraction=0.25)
    rows = np.flatnonzero(groups == groups[0]) if len(parted.history["val_loss"]) else []
    expected = edges_of(X[rows, 0], 6)[:2]
    assert parted.input_names_[5] == f"x0[{expected[0]:.6g}, {expected[1]:.6g})"


def test_weights_are_repeated_rows():
    numbers, counts = np.random.default_rng(0).normal(size=(200, 2)), np.arange(200) % 3
    options = {"bins": 8, "gain": 0.5, "statistics": None, "scale": 1.0, "dtype": "float64"}
    y = (numbers[:, 1] > np.sin(3 * numbers[:, 0])).astype(np.int64)
    for target in (None, y, numbers[:, :1] ** 2):
        weighted = bin_edges.learn(numbers, 2, y=target, weights=counts.astype(float), **options)
        repeated = np.repeat(numbers, counts, axis=0)
        plain = bin_edges.learn(
            repeated, 2, y=None if target is None else np.repeat(target, counts, axis=0), **options
        )
        # 133 rows have weights, and 199 rows are theirs: not as many bins, and smaller leaves.
        if target is None:
            few = bin_edges.learn(repeated[:133], 2, **options).counts
            assert weighted.counts == few == [2, 2]
            np.testing.assert_allclose(weighted.edges[0][1], np.median(repeated[:, 0]), rtol=1e-12)
        else:
            assert len(weighted.edges[0]) > 2
            assert len(plain.edges[0]) > 2


@pytest.mark.parametrize(("m", "expected"), [(40, 2), (120, 2), (200, 4), (799, 15), (2000, 16)])
def test_number_of_bins(m, expected):
    X = np.random.default_rng(0).normal(size=(m, 1))
    net = network(1, "mse", numeric_embeddings="piecewise_linear").fit(X, X, epochs=1)
    assert len(net.input_names_) == 1 + expected


def test_numbers_beside_a_frequent_one_have_bins():
    rng = np.random.default_rng(0)
    options = {"gain": 1.0, "statistics": None, "scale": 1.0, "dtype": "float64"}
    gains = np.where(rng.random(4000) < 0.9, 0.0, rng.uniform(1, 100, 4000))
    edges = bin_edges.learn(gains[:, np.newaxis], 1, bins=16, **options).edges[0]
    # About 400 other rows have 8 bins, and each of these bins about as many rows.
    assert edges[0] == 0
    assert 7 <= len(edges) - 1 <= 10
    inside = np.histogram(gains[gains > 0], edges[1:])[0]
    assert inside.min() > 20
    assert inside.max() < 100
    weighted = bin_edges.learn(gains[:, np.newaxis], 1, bins=16, weights=np.full(4000, 2.0), **options).edges[
        0
    ]
    np.testing.assert_array_equal(weighted, edges)
    # Few distinct numbers: an edge at each; few other rows: quantiles alone.
    levels = np.repeat([0.0, 1, 2, 3], [3000, 500, 300, 200])[:, np.newaxis]
    np.testing.assert_array_equal(bin_edges.learn(levels, 1, bins=16, **options).edges[0], [0, 1, 2, 3])
    few = np.append(np.zeros(970), np.arange(1, 31))[:, np.newaxis]
    assert len(bin_edges.learn(few, 1, bins=16, **options).edges[0]) == 0


def test_bins_that_the_dtype_cannot_distinguish():
    column = np.repeat([0.0, 1e-12, 2e-12, 1, 2, 1e6], 100)
    X = np.column_stack([column / 1e6, 1e6 + np.arange(600) % 5])
    for dtype, counts in (("float32", [3, 0]), ("float64", [5, 4])):
        net = network(1, "mse", dtype=dtype, numeric_embeddings="piecewise_linear").fit(X, X[:, 0], epochs=1)
        inputs = net._known_inputs()
        assert [n > 0 for n in inputs.bins.counts] == [n > 0 for n in counts]
        assert np.isfinite(net.predict(X)).all()
    edges = np.array([0, 1.0, 1 + 1e-9, 2])
    np.testing.assert_array_equal(piecewise_linear.separated(edges, edges, "float32"), [0, 1, 2])
    np.testing.assert_array_equal(piecewise_linear.separated(edges, edges, "float64"), edges)
    edges = np.array([0, 1.0, 2, 2 + 1e-9])  # the last edge is kept
    np.testing.assert_array_equal(piecewise_linear.separated(edges, edges, "float32"), [0, 1, 2 + 1e-9])
    assert len(piecewise_linear.separated(edges[1:], edges[1:], "float32")) == 0


# ---- trees


@pytest.mark.parametrize("kind", ["classes", "values", "indicator"])
def test_a_tree_finds_the_jumps(kind):
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(1000, 3))
    level = np.searchsorted([0.2, 0.21, 0.7], X[:, 1])
    target = {
        "classes": np.array([0, 2, 1, 0])[level],
        "values": np.array([0.0, 5, 2, -1])[level][:, np.newaxis],
        "indicator": np.array([[0, 1], [1, 1], [1, 0], [0, 0]])[level].astype(float),
    }[kind]
    found = bin_edges.learn(X, 3, bins=4, gain=1.0, statistics=None, scale=1.0, dtype="float32", y=target)
    inner = found.edges[1][1:-1]
    # Groups of neighbouring numbers have a width of 1 / 256.
    np.testing.assert_allclose(inner, [0.2, 0.21, 0.7], atol=1 / 256)
    assert found.edges[1][0] == X[:, 1].min()
    assert found.edges[1][-1] == X[:, 1].max()


def test_a_tree_of_an_exhaustive_search():
    rng = np.random.default_rng(1)
    x = rng.normal(size=60)
    y = np.where(x > 0.3, 1.0, -1.0) + 0.3 * rng.normal(size=60)
    found = bin_edges.learn(
        x[:, np.newaxis], 1, bins=2, gain=1.0, statistics=None, scale=1.0, dtype="float64", y=y[:, np.newaxis]
    )
    numbers = np.sort(x)
    errors = [sum(((part - part.mean()) ** 2).sum() for part in (y[x < t], y[x >= t])) for t in numbers[8:-7]]
    best = 8 + int(np.argmin(errors))
    assert found.edges[0][1] == numbers[best - 1] / 2 + numbers[best] / 2


def test_both_are_quantiles_and_splits():
    X = np.random.default_rng(0).uniform(size=(1000, 1))
    y = (X > 0.27).astype(float)
    options = {"gain": 1.0, "statistics": None, "scale": 1.0, "dtype": "float64"}
    tree = bin_edges.learn(X, 1, bins=5, y=y, **options).edges[0]
    assert np.abs(tree - 0.27).min() < 1 / 256  # the width of a group of neighbouring numbers
    both = bin_edges.learn(X, 1, bins=8, y=y, mixed=True, **options).edges[0]
    np.testing.assert_array_equal(both, np.union1d(bin_edges.learn(X, 1, bins=4, **options).edges[0], tree))
    # There are never more than `bins`, and quantiles alone where a tree would have one leaf.
    noise = np.random.default_rng(1).normal(size=(1000, 1))
    for bins in (2, 3, 7, 16):
        edges = bin_edges.learn(X, 1, bins=bins, y=noise, mixed=True, **options).edges[0]
        assert len(edges) == bins + 1
        quantiles = bin_edges.learn(X, 1, bins=max(2, bins // 2), **options).edges[0]
        assert np.isin(quantiles, edges).all()
    encoding = cnn.PiecewiseLinear(bins=8, bins_by="both")
    net = network(1, "mse", dtype="float64", numeric_embeddings=encoding).fit(X, y, epochs=1)
    np.testing.assert_allclose(net._known_inputs().bins.edges[0], both)


def test_trees_in_a_network():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(2000, 2))
    y = ((X[:, 0] * 10).astype(int) % 2 + 0.0)[:, np.newaxis]
    options = {"epochs": 12, "batch_size": 64}
    scores = [
        network(1, "mse", standardize=True, numeric_embeddings=each).fit(X, y, **options).score(X, y)
        for each in (None, "piecewise_linear", cnn.PiecewiseLinear(bins_by="tree"))
    ]
    assert scores[0] < 0.1 < scores[1] < scores[2]
    one_value = network(1, "mse", numeric_embeddings=cnn.PiecewiseLinear(bins_by="tree")).fit(
        X, 0 * y, epochs=1
    )
    assert len(one_value.input_names_) == 2  # nothing to split


# ---- tables


@pytest.mark.parametrize("embeddings", [None, 2])
def test_tables(embeddings):
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": np.where(rng.uniform(size=M) < 0.1, np.nan, rng.normal(40, 10, M)),
            "city": rng.choice(["Ulm", "Bonn", "Kiel"], M),
            "when": pd.date_range("2024-01-01", periods=M, freq="D"),
            "flag": rng.integers(0, 2, M),
        }
    )
    options = {"categorical_features": "auto", "embeddings": embeddings, "standardize": "robust_smooth_clip"}
    net = network(numeric_embeddings="piecewise_linear", **options).fit(table, Y, epochs=2)
    names = net.input_names_.tolist()
    plain = network(**options).fit(table, Y, epochs=1).input_names_.tolist()
    assert names[: len(plain)] == plain
    counts = {name: sum(other.startswith(f"{name}[") for other in names) for name in plain}
    assert counts["age"] == counts["when_days"] == 6
    assert counts["when_weekday"] > 1
    assert {counts[name] for name in plain if name.startswith(("city", "missing", "flag"))} == {0}
    for rows in (table[:1], table.to_dict("records")[0], table):
        assert np.isfinite(net.predict_proba(rows)).all()
    assert net.input_gradient(table).shape == (M, 3, len(plain))
    np.testing.assert_allclose(net.predict_proba(table[:1]), net.predict_proba(table)[:1], rtol=1e-12)
    if embeddings:
        assert {name: vectors.shape for name, vectors in net.embeddings_.items()} == {"city": (3, 2)}
    copy = cnn.load(saved(net))
    np.testing.assert_array_equal(copy.predict_proba(table), net.predict_proba(table))
    assert copy.input_names_.tolist() == names


def test_columns_of_labels():
    pd = pytest.importorskip("pandas")
    net = network(numeric_embeddings="piecewise_linear", standardize=True)
    net.fit(pd.DataFrame(columns(), columns=["a", "b", "c", "d", "e"]), Y, epochs=1)
    assert net.input_names_[5].startswith("a[")
    assert net.n_features_ == 5
    assert net.feature_names_in_.tolist() == ["a", "b", "c", "d", "e"]


# ---- continued training


def test_streams_and_partial_fit_keep_the_first_bins():
    X, more = columns(), columns(seed=1) * 3
    net = network(numeric_embeddings="piecewise_linear", standardize=True)
    net.partial_fit(X, Y)
    names = net.input_names_.tolist()
    net.partial_fit(more, Y).fit(more, Y, warm_start=True, epochs=1)
    assert net.input_names_.tolist() == names
    streamed = network(numeric_embeddings="piecewise_linear", standardize=True)
    streamed.fit(lambda: iter([(X, Y), (more, Y)]), epochs=2)
    assert streamed.input_names_.tolist() == names
    assert net.fit(more, Y, epochs=1).input_names_.tolist() != names  # from the beginning
    for train in (lambda net: net.partial_fit(X[:1], Y[:1]), lambda net: net.fit([(X[:1], Y[:1])], epochs=1)):
        with pytest.raises(ValueError, match="The statistics of numeric_embeddings are computed"):
            train(network(1, "mse", numeric_embeddings="piecewise_linear"))


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_continued_after_files(optimizer, tmp_path):
    X = columns()
    options = {"ema": 0.5} if optimizer == "adam" else {}
    net = network(numeric_embeddings="piecewise_linear", standardize=True, optimizer=optimizer, **options)
    net.fit(X, Y, epochs=2)
    net.save_checkpoint(tmp_path / "point")
    others = [cnn.load_checkpoint(tmp_path / "point"), pickle.loads(pickle.dumps(net))]
    net.fit(X, Y, epochs=1, warm_start=True)
    for other in others:
        assert bits(other.fit(X, Y, epochs=1, warm_start=True)) == bits(net)
        np.testing.assert_array_equal(other.predict_proba(X), net.predict_proba(X))


def saved(net):
    file = io.BytesIO()
    net.save(file)
    return file.getvalue()


def test_weights_in_and_out():
    X = columns()
    net = network(numeric_embeddings="piecewise_linear", standardize=True).fit(X, Y, epochs=1)
    other = network(numeric_embeddings="piecewise_linear", standardize=True).fit(X, Y, epochs=0)
    other.set_weights(net.get_weights())
    np.testing.assert_array_equal(other.predict_proba(X), net.predict_proba(X))
    other.fit(X, Y, epochs=0)  # begins with these weights
    np.testing.assert_array_equal(other.predict_proba(X), net.predict_proba(X))
    with pytest.raises(
        ValueError, match=r"weights of set_weights are for 26 inputs; X has 4 columns and 1[0-9] bins"
    ):
        other.fit(X[:, :4] - 1e-9, Y, epochs=0, sample_weight=np.arange(M) < 200)
    fresh = network(numeric_embeddings="piecewise_linear")
    with pytest.raises(ValueError, match="those of the network depend on numeric_embeddings"):
        fresh.set_weights(net.get_weights())
    with pytest.raises(ValueError, match="depend on numeric_embeddings"):
        cnn.Network.from_dict({"W1": np.ones((1, 26))}, numeric_embeddings="piecewise_linear")
    with pytest.raises(ValueError, match="Weights for 3 inputs cannot be set"):
        net.set_weights([(np.ones((3, 7)), np.ones(7)), (np.ones((7, 3)), np.ones(3))])
    with pytest.raises(ValueError, match="bins are not linear"):
        net.to_dict()


def test_sparse_rows_are_refused_in_fit():
    sparse = pytest.importorskip("scipy.sparse")
    X = columns()
    for model in (
        network(numeric_embeddings="piecewise_linear"),
        cnn.MLPClassifier(numeric_embeddings="piecewise_linear"),
    ):
        with pytest.raises(
            TypeError, match="X is a sparse matrix, whose columns numeric_embeddings does not encode"
        ):
            model.fit(sparse.csr_array(X), Y)
    net = network(numeric_embeddings="piecewise_linear", standardize=True).fit(X, Y, epochs=1)
    np.testing.assert_allclose(net.predict_proba(sparse.csr_array(X)), net.predict_proba(X), rtol=1e-12)


def test_input_gradient():
    X = columns()
    net = network(
        2, "mse", standardize="robust_smooth_clip", scale_targets=True, numeric_embeddings="piecewise_linear"
    )
    net.fit(X, np.random.default_rng(0).normal(size=(M, 2)), epochs=5)
    found = net.input_gradient(X)
    assert found.shape == (M, 2, 5)
    for j in (0, 1, 4):
        step = np.array([1e-7, 3e-5, 1, 1, 1e-6])[j]
        move = step * (np.arange(5) == j)
        slope = (net.predict(X + move) - net.predict(X - move)) / (2 * step)
        ends = edges_of(X[:, j], 6)
        ends = np.append(ends, [2 * ends[0] - ends[1], 2 * ends[-1] - ends[-2]])
        inside = np.abs(X[:, [j]] - ends).min(axis=1) > 2 * step
        # Rounding errors of 1e-15, divided by the step.
        np.testing.assert_allclose(found[inside, :, j], slope[inside], atol=1e-14 / step * 10)
        assert np.abs(found[:, :, j]).max() > 1e-3 / step * 1e-6


# ---- estimators and parameters


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_estimators(solver, kind):
    X, new = columns(m=1000), columns(seed=1)
    y = np.sin(20 * X[:, 0])
    y = y > 0 if kind == "classifier" else y
    model = cnn.MLPClassifier if kind == "classifier" else cnn.MLPRegressor
    options = {
        "hidden_layer_sizes": (16,),
        "max_iter": 30,
        "random_state": 0,
        "standardize": True,
        "solver": solver,
    }
    options |= {"early_stopping": True} if solver == "adam" else {}
    plain = model(**options).fit(X, y)
    encoded = model(numeric_embeddings="piecewise_linear", **options).fit(X, y)
    assert encoded.score(X, y) > plain.score(X, y)
    assert encoded.coefs_[0].shape == (5 + 16 + 16 + 2 + 16, 16)
    assert encoded.n_features_in_ == 5
    again = model(numeric_embeddings=cnn.PiecewiseLinear(), **options).fit(X, y)
    np.testing.assert_array_equal(again.predict(new), encoded.predict(new))
    copy = pickle.loads(pickle.dumps(encoded))
    np.testing.assert_array_equal(copy.predict(new), encoded.predict(new))
    file = io.BytesIO()
    encoded.save(file)
    np.testing.assert_array_equal(model.load(file.getvalue()).predict(new), encoded.predict(new))
    with pytest.raises(
        ValueError, match="numeric_embeddings is None; the fitted network has PiecewiseLinear"
    ):
        encoded.set_params(numeric_embeddings=None, warm_start=True).fit(X, y)


def test_estimators_learn_from_the_training_rows():
    X = columns(m=1000)
    model = cnn.MLPRegressor(
        numeric_embeddings="piecewise_linear", early_stopping=True, random_state=0, max_iter=1
    )
    model.fit(X[:, :1], X[:, 1])
    rows, _ = model.network_._split
    expected = edges_of(X[rows, 0], 16)
    assert model.input_names_[1] == f"x0[{expected[0]:.6g}, {expected[1]:.6g})"
    assert len(rows) == 900


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ("Piecewise_linear", ValueError, "Did you mean 'piecewise_linear'"),
        (16, TypeError, "must be one of 'piecewise_linear', 'periodic', an encoding"),
        ({"bins": 3}, TypeError, "or None. Got"),
    ],
)
def test_parameters_that_cannot_be_used(value, error, message):
    for make in (
        lambda: network(numeric_embeddings=value),
        lambda: cnn.MLPClassifier(numeric_embeddings=value).fit(columns(), Y),
    ):
        with pytest.raises(error, match=message):
            make()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bins": 1}, "must be an int >= 2"),
        ({"bins": 1025}, "at most 1024"),
        ({"bins_by": "trees"}, "Did you mean 'tree'"),
        ({"gain": 0}, "'gain' parameter of PiecewiseLinear"),
        ({"gain": 1e7}, "expected 1e-06 to 1e\\+06"),
    ],
)
def test_encodings_that_cannot_be_made(options, message):
    with pytest.raises(ValueError, match=message):
        cnn.PiecewiseLinear(**options)


# ---- displays, diagnosis and importances


def test_displays_and_diagnosis():
    X = columns()
    net = network(standardize=True, numeric_embeddings="piecewise_linear")
    assert "numeric_embeddings=PiecewiseLinear(bins=16, bins_by='quantile', gain=0.5)" in repr(net)
    assert net.diagnose(X, Y) is not None  # before fit: bins of these rows
    net.fit(X, Y, epochs=2)
    assert net.summary().layers[0].inputs == 26
    assert "PiecewiseLinear" in net._repr_html_()
    assert "unscaled_input" not in [finding.name for finding in net.diagnose(X, Y)]
    assert cnn.permutation_importance(net, X, Y, n_repeats=2, random_state=0).importances.shape[0] == 5
    raw = network(numeric_embeddings="piecewise_linear").fit(X, Y, epochs=2)
    assert "unscaled_input" in [finding.name for finding in raw.diagnose(X, Y)]


# ---- files


def test_format(monkeypatch):
    from compiled_nn.files import network_file, safetensors_file

    content = saved(network(numeric_embeddings="piecewise_linear").fit(columns(), Y, epochs=1))
    with safetensors_file.open_tensors(content) as file:
        document = network_file.describe(file).document
        assert (document["format_version"], document["n_features"]) == (4, 5)
        assert document["inputs"] == {"bins": [6, 6, 0, 3, 6]}
        assert file.get_tensor("bins.edges").shape == (6 + 6 + 3 + 6 + 4,)
    monkeypatch.setattr(network_file, "FORMAT_VERSION", 3)  # as in older versions
    with pytest.raises(
        ValueError, match=r"format version 4; this compiled_nn reads versions up to 3\. Upgrade"
    ):
        cnn.load(content)


def test_a_network_whose_columns_have_no_bins():
    X = columns()[:, 2:3]
    net = network(numeric_embeddings="piecewise_linear", standardize=True).fit(X, Y, epochs=1)
    assert net.input_names_.tolist() == ["x0"]
    copy = cnn.load(saved(net))
    np.testing.assert_array_equal(copy.predict_proba(X), net.predict_proba(X))
    copy.fit(X, Y, warm_start=True, epochs=1)
    pickle.loads(pickle.dumps(net)).partial_fit(X, Y)


# ---- ensembles


@pytest.mark.parametrize("refit", [False, True])
def test_ensembles(refit):
    X = columns()
    one = network(standardize=True, numeric_embeddings="piecewise_linear")
    net = cnn.Ensemble(one, n_members=3).fit(X, Y, epochs=3, refit=refit)
    lone = network(standardize=True, numeric_embeddings="piecewise_linear").fit(X, Y, epochs=1)
    assert net.input_names_.tolist() == lone.input_names_.tolist()
    probabilities = [member.predict_proba(X) for member in net.members_]
    assert {member.input_names_.tolist()[5] for member in net.members_} == {lone.input_names_[5]}
    # Each member is calibrated before its probabilities are averaged.
    np.testing.assert_allclose(net.predict_proba(X), np.mean(probabilities, axis=0), atol=1e-6)


def test_members_that_encode_differently_are_refused():
    parts = [network(numeric_embeddings=each) for each in ("piecewise_linear", cnn.PiecewiseLinear(bins=4))]
    with pytest.raises(ValueError, match="members must be equal"):
        cnn.Ensemble(parts)


@pytest.mark.parametrize("encoding", ["piecewise_linear", "periodic"])
def test_gram_training_is_not_used(encoding):
    X = np.random.default_rng(0).normal(size=(12, 110))
    options = {"epochs": 6, "batch_size": 12}
    nets = [network(numeric_embeddings=encoding, optimizer=cnn.SGD(0.01)) for _ in range(2)]
    found = [
        net.fit(X, Y[:12], gram=gram, **options) for net, gram in zip(nets, ("auto", False), strict=True)
    ]
    assert bits(found[0]) == bits(found[1])
    with pytest.raises(ValueError, match="numbers are encoded"):
        nets[0].fit(X, Y[:12], gram=True, **options)
