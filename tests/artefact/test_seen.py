"""Summary of the training rows: the numbers that NumPy computes from them, in every way to train."""

import copy
import io
import pickle
import warnings

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.artefact.seen import DEVIATION, HIGH, LOW, MEAN, MISSING, Seen

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4)) * [1, 10, 100, 0] + [0, 5, 1000, 7]
Y = RNG.integers(0, 2, 300)


def network(**parameters):
    return cnn.Network([cnn.Dense(3, "relu"), cnn.Dense(2)], seed=0, **parameters)


def summary(model):
    return getattr(model, "network_", model)._inputs.seen.summary


def expected(rows):
    """Return the numbers that NumPy computes from rows."""
    rows = np.asarray(rows, np.float64)
    return [rows.min(axis=0), rows.max(axis=0), rows.mean(axis=0), rows.std(axis=0), np.zeros(rows.shape[1])]


def check(model, rows, dtype=np.float64, n=None):
    found = summary(model)
    assert found.rows == found.ranged == found.sampled == (len(rows) if n is None else n)
    # Sums in another order: some units in the last place of the largest square.
    np.testing.assert_allclose(found.numbers, expected(np.asarray(rows, dtype)), rtol=1e-12, atol=1e-9)
    np.testing.assert_array_equal(found.numbers[[LOW, HIGH]], expected(np.asarray(rows, dtype))[:2])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32, np.uint8, bool])
@pytest.mark.parametrize("order", ["C", "F"])
def test_dtypes_and_layouts(dtype, order):
    rows = np.asarray(np.abs(X) if dtype == np.uint8 else X).astype(dtype, order=order)
    check(network().fit(rows, Y, epochs=1), rows)
    check(network().fit(rows[::-2, ::2], Y[::2], epochs=1), rows[::-2, ::2])


@pytest.mark.parametrize("factor", [1, 40])
@pytest.mark.parametrize("epochs", [1, 200])
def test_few_and_many_rows(factor, epochs):
    rows, y = np.tile(X, (factor, 1)), np.tile(Y, factor)
    found = summary(network().fit(rows, y, epochs=epochs, batch_size=1000))
    n = found.ranged
    assert found.rows == len(rows)
    assert n == len(rows) if factor == 1 or epochs == 200 else n < len(rows) / 4
    low, high, mean, deviation, _ = found.numbers
    if n == len(rows):
        assert [*low, *high] == [*X.min(axis=0), *X.max(axis=0)]
    assert (abs(mean - X.mean(axis=0)) <= 4 * X.std(axis=0) / np.sqrt(found.sampled)).all()
    np.testing.assert_allclose(deviation, X.std(axis=0), rtol=0.1)  # of a sample of about 1000 rows


def test_validation_rows_and_rows_of_weight_0_are_left_out():
    weights = np.where(X[:, 0] > 0, 1.0, 0.0)
    check(network().fit(X, Y, sample_weight=weights, epochs=1), X[weights > 0])
    check(network().fit(X, Y, class_weight={0: 0.0, 1: 1.0}, epochs=1), X[Y == 1])
    net = network().fit(X, Y, validation_fraction=0.5, epochs=1)
    assert summary(net).rows == 150
    model = cnn.MLPClassifier(early_stopping=True, validation_fraction=0.2, max_iter=2, random_state=0).fit(
        X, Y
    )
    assert summary(model).rows == 240


def test_data_given_for_validation_are_not_seen():
    check(network().fit(X, Y, validation_data=(X * 1000, Y), epochs=1), X)


def test_partial_fit_merges_batches():
    net = network()
    for start in range(0, 300, 7):
        net.partial_fit(X[start : start + 7], Y[start : start + 7], classes=[0, 1])
    check(net, X)
    model = cnn.MLPClassifier(random_state=0)
    for start in range(0, 300, 100):
        model.partial_fit(X[start : start + 100], Y[start : start + 100], classes=[0, 1])
    check(model, X)


def test_many_batches_are_merged_by_the_formula():
    seen, rows = Seen(None, 4), np.tile(X, (100, 1)) + np.arange(30_000)[:, np.newaxis]
    for start in range(0, 30_000, 1000):
        seen.add(rows[start : start + 1000])
        assert seen.summary.rows == start + 1000
    np.testing.assert_allclose(seen.summary.numbers, expected(rows), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("together", [np.float32, np.float64])
def test_rows_are_copied(together):
    seen, rows = Seen(None, 4), X.astype(together)
    seen.add(rows)
    rows[:] = 1e9
    assert seen.summary.numbers[HIGH, 0] < 10


def test_streams_are_seen_once():
    batches = [(X[i : i + 50], Y[i : i + 50]) for i in range(0, 300, 50)]
    net = network().fit(batches, None, epochs=3)
    check(net, X)
    check(net.fit(batches, None, epochs=2, warm_start=True), X)
    weighted = [(rows, y, (y == 1).astype(float)) for rows, y in batches]
    check(network().fit(weighted, None, epochs=2, classes=[0, 1]), X[Y == 1])


def test_warm_start():
    once = network().fit(X, Y, epochs=4)
    twice = network().fit(X, Y, epochs=2).fit(X, Y, epochs=2, warm_start=True)
    check(twice, X)
    files = io.BytesIO(), io.BytesIO()
    for net, file in zip((once, twice), files, strict=True):
        net.save(file)
    assert files[0].getvalue() == files[1].getvalue()
    check(twice.fit(X * 2, Y, epochs=1, warm_start=True), np.vstack([X, X * 2]))
    check(twice.fit(X[:9], Y[:9], epochs=1), X[:9])
    model = cnn.MLPClassifier(max_iter=2, warm_start=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(model.fit(X, Y).fit(X, Y), X)
        check(model.set_params(warm_start=False).fit(X[:50], Y[:50]), X[:50])


def test_unknown_training():
    net = network()
    net.set_weights([(np.ones((4, 3)), np.zeros(3)), (np.ones((3, 2)), np.zeros(2))])
    assert net._inputs.seen is None
    check(net.fit(X, Y, epochs=1), X)
    old = cnn.load("tests/helpers/golden/softmax-float32-format1.safetensors")
    assert old._inputs.seen is None
    rows, labels = np.zeros((len(old.classes_), old.n_features_)), old.classes_
    old.partial_fit(rows, labels)
    assert old._inputs.seen is None, "the rows of the first training are not known"
    check(old.fit(rows, labels, epochs=1), rows)


def test_a_failed_call_adds_nothing():
    net = network().fit(X, Y, epochs=1)
    for bad in ((X, Y[:-1]), (X * np.nan, Y), (X[:, :2], Y)):
        with pytest.raises(ValueError, match=r"."):
            net.partial_fit(*bad)
    check(net, X)


def test_wide_rows_have_one_range():
    wide = RNG.normal(size=(300, 100)).astype(np.float32)
    found = summary(network().fit(wide, Y, epochs=1))
    assert found.numbers.shape == (5, 1)
    assert found.numbers[:MISSING, 0] == pytest.approx([wide.min(), wide.max(), 0, 1], abs=0.6)
    images = RNG.integers(0, 256, (300, 9, 9)).astype(np.uint8)
    found = summary(network().fit(images, Y, epochs=200, batch_size=100))
    assert found.numbers[[LOW, HIGH], 0].tolist() == [0, 255]


@pytest.mark.parametrize("k", [5, 200])
def test_sparse_rows(k):
    sparse = pytest.importorskip("scipy.sparse", reason="sparse matrices are those of scipy")
    dense = np.where(RNG.random((300, k)) < 0.1, RNG.normal(size=(300, k)), 0)
    found = summary(network().fit(sparse.csr_matrix(dense), Y, epochs=1)).numbers
    columns = dense if k == 5 else dense.reshape(-1, 1)
    np.testing.assert_allclose(found, expected(columns), rtol=1e-9, atol=1e-9)


def table():
    columns = {
        "size": np.where(RNG.random(300) < 0.2, np.nan, RNG.normal(size=300)),
        "city": RNG.choice(np.array(["Ulm", "Bern", "Rom", None], object), 300, p=[0.5, 0.3, 0.01, 0.19]),
        "sold": np.datetime64("2024-01-01") + RNG.integers(0, 300, 300),
        "rooms": RNG.integers(1, 6, 300).astype(float),
    }
    columns["sold"][3], columns["city"][:3] = np.datetime64("NaT", "D"), "Rom"
    return columns


@pytest.mark.parametrize("kind", ["Network", "Ensemble", "MLPClassifier", "TabularClassifier"])
def test_tables(kind):
    columns = table()
    encoded = {"categorical_features": "auto", "min_frequency": 10}
    model = {
        "Network": lambda: network(**encoded).fit(columns, Y, epochs=1),
        "Ensemble": lambda: cnn.Ensemble(network(**encoded), n_members=3).fit(
            columns, Y, epochs=1, validation="folds"
        ),
        "MLPClassifier": lambda: cnn.MLPClassifier(max_iter=1, **encoded).fit(columns, Y),
        "TabularClassifier": lambda: cnn.TabularClassifier(
            max_iter=1, n_members=2, min_frequency=10, refit=True
        ).fit(columns, Y),
    }[kind]()
    found = summary(model)
    encoder = model.encoder_ if kind in ("Network", "Ensemble") else model.network_.encoder_
    assert [column.column_type.kind for column in encoder.columns_] == [
        "number",
        "category",
        "date",
        "number",
    ]
    days = (columns["sold"] - np.nanmin(columns["sold"])).astype("m8[D]").astype(float)
    days[3] = np.nan
    raw = np.array([columns["size"], days, columns["rooms"]])
    for row, function in ((LOW, np.nanmin), (HIGH, np.nanmax), (MEAN, np.nanmean), (DEVIATION, np.nanstd)):
        # The mean that replaced missing numbers, and float32 of the encoded rows.
        np.testing.assert_allclose(found.numbers[row], function(raw, axis=1), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.numbers[MISSING], np.isnan(raw).mean(axis=1))
    cities = columns["city"].tolist()
    names = [cities.count(name) for name in ("Bern", "Ulm", "Rom", None)]
    assert found.counts.tolist() == names, "frequent ones in their order, rare ones, missing ones"


def test_rows_that_no_member_is_trained_on():
    mask = np.arange(300) < 100
    model = cnn.Ensemble(network(), n_members=2).fit(X, Y, epochs=1, validation=mask)
    check(model, X[100:])
    check(cnn.Ensemble(network(), n_members=2).fit(X, Y, epochs=1, validation=mask, refit=True), X)
    check(cnn.Ensemble(network(), n_members=3).fit(X, Y, epochs=1, validation="folds"), X)


def test_members_of_an_ensemble_see_for_themselves():
    model = cnn.Ensemble(network(), n_members=2).fit(X, Y, epochs=1, validation=None)
    member = model.members_[0]
    member.partial_fit(X[:99] * 2, Y[:99])
    check(member, np.vstack([X, X[:99] * 2]))
    check(model, X)


def copies(model):
    yield copy.deepcopy(model)
    yield pickle.loads(pickle.dumps(model))
    file = io.BytesIO()
    model.save(file)
    yield type(model).load(file.getvalue()) if hasattr(type(model), "load") else cnn.load(file.getvalue())


def test_copies_and_files():
    models = [
        network().fit(X, Y, epochs=1),
        network(categorical_features="auto").fit(table(), Y, epochs=1),
        cnn.Ensemble(network(), n_members=2).fit(X, Y, epochs=1),
        cnn.MLPClassifier(max_iter=2).fit(X, Y),
        cnn.TabularClassifier(max_iter=1, n_members=2).fit(table(), Y),
    ]
    for model in models:
        before = summary(model)
        for other in copies(model):
            assert summary(other).equals(before)
            inputs = getattr(other, "network_", other)._inputs
            inputs.seen.add(inputs.read(X if inputs.encoder is None else table()))
            assert summary(other).rows == before.rows + 300
            assert summary(model).equals(before)


def test_checkpoints():
    for model in (network(), cnn.Ensemble(network(), n_members=2)):
        model.fit(X, Y, epochs=2)
        file = io.BytesIO()
        model.save_checkpoint(file)
        again = cnn.load_checkpoint(file.getvalue())
        assert summary(again).equals(summary(model))
        again.fit(X, Y, epochs=1, warm_start=True)
        assert summary(again).equals(summary(model))


def test_extreme_numbers():
    seen = Seen(None, 2)
    seen.add(np.array([[1e308, 1e-320], [-1e308, 0.0]]))
    assert np.isfinite(seen.summary.numbers).all()
    assert seen.summary.numbers[[LOW, HIGH], 0].tolist() == [-1e308, 1e308]


def test_column_without_values(tmp_path):
    rows = [{"a": None, "b": 1.0}, {"a": None, "b": 2.0}]
    net = network(categorical_features=[], column_types={"a": "number"}).fit(rows, [0, 1], epochs=1)
    assert np.isnan(summary(net).numbers[:MISSING, 0]).all()
    net.save(tmp_path / "model")
    assert summary(cnn.load(tmp_path / "model")).equals(summary(net))
