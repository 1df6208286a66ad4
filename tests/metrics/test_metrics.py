"""Metrics against their formulas written out, a sample at a time."""

import itertools
import math

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import metrics
from compiled_nn.metrics.scorers import METRICS

NAMES = np.array(["bee", "cat", "dog"])
EXACT = {"rel": 1e-12, "abs": 1e-14}


@pytest.fixture(params=["alike", "weighted"])
def weight(request, rng):
    """None, or weights of 60 samples, some of them 0."""
    if request.param == "alike":
        return None
    return rng.integers(0, 4, 60) * rng.uniform(0.5, 1.5, 60)


def unit(weight):
    return np.ones(60) if weight is None else weight


@pytest.fixture
def labels(rng):
    y = rng.integers(0, 3, 60)
    return NAMES[y], NAMES[np.where(rng.random(60) < 0.6, y, rng.integers(0, 3, 60))]


@pytest.fixture
def chances(rng):
    """Labels, and probabilities with ties among them."""
    p = rng.integers(1, 6, (60, 3)).astype(float)
    return NAMES[rng.integers(0, 3, 60)], p / p.sum(axis=1, keepdims=True)


def tallies(y, predicted, w, label):
    """Weights of samples with this label: right, predicted, true."""
    rows = list(zip(y, predicted, w, strict=True))
    right = sum(each for a, b, each in rows if a == b == label)
    return (
        right,
        sum(each for _, b, each in rows if b == label),
        sum(each for a, _, each in rows if a == label),
    )


# ---- labels


def test_accuracies(labels, weight):
    (y, predicted), w = labels, unit(weight)
    expected = sum(w[y == predicted]) / sum(w)
    assert metrics.accuracy(y, predicted, weight) == pytest.approx(expected, **EXACT)
    recalls = [tallies(y, predicted, w, label)[0] / tallies(y, predicted, w, label)[2] for label in NAMES]
    assert metrics.balanced_accuracy(y, predicted, weight) == pytest.approx(np.mean(recalls), **EXACT)


def test_accuracy_of_columns():
    y = np.array([[0, 1], [1, 1], [0, 0]])
    assert metrics.accuracy(y, [[0, 1], [1, 0], [0, 0]]) == pytest.approx(2 / 3)
    assert metrics.accuracy(y, [[0, 1], [1, 0], [0, 0]], [1, 2, 1]) == 0.5


def test_precision_recall_f1(labels, weight):
    (y, predicted), w = labels, unit(weight)
    counts = np.array([tallies(y, predicted, w, label) for label in NAMES])
    right, said, true = counts.T
    expected = {
        metrics.precision: right / said,
        metrics.recall: right / true,
        metrics.f1: 2 * right / (said + true),
    }
    sums = counts.sum(axis=0)
    micro = {metrics.precision: sums[0] / sums[1], metrics.recall: sums[0] / sums[2]}
    micro[metrics.f1] = 2 * sums[0] / (sums[1] + sums[2])
    for function, scores in expected.items():
        given = {"sample_weight": weight}
        np.testing.assert_allclose(function(y, predicted, average=None, **given), scores, rtol=1e-12)
        assert function(y, predicted, average="macro", **given) == pytest.approx(scores.mean(), **EXACT)
        weighted = (scores * true).sum() / true.sum()
        assert function(y, predicted, average="weighted", **given) == pytest.approx(weighted, **EXACT)
        assert function(y, predicted, average="micro", **given) == pytest.approx(micro[function], **EXACT)


def test_the_positive_class():
    y, predicted = ["no", "yes", "yes", "yes"], ["yes", "yes", "no", "yes"]
    assert metrics.recall(y, predicted) == pytest.approx(2 / 3)
    assert metrics.recall(y, predicted, positive="no") == 0.0
    assert metrics.precision([0, 0], [0, 0]) == 0.0  # 1 is positive, though it does not occur
    assert metrics.recall([-1, 1], [-1, 1]) == 1.0
    assert metrics.f1([True, False], [True, True]) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="average='binary' is for two classes; there are 3"):
        metrics.f1([0, 1, 2], [0, 1, 2])
    with pytest.raises(ValueError, match="pass the label of the positive class"):
        metrics.f1(["a"], ["a"])


def test_columns_of_labels():
    y, predicted = [[1, 0, 0], [1, 1, 0], [0, 1, 0]], [[1, 1, 0], [0, 1, 0], [0, 1, 0]]
    np.testing.assert_allclose(metrics.precision(y, predicted, average=None), [1, 2 / 3, 0])
    np.testing.assert_allclose(metrics.recall(y, predicted, average=None), [1 / 2, 1, 0])
    assert metrics.f1(y, predicted, average="micro") == pytest.approx(2 * 3 / (4 + 4))
    with pytest.raises(ValueError, match="there are 3"):
        metrics.f1(y, predicted)
    with pytest.raises(ValueError, match="y is 2 in row 0, column 1; expected 0 or 1"):
        metrics.f1([[1, 2]], [[1, 1]], average="macro")


def test_confusion(labels, weight):
    (y, predicted), w = labels, unit(weight)
    expected = [[sum(w[(y == a) & (predicted == b)]) for b in NAMES] for a in NAMES]
    found = metrics.confusion_matrix(y, predicted, sample_weight=weight)
    np.testing.assert_allclose(found, expected)
    assert found.dtype == ("int64" if weight is None else "float64")
    more = metrics.confusion_matrix(y, predicted, classes=["ant", *NAMES], sample_weight=weight)
    np.testing.assert_array_equal(more[1:, 1:], found)
    assert not more[0].any()
    np.testing.assert_array_equal(metrics.confusion(np.array([0, 1]), np.array([1, 1]), 2), [[0, 1], [0, 1]])
    with pytest.raises(ValueError, match=r"has \['bee', 'cat'\]"):
        metrics.confusion_matrix(y, predicted, classes=["bee", "cat"])


def test_matthews(labels, weight):
    """As the correlation of the one-hot matrices, summed over the classes."""
    (y, predicted), w = labels, unit(weight)
    true, said = y[:, None] == NAMES, predicted[:, None] == NAMES

    def covariance(a, b):
        a, b = a - np.average(a, axis=0, weights=w), b - np.average(b, axis=0, weights=w)
        return (w[:, None] * a * b).sum()

    expected = covariance(true, said) / math.sqrt(covariance(true, true) * covariance(said, said))
    assert metrics.matthews(y, predicted, weight) == pytest.approx(expected, **EXACT)
    assert metrics.matthews([0, 1], [1, 1]) == 0.0


def test_the_report_shows_the_numbers(labels, weight):
    y, predicted = labels
    text = metrics.classification_report(
        y, predicted, class_names=["Bee", "Cat", "Dog"], digits=4, sample_weight=weight
    )
    rows = {line[:12].strip(): line[12:].split() for line in text.splitlines() if line.strip()}
    for column, function in enumerate((metrics.precision, metrics.recall, metrics.f1)):
        per_class = function(y, predicted, average=None, sample_weight=weight)
        shown = [float(rows[name][column]) for name in ("Bee", "Cat", "Dog")]
        np.testing.assert_allclose(shown, per_class, atol=5.1e-5)
        for average in ("macro", "weighted"):
            score = function(y, predicted, average=average, sample_weight=weight)
            assert float(rows[f"{average} avg"][column]) == pytest.approx(score, abs=5.1e-5)
    assert float(rows["accuracy"][0]) == pytest.approx(metrics.accuracy(y, predicted, weight), abs=5.1e-5)
    assert float(rows["accuracy"][1]) == pytest.approx(unit(weight).sum(), abs=5.1e-5)
    assert len({len(line) for line in text.splitlines() if line}) == 1


def test_the_report_of_columns_has_a_micro_average():
    text = metrics.classification_report([[1, 0], [1, 1]], [[1, 0], [0, 1]])
    assert "micro avg       1.00       0.67       0.80          3" in text
    with pytest.raises(ValueError, match="class_names has 1 name; there are 2 classes"):
        metrics.classification_report([0, 1], [0, 1], class_names=["a"])


# ---- probabilities


def test_log_loss_and_brier(chances, weight):
    (y, p), w = chances, unit(weight)
    of_true = p[np.arange(60), np.searchsorted(NAMES, y)]
    assert metrics.log_loss(y, p, weight) == pytest.approx(-(w * np.log(of_true)).sum() / w.sum(), **EXACT)
    squares = [sum((p[i, c] - (NAMES[c] == y[i])) ** 2 for c in range(3)) for i in range(60)]
    assert metrics.brier(y, p, weight) == pytest.approx((w * squares).sum() / w.sum(), **EXACT)


def test_two_classes_may_have_one_column(rng):
    y, p = rng.integers(0, 2, 60), rng.random(60)
    both = np.column_stack([1 - p, p])
    expected = -np.mean(np.where(y == 1, np.log(p), np.log(1 - p)))
    for given in (p, p[:, None], both):
        assert metrics.log_loss(y, given) == pytest.approx(expected, **EXACT)
        assert metrics.brier(y, given) == pytest.approx(np.mean((y - p) ** 2), **EXACT)
        assert metrics.ece(y, given) == pytest.approx(metrics.ece(y, both), **EXACT)
        assert metrics.roc_auc(y, given) == metrics.roc_auc(y, both)


def test_certainty_is_taken_as_far_as_the_dtype_goes():
    assert metrics.log_loss([0, 1], [1.0, 0.0]) == pytest.approx(-math.log(2.0**-52))
    assert metrics.log_loss([0, 1], np.float32([1, 0])) == pytest.approx(-math.log(2.0**-23))
    assert metrics.log_loss([0, 1], [0, 1]) == pytest.approx(0, abs=1e-15)


def test_soft_labels():
    y, p = np.array([[0.25, 0.75], [1, 0]]), np.array([[0.5, 0.5], [0.8, 0.2]])
    expected = -(0.25 * math.log(0.5) + 0.75 * math.log(0.5) + math.log(0.8)) / 2
    assert metrics.log_loss(y, p) == pytest.approx(expected, **EXACT)


@pytest.mark.parametrize("bins", [1, 7, 15])
def test_ece(chances, weight, bins):
    (y, p), w = chances, unit(weight)
    confidence, hit = p.max(axis=1), NAMES[p.argmax(axis=1)] == y
    expected = 0.0
    for b in range(1, bins + 1):
        of = ((b - 1) / bins < confidence) & (confidence <= b / bins)
        if w[of].sum():
            gap = np.average(hit[of], weights=w[of]) - np.average(confidence[of], weights=w[of])
            expected += w[of].sum() / w.sum() * abs(gap)
    assert metrics.ece(y, p, weight, bins=bins) == pytest.approx(expected, **EXACT)


def test_top_k(chances, weight):
    (y, p), w = chances, unit(weight)
    p = p + np.array([0, 1e-6, 2e-6])  # no ties
    for k in (1, 2, 3):
        hits = [y[i] in NAMES[np.argsort(-p[i])[:k]] for i in range(60)]
        expected = (w * hits).sum() / w.sum()
        assert metrics.top_k_accuracy(y, p, weight, k=k) == pytest.approx(expected, **EXACT)


# ---- order


def outscored(is_positive, scores, w):
    """How often a positive sample has the higher score; a tie is half."""
    won = total = 0.0
    for i, j in itertools.product(np.nonzero(is_positive)[0], np.nonzero(~is_positive)[0]):
        won += w[i] * w[j] * ((scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j]))
        total += w[i] * w[j]
    return won / total


def stepped(is_positive, scores, w):
    """Average precision, by going through the thresholds."""
    area = recall_before = 0.0
    for threshold in sorted(set(scores), reverse=True):
        taken = scores >= threshold
        if w[taken].sum():
            recall = w[taken & is_positive].sum() / w[is_positive].sum()
            area += (recall - recall_before) * w[taken & is_positive].sum() / w[taken].sum()
            recall_before = recall
    return area


def test_two_classes_in_order(chances, weight):
    (y, p), w = chances, unit(weight)
    is_dog, scores = y == "dog", p[:, 2]
    names = np.where(is_dog, "dog", "cat")
    assert metrics.roc_auc(names, scores, weight) == pytest.approx(outscored(is_dog, scores, w), **EXACT)
    expected = stepped(is_dog, scores, w)
    assert metrics.average_precision(names, scores, weight) == pytest.approx(expected, **EXACT)


def test_more_classes_in_order(chances, weight):
    (y, p), w = chances, unit(weight)
    size = [w[y == name].sum() for name in NAMES]
    for function, literal in ((metrics.roc_auc, outscored), (metrics.average_precision, stepped)):
        each = [literal(y == name, p[:, i], w) for i, name in enumerate(NAMES)]
        assert function(y, p, weight) == pytest.approx(np.mean(each), **EXACT)
        found = function(y, p, weight, average="weighted")
        assert found == pytest.approx(np.average(each, weights=size), **EXACT)
        flat = literal((y[:, None] == NAMES).ravel(), p.ravel(), np.repeat(w, 3))
        assert function(y, p, weight, average="micro") == pytest.approx(flat, **EXACT)


def test_one_class_against_one(chances, weight):
    (y, p), w = chances, unit(weight)
    areas, shares = [], []
    for a, b in itertools.combinations(range(3), 2):
        among = (y == NAMES[a]) | (y == NAMES[b])
        directions = [outscored(y[among] == NAMES[i], p[among, i], w[among]) for i in (a, b)]
        areas.append(np.mean(directions))
        shares.append(w[among].sum())
    found = metrics.roc_auc(y, p, weight, multi_class="ovo")
    assert found == pytest.approx(np.mean(areas), **EXACT)
    found = metrics.roc_auc(y, p, weight, multi_class="ovo", average="weighted")
    assert found == pytest.approx(np.average(areas, weights=shares), **EXACT)


def test_an_order_needs_both_kinds(chances):
    with pytest.raises(ValueError, match="a class has no negative sample in y"):
        metrics.roc_auc([1, 1], [0.2, 0.3], classes=[0, 1])
    with pytest.raises(ValueError, match="a class has no positive sample in y"):
        metrics.average_precision([0, 0], [0.2, 0.3], classes=[0, 1])
    with pytest.raises(ValueError, match="average='micro' is not for multi_class='ovo'"):
        metrics.roc_auc(*chances, average="micro", multi_class="ovo")


# ---- values


@pytest.fixture(params=[(60,), (60, 2)])
def values(request, rng):
    y = rng.gamma(2, size=request.param)
    return y, y * rng.uniform(0.5, 1.5, request.param)


def test_values(values, weight):
    (y, p), w = values, unit(weight)
    columns = list(zip(np.atleast_2d(y.T), np.atleast_2d(p.T), strict=True))

    def over(formula):
        return pytest.approx(np.mean([formula(a, b) for a, b in columns]), **EXACT)

    def mean(x):
        return (w * x).sum() / w.sum()

    assert metrics.mse(y, p, weight) == over(lambda a, b: mean((a - b) ** 2))
    assert metrics.rmse(y, p, weight) == over(lambda a, b: math.sqrt(mean((a - b) ** 2)))
    assert metrics.mae(y, p, weight) == over(lambda a, b: mean(abs(a - b)))
    assert metrics.mape(y, p, weight) == over(lambda a, b: mean(abs(a - b) / a))
    assert metrics.max_error(y, p, weight) == over(lambda a, b: max(abs(a - b)[w > 0]))
    assert metrics.r2_score(y, p, weight) == over(
        lambda a, b: 1 - mean((a - b) ** 2) / mean((a - mean(a)) ** 2)
    )
    for q in (0.1, 0.5, 0.9):
        expected = over(lambda a, b, q=q: mean(np.where(a > b, q * (a - b), (1 - q) * (b - a))))
        assert metrics.pinball(y, p, weight, quantile=q) == expected
    poisson = over(lambda a, b: mean(2 * (a * np.log(a / b) - a + b)))
    assert metrics.poisson_deviance(y, p, weight) == poisson
    gamma = over(lambda a, b: mean(2 * (np.log(b / a) + a / b - 1)))
    assert metrics.gamma_deviance(y, p, weight) == gamma
    for power in (-1.0, 1.5, 3.0):
        expected = over(
            lambda a, b, t=power: mean(
                2 * (a ** (2 - t) / ((1 - t) * (2 - t)) - a * b ** (1 - t) / (1 - t) + b ** (2 - t) / (2 - t))
            )
        )
        assert metrics.tweedie_deviance(y, p, weight, power=power) == expected
    assert metrics.tweedie_deviance(y, p, weight) == metrics.mse(y, p, weight)


def test_the_share_of_pinball_loss_that_is_saved(rng, weight):
    y, w = rng.normal(size=60), unit(weight)
    p = np.column_stack([y - 0.3, y + 0.5])

    def loss(predicted, q):
        return (w * np.where(y > predicted, q * (y - predicted), (1 - q) * (predicted - y))).sum()

    # the best constant is one of the values themselves
    saved = [1 - loss(p[:, i], q) / min(loss(c, q) for c in y) for i, q in enumerate((0.2, 0.7))]
    assert metrics.d2_pinball(y, p, weight, quantiles=(0.2, 0.7)) == pytest.approx(np.mean(saved), rel=1e-12)
    with pytest.raises(ValueError, match="predicted has 2 columns; there are 3 quantiles"):
        metrics.d2_pinball(y, p, quantiles=(0.1, 0.5, 0.9))


def test_median_absolute_error():
    y, p = np.zeros(4), np.array([1.0, -2.0, 3.0, 10.0])
    assert metrics.median_absolute_error(y, p) == 2.5
    assert metrics.median_absolute_error(y, p, [1, 1, 1, 1]) == 2.5
    assert metrics.median_absolute_error(y, p, [1, 1, 1, 0]) == 2
    assert metrics.median_absolute_error(y, p, [1, 1, 0, 9]) == 10
    assert metrics.median_absolute_error(y, p, [2, 0, 1, 1]) == 2  # half of 4 is reached between 1 and 3


def test_constant_columns():
    y = np.array([[1.0, 2.0], [1.0, 2.0]])
    assert metrics.r2_score(y, y) == 1.0
    assert metrics.r2_score(y, y + np.array([0, 1])) == 0.5


def test_zero_counts():
    assert metrics.poisson_deviance([0, 2], [1, 2]) == pytest.approx(1)
    with pytest.raises(ValueError, match=r"y is 0 in row 0; the deviance of power 2 takes above 0"):
        metrics.gamma_deviance([0.0, 1.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="predicted is -1 in row 1; the deviance of power 1"):
        metrics.poisson_deviance([0, 2], [1, -1])
    with pytest.raises(ValueError, match="must be <= 0 or >= 1"):
        metrics.tweedie_deviance([1.0], [1.0], power=0.5)


def test_a_prediction_that_is_not_finite():
    assert math.isnan(metrics.mse([1.0, 2.0], [1.0, np.nan]))
    assert metrics.mae([1.0, 2.0], [1.0, np.inf]) == math.inf
    with pytest.raises(ValueError, match="Input y contains NaN: row 1, column 0"):
        metrics.mse([1.0, np.nan], [1.0, 2.0])


# ---- what is refused


def test_shapes():
    with pytest.raises(ValueError, match=r"y has shape \(2,\); predicted has \(3,\)"):
        metrics.mse([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match=r"y has shape \(2,\); predicted has \(2, 2\)"):
        metrics.accuracy([1, 2], [[1, 2], [3, 4]])
    with pytest.raises(ValueError, match="y has 2 rows; predicted has 3"):
        metrics.f1([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match=r"y has 2 classes; probabilities has 3 columns\. Pass the labels"):
        metrics.log_loss([0, 1], np.full((2, 3), 1 / 3))
    assert metrics.mse([[1.0], [2.0]], [1.0, 2.0]) == 0


def test_weights():
    with pytest.raises(ValueError, match="y has 2 rows; sample_weight has 1"):
        metrics.accuracy([0, 1], [0, 1], [1])
    with pytest.raises(ValueError, match="Negative values in sample_weight: row 1 is -1"):
        metrics.accuracy([0, 1], [0, 1], [1, -1])
    with pytest.raises(ValueError, match="sample_weight is 0 in every row"):
        metrics.accuracy([0, 1], [0, 1], [0, 0])


def test_probabilities():
    with pytest.raises(ValueError, match=r"probabilities is 1\.5 in row 0, column 1"):
        metrics.log_loss([0, 1], [[0, 1.5], [0, 1]])
    with pytest.raises(ValueError, match=r"Row 1 of probabilities sums to 0\.9"):
        metrics.brier([0, 1], [[0, 1], [0.5, 0.4]])
    with pytest.raises(TypeError, match="predicted has numbers, such as 0"):
        metrics.f1(["a", "b"], [0, 1])


def test_arrays_are_left_alone(labels, chances, values, rng):
    w = rng.random(60)
    for function, given in (
        (metrics.f1, (labels[0] == "cat", labels[1] == "cat")),
        (metrics.log_loss, chances),
        (metrics.roc_auc, chances),
        (metrics.median_absolute_error, values),
    ):
        sealed = [np.array(a) for a in (*given, w)]
        for a in sealed:
            a.flags.writeable = False
        found = function(*sealed[:2], sample_weight=sealed[2])
        assert type(found) is float


# ---- by name


def test_every_name_gives_a_number(labels, chances, rng):
    y, p = np.tile([0, 1], 30), rng.uniform(0.1, 0.9, 60)
    given = {"labels": (p > 0.5).astype(int), "probabilities": np.column_stack([1 - p, p]), "values": p}
    for name, metric in METRICS.items():
        assert metrics.resolve(name) is metric
        true = y + 1.0 if metric.needs == "values" else y
        score = metric(true, given[metric.needs])
        assert type(score) is float
        assert math.isfinite(score), name
        perfect = {"labels": y, "probabilities": np.eye(2)[y], "values": true}[metric.needs]
        gain = metric(true, perfect) - score
        if name == "top_k_accuracy":  # 2 of 2
            assert score == 1
            continue
        assert gain > 0 if metric.greater_is_better else gain < 0, name


def test_names_of_scikit_learn():
    y, p = ["a", "b", "b"], [[0.7, 0.3], [0.4, 0.6], [0.8, 0.2]]
    assert metrics.resolve("neg_log_loss")(y, p) == -metrics.log_loss(y, p)
    assert metrics.resolve("neg_mean_absolute_error")([1.0], [3.0]) == -2
    assert metrics.resolve("f1_macro")([0, 1, 2], [0, 1, 1]) == metrics.f1(
        [0, 1, 2], [0, 1, 1], average="macro"
    )
    assert metrics.resolve("log_loss").greater_is_better is False
    with pytest.raises(ValueError, match=r"Did you mean 'neg_log_loss'\?"):
        metrics.resolve("neg_logloss")
    with pytest.raises(TypeError, match="must be a str"):
        metrics.resolve(3)


def test_a_callable():
    def cost(y, predicted):
        return np.sum(np.abs(np.subtract(y, predicted)))

    mine = metrics.resolve(cost)
    assert (mine.name, mine.needs, mine.greater_is_better) == ("cost", "labels", True)
    assert mine([1, 2], [1, 4]) == 2.0
    assert metrics.resolve(metrics.log_loss).needs == "probabilities"
    other = metrics.Metric("cost", cost, "values", greater_is_better=False)
    assert metrics.resolve(other) is other


def test_of_a_network(rng):
    X, y = rng.normal(size=(60, 4)), NAMES[np.arange(60) % 3]
    net = cnn.Network([cnn.Dense(3)], seed=0).fit(X, y, epochs=1)
    p = net.predict_proba(X)
    some = slice(0, 2)  # has not all classes
    assert metrics.resolve("log_loss").measure(net, X, y) == metrics.log_loss(y, p)
    assert metrics.resolve("log_loss").measure(net, X[some], y[some]) == metrics.log_loss(
        y[some], p[some], classes=NAMES
    )
    assert metrics.resolve("accuracy").measure(net, X, y) == net.score(X, y)
    w = rng.random(60)
    found = metrics.resolve("f1_macro").measure(net, X, y, sample_weight=w)
    assert found == metrics.f1(y, net.predict(X), average="macro", sample_weight=w)
    values = cnn.Network([cnn.Dense(1)], loss="mse", seed=0).fit(X, X[:, 0], epochs=1)
    assert metrics.resolve("r2").measure(values, X, X[:, 0]) == pytest.approx(values.score(X, X[:, 0]))
