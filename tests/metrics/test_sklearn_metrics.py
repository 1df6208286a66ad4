"""Metrics are scikit-learn's, number for number; skipped where it is not installed."""

import warnings

import numpy as np
import pytest
from compiled_nn import metrics
from compiled_nn.metrics.scorers import METRICS

sklearn = pytest.importorskip("sklearn", reason="scikit-learn is not installed")
sklearn_metrics = pytest.importorskip("sklearn.metrics")

VERSION = tuple(map(int, sklearn.__version__.split(".")[:2]))
EXACT = {"rel": 1e-12, "abs": 1e-12}


def labels(rng, m=200, n=4, share=0.6):
    y = rng.integers(0, n, m)
    return y, np.where(rng.random(m) < share, y, rng.integers(0, n, m))


def chances(rng, m=200, n=4):
    p = rng.integers(1, 8, (m, n)).astype(float)
    return rng.integers(0, n, m), p / p.sum(axis=1, keepdims=True)


@pytest.fixture(params=["alike", "weighted", "counts"])
def weight(request, rng):
    if request.param == "alike":
        return None
    return rng.random(200) if request.param == "weighted" else rng.integers(0, 3, 200)


@pytest.mark.parametrize("text", [False, True])
def test_labels(rng, weight, text):
    y, p = labels(rng)
    if text:
        y, p = (np.array(["a", "bc", "d", "e"])[a] for a in (y, p))
    kwargs = {"sample_weight": weight}
    for ours, theirs in (
        (metrics.accuracy, sklearn_metrics.accuracy_score),
        (metrics.balanced_accuracy, sklearn_metrics.balanced_accuracy_score),
        (metrics.matthews, sklearn_metrics.matthews_corrcoef),
    ):
        assert ours(y, p, weight) == pytest.approx(theirs(y, p, **kwargs), **EXACT)
    np.testing.assert_allclose(
        metrics.confusion_matrix(y, p, **kwargs), sklearn_metrics.confusion_matrix(y, p, **kwargs), rtol=1e-12
    )
    for name in ("precision", "recall", "f1"):
        for average in ("micro", "macro", "weighted", None):
            ours = getattr(metrics, name)(y, p, average=average, **kwargs)
            theirs = getattr(sklearn_metrics, f"{name}_score")(y, p, average=average, **kwargs)
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, err_msg=f"{name} {average}")


def test_classes_that_only_one_side_has(rng):
    y, p = labels(rng)
    y, p = y[p != 3], np.where(p == 2, 4, p)[p != 3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs tell of divisions by zero
        for name in ("precision", "recall", "f1"):
            for average in ("micro", "macro", "weighted"):
                theirs = getattr(sklearn_metrics, f"{name}_score")(y, p, average=average)
                assert getattr(metrics, name)(y, p, average=average) == pytest.approx(theirs, **EXACT)
        theirs = sklearn_metrics.balanced_accuracy_score(y, p)
    assert metrics.balanced_accuracy(y, p) == pytest.approx(theirs, **EXACT)


def test_two_classes(rng, weight):
    y, p = labels(rng, n=2)
    for name in ("precision", "recall", "f1"):
        theirs = getattr(sklearn_metrics, f"{name}_score")
        assert getattr(metrics, name)(y, p, weight) == pytest.approx(
            theirs(y, p, sample_weight=weight), **EXACT
        )
        text = np.array(["no", "yes"])
        assert getattr(metrics, name)(text[y], text[p], positive="no") == pytest.approx(
            theirs(text[y], text[p], pos_label="no"), **EXACT
        )


def test_columns_of_labels(rng, weight):
    y, p = rng.integers(0, 2, (2, 200, 5))
    kwargs = {"sample_weight": weight}
    assert metrics.accuracy(y, p, weight) == pytest.approx(
        sklearn_metrics.accuracy_score(y, p, **kwargs), **EXACT
    )
    scores = rng.random((200, 5)).round(1)
    for average in ("micro", "macro", "weighted"):
        for name in ("precision", "recall", "f1"):
            theirs = getattr(sklearn_metrics, f"{name}_score")(y, p, average=average, **kwargs)
            assert getattr(metrics, name)(y, p, average=average, **kwargs) == pytest.approx(theirs, **EXACT)
        for ours, theirs in (
            (metrics.roc_auc, sklearn_metrics.roc_auc_score),
            (metrics.average_precision, sklearn_metrics.average_precision_score),
        ):
            expected = theirs(y, scores, average=average, **kwargs)
            assert ours(y, scores, average=average, **kwargs) == pytest.approx(expected, **EXACT)


@pytest.mark.parametrize("n", [2, 4])
def test_probabilities(rng, weight, n):
    y, p = chances(rng, n=n)
    p[:3] = np.eye(n)[[0, 1, 1]]  # certain, right or wrong
    kwargs = {"sample_weight": weight}
    assert metrics.log_loss(y, p, weight) == pytest.approx(sklearn_metrics.log_loss(y, p, **kwargs), **EXACT)
    assert metrics.brier(y, p, weight) == pytest.approx(
        sklearn_metrics.brier_score_loss(y, p, **kwargs), **EXACT
    )
    few = y != 1
    assert metrics.log_loss(y[few], p[few], classes=range(n)) == pytest.approx(
        sklearn_metrics.log_loss(y[few], p[few], labels=range(n)), **EXACT
    )
    if n > 2:
        for k in (1, 2, 3):
            theirs = sklearn_metrics.top_k_accuracy_score(y, p, k=k, **kwargs)
            assert metrics.top_k_accuracy(y, p, weight, k=k) == pytest.approx(theirs, **EXACT)


def test_order_of_two_classes(rng, weight):
    y, p = chances(rng, n=2)
    p = p[:, 1]
    kwargs = {"sample_weight": weight}
    assert metrics.roc_auc(y, p, weight) == pytest.approx(
        sklearn_metrics.roc_auc_score(y, p, **kwargs), **EXACT
    )
    assert metrics.average_precision(y, p, weight) == pytest.approx(
        sklearn_metrics.average_precision_score(y, p, **kwargs), **EXACT
    )


def test_order_of_more_classes(rng, weight):
    y, p = chances(rng)
    kwargs = {"sample_weight": weight}
    for average in ("macro", "weighted", "micro"):
        theirs = sklearn_metrics.roc_auc_score(y, p, multi_class="ovr", average=average, **kwargs)
        assert metrics.roc_auc(y, p, weight, average=average) == pytest.approx(theirs, **EXACT)
        theirs = sklearn_metrics.average_precision_score(y, p, average=average, **kwargs)
        assert metrics.average_precision(y, p, weight, average=average) == pytest.approx(theirs, **EXACT)
    for average in ("macro", "weighted"):
        theirs = sklearn_metrics.roc_auc_score(y, p, multi_class="ovo", average=average)
        assert metrics.roc_auc(y, p, multi_class="ovo", average=average) == pytest.approx(theirs, **EXACT)


@pytest.mark.parametrize("shape", [(200,), (200, 3)])
def test_values(rng, weight, shape):
    y = rng.gamma(2, size=shape)
    p = y * rng.uniform(0.5, 1.5, shape)
    kwargs = {"sample_weight": weight}
    for ours, theirs in (
        ("r2_score", "r2_score"),
        ("mse", "mean_squared_error"),
        ("rmse", "root_mean_squared_error"),
        ("mae", "mean_absolute_error"),
        ("mape", "mean_absolute_percentage_error"),
        ("median_absolute_error", "median_absolute_error"),
    ):
        if ours == "median_absolute_error" and weight is not None and VERSION < (1, 8):
            continue  # until then its weighted median was the lower one
        expected = getattr(sklearn_metrics, theirs)(y, p, **kwargs)
        assert getattr(metrics, ours)(y, p, weight) == pytest.approx(expected, **EXACT), ours
    for q in (0.05, 0.5, 0.8):
        expected = sklearn_metrics.mean_pinball_loss(y, p, alpha=q, **kwargs)
        assert metrics.pinball(y, p, weight, quantile=q) == pytest.approx(expected, **EXACT)
    if len(shape) == 1:
        assert metrics.max_error(y, p) == pytest.approx(sklearn_metrics.max_error(y, p), **EXACT)
        for power in (-0.5, 0, 1, 1.3, 2, 2.5, 3):
            expected = sklearn_metrics.mean_tweedie_deviance(y, p, power=power, **kwargs)
            found = metrics.tweedie_deviance(y, p, weight, power=power)
            assert found == pytest.approx(expected, rel=1e-11, abs=1e-12), power


def test_integers_and_zeros(rng):
    y, p = rng.poisson(1.5, 200), rng.gamma(2, size=200)
    found = metrics.poisson_deviance(y, p)
    assert found == pytest.approx(sklearn_metrics.mean_poisson_deviance(y, p), **EXACT)
    found = metrics.mape(y, p)
    assert found == pytest.approx(sklearn_metrics.mean_absolute_percentage_error(y, p), **EXACT)


@pytest.mark.parametrize("digits", [2, 4])
def test_the_report(rng, digits):
    y, p = labels(rng)
    ours = metrics.classification_report(y, p, digits=digits)
    assert ours.split() == sklearn_metrics.classification_report(y, p, digits=digits).split()


def test_scorer_names_mean_the_same(rng):
    """Every name that we take and theirs have, on an estimator that returns what it is given."""

    class Given:
        classes_ = np.arange(2)
        _estimator_type = "classifier"

        def __init__(self, predicted, p):
            self.predicted, self.p = predicted, p

        def __sklearn_tags__(self):
            from sklearn.utils import ClassifierTags, RegressorTags, Tags, TargetTags

            kind = "classifier" if self.p is not None else "regressor"
            tags = Tags(estimator_type=kind, target_tags=TargetTags(required=True))
            tags.classifier_tags, tags.regressor_tags = ClassifierTags(), RegressorTags()
            return tags

        def fit(self, X, y):
            return self

        def predict(self, X):
            return self.predicted

        def predict_proba(self, X):
            return self.p

    y, p = chances(rng, n=2)
    values = rng.gamma(2, size=200)
    estimators = {"labels": Given((p[:, 1] > 0.4).astype(int), p), "values": Given(values * 1.1 + 0.1, None)}
    estimators["probabilities"] = estimators["labels"]
    compared = 0
    for name in set(sklearn_metrics.get_scorer_names()) & set(METRICS):
        metric = metrics.resolve(name)
        if name == "top_k_accuracy":
            continue  # theirs refuses two classes with k=2
        true = values if metric.needs == "values" else y
        theirs = sklearn_metrics.get_scorer(name)(estimators[metric.needs], np.zeros((200, 1)), true)
        found = metric.measure(estimators[metric.needs], np.zeros((200, 1)), true)
        assert found == pytest.approx(theirs, **EXACT), name
        compared += 1
    assert compared > 25
