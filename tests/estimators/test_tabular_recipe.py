"""Settings of the tabular estimators: functions of the size of a table and of y, and the report that lists them."""

import itertools
import json

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import losses
from compiled_nn.estimators.tabular import recipe, target_kinds
from compiled_nn.estimators.tabular.report import Choice, Report

ROWS = (2, 40, 300, 1000, 5000, 20_000, 100_000, 1_000_000)
INPUTS = (1, 20, 340, 2000)


def plans(budget=1.0, **stated):
    for n_rows, n_inputs in itertools.product(ROWS, INPUTS):
        size = recipe.Size(n_rows, n_inputs, 1)
        yield size, recipe.make_plan(size, budget, **stated)


def test_the_work_of_an_epoch():
    size = recipe.Size(n_rows=100, n_inputs=3, n_outputs=2)
    parameters = (3 + 1) * 5 + (5 + 1) * 2
    steps = 4  # of 32 rows; a step is as much work as ten rows
    assert recipe.work_of_epoch(size, (5,), 32) == (100 + 10 * steps) * parameters + 100 * 20 * (3 + 5 + 2)


def test_plans_are_within_the_budget():
    for size, plan in plans():
        least = plan.n_members == 2 and plan.hidden == (32, 32) and plan.epochs == 1
        assert plan.work(size) <= recipe.most_work(size.n_rows) or least


def test_the_default_for_20_000_rows_of_20_numbers_is_5_seconds():
    """5e-11 s for each unit of work: measured on one core of a Zen 5, with batches of 32 to 512 rows."""
    size = recipe.Size(20_000, 20 * (1 + recipe.n_bins(20_000)), 1)
    assert recipe.make_plan(size).work(size) * 5e-11 < 5


def test_more_budget_is_never_less_work():
    for (size, small), (_, large) in zip(plans(0.5), plans(2.0), strict=True):
        assert small.work(size) <= large.work(size)
        assert (small.n_members, small.hidden) <= (large.n_members, large.hidden) or (
            small.hidden < large.hidden
        )


def test_small_tables_have_enough_steps_and_large_ones_large_batches():
    sizes = [recipe.batch_size(n) for n in ROWS]
    assert sizes == sorted(sizes)
    for size, plan in plans():
        if size.n_rows <= 1000 and size.n_inputs <= 20:
            steps = -(-size.n_rows // plan.batch_size)
            assert plan.epochs == 300 or plan.epochs * steps >= 500
            assert plan.n_members == 10


@pytest.mark.parametrize(("batch", "rate"), [(40, 0.003), (80, 0.004), (160, 0.0052), (640, 0.0091)])
def test_the_learning_rate_grows_with_the_batch(batch, rate):
    assert recipe.learning_rate(batch) == rate


def test_stated_values_are_kept():
    stated = {"n_members": 3, "hidden": (7,), "epochs": 9, "batch": 11}
    for _, plan in plans(**stated):
        assert plan == recipe.Plan(3, (7,), 9, 11)
    size = recipe.Size(1_000_000, 2000, 1)
    assert recipe.make_plan(size, n_members=9).n_members == 9
    assert recipe.make_plan(size, hidden=(64, 8)).hidden == (64, 8)


@pytest.mark.parametrize(("n_rows", "bins"), [(2, 0), (99, 0), (100, 2), (500, 10), (800, 16), (10**6, 16)])
def test_bins(n_rows, bins):
    assert recipe.n_bins(n_rows) == bins


@pytest.mark.parametrize(
    ("n_rows", "largest_class", "n_members", "way"),
    [
        (19, None, 8, None),
        (20, None, 8, "folds"),
        (30, 1, 8, None),
        (30, 2, 8, "folds"),
        (30, 2, 5, "folds"),
        (30, 2, 4, "random"),
        (30, None, 1, "random"),
    ],
)
def test_validation(n_rows, largest_class, n_members, way):
    assert recipe.validation(n_rows, largest_class, n_members)[0] == way


# ---- kinds of y


def classes(*counts):
    return np.repeat(np.arange(len(counts)), counts)


@pytest.mark.parametrize(
    ("labels", "name", "loss", "n_outputs"),
    [
        (classes(9, 11), "classes", losses.BinaryCrossEntropy(), 1),
        (classes(96, 4), "classes out of balance", losses.BinaryCrossEntropy(), 1),
        (classes(30, 30, 40), "classes", losses.SoftmaxCrossEntropy(), 3),
        (classes(300, 300, 10), "classes out of balance", losses.SoftmaxCrossEntropy(), 3),
        (classes(5), "one class", losses.BinaryCrossEntropy(), 1),
    ],
)
def test_kinds_of_labels(labels, name, loss, n_outputs):
    kind = target_kinds.of_labels(labels)
    assert (kind.name, kind.loss, kind.n_outputs) == (name, loss, n_outputs)
    assert kind.largest_class == np.bincount(labels).max()
    assert f"{np.bincount(labels).min() / len(labels):.2g}" in kind.reason or name == "one class"


def test_a_stated_loss_and_smoothing():
    assert target_kinds.of_labels(classes(9, 11), smoothing=0.1).loss.label_smoothing == 0.1
    kind = target_kinds.of_labels(classes(9, 11), stated=losses.SoftmaxCrossEntropy())
    assert (kind.loss, kind.n_outputs) == (losses.SoftmaxCrossEntropy(), 2)
    kind = target_kinds.of_values(np.arange(5.0)[:, None], losses.Quantile((0.1, 0.9)))
    assert (kind.loss.name, kind.n_outputs) == ("quantile", 2)
    with pytest.raises(
        ValueError, match="y has 3 columns, one per label; the loss softmax_cross_entropy takes"
    ):
        target_kinds.of_indicators(np.eye(3), losses.SoftmaxCrossEntropy())


def test_integers_have_no_order_unless_their_owner_says_so():
    assert target_kinds.of_labels(classes(5, 5, 5)).loss.name == "softmax_cross_entropy"
    assert target_kinds.of_labels(classes(5, 5, 5), levels=[0, 1, 2]).loss.name == "ordinal"
    assert target_kinds.of_labels(classes(5, 5), levels=[0, 1]).loss.name == "binary_cross_entropy"
    labels = np.array(["high", "low", "mid"] * 5)
    kind = target_kinds.of_labels(labels, levels=["low", "mid", "high"])
    assert kind.loss.name == "softmax_cross_entropy"
    assert "the order of the category is not that of its sorted labels" in kind.reason


def test_ordered_levels_are_those_of_a_categorical_column():
    pd = pytest.importorskip("pandas")
    values = ["b", "a", "c"]
    assert target_kinds.ordered_levels(pd.Series(values)) is None
    assert target_kinds.ordered_levels(pd.Series(values, dtype="category")) is None
    ordered = pd.CategoricalDtype(["c", "b", "a"], ordered=True)
    assert target_kinds.ordered_levels(pd.Series(values, dtype=ordered)) == ["c", "b", "a"]
    assert target_kinds.ordered_levels(np.array(values)) is None


@pytest.mark.parametrize(
    ("draw", "name"),
    [
        (lambda rng: rng.normal(size=500), "values"),
        (lambda rng: rng.uniform(5, 6, size=500), "values"),
        (lambda rng: rng.poisson(1.5, size=500), "counts"),
        (lambda rng: np.exp(1.5 * rng.normal(size=500)), "positive values with a heavy tail"),
        (
            lambda rng: np.sinh(2 * rng.normal(size=500)) - 1e3 * (np.arange(500) == 3),
            "values with a heavy tail",
        ),
        (lambda rng: np.full(500, 3.5), "one value"),
        (lambda rng: np.full(500, -1e300), "one value"),
        (lambda rng: 1e200 * rng.normal(size=500), "values"),
    ],
)
def test_kinds_of_values(draw, name, rng):
    kind = target_kinds.of_values(np.asarray(draw(rng), np.float64)[:, None])
    assert kind.name == name
    assert kind.loss == losses.MeanSquaredError()
    assert kind.n_outputs == 1


@pytest.mark.parametrize("far", [1e7, 1e12, -1e30])
@pytest.mark.parametrize("kind", ["array", "table"])
def test_a_few_numbers_far_out_do_not_hide_a_column(far, kind, rng):
    """Divided by the standard deviation, the other numbers of the column would be equal in float32."""
    X, y = rng.normal(size=(400, 2)), np.empty(400, int)
    y[:] = X[:, 1] > 0
    X[:3, 1] = far
    given = X if kind == "array" else {"a": X[:, 0], "b": X[:, 1]}
    model = cnn.TabularClassifier(n_members=2, budget=0.05, random_state=0).fit(given, y)
    assert model.report_["standardize"] == "robust_smooth_clip"
    name = "x1" if kind == "array" else "b"
    assert f"standard deviation of '{name}' is" in model.report_.reason("standardize")
    assert model.score(given, y) > 0.95
    stated = cnn.TabularClassifier(n_members=2, max_iter=1, standardize=True).fit(given, y)
    assert stated.report_["standardize"] is True


@pytest.mark.parametrize(
    ("members", "units", "folds"),
    [
        (10, 1000, 10),
        (10, 8, 5),
        (10, 4, 4),
        (10, 3, 2),
        (5, 3, 3),
        (7, 5, 5),
        (2, 2, 2),
        (5, 1, 2),
        (9, 4, 3),
    ],
)
def test_folds(members, units, folds):
    assert recipe.n_folds(members, units) == folds


def test_members_are_complete_repeats_of_folds_of_groups(rng):
    X, groups = rng.normal(size=(160, 3)), np.arange(160) % 8
    model = cnn.TabularClassifier(
        n_members=10, combine="greedy", max_iter=2, hidden_layer_sizes=4, random_state=0
    )
    model.fit(X, (X[:, 0] > 0).astype(int), validation_groups=groups)
    assert model.ensemble_.validation_masks_.sum(axis=0).tolist() == [2] * 160


def test_far_columns(rng):
    usual = np.stack([rng.standard_cauchy(500), rng.lognormal(0, 3, 500), rng.integers(0, 2, 500)], axis=1)
    assert recipe.far_column(usual) is None
    assert recipe.far_column(np.zeros((500, 1))) is None
    far = np.where(np.arange(500) == 7, 1e300, usual[:, 0])
    column, times = recipe.far_column(np.column_stack([usual, far]))
    assert column == 3
    low, high = np.percentile(far, (25, 75))
    assert times == pytest.approx((far * 1e-300).std() / (high - low) * 1e300)


def test_several_columns_of_values():
    kind = target_kinds.of_values(np.eye(4, 3))
    assert (kind.name, kind.n_outputs, kind.reason) == ("values", 3, "y has 3 columns")
    kind = target_kinds.of_values(np.tile([1.0, 2.0], (4, 1)), losses.GaussianNLL())
    assert (kind.name, kind.n_outputs) == ("one value", 4)


# ---- report


def test_a_report_is_a_mapping_with_reasons():
    report = Report(
        [Choice("n_members", 4, "20,000 rows"), Choice("hidden", [8, 4], "x\x1b"), Choice("loss", "mse", "y")]
    )
    assert dict(report) == {"n_members": 4, "hidden": [8, 4], "loss": "mse"}
    assert report.reason("n_members") == "20,000 rows"
    assert json.loads(json.dumps(report.to_dict()))["n_members"] == {"value": 4, "reason": "20,000 rows"}
    assert repr(report).splitlines() == [
        "n_members  4       20,000 rows",
        r"hidden     (8, 4)  x\x1b",
        "loss       'mse'   y",
    ]
    page = report._repr_html_()
    assert "20,000 rows" in page
    assert page.count("<tr>") == 4
    assert repr(Report([])) == "no choices"
