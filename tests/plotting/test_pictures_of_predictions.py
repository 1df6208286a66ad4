"""Pictures of predictions show scikit-learn's numbers: errors, intervals, reliability, ROC, precision and recall."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import metrics
from compiled_nn.plotting import (
    CalibrationDisplay,
    IntervalDisplay,
    PrecisionRecallDisplay,
    PredictionErrorDisplay,
    RocCurveDisplay,
)
from figures import Table, written
from small import blobs, classifier

pytest.importorskip("matplotlib")
theirs = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
calibration = pytest.importorskip("sklearn.calibration")

X, CLASSES = blobs(m=90, k=2)
TREES = ("oak", "beech", "ash")
VALUES = X[:, 0] * 3 + 1


@pytest.fixture(scope="module")
def net():
    return classifier().fit(X, CLASSES, epochs=3)


@pytest.fixture(scope="module")
def values_net():
    return cnn.MLPRegressor(max_iter=10, random_state=0).fit(X, VALUES)


# ---- errors


@pytest.mark.parametrize("kind", ["actual_vs_predicted", "residual_vs_predicted"])
def test_errors(values_net, kind, tmp_path):
    display = PredictionErrorDisplay.from_estimator(values_net, X, VALUES, kind=kind)
    predicted = values_net.predict(X)
    expected = theirs.PredictionErrorDisplay(y_true=VALUES, y_pred=predicted).plot(kind=kind)
    np.testing.assert_allclose(
        display.scatter_.get_offsets(), expected.scatter_.get_offsets(), rtol=1e-6, atol=1e-6
    )
    assert f"{theirs.r2_score(VALUES, predicted):.3f}" in display.ax_.get_title()
    assert display.ax_.get_xlabel() == "predicted value"
    written(display, tmp_path / "errors.png")
    with pytest.raises(ValueError, match="'kind' parameter of plot must be a str among"):
        display.plot(kind="actual")


def test_a_million_errors_are_thinned_the_same_way_every_time(rng):
    y = rng.normal(size=10**6)
    first, second = (PredictionErrorDisplay.from_predictions(y, y + 1).scatter_.get_offsets() for _ in "ab")
    assert len(first) == 2000
    np.testing.assert_array_equal(first, second)
    display = PredictionErrorDisplay.from_predictions(y, y + 1, n_points=10)
    assert display.ax_.get_title().endswith("10 of 1,000,000 rows drawn")
    assert len(display.y_true) == 10**6


def test_several_values_per_row_are_refused():
    with pytest.raises(ValueError, match="There are 2 values per row; one is drawn"):
        PredictionErrorDisplay.from_predictions(np.eye(2), np.eye(2))
    with pytest.raises(ValueError, match="lower has 2 columns; one value per row is drawn"):
        IntervalDisplay.from_predictions([1, 2], np.eye(2), [1, 2])


# ---- intervals


def test_intervals(values_net, tmp_path):
    values_net.calibrate_intervals(X[:45], VALUES[:45])
    display = IntervalDisplay.from_estimator(values_net, X[45:], VALUES[45:], coverage=0.8)
    lower, upper = values_net.predict_interval(X[45:], 0.8)
    np.testing.assert_array_equal(display.lower, lower)
    inside = (lower <= VALUES[45:]) & (VALUES[45:] <= upper)
    assert display.coverage == inside.mean()
    assert len(display.inside_.get_offsets()) == inside.sum()
    assert len(display.outside_.get_offsets()) == (~inside).sum()
    title = display.ax_.get_title()
    assert title.startswith(f"coverage {100 * inside.mean():.1f} % (requested: 80 %), mean width ")
    order = np.argsort(values_net.predict(X[45:]), kind="stable")
    found = np.concatenate([display.inside_.get_offsets(), display.outside_.get_offsets()])
    np.testing.assert_allclose(found[np.argsort(found[:, 0]), 1], VALUES[45:][order])
    written(display, tmp_path / "intervals.png")


@pytest.mark.parametrize("sort_by", [1, "width"])
def test_intervals_over_a_column(values_net, sort_by):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=["height", "width"])
    net = cnn.MLPRegressor(max_iter=2, random_state=0).fit(table, VALUES).calibrate_intervals(table, VALUES)
    if sort_by == 1:
        net, table = values_net.calibrate_intervals(X, VALUES), X
    display = IntervalDisplay.from_estimator(net, table, VALUES, sort_by=sort_by)
    np.testing.assert_array_equal(display.x, X[:, 1])
    assert display.ax_.get_xlabel() == ("x1" if sort_by == 1 else "width")
    wrong = "widht" if sort_by != 1 else 7
    with pytest.raises((KeyError, ValueError), match=r"Did you mean 'width'|column is 7; X has 2 columns"):
        IntervalDisplay.from_estimator(net, table, VALUES, sort_by=wrong)


def test_intervals_of_many_rows(rng):
    y = rng.normal(size=5000)
    display = IntervalDisplay.from_predictions(y, y - 1, y + 1)
    assert len(display.inside_.get_offsets()) == 300
    assert "300 of 5,000 rows drawn" in display.ax_.get_title()
    assert display.coverage == 1


# ---- reliability


def test_reliability_of_two_classes(rng):
    y, p = rng.integers(0, 2, 300), rng.random(300)
    display = CalibrationDisplay.from_predictions(y, p)
    expected = calibration.calibration_curve(y, p, n_bins=10)
    np.testing.assert_allclose([display.prob_true, display.prob_pred], expected, rtol=1e-12)
    edges = np.linspace(0, 1, 11)
    np.testing.assert_array_equal(display.counts, np.histogram(p, edges)[0])
    assert display.counts.sum() == 300
    error = (abs(expected[0] - expected[1]) * display.counts).sum() / 300
    assert display.ece == pytest.approx(error, rel=1e-12)
    assert [bar.get_height() for bar in display.bars_] == (display.counts / 300).tolist()
    other = CalibrationDisplay.from_predictions(y, p, positive=0)
    np.testing.assert_allclose(other.prob_pred[::-1], 1 - display.prob_pred, rtol=1e-9)


def test_reliability_of_several_classes(net, tmp_path):
    display = CalibrationDisplay.from_estimator(net, X, CLASSES, bins=15)
    p = net.predict_proba(X)
    assert display.ece == pytest.approx(metrics.ece(CLASSES, p, bins=15), rel=1e-9)
    assert display.name is None
    written(display, tmp_path / "reliability.png")
    beech = CalibrationDisplay.from_estimator(
        net, X, CLASSES, positive=1, class_names=TREES, strategy="quantile", bins=4
    )
    expected = calibration.calibration_curve(CLASSES == 1, p[:, 1], n_bins=4, strategy="quantile")
    np.testing.assert_allclose([beech.prob_true, beech.prob_pred], expected, rtol=1e-6)
    assert beech.ax_.get_xlabel() == "predicted probability of beech"


# ---- ROC, precision and recall


def test_roc_of_two_classes(rng, tmp_path):
    y, scores = np.array(["no", "yes"])[rng.integers(0, 2, 100)], rng.integers(0, 20, 100)
    (curve,) = RocCurveDisplay.from_predictions(y, scores).curves
    for ours, expected in zip(curve[1:4], theirs.roc_curve(y, scores, pos_label="yes"), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-12)
    assert curve.name == "yes"
    assert curve.score == pytest.approx(theirs.roc_auc_score(y, scores), rel=1e-12)
    display = PrecisionRecallDisplay.from_predictions(y, scores)
    precision, recall, _ = theirs.precision_recall_curve(y, scores, pos_label="yes")
    np.testing.assert_allclose(display.curves[0].x, recall, rtol=1e-12)
    np.testing.assert_allclose(display.curves[0].y, precision, rtol=1e-12)
    expected = theirs.average_precision_score(y, scores, pos_label="yes")
    assert display.curves[0].score == pytest.approx(expected, rel=1e-12)
    assert f"average precision of yes: {expected:.3f}" == display.ax_.get_title()
    written(display, tmp_path / "pr.png")


@pytest.mark.parametrize("display", [RocCurveDisplay, PrecisionRecallDisplay])
def test_curves_of_several_classes(net, display, tmp_path):
    found = display.from_estimator(net, X, CLASSES, class_names=TREES)
    p = net.predict_proba(X).astype(float)
    score = theirs.roc_auc_score if display is RocCurveDisplay else theirs.average_precision_score
    for i, curve in enumerate(found.curves):
        assert curve.name == TREES[i]
        assert curve.score == pytest.approx(score(i == CLASSES, p[:, i]), rel=1e-9)
    legend = [text.get_text() for text in found.ax_.get_legend().get_texts()]
    assert legend == [f"{curve.name}: {curve.score:.3f}" for curve in found.curves]
    written(found, tmp_path / "curves.png")
    without = display.from_estimator(net, X[CLASSES != 1], CLASSES[CLASSES != 1], class_names=TREES)
    assert without.missing == ["beech"]
    assert [curve.name for curve in without.curves] == ["oak", "ash"]


def test_curves_of_a_decision_function():
    class Decides(Table):
        def decision_function(self, X):
            return np.asarray(X)[:, 0]

    y = np.where(X[:, 0] + X[:, 1] > X[:, 0].mean(), "yes", "no")
    (curve,) = RocCurveDisplay.from_estimator(Decides(), X, y).curves
    assert curve.score == pytest.approx(theirs.roc_auc_score(y, X[:, 0]), rel=1e-12)


def test_of_many_classes_the_worst_are_in_colour(rng):
    y = np.arange(300) % 30
    p = rng.dirichlet(np.ones(30), 300)
    display = RocCurveDisplay.from_predictions(y, p)
    worst = sorted(sorted(range(30), key=lambda i: display.curves[i].score)[:7])
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert [text.partition(":")[0] for text in legend[:-1]] == [str(i) for i in worst]
    assert legend[-1].startswith("23 others: from ")


def test_labels_of_columns_are_sorted():
    y, p = np.array(["a", "b", "c"] * 5), np.full((15, 3), 1 / 3)
    for make in (RocCurveDisplay, PrecisionRecallDisplay, CalibrationDisplay):
        with pytest.raises(
            ValueError, match=r"(labels|classes) is not sorted: \['c', 'a', 'b'\]\. Sort it, and the columns"
        ):
            make.from_predictions(y, p, labels=["c", "a", "b"])
    with pytest.raises(ValueError, match=r"classes is not sorted: \['c', 'a', 'b'\]"):
        cnn.metrics.log_loss(y, p, classes=["c", "a", "b"])


def test_bad_curves():
    with pytest.raises(ValueError, match="scores has 3 columns; there are 2 classes"):
        RocCurveDisplay.from_predictions([0, 1], np.eye(3)[:2])
    with pytest.raises(ValueError, match="This picture needs a classifier"):
        RocCurveDisplay.from_estimator(object(), X, CLASSES)
    with pytest.raises(cnn.NotFittedError):
        CalibrationDisplay.from_estimator(classifier(), X, CLASSES)
