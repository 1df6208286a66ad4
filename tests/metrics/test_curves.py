"""Curves of metrics are scikit-learn's, point for point."""

import numpy as np
import pytest
from compiled_nn import metrics

theirs = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
calibration = pytest.importorskip("sklearn.calibration")


@pytest.fixture(params=["distinct", "ties", "constant", "three rows"])
def scored(request, rng):
    m = 3 if request.param == "three rows" else 200
    scores = {"distinct": rng.random(m), "ties": rng.integers(0, 5, m) / 4, "constant": np.full(m, 0.3)}
    y = rng.integers(0, 2, m)
    y[:2] = 0, 1
    return y, scores.get(request.param, rng.random(m))


@pytest.fixture(params=["alike", "weighted", "zeros"])
def weight(request, rng, scored):
    m = len(scored[0])
    found = {"alike": None, "weighted": rng.random(m), "zeros": rng.integers(0, 3, m) * (np.arange(m) > 1)}
    if request.param == "zeros":
        found["zeros"][:2] = 1
    return found[request.param]


def equal(ours, expected):
    assert len(ours) == len(expected)
    for a, b in zip(ours, expected, strict=True):
        # Sums of weights are added in another order.
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("drop", [False, True])
def test_roc_and_precision_recall(scored, weight, drop):
    y, scores = scored
    options = {"sample_weight": weight, "drop_intermediate": drop}
    if (
        drop and weight is not None
    ):  # whether three points are on one line depends on the last bits of the sums
        fpr, tpr, _ = metrics.roc_curve(y, scores, **options)
        assert np.trapezoid(tpr, fpr) == pytest.approx(metrics.roc_auc(y, scores, weight), rel=1e-12)
        return
    equal(metrics.roc_curve(y, scores, **options), theirs.roc_curve(y, scores, **options))
    equal(
        metrics.precision_recall_curve(y, scores, **options),
        theirs.precision_recall_curve(y, scores, **options),
    )


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@pytest.mark.parametrize("bins", [1, 5, 10])
def test_calibration(scored, strategy, bins):
    y, p = scored
    ours = metrics.calibration_curve(y, p, bins=bins, strategy=strategy)
    equal(ours, calibration.calibration_curve(y, p, n_bins=bins, strategy=strategy))


def test_ties_at_the_edges_of_quantiles():
    """The edges are rounded as those of scikit-learn, so that ties are in the same bin."""
    y, p = np.array([0, 1, 1, 0, 1, 0, 0]), np.array([0.5, 0.5, 1.0, 0.0, 0.0, 1.0, 1.0])
    for bins in range(1, 8):
        ours = metrics.calibration_curve(y, p, bins=bins, strategy="quantile")
        equal(ours, calibration.calibration_curve(y, p, n_bins=bins, strategy="quantile"))


def test_one_class_of_many(rng):
    y, scores = np.array(["a", "b", "c"])[rng.integers(0, 3, 60)], rng.random(60)
    equal(metrics.roc_curve(y, scores, positive="b"), theirs.roc_curve(y, scores, pos_label="b"))


def test_whole_weights_count_as_rows(rng):
    y, p, w = rng.integers(0, 2, 50), rng.random(50), rng.integers(0, 4, 50)
    repeated = metrics.calibration_curve(np.repeat(y, w), np.repeat(p, w), bins=4)
    equal(metrics.calibration_curve(y, p, w, bins=4), repeated)


def test_values_are_not_compared_as_labels(rng):
    """A metric of labels would be 0 for predicted values, whatever they are."""
    y = rng.normal(size=20)
    with pytest.raises(
        ValueError, match=r"predicted is .* in row 0, which is not a label of y\. Labels are compared"
    ):
        metrics.accuracy(y, y + 0.1)
    with pytest.raises(ValueError, match="use a metric of values, such as r2 or mae"):
        metrics.f1(y, y + 0.1, average="macro")
    assert metrics.accuracy([0.5, 1.5, 0.5], [0.5, 0.5, 0.5]) == pytest.approx(
        2 / 3
    )  # labels may be fractions


def test_bad_input():
    with pytest.raises(ValueError, match="roc_curve needs positive and negative samples"):
        metrics.roc_curve([1, 1], [0.1, 0.2], positive=1)
    with pytest.raises(ValueError, match="precision_recall_curve needs positive samples"):
        metrics.precision_recall_curve([0, 0], [0.1, 0.2], positive=1)
    with pytest.raises(ValueError, match=r"scores has 2 columns; roc_curve is for one class"):
        metrics.roc_curve([0, 1], [[0.1, 0.9], [0.2, 0.8]])
    with pytest.raises(ValueError, match=r"probabilities is 1\.5 in row 1; probabilities are from 0 to 1"):
        metrics.calibration_curve([0, 1], [0.5, 1.5])
    with pytest.raises(ValueError, match=r"'strategy' parameter .* Did you mean 'quantile'"):
        metrics.calibration_curve([0, 1], [0.5, 0.5], strategy="quantiles")
    with pytest.raises(ValueError, match="y has 2 rows; scores has 3"):
        metrics.roc_curve([0, 1], [0.5, 0.5, 1.0])
