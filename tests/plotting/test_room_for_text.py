"""No text of a picture is clipped or overlaps another: long names, many classes and columns, few or odd rows."""

from itertools import combinations

import numpy as np
import pytest
from compiled_nn import plotting
from figures import drawn_texts, overlapping

pytest.importorskip("matplotlib")
rng = np.random.default_rng(0)
NAMES = [f"{i:02d} a name of forty characters, {i:02d} is it." for i in range(30)]
COLUMNS = [f"column {i:03d}, as long as forty characters." for i in range(200)]
assert {len(name) for name in [*NAMES, *COLUMNS]} == {40}
M = 600
LABELS = np.arange(M) % 30
SHARES = rng.dirichlet(np.ones(30), M)
IMAGES = rng.integers(0, 255, (25, 6, 6), dtype="uint8")
PLANE = rng.normal(size=(60, 2))
MANY = 10**6


class Planar:
    """Classifier of two numbers, with user-defined classes."""

    def __init__(self, k):
        self.classes_ = np.arange(k)

    def predict_proba(self, X):
        angle = np.arctan2(np.asarray(X)[:, 0], np.asarray(X)[:, 1])[:, np.newaxis]
        scores = np.cos(angle - np.arange(len(self.classes_)) * 2 * np.pi / len(self.classes_))
        return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)


def bars(names, scale=1.0):
    importances = rng.random((len(names), 3)) * scale
    return plotting.PermutationImportanceDisplay(importances, names=names, metric=NAMES[0]).plot()


def dependence(values, name, scale=1e6, **options):
    individual = rng.random((60, len(values))) * scale
    display = plotting.PartialDependenceDisplay(values=values, individual=individual, name=name, **options)
    return display.plot(kind="both")


def curves(kind, m, score, name):
    epochs = list(range(1, m + 1))
    return kind(
        **{"epochs": epochs, score: [1e-7 * i + 3e5 for i in epochs], f"val_{score}": [2.0] * m}
    ).plot(val_label=name)


def intervals(m, **options):
    y = rng.normal(size=m) * 1e5
    given = {"y_pred": y + 1, "nominal": 0.9, **options}
    return plotting.IntervalDisplay.from_predictions(y, y - 1e4, y + 2e4, **given)


def errors(m, scale, kind="actual_vs_predicted"):
    y = rng.normal(size=m) * 1e5 + 1e6
    return plotting.PredictionErrorDisplay.from_predictions(y, y * scale + 3, kind=kind)


def learning(sizes):
    scores = rng.random((len(sizes), 2))
    options = {"train_scores": scores, "validation_scores": scores - 1}
    return plotting.LearningCurveDisplay(train_sizes=np.array(sizes), **options).plot()


def of_classes(display, k, present=None, **options):
    labels = np.arange(M) % (present or k)
    shares = SHARES[:, :k] / SHARES[:, :k].sum(axis=1, keepdims=True)
    return display.from_predictions(labels, shares, labels=range(k), class_names=NAMES[:k], **options)


def reliability(k, **options):
    return of_classes(plotting.CalibrationDisplay, k, **options)


def grid(k):
    images = np.repeat(IMAGES, 2, axis=0)[:k]
    true = np.arange(k) % 30
    p = rng.dirichlet(np.ones(30), k)
    options = {"labels": range(30), "class_names": NAMES, "probabilities": p}
    return plotting.PredictionGridDisplay.from_predictions(images, true, p.argmax(axis=1), **options)


def confusion(k, most=10, **options):
    labels = np.repeat(np.arange(k), most)
    return plotting.ConfusionMatrixDisplay.from_predictions(
        labels, np.roll(labels, 3), class_names=NAMES[:k], **options
    )


def boundary(k, y=True):
    net = Planar(k)
    labels = np.arange(60) % k if y else None
    options = {"class_names": NAMES[:k], "resolution": 40, "feature_names": COLUMNS[:2]}
    return plotting.DecisionBoundaryDisplay.from_estimator(net, PLANE, labels, **options)


class Values:
    def predict(self, X):
        return np.asarray(X)[:, 0] * 1e6


DAYS = np.datetime64("2023-11-17") + np.arange(30) * np.timedelta64(11, "D")
CASES = {
    "ActivationDisplay": [lambda: plotting.ActivationDisplay.from_name("hard_sigmoid")],
    "CalibrationDisplay": [
        lambda: reliability(30),
        lambda: reliability(2),
        lambda: reliability(30, positive=29),
        lambda: plotting.CalibrationDisplay.from_predictions(
            [0, 1, 1], [0.5, 0.5, 0.5], class_names=NAMES[:2]
        ),
        lambda: plotting.CalibrationDisplay.from_predictions(np.arange(MANY) % 2, rng.random(MANY)),
    ],
    "ConfusionMatrixDisplay": [
        lambda: confusion(30),
        lambda: confusion(25),
        lambda: confusion(3, MANY // 3),
        lambda: confusion(12, normalize="true"),
        lambda: plotting.ConfusionMatrixDisplay.from_predictions([1], [0], class_names=NAMES[:2]),
    ],
    "DecisionBoundaryDisplay": [
        lambda: boundary(30),
        lambda: boundary(2),
        lambda: boundary(3, y=False),
        lambda: boundary(30, y=False),
        lambda: plotting.DecisionBoundaryDisplay.from_estimator(Values(), PLANE, feature_names=COLUMNS[:2]),
    ],
    "ImageGridDisplay": [
        lambda: plotting.ImageGridDisplay(IMAGES, titles=NAMES[:25]).plot(),
        lambda: plotting.ImageGridDisplay(IMAGES[:1], titles=NAMES[:1]).plot(),
    ],
    "IntervalDisplay": [
        lambda: intervals(MANY),
        lambda: intervals(3),
        lambda: intervals(100, y_pred=np.zeros(100), x=np.arange(100) % 5 * 1e6, x_name=COLUMNS[0]),
        lambda: intervals(30, x=DAYS, x_name=COLUMNS[0]),
    ],
    "LearningCurveDisplay": [lambda: learning([10**5, 10**6, 10**7]), lambda: learning([1, 2, 3])],
    "LossCurveDisplay": [
        lambda: curves(plotting.LossCurveDisplay, 3, "loss", NAMES[0]),
        lambda: curves(plotting.LossCurveDisplay, 100_000, "loss", NAMES[0]),
    ],
    "LossFunctionDisplay": [lambda: plotting.LossFunctionDisplay.from_name("binary_cross_entropy")],
    "PartialDependenceDisplay": [
        lambda: dependence(np.linspace(-1e6, 1e6, 30), COLUMNS[0], deciles=np.arange(9) * 1e5),
        lambda: dependence(np.linspace(1234.5678, 1234.5679, 30), COLUMNS[0]),
        lambda: dependence(np.array(NAMES[:20]), COLUMNS[0], shares=np.full(20, 0.05)),
        lambda: dependence(
            np.array(["a"]), COLUMNS[0], 1, shares=np.ones(1), response=f"probability of\n{NAMES[0]}"
        ),
        lambda: dependence(DAYS, COLUMNS[0]),
        lambda: dependence(DAYS[:2], "day"),
    ],
    "PermutationImportanceDisplay": [
        lambda: bars(COLUMNS),
        lambda: bars(["a"]),
        lambda: bars(COLUMNS[:3], 1e6),
    ],
    "PrecisionRecallDisplay": [
        lambda: of_classes(plotting.PrecisionRecallDisplay, 30),
        lambda: of_classes(plotting.PrecisionRecallDisplay, 30, present=28),
        lambda: of_classes(plotting.PrecisionRecallDisplay, 2),
        lambda: plotting.PrecisionRecallDisplay.from_predictions([0, 1, 1], [0.5, 0.5, 0.5]),
        lambda: plotting.PrecisionRecallDisplay.from_predictions(np.arange(MANY) % 2, rng.random(MANY)),
    ],
    "PredictionErrorDisplay": [
        lambda: errors(MANY, 1),
        lambda: errors(3, 0),
        lambda: errors(500, 1.1, "residual_vs_predicted"),
        lambda: errors(50, 1e-9),
    ],
    "PredictionGridDisplay": [lambda: grid(25), lambda: grid(3)],
    "ProbabilityBarsDisplay": [
        lambda: plotting.ProbabilityBarsDisplay(SHARES[0], names=NAMES, image=IMAGES[0], true=3).plot(),
        lambda: plotting.ProbabilityBarsDisplay([1.0, 0.0], names=NAMES[:2], true=0).plot(),
    ],
    "RocCurveDisplay": [
        lambda: of_classes(plotting.RocCurveDisplay, 30),
        lambda: of_classes(plotting.RocCurveDisplay, 30, present=28),
        lambda: of_classes(plotting.RocCurveDisplay, 3, present=2),
        lambda: of_classes(plotting.RocCurveDisplay, 2, present=1),
        lambda: plotting.RocCurveDisplay.from_predictions([0, 1, 1], [0.5, 0.5, 0.5]),
    ],
    "ScoreCurveDisplay": [
        lambda: curves(plotting.ScoreCurveDisplay, 3, "score", NAMES[0]),
        lambda: curves(plotting.ScoreCurveDisplay, 100_000, "score", NAMES[0]),
    ],
    "WeightImagesDisplay": [lambda: plotting.WeightImagesDisplay(IMAGES / 255.0 - 0.5).plot()],
}


def test_every_display_has_cases():
    assert CASES.keys() == set(plotting.__all__)


@pytest.mark.parametrize(
    "make", [pytest.param(make, id=f"{name}-{i}") for name in CASES for i, make in enumerate(CASES[name])]
)
def test_text_has_room(make):
    figure = make().figure_
    found = drawn_texts(figure)
    assert found
    whole = figure.bbox.padded(1)
    clipped = [text for text, box in found if not (whole.contains(*box.min) and whole.contains(*box.max))]
    assert not clipped
    assert not [(a[0], b[0]) for a, b in combinations(found, 2) if overlapping(a, b)]
