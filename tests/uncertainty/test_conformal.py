"""Intervals and sets hold the truth as often as they say."""

import pickle

import compiled_nn as cnn
import numpy as np
import pytest
import small
from compiled_nn import conformal

COVERAGES = (0.5, 0.8, 0.9)


def test_scores_by_hand():
    np.testing.assert_array_equal(conformal.absolute([1.0, 2.0], [3.0, 1.5]), [[2], [0.5]])
    np.testing.assert_array_equal(
        conformal.cqr([0.0, 0.0, 0.0], [2.0, 2.0, 2.0], [3.0, 0.5, -4.0]), [[1], [-0.5], [4]]
    )
    p = [[0.7, 0.3], [0.4, 0.6]]
    np.testing.assert_allclose(conformal.lac(p, ["b", "b"], classes=["a", "b"]), [[0.7], [0.4]])
    np.testing.assert_allclose(conformal.lac([0.3, 0.6], [1, 0]), [[0.7], [0.6]])


@pytest.mark.parametrize("m", [9, 10, 19, 99, 1000])
def test_the_threshold_is_the_rank_that_it_should_be(rng, m):
    scores = rng.permutation(m).astype(float)  # the r-th smallest is r - 1
    for hundredths in (10, 50, 80, 90):
        rank = -(-(m + 1) * hundredths // 100)  # ceil, in integers
        assert conformal.threshold(scores, hundredths / 100).tolist() == [rank - 1]


def test_each_column_has_its_own_threshold(rng):
    scores = rng.random((50, 3))
    expected = [conformal.threshold(scores[:, i], 0.9)[0] for i in range(3)]
    assert conformal.threshold(scores, 0.9).tolist() == expected


def test_coverage_on_average(rng):
    """Over many draws of few held-out rows it is at least that asked for, and at most 1 / (m + 1) more."""
    m, draws = 19, 20000
    held_out, new = rng.normal(size=(m, draws)) ** 2, rng.normal(size=draws) ** 2
    for coverage in COVERAGES:
        within = np.mean(new <= conformal.threshold(held_out, coverage))
        error = 4 * np.sqrt(coverage * (1 - coverage) / draws)
        assert coverage - error <= within <= coverage + 1 / (m + 1) + error


def test_few_rows():
    with pytest.raises(
        ValueError, match=r"A coverage of 0\.95 needs at least 19 held-out rows; there are 18"
    ):
        conformal.threshold(np.zeros((18, 1)), 0.95)
    conformal.threshold(np.zeros((19, 1)), 0.95)
    for coverage in (0, 1, 1.5, "most"):
        with pytest.raises((ValueError, TypeError), match="'coverage' parameter of the interval"):
            conformal.threshold(np.zeros((18, 1)), coverage)


def test_quantiles_of_another_model(rng):
    """Heteroscedastic values, and quantiles that are all too narrow: the intervals widen until they hold."""
    x = rng.uniform(0.2, 2, 4000)
    y = x * rng.normal(size=4000)
    lower, upper = -x, x
    margin = conformal.threshold(conformal.cqr(lower[:2000], upper[:2000], y[:2000]), 0.9)
    new = slice(2000, None)
    within = (lower[new] - margin <= y[new]) & (y[new] <= upper[new] + margin)
    assert within.mean() == pytest.approx(0.9, abs=0.02)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"y has shape \(2,\); predicted has \(3,\)"):
        conformal.absolute([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="Input lower contains NaN"):
        conformal.cqr([np.nan], [1], [0])


# ---- in a network


def wave(rng, m, outputs=1):
    x = rng.uniform(-2, 2, (m, 1))
    y = np.sin(2 * x * np.arange(1, outputs + 1)) + 0.3 * np.arange(1, outputs + 1) * rng.normal(
        size=(m, outputs)
    )
    return x, y[:, 0] if outputs == 1 else y


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("standardize", [False, True])
def test_intervals(rng, outputs, standardize):
    net = small.regressor(outputs, hidden=16, standardize=standardize).fit(
        *wave(rng, 300, outputs), epochs=30
    )
    net.calibrate_intervals(*wave(rng, 8000, outputs))
    X, y = wave(rng, 8000, outputs)
    for coverage in COVERAGES:
        lower, upper = net.predict_interval(X, coverage)
        assert lower.shape == upper.shape == y.shape
        assert lower.dtype == upper.dtype == "float64"  # that of y
        np.testing.assert_allclose((lower + upper) / 2, net.predict(X), atol=1e-5)
        within = (lower <= y) & (y <= upper)
        np.testing.assert_allclose(within.mean(axis=0), coverage, atol=0.02)


def spreading(rng, m):
    """Values whose deviation grows with x."""
    x = rng.uniform(0.2, 2, (m, 1))
    return x, x[:, 0] * (1 + rng.normal(size=m))


@pytest.mark.parametrize("loss", [cnn.losses.Quantile((0.1, 0.5, 0.9)), cnn.losses.GaussianNLL()])
def test_intervals_that_follow_the_spread(rng, loss, tmp_path):
    net = cnn.Network(
        [cnn.Dense(16, "tanh"), cnn.Dense(loss.n_outputs(1))], loss=loss, optimizer=cnn.Adam(0.01), seed=0
    )
    net.fit(*spreading(rng, 500), epochs=40).calibrate_intervals(*spreading(rng, 8000))
    X, y = spreading(rng, 8000)
    for coverage in COVERAGES:
        lower, upper = net.predict_interval(X, coverage)
        assert lower.shape == upper.shape == (8000,)
        assert np.mean((lower <= y) & (y <= upper)) == pytest.approx(coverage, abs=0.02)
        wide, narrow = X[:, 0] > 1.5, X[:, 0] < 0.7
        assert np.mean((upper - lower)[wide]) > 1.5 * np.mean((upper - lower)[narrow])
    net.save(tmp_path / "net.safetensors")
    same = cnn.load(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(same.predict_interval(X, 0.9), net.predict_interval(X, 0.9))


def test_margins_by_hand():
    """Quantiles that do not depend on X: the bounds are they, and the margin by the scores' own rank."""
    net = cnn.Network([cnn.Dense(3)], loss="quantile", dtype="float64")
    net.set_weights([(np.zeros((1, 3)), np.array([2.0, 0.0, 1.0]))])  # sorted: 0, 1, 2
    X, y = np.zeros((9, 1)), np.array([-3.0, -2, -1, 0.5, 1, 1.5, 3, 4, 5])
    scores = sorted(max(0 - value, value - 2) for value in y)
    lower, upper = net.calibrate_intervals(X, y).predict_interval(X[:1], 0.7)
    assert (lower.tolist(), upper.tolist()) == ([-scores[6]], [2 + scores[6]])


@pytest.mark.parametrize("outputs", [1, 3])
def test_sets(rng, outputs):
    def clouds(m):
        y = rng.integers(0, max(outputs, 2), m)
        return y[:, np.newaxis] + rng.normal(size=(m, 4)), np.array(["a", "b", "c"])[y]

    make = small.binary if outputs == 1 else small.classifier
    net = make().fit(*clouds(300), epochs=10).calibrate(*clouds(300))
    net.calibrate_intervals(*clouds(8000))
    assert net.temperature_ != 1
    X, y = clouds(8000)
    sizes = []
    for coverage in COVERAGES:
        among = net.predict_set(X, coverage)
        assert (among.shape, among.dtype) == ((8000, max(outputs, 2)), bool)
        within = among[np.arange(8000), np.searchsorted(net.classes_, y)].mean()
        assert within == pytest.approx(coverage, abs=0.02)
        sizes.append(among.sum(axis=1).mean())
    assert sizes == sorted(sizes)


def test_a_table_that_the_network_encodes(rng):
    """The intervals and sets of the same numbers, encoded by hand."""
    kinds, x = rng.integers(0, 3, 300), rng.normal(size=300)
    y = kinds + 0.3 * x
    table = [["abc"[kind], number] for kind, number in zip(kinds, x.tolist(), strict=True)]
    hot = np.column_stack([kinds[:, np.newaxis] == range(3), x])
    for make, target, ask in (
        (small.regressor, y, "predict_interval"),
        (small.classifier, kinds, "predict_set"),
    ):
        encoding = make(categorical_features=[0]).fit(table, target, epochs=2)
        columns = encoding.encoder_.transform(table).toarray()
        assert sorted(columns.sum(axis=0)) == pytest.approx(sorted(hot.sum(axis=0)))
        plain = make().fit(columns, target, epochs=2)
        encoding.calibrate_intervals(table, target)
        plain.calibrate_intervals(columns, target)
        assert np.array_equal(getattr(encoding, ask)(table), getattr(plain, ask)(columns))


def test_one_hot_labels(rng):
    net, other = small.fitted(), small.fitted()
    net.calibrate_intervals(small.X, small.INDICES)
    other.calibrate_intervals(small.X, np.eye(3)[small.INDICES])
    np.testing.assert_array_equal(net.predict_set(small.X), other.predict_set(small.X))


def test_files_and_copies_keep_them(rng, tmp_path):
    X, y = wave(rng, 200)
    net = small.regressor().fit(X, y, epochs=2).calibrate_intervals(X, y)
    path = tmp_path / "net.safetensors"
    net.save(path)
    for other in (cnn.load(path), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(other.predict_interval(X, 0.7), net.predict_interval(X, 0.7))


def test_training_and_calibrating_forget_them(rng):
    net = small.fitted().calibrate_intervals(small.X, small.INDICES)
    net.predict_set(small.X)
    for again in (
        lambda: net.fit(small.X, small.INDICES, epochs=1),
        lambda: net.calibrate(small.X, small.INDICES),
    ):
        net.calibrate_intervals(small.X, small.INDICES)
        again()
        with pytest.raises(ValueError, match="call calibrate_intervals with held-out rows"):
            net.predict_set(small.X)


def test_the_wrong_question(rng):
    values = small.regressor().fit(small.X, small.X[:, 0], epochs=1)
    with pytest.raises(ValueError, match="predict_set is for classes; the loss mse predicts values"):
        values.predict_set(small.X)
    with pytest.raises(
        ValueError, match="predict_interval is for values; the loss softmax_cross_entropy predicts classes"
    ):
        small.fitted().predict_interval(small.X)
    with pytest.raises(cnn.NotFittedError):
        small.regressor().predict_interval(small.X)
    many = small.classifier(2, loss="binary_cross_entropy").fit(small.X, small.X[:, :2] > 0, epochs=1)
    with pytest.raises(
        ValueError, match="Prediction sets need one class per row; this network was fitted on any"
    ):
        many.calibrate_intervals(small.X, small.X[:, :2] > 0)
