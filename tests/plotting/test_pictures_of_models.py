"""Pictures of models: importances, learning curves and partial dependence."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.plotting import (
    LearningCurveDisplay,
    PartialDependenceDisplay,
    PermutationImportanceDisplay,
)
from figures import written
from small import blobs
from tables import pandas, polars, pyarrow

pytest.importorskip("matplotlib")
rng = np.random.default_rng(3)
M = 120
TABLE = {
    "age": rng.normal(40, 10, M),
    "city": np.array(["Ulm", "Rome", "Oslo"])[rng.integers(0, 3, M)],
    "day": np.datetime64("2024-01-01", "us") + rng.integers(0, 300, M) * np.timedelta64(86_400_000_000, "us"),
    "children": rng.integers(0, 4, M),
}
TARGET = TABLE["age"] / 10 + 3 * (TABLE["city"] == "Rome")
LIBRARIES = {"Table": cnn.datasets.Table, "pandas": pandas.DataFrame, "polars": polars.DataFrame}
LIBRARIES["pyarrow"] = pyarrow.table
NUMBERS = ("age", "city", "children")  # what is encoded by every version of the encoder


def table(library, names=NUMBERS):
    return LIBRARIES[library]({name: TABLE[name] for name in names})


@pytest.fixture(scope="module")
def net():
    model = cnn.MLPRegressor(categorical_features="auto", max_iter=150, random_state=0, standardize=True)
    return model.fit(table("Table"), TARGET)


# ---- importances


def test_importances(net, tmp_path):
    result = cnn.permutation_importance(net, table("Table"), TARGET)
    display = PermutationImportanceDisplay.from_estimator(net, table("Table"), TARGET)
    np.testing.assert_array_equal(display.importances, result.importances)
    np.testing.assert_array_equal(display.mean, result.importances_mean)
    np.testing.assert_array_equal(display.order, result.order)
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == [result.feature_names[i] for i in result.order]
    assert names[-1] == "children"
    assert [bar.get_width() for bar in display.bars_] == result.importances_mean[result.order].tolist()
    assert display.ax_.get_xlabel().startswith(f"change of {result.metric}")
    written(display, tmp_path / "importances.png")
    assert len(display.plot(n_bars=2).bars_) == 2
    assert display.ax_.get_title() == "2 of 3 columns"


def test_importances_of_scikit_learn():
    inspection = pytest.importorskip("sklearn.inspection")
    X, y = blobs(m=40, k=2)
    model = cnn.MLPClassifier(max_iter=5, random_state=0).fit(X, y)
    result = inspection.permutation_importance(model, X, y, random_state=0)
    display = PermutationImportanceDisplay.from_importances(result, feature_names=["a", "b"])
    np.testing.assert_array_equal(display.std, result.importances_std)
    assert {label.get_text() for label in display.ax_.get_yticklabels()} == {"a", "b"}
    with pytest.raises(ValueError, match="names has 1 entries; there are 2 importances"):
        PermutationImportanceDisplay(result.importances, names=["a"])


# ---- learning curve


def test_learning_curve_is_that_of_scikit_learn(tmp_path):
    """With the rows of its splits in the same order; the numbers of rows are those asked for."""
    selection = pytest.importorskip("sklearn.model_selection")
    X, y = blobs(m=100, k=2)
    model = cnn.MLPClassifier(hidden_layer_sizes=(8,), max_iter=4, random_state=0)
    seen = []

    class Spy(cnn.MLPClassifier):
        def fit(self, X, y):
            seen.append(X)
            return super().fit(X, y)

    spy = Spy(hidden_layer_sizes=(8,), max_iter=4, random_state=0)
    display = LearningCurveDisplay.from_estimator(spy, X, y, train_sizes=(1.0, 0.25), n_repeats=1)
    assert display.train_sizes.tolist() == [20, 80]
    assert [len(part) for part in seen] == [20, 80]
    np.testing.assert_array_equal(seen[0], seen[1][:20])
    index = {row.tobytes(): i for i, row in enumerate(X)}
    training = np.array([index[row.tobytes()] for row in seen[1]])
    split = [(training, np.setdiff1d(np.arange(100), training))]
    options = {"train_sizes": [20, 80], "cv": split, "shuffle": False}
    sizes, train, validation = selection.learning_curve(model, X, y, **options)
    np.testing.assert_array_equal(display.train_sizes, sizes)
    np.testing.assert_allclose(display.train_scores, train)
    np.testing.assert_allclose(display.validation_scores, validation)
    assert display.ax_.get_ylabel() == "accuracy"
    written(display, tmp_path / "learning.png")


def test_parts_of_a_learning_curve_have_every_class():
    X, y = blobs(m=200, k=2, n=4)
    y[y == 3] = np.where(np.arange((y == 3).sum()) < 2, 3, 0)
    net = cnn.Network([cnn.Dense(4)], seed=0)
    display = LearningCurveDisplay.from_estimator(
        net, X, y, train_sizes=(0.01, 1), n_repeats=2, fit_params={"epochs": 1}
    )
    assert display.train_sizes.tolist() == [8, 160]
    assert display.train_scores.shape == display.validation_scores.shape == (2, 2)
    assert not hasattr(net, "n_features_")


@pytest.mark.parametrize("library", LIBRARIES)
def test_learning_curve_of_a_table(library):
    model = cnn.MLPRegressor(categorical_features="auto", max_iter=3, random_state=0, warm_start=True)
    found = [
        LearningCurveDisplay.from_estimator(model, table(name), TARGET, train_sizes=(0.5, 1), n_repeats=1)
        for name in (library, "Table")
    ]
    np.testing.assert_array_equal(found[0].validation_scores, found[1].validation_scores)
    assert found[0].ax_.get_ylabel() == "R²"


def test_bad_learning_curves():
    X, y = blobs(m=30, k=2)
    model = cnn.MLPClassifier(max_iter=1)
    with pytest.raises(ValueError, match="expected shares of the training rows, above 0 to 1"):
        LearningCurveDisplay.from_estimator(model, X, y, train_sizes=(0.5, 2))
    with pytest.raises(ValueError, match="X has 6 rows; a learning curve needs more"):
        LearningCurveDisplay.from_estimator(model, X[:6], [0, 0, 1, 1, 2, 2])


# ---- partial dependence


def test_partial_dependence_is_that_of_scikit_learn():
    inspection = pytest.importorskip("sklearn.inspection")
    X = rng.normal(size=(80, 3))
    y = X[:, 0] ** 2 + X[:, 1]
    model = cnn.MLPRegressor(max_iter=30, random_state=0).fit(X, y)
    display = PartialDependenceDisplay.from_estimator(model, X, 1, kind="both", n_points=12)
    expected = inspection.partial_dependence(
        model, X, [1], kind="both", method="brute", custom_values={1: display.values}
    )
    np.testing.assert_allclose(display.average, expected["average"][0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(display.individual, expected["individual"][0], rtol=1e-5, atol=1e-6)
    low, high = np.quantile(X[:, 1], [0.05, 0.95])
    np.testing.assert_allclose(display.values, np.linspace(low, high, 12))
    assert len(display.individual_lines_) == 50
    assert display.ax_.get_xlabel() == "x1"


def test_partial_dependence_of_classes():
    X, y = blobs(m=90, k=2)
    model = cnn.MLPClassifier(max_iter=20, random_state=0).fit(X, y)
    display = PartialDependenceDisplay.from_estimator(model, X, 0, positive=2, class_names=["a", "b", "c"])
    changed = X.copy()
    changed[:, 0] = display.values[3]
    np.testing.assert_allclose(display.average[3], model.predict_proba(changed)[:, 2].mean(), rtol=1e-5)
    assert display.ax_.get_ylabel() == "probability of c"
    two = cnn.MLPClassifier(max_iter=2, random_state=0).fit(X, y > 0)
    assert PartialDependenceDisplay.from_estimator(two, X, 0).response == "probability of True"


@pytest.mark.parametrize("library", LIBRARIES)
def test_partial_dependence_over_a_table(net, library, tmp_path):
    X = table(library)
    city = PartialDependenceDisplay.from_estimator(net, X, "city", kind="both")
    levels, counts = np.unique(TABLE["city"], return_counts=True)
    assert sorted(city.values.tolist()) == levels.tolist()
    np.testing.assert_allclose(city.shares, sorted(counts / M, reverse=True))
    rome = city.values.tolist().index("Rome")
    changed = cnn.datasets.Table({**table("Table").to_dict(), "city": np.full(M, "Rome", object)})
    np.testing.assert_allclose(city.individual[:, rome], net.predict(changed), rtol=1e-5)
    assert city.average[rome] == city.average.max()
    labels = [label.get_text() for label in city.ax_.get_yticklabels()]
    assert labels[rome] == f"Rome ({100 * city.shares[rome]:.0f} %)"
    written(city, tmp_path / "city.png")
    age = PartialDependenceDisplay.from_estimator(net, X, "age", kind="individual")
    assert len(age.values) == 30
    assert age.average[-1] > age.average[0]
    assert age.line_ is None
    assert PartialDependenceDisplay.from_estimator(net, X, "children").values.tolist() == [0, 1, 2, 3]
    written(age, tmp_path / "age.png")


def test_partial_dependence_of_missing_values(net):
    X = dict(table("Table").to_dict())
    X["age"] = np.where(np.arange(M) % 3 == 0, np.nan, X["age"])
    X["city"] = np.where(np.arange(M) % 4 == 0, None, X["city"].astype(object))
    X = cnn.datasets.Table(X)
    assert np.isfinite(PartialDependenceDisplay.from_estimator(net, X, "age").average).all()
    city = PartialDependenceDisplay.from_estimator(net, X, "city")
    assert sorted(city.values.tolist()) == ["Oslo", "Rome", "Ulm"]
    assert city.shares.sum() == pytest.approx(0.75)


def test_partial_dependence_of_many_rows(net):
    X = cnn.datasets.Table({name: np.tile(TABLE[name], 10) for name in NUMBERS})
    assert PartialDependenceDisplay.from_estimator(net, X, "age", n_points=3).individual.shape == (500, 3)


def test_bad_partial_dependence(net):
    with pytest.raises(KeyError, match=r"No column is named 'aeg'.*Did you mean 'age'"):
        PartialDependenceDisplay.from_estimator(net, table("Table"), "aeg")
    X = np.eye(3)
    model = cnn.MLPRegressor(max_iter=1).fit(X, [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="column is 3; X has 3 columns, counted from 0"):
        PartialDependenceDisplay.from_estimator(model, X, 3)
    with pytest.raises(KeyError, match="X is an array; pass the index of a column"):
        PartialDependenceDisplay.from_estimator(model, X, "age")
    several = cnn.MLPRegressor(max_iter=1).fit(X, X)
    with pytest.raises(ValueError, match="The estimator predicts 3 values per row; one is drawn"):
        PartialDependenceDisplay.from_estimator(several, X, 0)


FORMS = {
    "dicts": lambda columns: [
        dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
    ],
    "dict of columns": dict,
    "pandas objects": lambda columns: pandas.DataFrame(columns, dtype=object),
    "pandas text": lambda columns: pandas.DataFrame(
        {**columns, "day": columns["day"].astype("M8[s]").astype(str)}
    ),
    "objects": lambda columns: cnn.datasets.Table(
        {name: np.fromiter(values.tolist(), object, M) for name, values in columns.items()}
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("column", TABLE)
def test_partial_dependence_does_not_depend_on_the_form_of_a_table(form, column):
    X = cnn.datasets.Table(TABLE)
    model = cnn.MLPRegressor(categorical_features="auto", max_iter=30, random_state=0, standardize=True)
    model.fit(X, TARGET)
    expected = PartialDependenceDisplay.from_estimator(model, X, column)
    display = PartialDependenceDisplay.from_estimator(model, FORMS[form](TABLE), column)
    np.testing.assert_array_equal(display.values.astype(str), expected.values.astype(str))
    np.testing.assert_array_equal(display.average, expected.average)


def test_dates_of_partial_dependence_are_between_quantiles_of_the_rows():
    days = np.repeat(np.datetime64("2024-01-01") + np.arange(100), [1000, *[1] * 99])
    model = cnn.MLPRegressor(categorical_features="auto", max_iter=2, random_state=0, standardize=True)
    X = cnn.datasets.Table({"day": days})
    display = PartialDependenceDisplay.from_estimator(model.fit(X, np.arange(len(days)) / 1e3), X, "day")
    assert display.values[0] == np.datetime64("2024-01-01")
    assert display.values[-1] == np.sort(days)[round(0.95 * (len(days) - 1))]


def test_learning_curve_of_dicts():
    X = FORMS["dicts"](TABLE)
    options = {"n_repeats": 1, "train_sizes": [0.5, 1.0]}
    model = cnn.MLPRegressor(categorical_features="auto", max_iter=2, random_state=0)
    display = LearningCurveDisplay.from_estimator(model, X, TARGET, **options)
    expected = LearningCurveDisplay.from_estimator(model, cnn.datasets.Table(TABLE), TARGET, **options)
    np.testing.assert_array_equal(display.validation_scores, expected.validation_scores)
