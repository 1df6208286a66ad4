"""Mixed tables inside the network: the same as encoding them by hand beforehand, whatever comes at prediction."""

import copy
import json
import pickle
import tracemalloc
import warnings
from decimal import Decimal
from fractions import Fraction

import compiled_nn as cnn
import numpy as np
import pytest
import tensors
from compiled_nn.data import cells
from compiled_nn.preprocessing import Tabular, columns
from small import bits

CITIES = ["Rome", "Bari", "Turin", "Rome", "Bari", "Rome"]


def table(m=60, seed=0, cities=("Bari", "Rome", "Turin")):
    """Rows (m, 4) of a number, a city, a number that may be missing, and a code."""
    rng = np.random.default_rng(seed)
    X = np.empty((m, 4), dtype=object)
    X[:, 0] = rng.normal(size=m) * 20 + 7
    X[:, 1] = rng.choice(cities, m)
    X[:, 2] = np.where(rng.random(m) < 0.3, None, rng.normal(size=m))
    X[:, 3] = rng.integers(0, 2, m) * 5
    return X


def by_hand(X, cities=("Bari", "Rome", "Turin"), mean=None):
    """The columns of `table` as numbers in plain NumPy, column 3 as categories too."""
    missing = np.array([value is None for value in X[:, 2]])
    third = np.array([np.nan if value is None else value for value in X[:, 2]], float)
    third[missing] = np.nanmean(third) if mean is None else mean
    columns = [X[:, 0].astype(float), third, missing]
    columns += [X[:, 1] == city for city in cities]
    columns += [X[:, 3] == code for code in (0, 5)]
    return np.column_stack([np.asarray(column, float) for column in columns])


def network(**parameters):
    parameters = {"seed": 0, "dtype": "float64", "optimizer": cnn.Adam(0.01), **parameters}
    return cnn.Network([cnn.Dense(7, "tanh"), cnn.Dense(2)], **parameters)


def labels(X):
    return (X[:, 0].astype(float) > 7).astype(int)


# ---- the encoder


def full(encoded):
    return encoded if isinstance(encoded, np.ndarray) else encoded.toarray()


def test_numbers_indicators_and_categories():
    X = table()
    encoder = Tabular([1, 3]).fit(X)
    np.testing.assert_array_equal(full(encoder.transform(X)), by_hand(X))
    assert (encoder.n_features_in_, encoder.n_columns_, encoder.n_numeric_) == (4, 8, 2)
    assert encoder.columns_[1].categories == ("Bari", "Rome", "Turin")
    assert encoder.columns_[3].categories == (0, 5)
    assert encoder.columns_[2].indicator
    assert not encoder.columns_[0].indicator


def test_auto_takes_text():
    encoder = Tabular().fit(table())
    assert [type(column).__name__ for column in encoder.columns_] == [
        "Numeric",
        "Categorical",
        "Numeric",
        "Numeric",
    ]
    assert Tabular().fit([[1, "a"], [2, "b"]]).n_numeric_ == 1
    assert Tabular().fit(np.array([["1", "a"]])).n_numeric_ == 0


def test_unknown_and_missing_categories_are_zeros():
    encoder = Tabular().fit([["a"], ["b"]])
    np.testing.assert_array_equal(
        full(encoder.transform([["b"], ["z"], [None], [float("nan")]])), [[0, 1], [0, 0], [0, 0], [0, 0]]
    )


def test_rare_categories_share_a_column():
    rows = [["a"]] * 5 + [["b"]] * 3 + [["c"], ["d"]]
    for least in (3, 0.3):
        encoder = Tabular(min_frequency=least).fit(rows)
        assert encoder.columns_[0].categories == ("a", "b")
        np.testing.assert_array_equal(
            full(encoder.transform([["a"], ["d"], ["never"], [None]])),
            [[1, 0, 0], [0, 0, 1], [0, 0, 1], [0, 0, 0]],
        )
    assert not Tabular(min_frequency=1).fit(rows).columns_[0].rare


def test_missing_numbers_where_fit_had_none():
    encoder = Tabular().fit([[1.0], [3.0]])
    np.testing.assert_array_equal(encoder.transform([[None], [5.0]]), [[2], [5]])


@pytest.mark.parametrize("dtype", ["float32", "int8", "bool", "float16"])
def test_narrow_numbers_stay_float32(dtype):
    X = np.array([[1, 0], [0, 1]], dtype)
    result = Tabular().fit(X).transform(X)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, X.astype("float32"))


def test_columns_of_nothing():
    encoder = Tabular([1]).fit([[None, None, 1.0], [None, None, 2.0]])
    np.testing.assert_array_equal(full(encoder.transform([[3.0, "new", None]])), [[3, 1.5, 0]])


def test_memory_is_that_of_the_entries():
    m = 30_000
    X = np.empty((m, 2), object)
    X[:, 0] = [f"user-{i}" for i in range(m)]
    X[:, 1] = 1.5
    encoder = Tabular([0]).fit(X)
    assert encoder.n_columns_ == m + 1
    tracemalloc.start()
    encoded = encoder.transform(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert encoded.shape == (m, m + 1)
    assert peak < 20e6  # as a full matrix: 7.2 GB


# ---- in the network


@pytest.mark.parametrize("standardize", [False, True, "robust"])
def test_the_same_as_by_hand(standardize):
    X = table()
    y, Z = labels(X), by_hand(X)
    if standardize:
        numbers = Z[:, :2]
        if standardize is True:
            Z[:, :2] = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
        else:
            low, middle, high = np.percentile(numbers, (25, 50, 75), axis=0)
            Z[:, :2] = (numbers - middle) / (high - low)
    V = table(20, seed=1)
    inside = network(categorical_features=[1, 3], standardize=standardize)
    inside.fit(X, y, epochs=3, validation_data=(V, labels(V)))
    outside = network().fit(Z, y, epochs=3)
    for (W, b), (U, c) in zip(inside.get_weights(), outside.get_weights(), strict=True):
        np.testing.assert_allclose(W, U, atol=1e-12)
        np.testing.assert_allclose(b, c, atol=1e-12)
    np.testing.assert_allclose(inside.predict_proba(X), outside.predict_proba(Z), atol=1e-12)
    assert inside.score(X, y) == outside.score(Z, y)
    assert inside.loss(X, y) == pytest.approx(outside.loss(Z, y), rel=1e-12)
    assert inside.n_features_ == 4
    assert len(inside.history["val_loss"]) == 3
    assert inside.diagnose(X, y) is not None


def test_whatever_comes_at_prediction():
    X = table()
    net = network(categorical_features="auto", standardize=True).fit(X, labels(X), epochs=2)
    strange = table(5, seed=3, cities=("Oslo", "Lima"))
    strange[0, 0], strange[1, 1] = None, None
    probabilities = net.predict_proba(strange)
    assert np.isfinite(probabilities).all()
    assert net.predict(strange[:1]).shape == (1,)


def test_codes_are_never_taken_for_the_columns_that_they_become():
    """A full matrix that happens to have as many columns as the first layer inputs."""
    X = np.array([[1.0, 4.0], [2.0, 4.0], [3.0, 4.0]])
    net = network(categorical_features=[1]).fit(X, [0, 1, 0], epochs=1)
    assert len(net.get_weights()[0][0]) == 2
    plain = cnn.Network([cnn.Dense(7, "tanh"), cnn.Dense(2)], dtype="float64")
    plain.set_weights(net.get_weights())
    np.testing.assert_array_equal(net.predict_proba(X), plain.predict_proba([[1.0, 1], [2.0, 1], [3.0, 1]]))


def test_partial_fit_and_warm_start_keep_the_encoder():
    X = table()
    net = network(categorical_features="auto").partial_fit(X, labels(X), classes=[0, 1])
    net.partial_fit(table(30, seed=2, cities=("Oslo",)), np.arange(30) % 2)
    assert net.encoder_.columns_[1].categories == ("Bari", "Rome", "Turin")
    net.fit(table(30, seed=2, cities=("Oslo",)), np.arange(30) % 2, epochs=1, warm_start=True)
    assert net.encoder_.columns_[1].categories == ("Bari", "Rome", "Turin")
    net.fit(table(30, seed=2, cities=("Oslo",)), np.arange(30) % 2, epochs=1)
    assert net.encoder_.columns_[1].categories == ("Oslo",)


def test_a_failed_fit_changes_nothing():
    X = table()
    net = network(categorical_features="auto").fit(X, labels(X), epochs=1)
    before = bits(net)
    with pytest.raises(ValueError, match="y has 59"):
        net.fit(table(60, seed=4, cities=("Oslo",)), labels(X)[:59])
    assert bits(net) == before
    assert net.encoder_.columns_[1].categories == ("Bari", "Rome", "Turin")


@pytest.mark.parametrize("features", ["auto", [1, 3], []])
def test_files_and_copies(features, tmp_path):
    X = table() if features else table()[:, [0, 2]]
    least = 0.2 if features else None
    net = network(categorical_features=features, min_frequency=least, standardize=True)
    net.fit(X, labels(X), epochs=2)
    path = tmp_path / "net.safetensors"
    net.save(path)
    assert json.loads(tensors.metadata(path)["compiled_nn"])["format_version"] == 3
    for other in (cnn.load(path), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(other.predict_proba(X), net.predict_proba(X))
        assert other.encoder_.columns_ == net.encoder_.columns_
        assert repr(other) == repr(net)
        assert other.n_features_ == net.n_features_


def test_networks_that_have_learned_no_encoder(tmp_path):
    net = network(categorical_features="auto")
    with pytest.raises(cnn.NotFittedError):
        _ = net.encoder_
    net.set_weights([(np.ones((3, 7)), np.zeros(7)), (np.ones((7, 2)), np.zeros(2))])
    net.save(tmp_path / "net.safetensors")
    with pytest.raises(AttributeError, match="has no encoder_"):
        _ = cnn.load(tmp_path / "net.safetensors").encoder_


def test_tables_of_every_library():
    rng = np.random.default_rng(5)
    data = {"a": rng.normal(size=6), "city": CITIES, "b": [1.0, None, 3.0, 4.0, None, 6.0]}
    expected = None
    for name, make in (("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "table")):
        library = pytest.importorskip(name)
        X = getattr(library, make)(data)
        net = network(categorical_features=["city"]).fit(X, [0, 1, 0, 1, 0, 1], epochs=2)
        assert net.encoder_.feature_names_in_.tolist() == ["a", "city", "b"]
        expected = expected or bits(net)
        assert bits(net) == expected
        with pytest.raises(ValueError, match=r"feature names should match[^-]*- c\n[^-]*missing:\n- a\n"):
            net.predict(getattr(library, make)({"c": data["a"], "city": CITIES, "b": data["b"]}))
    import pandas

    X = pandas.DataFrame(
        {"k": pandas.Categorical([3, 1, 3]), "s": pandas.array(["u", None, "v"], dtype="string")}
    )
    encoder = Tabular().fit(X)
    assert [column.categories for column in encoder.columns_] == [(1, 3), ("u", "v")]
    np.testing.assert_array_equal(full(encoder.transform(X)), [[0, 1, 1, 0], [1, 0, 0, 0], [0, 1, 0, 1]])


# ---- refusals


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([["a"], [1]], TypeError, "Column 0 of X mixes text with other categories"),
        ([["a"], [b"b"]], TypeError, "Column 0 of X mixes text"),
        ([[1.0], [1j]], TypeError, "Column 0 of X"),
        ([[1.0], [float("inf")]], ValueError, "Column 0 of X contains infinity: row 1"),
        ([["a" * 1001]], ValueError, "category of 1001 characters"),
        (np.zeros((0, 2)), ValueError, "X is empty: it has 0 rows and 2 columns"),
        (np.zeros(3), ValueError, "X has 1 dimension; expected 2"),
    ],
)
def test_what_cannot_be_encoded(X, error, message):
    with pytest.raises(error, match=message):
        Tabular().fit(X)


def test_what_does_not_fit_what_was_learned():
    encoder = Tabular().fit([["a", 1.0]])
    with pytest.raises(ValueError, match="X has 1 column; the network takes 2"):
        encoder.transform([["a"]])
    with pytest.raises(TypeError, match="Column 0 of X holds 3; during fit it held only text"):
        encoder.transform([[3, 1.0]])
    with pytest.raises(TypeError, match="Column 1 of X holds 'b' in row 0; during fit it held only numbers"):
        encoder.transform([["a", "b"]])
    with pytest.raises(cnn.NotFittedError):
        Tabular().transform([[1.0]])
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match="X is sparse"):
        encoder.transform(sparse.csr_array((1, 2)))


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"categorical_features": "all"}, ValueError, "'auto' or a sequence"),
        ({"categorical_features": 3}, TypeError, "'auto' or a sequence"),
        ({"categorical_features": [1.5]}, TypeError, "'auto' or a sequence"),
        ({"categorical_features": [-1]}, ValueError, "'auto' or a sequence"),
        ({"categorical_features": "auto", "min_frequency": 0}, ValueError, "'min_frequency' parameter"),
        ({"categorical_features": "auto", "min_frequency": 1.5}, ValueError, "'min_frequency' parameter"),
        ({"min_frequency": 3}, ValueError, "min_frequency is given, but categorical_features is not"),
    ],
)
def test_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        network(**parameters)


def test_columns_that_are_not_there():
    with pytest.raises(ValueError, match="has column 4, counted from 0; X has 4 columns"):
        Tabular([4]).fit(table())
    with pytest.raises(ValueError, match="has 'city'; X has no column of that name"):
        Tabular(["city"]).fit(table())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda columns: columns.pop(),
        lambda columns: columns[0].update(mean="x"),
        lambda columns: columns[0].update(mean=None),
        lambda columns: columns[0].update(indicator=1),
        lambda columns: columns[0].update(more=1),
        lambda columns: columns[0].update(name=3),
        lambda columns: columns[1].update(categories=["Rome", "Bari", "Turin"]),
        lambda columns: columns[1].update(categories=["Bari", "Bari", "Turin"]),
        lambda columns: columns[1].update(categories=["Bari", 3, "Turin"]),
        lambda columns: columns[1].update(categories=["Bari", None, "Turin"]),
        lambda columns: columns[1].update(categories={"Bari": 1}),
        lambda columns: columns[1].update(categories=["Bari"]),
        lambda columns: columns[1].update(rare="no"),
        lambda columns: columns.clear(),
        lambda columns: columns.append(7),
    ],
)
def test_bad_encoders_in_a_file_are_refused(spoil, tmp_path):
    X, path = table(), tmp_path / "net.safetensors"
    network(categorical_features="auto").fit(X, labels(X), epochs=1).save(path)
    document = json.loads(tensors.metadata(path)["compiled_nn"])
    spoil(document["encoder"])
    tensors.save_file(tensors.load_file(path), path, {"compiled_nn": json.dumps(document)})
    with pytest.raises(ValueError, match="is not a readable network"):
        cnn.load(path)


def test_long_values_of_a_file_are_shortened_in_messages(tmp_path):
    path, X = tmp_path / "net.safetensors", table()
    network(categorical_features="auto").fit(X, labels(X), epochs=1).save(path)
    document = json.loads(tensors.metadata(path)["compiled_nn"])
    document["encoder"][1]["rare"] = "no" * 100_000
    tensors.save_file(tensors.load_file(path), path, {"compiled_nn": json.dumps(document)})
    with pytest.raises(ValueError, match=r"must be a bool\. Got 'nonono.*\.\.\. instead") as caught:
        cnn.load(path)
    assert len(str(caught.value)) < 1000


# ---- values of any type


def slow_codes(encoder, column):
    """Return the codes by their definition, one row after the other."""
    table = {category: code for code, category in enumerate(encoder.categories)}
    other = len(table) if encoder.rare else -1
    return [-1 if cells.is_missing(value) else table.get(value, other) for value in column.tolist()]


NUMBERS = [1, 1.0, True, 0, False, 2.5, np.int64(7), np.float32(2.5), np.bool_(True), 10**20, -3, np.uint8(7)]
TEXTS = ["1", "a", "", "long text", "1.0", "True", np.str_("a"), "nan", "None"]
GAPS = [None, float("nan"), np.float64("nan"), np.nan]


@pytest.mark.parametrize("values", [NUMBERS, TEXTS])
@pytest.mark.parametrize("gaps", [[], GAPS])
@pytest.mark.parametrize("min_frequency", [None, 12])
def test_codes_are_those_of_the_definition(rng, values, gaps, min_frequency):
    pool = [*values, *gaps]
    weights = rng.dirichlet(np.ones(len(pool)))
    column = np.empty(300, object)
    column[:] = [pool[i] for i in rng.choice(len(pool), 300, p=weights)]
    encoder = columns.Categorical.fit(column, None, "x", min_frequency)
    assert all(type(category) in (int, float, bool, str) for category in encoder.categories)
    present = {value for value in column.tolist() if not cells.is_missing(value)}
    assert len(encoder.categories) == len(present) or min_frequency
    new = ["never", "seen"] if values is TEXTS else [99, -0.5, np.int8(98)]
    later = np.empty(300, object)
    later[:] = [[*pool, *new][i] for i in rng.choice(len(pool) + len(new), 300)]
    for rows in (column, later):
        assert encoder.codes(rows, "x").tolist() == slow_codes(encoder, rows)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.uint16, np.float32, np.float64, "U3", object])
def test_codes_of_arrays_of_any_dtype(rng, dtype):
    column = rng.integers(0, 2 if dtype is bool else 5, 200).astype(dtype)
    encoder = columns.Categorical.fit(column, None, "x", None)
    assert [encoder.categories[code] for code in encoder.codes(column, "x")] == column.tolist()


def test_pandas_categories_and_arrow_dictionaries_have_the_codes_of_their_values():
    pandas = pytest.importorskip("pandas")
    pyarrow = pytest.importorskip("pyarrow")
    texts = ["b", "a", None, "c", "b", "never again"] * 3
    plain = pandas.DataFrame({"x": np.array(texts, object), "n": np.arange(18.0)})
    encoder = Tabular().fit(plain)
    expected = encoder.transform(plain).toarray()
    category = plain.assign(x=pandas.Categorical(texts, categories=["never", "c", "b", "a", "never again"]))
    arrow = pyarrow.table({"x": pyarrow.array(texts).dictionary_encode(), "n": np.arange(18.0)})
    chunks = pyarrow.concat_tables([arrow.slice(0, 7), arrow.slice(7)])
    for table in (category, arrow, chunks, plain.convert_dtypes()):
        assert (encoder.transform(table).toarray() == expected).all()
        assert Tabular().fit(table).to_config() == encoder.to_config()


B12 = [[0.5, np.int64(20)], [1.5, np.int64(30)], [2.5, np.int64(20)], [0.0, np.int64(30)]]


@pytest.mark.parametrize(
    "kind", [int, np.int64, np.int8, np.float32, float, Decimal, Fraction, lambda n: np.bool_(n == 20)]
)
def test_fit_and_predict_take_the_same_cells(kind):
    rows = [[first, kind(int(second))] for first, second in B12]
    net = cnn.Network([cnn.Dense(2)], categorical_features=[1], seed=0).fit(rows, [0, 1, 0, 1], epochs=2)
    same = cnn.Network([cnn.Dense(2)], categorical_features=[1], seed=0)
    plain = [[first, (second == 20 if kind(20) is np.bool_(True) else int(second))] for first, second in B12]
    same.fit(plain, [0, 1, 0, 1], epochs=2)
    assert (net.predict_proba(rows) == same.predict_proba(rows)).all()
    assert (net.predict_proba(rows) == net.predict_proba(plain)).all()
    estimator = cnn.MLPClassifier(categorical_features=[1], max_iter=2, random_state=0).fit(
        rows, [0, 1, 0, 1]
    )
    assert (estimator.predict_proba(rows) == estimator.predict_proba(plain)).all()


def test_decimals_that_no_float_equals_have_one_category():
    rows = [[Decimal("0.1")], [Decimal("0.2")], [Decimal("0.1")]]
    encoder = Tabular([0]).fit(rows)
    assert encoder.columns_[0].categories == (0.1, 0.2)
    assert encoder.transform(rows).toarray().tolist() == [[1, 0], [0, 1], [1, 0]]
    assert encoder.transform([[0.1], [0.2]]).toarray().tolist() == [[1, 0], [0, 1]]


def test_numbers_of_the_module_decimal_are_numbers():
    rows = [[Decimal("0.5"), "a"], [Decimal("NaN"), "b"], [Decimal("1.5"), "a"]]
    encoder = Tabular().fit(rows)
    assert encoder.transform(rows).toarray()[:, 0].tolist() == [0.5, 1.0, 1.5]


def test_cells_without_a_hash_are_refused():
    rows = np.empty((2, 1), object)
    rows[0, 0], rows[1, 0] = [1], [2]
    with pytest.raises(
        TypeError, match="Column 0 of X holds values that are not categories: unhashable type"
    ):
        Tabular([0]).fit(rows)
    with pytest.raises(TypeError, match="Column 0 of X holds values that are not categories"):
        Tabular([0]).fit([[1], [2]]).transform(rows)


# ---- names of the result, and repr


def test_names_of_the_result():
    """Each name stands at the column that is set by its rows."""
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(
        {
            "city": ["Rome", "Paris", None, "Rome", "Oslo", "Paris"],
            "a": [1.0, None, 3.0, 4.0, 5.0, 6.0],
            "kind": [3, 1, 3, 1, 3, 1],
            "b": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        }
    )
    encoder = Tabular(["city", "kind"], min_frequency=2).fit(X)
    names = encoder.get_feature_names_out()
    assert names.dtype == object
    expected = ["a", "b", "missingindicator_a", "city_Paris", "city_Rome", "city_rare", "kind_1", "kind_3"]
    assert names.tolist() == expected
    columns = dict(zip(names, encoder.transform(X).toarray().T, strict=True))
    assert columns["b"].tolist() == X["b"].tolist()
    assert columns["missingindicator_a"].tolist() == [0, 1, 0, 0, 0, 0]
    assert columns["city_Rome"].tolist() == [1, 0, 0, 1, 0, 0]
    assert columns["city_rare"].tolist() == [0, 0, 0, 0, 1, 0]
    assert columns["kind_3"].tolist() == [1, 0, 1, 0, 1, 0]
    assert encoder.get_feature_names_out(list(X.columns)).tolist() == names.tolist()
    with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_"):
        encoder.get_feature_names_out(["a", "b", "c", "d"])


def test_names_of_the_result_without_names():
    encoder = Tabular([1]).fit([[1.0, "u"], [2.0, "v"]])
    assert encoder.get_feature_names_out().tolist() == ["x0", "x1_u", "x1_v"]
    assert encoder.get_feature_names_out(["n", "c"]).tolist() == ["n", "c_u", "c_v"]
    with pytest.raises(ValueError, match="input_features has 1 name; the table of fit had 2 columns"):
        encoder.get_feature_names_out(["n"])
    with pytest.raises(cnn.NotFittedError):
        Tabular().get_feature_names_out()


def test_names_of_input_gradients():
    """For each name, the derivative is the slope of the prediction along that column of the encoded table."""
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame({"city": ["Rome", "Paris", "Oslo"] * 4, "a": np.linspace(0, 1, 12)})
    y = np.linspace(0, 1, 12) + (X["city"] == "Rome")
    net = cnn.Network(
        [cnn.Dense(4, "tanh"), cnn.Dense(1)],
        loss="mse",
        dtype="float64",
        seed=0,
        categorical_features=["city"],
    ).fit(X, y, epochs=3)
    names = net.encoder_.get_feature_names_out().tolist()
    gradient = net.input_gradient(X)
    assert gradient.shape == (12, len(names))
    step = 1e-6
    slope = (net.predict(X.assign(a=X["a"] + step)) - net.predict(X.assign(a=X["a"] - step))) / (2 * step)
    np.testing.assert_allclose(gradient[:, names.index("a")], slope, rtol=1e-6)  # central differences
    np.testing.assert_array_equal(net.input_gradient(X[["a", "city"]]), gradient)


def test_repr():
    assert repr(Tabular()) == "Tabular()"
    assert (
        repr(Tabular(["a", 2], min_frequency=5)) == "Tabular(categorical_features=('a', 2), min_frequency=5)"
    )


def test_sklearn_takes_the_names():
    sklearn = pytest.importorskip("sklearn.preprocessing")
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame({"city": ["Rome", "Paris", "Oslo"]})
    expected = sklearn.OneHotEncoder().fit(X).get_feature_names_out().tolist()
    assert Tabular().fit(X).get_feature_names_out().tolist() == expected


# ---- names of columns


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_columns_are_matched_by_name(library):
    module = pytest.importorskip(library)
    make = module.table if library == "pyarrow" else module.DataFrame
    data = {"a": [1.0, 2.0, 3.0, None], "city": ["u", "v", "u", None], "b": [4.0, 5.0, 6.0, 7.0]}
    encoder = Tabular(["city"]).fit(make(data))
    expected = encoder.transform(make(data)).toarray()
    shuffled = make({name: data[name] for name in ("b", "a", "city")})
    np.testing.assert_array_equal(encoder.transform(shuffled).toarray(), expected)
    for wrong, words in (
        ({**data, "c": data["b"]}, "unseen at fit time:\n- c\n"),
        ({"a": data["a"], "city": data["city"]}, "now missing:\n- b\n"),
    ):
        with pytest.raises(ValueError, match=words):
            encoder.transform(make(wrong))


@pytest.mark.parametrize("value", ["x", b"x", np.str_("x")])
def test_text_in_a_column_of_numbers_is_an_error_with_its_row(value):
    table = np.array([[1.0, "u"], [2.0, "v"], [3.0, "u"]], dtype=object)
    other = table.copy()
    other[2, 0] = value
    y, layers = [0, 1, 0], [cnn.Dense(2)]
    net = cnn.Network(layers, categorical_features=[1]).fit(table, y, epochs=1)
    model = cnn.MLPClassifier(max_iter=1, categorical_features=[1]).fit(table, y)
    encoder = Tabular([1]).fit(table)
    for attempt in (net.predict, model.predict, encoder.transform):
        with pytest.raises(
            TypeError, match=r"Column 0 of X holds b?'x' in row 2; during fit it held only num"
        ):
            attempt(other)
    for fit in (
        lambda: Tabular([1]).fit(other),
        lambda: cnn.Network(layers, categorical_features=[1]).fit(other, y),
    ):
        with pytest.raises(TypeError, match=r"in row 2; it is not in categorical_features\. Add it to them"):
            fit()


# ---- decimal numbers that are text


@pytest.mark.parametrize("kind", ["array", "objects", "names"])
def test_decimal_numbers_as_text_are_announced(kind):
    """Categories of numbers are hardly ever meant, and have neither order nor distances."""
    texts = np.array(["1.5", "-2", "3e-1", "4.25"] * 20)
    X = {"array": texts[:, None], "objects": texts.astype(object)[:, None], "names": {"a": texts.tolist()}}[
        kind
    ]
    name = "'a'" if kind == "names" else "0"
    with pytest.warns(
        cnn.CompiledNNWarning,
        match=rf"1 column of X has decimal numbers written as text.*: {name} \(such as '-2'\).*pandas.to_numeric",
    ):
        encoder = Tabular().fit(X)
    key = "a" if kind == "names" else 0
    assert encoder.column_types_[key].kind == "category"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Tabular(column_types={key: "category"}).fit(X)
        for codes in (["01", "02"], ["1.5", "b"], [1.5, 2.5]):
            Tabular().fit([[code] for code in codes] * 30)


def test_decimal_numbers_as_text_that_are_left_out():
    texts = [f"{i}.5" for i in range(80)]
    for column, words in ((texts, "all different"), (texts[:60] + texts[:20], "60 levels in 80 rows")):
        with pytest.warns(cnn.CompiledNNWarning, match=rf"{words}, and are decimal numbers written as text"):
            Tabular().fit({"a": column, "b": [*range(1, 80), 0]})
