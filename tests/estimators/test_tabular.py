"""TabularClassifier and TabularRegressor: tables of all kinds, choices, predictions and reproducibility."""

import inspect
import warnings

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.estimators import MLPClassifier

SMALL = {"n_members": 3, "max_iter": 5, "hidden_layer_sizes": (8,), "random_state": 0}


def classifier(**parameters):
    return cnn.TabularClassifier(**SMALL | parameters)


def regressor(**parameters):
    return cnn.TabularRegressor(**SMALL | parameters)


@pytest.fixture
def rows(rng):
    """X (80, 3), and y (80,) of two classes that a column decides."""
    X = rng.normal(size=(80, 3))
    return X, (X[:, 0] > 0).astype(int)


@pytest.fixture
def table(rows, rng):
    """Columns of numbers with gaps, of text and of dates, and a y that depends on the first two."""
    X, _ = rows
    number = X[:, 0].copy()
    number[::9] = np.nan
    city = rng.choice(["Ulm", "Bonn", None], 80)
    day = np.datetime64("2024-01-01") + rng.integers(0, 500, 80)
    columns = {"size": number, "city": city, "day": day}
    return columns, np.where(np.nan_to_num(number) + (city == "Ulm") > 0.3, "yes", "no")


# ---- what fit finds out


def test_the_first_line_is_a_good_model():
    """Defaults, on raw columns of very different sizes, and within some seconds of the default budget."""
    data, sizes = cnn.datasets.load_digits(), np.logspace(-3, 3, 64)
    X, y = data.X_train[:600].reshape(-1, 64) * sizes, data.y_train[:600]
    model = cnn.TabularClassifier(random_state=0, budget=0.1).fit(X, y)
    assert model.score(data.X_test.reshape(-1, 64) * sizes, data.y_test) > 0.93
    assert model.oof_.shape == (600, 10)
    assert (model.oof_.argmax(axis=1) == y).mean() > 0.9


def test_the_report_names_each_choice(rows):
    X, y = rows
    model = classifier().fit(X, y)
    report = model.report_
    assert report["n_members"] == 3
    assert report.reason("n_members") == "stated by the user"
    assert report["loss"] == "binary_cross_entropy"
    assert report["table"] == [80, 3]
    unstated = (
        set(model.get_params())
        - set(report)
        - {
            *(
                "budget",
                "calibrated",
                "refit",
                "shared_weights",
                "class_weight",
                "random_state",
                "n_threads",
                "dtype",
                "verbose",
            ),
            *(
                "time_limit",
                "on_interrupt",
                "categorical_features",
                "column_types",
                "min_frequency",
                "embeddings",
                "precision",
            ),
            *("validation_fraction", "label_smoothing", "numeric_embeddings"),
        }
    )
    assert not unstated
    assert model.get_params()["batch_size"] == "auto"


@pytest.mark.parametrize("make", [classifier, regressor])
def test_members_that_share_weights(rows, make):
    X, y = rows
    model = make(n_members=6, max_iter=60, learning_rate_init=0.02, shared_weights=True).fit(X, y)
    assert model.report_["validation"] == "random"
    assert "same rows" in model.report_.reason("validation")
    masks = model.ensemble_.validation_masks_
    assert (masks == masks[0]).all()
    assert model.score(X, y) > (0.8 if make is classifier else 0.4)
    with pytest.raises(ValueError, match="validation='folds' cannot be used with shared_weights=True"):
        make(shared_weights=True, validation="folds").fit(X, y)
    with pytest.raises(ValueError, match="no effect on a network of 1 layer"):
        make(shared_weights=True, hidden_layer_sizes=()).fit(X, y)
    with pytest.raises(TypeError, match="shared_weights"):
        make(shared_weights="yes").fit(X, y)


def test_stated_settings_are_those_of_the_members(rows):
    stated = {
        **{"activation": "tanh", "norm": "rms", "dropout": 0.25, "standardize": "minmax", "ema": None},
        **{"learning_rate_init": 0.01, "weight_decay": 0.5, "batch_size": 16, "hidden_layer_sizes": (5, 4)},
    }
    model = classifier(**stated).fit(*rows)
    net = model.members_[0]
    assert [(each.units, each.activation, each.norm, each.dropout) for each in net.layers[:-1]] == [
        (5, "tanh", "rms", 0.25),
        (4, "tanh", "rms", 0.25),
    ]
    c = net._configuration
    assert (c.scaling, c.ema, c.optimizer.weight_decay) == ("minmax", None, 0.5)
    assert c.optimizer.learning_rate(0) == 0.01
    assert {name: model.report_[name] for name in stated} == {**stated, "hidden_layer_sizes": [5, 4]}
    assert model.history_["learning_rate"][0] > model.history_["learning_rate"][-1]


def test_parts_can_be_switched_off(rows):
    X, y = rows
    off = {"numeric_embeddings": None, "standardize": False, "norm": None, "ema": None, "dropout": 0.0}
    model = classifier(**off, n_members=1, validation=None, categorical_features=None, calibrated=False)
    model.fit(X, y)
    assert len(model.members_) == 1
    assert not hasattr(model, "oof_")
    assert model.report_["validation"] is None
    with pytest.raises(ValueError, match="NaN"):
        model.predict(np.full((1, 3), np.nan))


# ---- tables


def as_records(columns):
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow", "dict", "records", "table"])
def test_tables_of_every_kind_give_the_same_model(kind, table):
    columns, y = table
    if kind in ("pandas", "polars"):
        X = pytest.importorskip(kind).DataFrame(columns)
    elif kind == "arrow":
        X = pytest.importorskip("pyarrow").table({**columns, "city": columns["city"].tolist()})
    elif kind == "table":
        X = cnn.datasets.Table(columns)
    else:
        X = columns if kind == "dict" else as_records(columns)
    model = classifier().fit(X, y)
    expected = classifier().fit(columns, y).predict_proba(columns)
    assert np.array_equal(model.predict_proba(X), expected)
    assert model.feature_names_in_.tolist() == ["size", "city", "day"]
    assert model.n_features_in_ == 3
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.predict(X).tolist() == np.where(expected[:, 1] >= 0.5, "yes", "no").tolist()


def test_missing_numbers_and_unknown_categories(table):
    columns, y = table
    model = classifier().fit(columns, y)
    new = {"size": [np.nan, 0.5], "city": ["Rome", None], "day": [np.datetime64("NaT", "D")] * 2}
    assert np.isfinite(model.predict_proba(new)).all()


def test_an_array_without_gaps_may_have_them_later(rows):
    X, y = rows
    model = classifier().fit(X, y)
    assert np.isfinite(model.predict_proba(np.full((2, 3), np.nan))).all()


def test_columns_are_matched_by_name(table):
    columns, y = table
    model = classifier().fit(columns, y)
    mixed = {name: columns[name] for name in ("day", "size", "city")}
    assert np.array_equal(model.predict_proba(mixed), model.predict_proba(columns))
    with pytest.raises(ValueError, match="day"):
        model.predict({"size": columns["size"], "city": columns["city"]})


def test_types_of_columns_can_be_stated(table):
    columns, y = table
    model = classifier(column_types={"day": "ignore"}).fit(columns, y)
    assert model.network_.encoder_.column_types_["day"].kind == "ignore"
    assert "1 left out" in model.report_.reason("table")


@pytest.mark.parametrize(("n", "words"), [(1, "1 category"), (2, "2 categories"), (11, "11 categories")])
def test_the_report_counts_the_columns_in_words(n, words):
    X = {f"c{i}": ["a", "b", "c", "d"] * 5 for i in range(n)}
    model = cnn.TabularClassifier(n_members=1, max_iter=1, random_state=0).fit(X, [0, 1] * 10)
    assert model.report_.reason("table") == f"20 rows of {words}"


def test_a_sparse_matrix_has_numbers(rows):
    X, y = rows
    thin = np.where(np.abs(X) > 0.5, X, 0.0)
    sparse = pytest.importorskip("scipy.sparse")
    model = classifier().fit(sparse.csr_array(thin), y)
    dense = classifier(categorical_features=None, numeric_embeddings=None).fit(thin, y)
    # The same sums in another order.
    assert model.predict_proba(sparse.csr_array(thin)) == pytest.approx(dense.predict_proba(thin), abs=1e-5)


@pytest.mark.parametrize("n_rows", [2, 5, 19, 20])
def test_few_rows(n_rows, rng):
    X = rng.normal(size=(n_rows, 2))
    y = np.arange(n_rows) % 2
    for model, targets in ((classifier(), y), (regressor(), X[:, 0])):
        model.fit(X, targets)
        assert hasattr(model, "oof_") == (n_rows >= 20)
        assert (model.report_["validation"] is None) == (n_rows < 20)
        assert np.isfinite(model.predict(X)).all()
    assert "too few" in model.report_.reason("validation") or n_rows >= 20


def test_a_class_of_one_row(rows):
    X, y = rows
    y = y.copy()
    y[7] = 2
    model = classifier().fit(X, y)
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.predict_proba(X).shape == (80, 3)


def test_each_row_is_another_class(rows):
    X, _ = rows
    model = classifier().fit(X[:30], np.arange(30))
    assert model.predict_proba(X).shape == (80, 30)


@pytest.mark.parametrize("label", [3, "no", True])
def test_a_single_class_is_certain(label, rows):
    X, _ = rows
    for n_rows in (1, 80):
        model = cnn.TabularClassifier(random_state=0).fit(X[:n_rows], [label] * n_rows)
        assert model.predict(X[:5]).tolist() == [label] * 5
        assert model.classes_.tolist() == [label]
        assert model.predict_proba(X[:5]).tolist() == [[1.0]] * 5
        assert model.predict_log_proba(X[:5]).tolist() == [[0.0]] * 5
        assert model.score(X, [label] * 80) == 1
        assert (model.report_["target"], model.report_["max_iter"]) == ("one class", 1)


@pytest.mark.parametrize("value", [3.5, 0.0, -1e300])
def test_a_constant_y_is_predicted(value, rows):
    X, _ = rows
    model = regressor().fit(X, np.full(80, value))
    assert model.predict(X) == pytest.approx(
        np.full(80, value), rel=1e-15
    )  # the weights of the members are rounded
    assert model.report_["target"] == "one value"


@pytest.mark.parametrize("scaled", ["auto", False])
@pytest.mark.parametrize(
    "loss", ["mse", "mae", "huber", "gaussian_nll", cnn.losses.Quantile([0.1, 0.9]), "poisson", "gamma"]
)
def test_a_constant_y_is_predicted_with_each_loss(loss, scaled, rows):
    """Also values whose mean is not exact in float64, and two columns."""
    X, _ = rows
    for value in (4.0, 1e-3):
        predicted = regressor(loss=loss, scale_targets=scaled).fit(X, np.full(80, value)).predict(X)
        assert np.unique(predicted) == pytest.approx(value, rel=1e-6)  # the bias is rounded to float32
    if not isinstance(loss, cnn.losses.Quantile):
        two = regressor(loss=loss, scale_targets=scaled).fit(X, np.tile([1.0, 2.0], (80, 1)))
        assert two.predict(X) == pytest.approx(np.tile([1.0, 2.0], (80, 1)), rel=1e-6)
        assert two.report_["target"] == "one value"


def test_several_labels_and_several_values(rows):
    X, y = rows
    labels = np.stack([y, 1 - y, X[:, 1] > 0], axis=1).astype(int)
    model = classifier().fit(X, labels)
    assert model.predict(X).shape == (80, 3)
    assert model.report_["target"] == "several labels per row"
    values = regressor().fit(X, X[:, :2])
    assert values.predict(X).shape == values.oof_.shape == (80, 2)


def test_ordered_categories_have_an_order(rows):
    pd = pytest.importorskip("pandas")
    X, _ = rows
    y = pd.Series(pd.Categorical(np.array(["a", "b", "c"])[np.digitize(X[:, 0], [-0.5, 0.5])], ordered=True))
    model = classifier().fit(X, y)
    assert model.report_["loss"] == "ordinal"
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert model.predict_proba(X).sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert classifier(loss="softmax_cross_entropy").fit(X, y).report_["loss"] == "softmax_cross_entropy"


# ---- weights and validation


def test_groups_are_held_out_together(rows):
    X, y = rows
    groups = np.repeat(["a", "b"], 40)
    model = classifier(validation="folds").fit(X, y, validation_groups=groups)
    for mask in model.ensemble_.validation_masks_:
        assert mask[:40].all() != mask[40:].all()
        assert mask[:40].any() != mask[40:].any()
    with pytest.raises(ValueError, match="there is 1 group"):
        classifier(validation="folds").fit(X, y, validation_groups=np.zeros(80))


@pytest.mark.parametrize("make", [classifier, regressor])
def test_a_row_of_weight_0_is_left_out(make, rows):
    X, y = rows
    weight = np.arange(80) % 4
    X = X.copy()
    X[::4] *= 1e6
    weighted = make(random_state=1).fit(X, y, weight)
    used = np.flatnonzero(weight)
    rest = make(random_state=1).fit(X[used], y[used], weight[used])
    assert np.array_equal(weighted.predict(X), rest.predict(X))
    assert np.array_equal(weighted.oof_[used], rest.oof_, equal_nan=True)
    assert np.isnan(weighted.oof_[::4]).all()
    assert len(weighted.oof_) == 80
    thin = pytest.importorskip("scipy.sparse").csr_array(X)
    sparse = [make(random_state=1).fit(thin[rows_], y[rows_], weight[rows_]) for rows_ in (slice(None), used)]
    assert np.array_equal(*(model.predict(thin) for model in sparse))


def test_a_class_whose_rows_have_the_weight_0_is_a_class(rows):
    X, y = rows
    y = y + (np.arange(80) < 5) * 2
    model = classifier().fit(X, y, (y < 2).astype(float))
    assert model.classes_.tolist() == [0, 1, 2, 3]
    assert model.predict_proba(X).shape == (80, 4)


def test_few_members_are_trained_on_most_of_the_rows(rows):
    model = classifier(n_members=2).fit(*rows)
    assert (model.ensemble_.validation_masks_.sum(axis=1) == 16).all()
    held_out = model.ensemble_.validation_masks_.any(axis=0)
    assert (np.isnan(model.oof_).all(axis=1) == ~held_out).all()


def test_given_validation_rows(rows):
    X, y = rows
    model = classifier().fit(X[:60], y[:60], validation_data=(X[60:], y[60:]))
    assert not hasattr(model, "oof_")
    assert model.report_.reason("validation") == "validation_data is given"
    assert len(model.best_epochs_) == 3
    with pytest.raises(ValueError, match="validation_groups must be None"):
        classifier().fit(X, y, validation_data=(X, y), validation_groups=y)


def test_class_weights_and_other_losses(rows):
    X, y = rows
    noise = np.random.default_rng(0).integers(0, 2, len(X))  # half of each class: 20 of 21 after weighting
    plain = classifier(max_iter=100).fit(X, noise).predict_proba(X)[:, 1].mean()
    weighted = classifier(class_weight={0: 1.0, 1: 20.0}, max_iter=100).fit(X, noise)
    assert weighted.predict_proba(X)[:, 1].mean() > plain + 0.1
    assert regressor(loss="quantile").fit(X, X[:, 0]).predict(X).shape == (80, 3)
    mean, deviation = regressor(loss="gaussian_nll").fit(X, X[:, 0]).predict_distribution(X)
    assert mean.shape == deviation.shape == (80,)
    assert (regressor(loss="poisson").fit(X, y).predict(X) > 0).all()
    with pytest.raises(ValueError, match="'loss' parameter of TabularRegressor must be a str among"):
        regressor(loss="softmax_cross_entropy").fit(X, y)
    with pytest.raises(TypeError, match="must be a loss for classification"):
        classifier(loss=cnn.losses.Huber()).fit(X, y)
    with pytest.raises(ValueError, match=r"label_smoothing=0\.1 is only for loss='auto'"):
        classifier(loss="focal", label_smoothing=0.1).fit(X, y)


# ---- budget and reproducibility


@pytest.mark.parametrize("make", [classifier, regressor])
def test_equal_seeds_give_equal_bits_with_any_number_of_threads(make, rows):
    X, y = rows
    one, two, other = (
        make(n_threads=n, random_state=seed, dropout=0.2).fit(X, y) for n, seed in ((1, 3), (2, 3), (1, 4))
    )
    predict = "predict_proba" if make is classifier else "predict"
    results = [getattr(model, predict)(X) for model in (one, two, other)]
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(one.oof_, two.oof_, equal_nan=True)
    assert not np.array_equal(results[0], results[2])


def test_seeds_of_every_kind(rows):
    X, y = rows
    makers = (
        lambda: 7,
        lambda: np.int64(7),
        lambda: np.random.RandomState(7),
        lambda: np.random.default_rng(7),
    )
    for seed in makers:
        a, b = (classifier(random_state=seed()).fit(X, y).predict_proba(X) for _ in range(2))
        assert np.array_equal(a, b)
    a, b = (classifier(random_state=None).fit(X, y).predict_proba(X) for _ in range(2))
    assert not np.array_equal(a, b)
    with pytest.raises(ValueError, match="cannot be used to seed"):
        classifier(random_state="seven").fit(X, y)


def test_a_small_budget_trains_less(rows):
    X, y = rows
    small, large = (cnn.TabularClassifier(random_state=0, budget=budget).fit(X, y) for budget in (1e-3, 3e-3))
    assert small.report_["max_iter"] * small.report_["n_members"] < (
        large.report_["max_iter"] * large.report_["n_members"]
    )


def test_a_time_limit_ends_training(rows):
    endless = {"n_members": 2, "max_iter": 10**6, "n_iter_no_change": None}
    model = cnn.TabularClassifier(**endless, time_limit=0.2, random_state=0).fit(*rows)
    assert model.stop_reason_ == "time_limit"
    assert model.score(*rows) > 0.6


# ---- interface


def test_before_and_after_a_failed_fit(rows):
    X, y = rows
    model = classifier()
    for call in (lambda: model.predict(X), lambda: model.predict_proba(X), lambda: model.feature_names_in_):
        with pytest.raises(cnn.NotFittedError, match="This TabularClassifier instance is not fitted yet"):
            call()
    assert not hasattr(model, "classes_")
    assert not hasattr(model, "oof_")
    model.fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="contains NaN"):
        model.fit(X, np.full(80, np.nan))
    with pytest.raises(ValueError, match="'dropout' parameter of TabularClassifier"):
        model.set_params(dropout=2.0).fit(X, y)
    assert np.array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_members": 0},
        {"hidden_layer_sizes": (0,)},
        {"dropout": "some"},
        {"budget": 0},
        {"validation": "cross"},
        {"combine": "vote"},
        {"monitor": "loss"},
        {"standardize": "yes"},
        {"max_iter": 1.5},
        {"ema": 1.0},
        {"norm": "group"},
        {"refit": 1},
        {"time_limit": -1},
        {"random_state": 1.5},
        {"label_smoothing": 1.0},
    ],
    ids=str,
)
def test_invalid_parameters_are_named(parameters, rows):
    (name,) = parameters
    with pytest.raises(
        (TypeError, ValueError), match="seed" if name == "random_state" else f"'{name}' parameter"
    ):
        classifier(**parameters).fit(*rows)


def test_uncertainty_and_inspection(rows):
    X, y = rows
    model = classifier().fit(X, y)
    assert model.calibrate_intervals(X, y).predict_set(X, 0.8).shape == (80, 2)
    assert model.decision_function(X).shape == (80,)
    assert model.predict_log_proba(X) == pytest.approx(np.log(model.predict_proba(X)), abs=1e-5)
    lower, upper = regressor().fit(X, X[:, 0]).calibrate_intervals(X, X[:, 0]).predict_interval(X, 0.8)
    assert (lower <= upper).all()
    importance = cnn.permutation_importance(model, X, y)
    assert importance.order[0] == 0
    assert "choices of fit" in model._repr_html_()
    assert "choices of fit" not in classifier()._repr_html_()
    assert (
        repr(classifier())
        == "TabularClassifier(hidden_layer_sizes=(8,), max_iter=5, n_members=3, random_state=0)"
    )


def test_one_warning_for_a_column_that_is_left_out(table):
    columns, y = table
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        classifier().fit({**columns, "one": np.ones(80)}, y)
    assert [str(each.message).partition(" is left out")[0] for each in found] == ["1 column of X"]


def test_the_name_is_public():
    assert cnn.estimators.TabularClassifier is cnn.TabularClassifier
    assert MLPClassifier is cnn.MLPClassifier


# ---- preset="tabular"


@pytest.mark.parametrize(
    ("mlp", "tabular"),
    [(cnn.MLPClassifier, cnn.TabularClassifier), (cnn.MLPRegressor, cnn.TabularRegressor)],
)
def test_a_preset_creates_the_tabular_estimator(mlp, tabular, rows):
    model = mlp(preset="tabular", **SMALL)
    assert type(model) is tabular
    assert model.get_params() == tabular(**SMALL).get_params()
    assert type(mlp()) is type(mlp(preset=None)) is mlp
    assert mlp().get_params()["preset"] is None
    with pytest.raises(
        TypeError, match=rf"{tabular.__name__}.__init__\(\) got an unexpected keyword argument 'solver'"
    ):
        mlp(preset="tabular", solver="adam")
    for preset in (None, "tabular"):
        with pytest.raises(TypeError, match="takes 1 positional argument but 2"):
            mlp((5,), preset=preset)
    assert list(inspect.signature(mlp).parameters) == list(inspect.signature(mlp.__init__).parameters)[1:]
    with pytest.raises(
        ValueError, match=rf"'preset' parameter of {mlp.__name__} must be a str among {{'tabular'}}"
    ):
        mlp(preset="table").fit(*rows)

    class Mine(mlp):
        """A user's subclass, whose class cannot change."""

    for late in (mlp().set_params(preset="tabular"), Mine(preset="tabular")):
        with pytest.raises(ValueError, match=rf"Create {tabular.__name__}\(\), which is the same as"):
            late.fit(*rows)


# ---- diagnosis


def related(rng, relation, n=300):
    """Return X (n, 3) as columns, a class and a value that are a relation of X and noise."""
    X = rng.normal(size=(n, 3))
    value = relation(X) + 0.5 * rng.normal(size=n)
    return {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2]}, np.where(value > 0, "yes", "no"), value


NAME = "no_better_than_baseline"


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_a_diagnosis_compares_with_baselines(kind, rng):
    make = cnn.TabularClassifier if kind == "classifier" else cnn.TabularRegressor

    def fitted(relation):
        X, labels, values = related(rng, relation)
        y = labels if kind == "classifier" else values
        return make(random_state=0, hidden_layer_sizes=(16,), max_iter=30).fit(X, y), X, y

    model, X, y = fitted(lambda X: 3 * X[:, 0] * X[:, 1])
    assert NAME not in [finding.name for finding in model.diagnose(X, y)]
    model, X, y = fitted(lambda X: 0 * X[:, 0])
    (finding,) = [finding for finding in model.diagnose(X, y) if finding.name == NAME]
    assert "on 300 held-out rows" in finding.text
    assert ("the largest class" if kind == "classifier" else "the mean of y") in finding.text
    new = related(rng, lambda X: 0 * X[:, 0], 100)
    y = new[1] if kind == "classifier" else new[2]
    assert NAME not in [finding.name for finding in model.diagnose(new[0], y)]
    (finding,) = [each for each in model.diagnose(new[0], y, held_out=True) if each.name == NAME]
    assert "on 100 held-out rows" in finding.text
    model, X, y = fitted(lambda X: 2 * X[:, 0] + X[:, 1])
    found = [finding for finding in model.diagnose(X, y) if finding.name == NAME]
    assert not found or found[0].change == {"hidden_layer_sizes": ()}
    with pytest.raises(cnn.NotFittedError):
        make().diagnose(X, y)
