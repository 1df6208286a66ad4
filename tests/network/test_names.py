"""Names of columns: a network matches a table by name wherever it takes X, and refuses other names."""

import copy
import pickle
import re
from functools import cache

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.preprocessing import Tabular
from compiled_nn.rates import find_learning_rate
from small import bits
from tables import MAKERS, columns_of, every_library, pandas, polars, pyarrow, reordered

NAMES = ["height", "weight", "age", "Ωmega"]
ORDER = ["age", "Ωmega", "weight", "height"]
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4)) * [1, 10, 0.1, 3]  # swapped columns change every result
LABELS = np.arange(60) % 3
VALUES = X[:, 0] - X[:, 2] + 0.1 * X[:, 3]
DATA = columns_of(X, NAMES)


def make_net(y, **options):
    classifies = y.dtype.kind == "i"
    options = {"loss": "softmax_cross_entropy" if classifies else "mse", "seed": 0, **options}
    outputs = 3 if classifies else 2 if options["loss"] == "gaussian_nll" else 1
    return cnn.Network([cnn.Dense(6, "tanh"), cnn.Dense(outputs)], optimizer=cnn.Adam(0.02), **options)


def fitted(X, y=LABELS, **options):
    return make_net(y, **options).fit(X, y, epochs=3)


# What a fitted network makes of X and y, as something that can be compared exactly.
ENTRANCES = {
    "predict": lambda net, X, y: net.predict(X()),
    "predict_proba": lambda net, X, y: net.predict_proba(X()),
    "out": lambda net, X, y: net.predict_proba(X(), out=np.empty((60, 3), "float32")),
    "decision_function": lambda net, X, y: net.decision_function(X()),
    "score": lambda net, X, y: net.score(X(), y),
    "loss": lambda net, X, y: net.loss(X(), y),
    "gradients": lambda net, X, y: net.gradients(X(), y)["layers"][0]["weight"],
    "input_gradient": lambda net, X, y: net.input_gradient(X()),
    "transform": lambda net, X, y: net.transform(X()),
    "diagnose": lambda net, X, y: str(net.diagnose(X(), y)),
    "diagnose without y": lambda net, X, y: str(net.diagnose(X())),
    "calibrate": lambda net, X, y: net.calibrate(X(), y).temperature_,
    "predict_set": lambda net, X, y: net.calibrate_intervals(X(), y).predict_set(X(), 0.8),
    "partial_fit": lambda net, X, y: bits(net.partial_fit(X(), y)),
    "warm fit": lambda net, X, y: bits(net.fit(X(), y, epochs=2, warm_start=True)),
    "validation_data": lambda net, X, y: net.fit(
        X(), y, epochs=2, warm_start=True, validation_data=(X(), y), metrics=["log_loss"]
    ).history["val_log_loss"],
    "stream": lambda net, X, y: bits(net.fit(lambda: [(X(), y), (X(), y)], epochs=2, warm_start=True)),
    "pickle": lambda net, X, y: pickle.loads(pickle.dumps(net)).predict_proba(X()),
    "deepcopy": lambda net, X, y: copy.deepcopy(net).predict_proba(X()),
}
OF_VALUES = {
    "predict": lambda net, X, y: net.predict(X()),
    "score": lambda net, X, y: net.score(X(), y),
    "loss": lambda net, X, y: net.loss(X(), y),
    "predict_interval": lambda net, X, y: net.calibrate_intervals(X(), y).predict_interval(X(), 0.8)[0],
    "predict_distribution": lambda net, X, y: np.stack(net.predict_distribution(X())),
}


def same(a, b):
    return a == b if isinstance(a, (str, bytes, float, list)) else np.array_equal(a, b)


@cache
def of_arrays(entrance):
    return ENTRANCES[entrance](fitted(X), lambda: X, LABELS)


@every_library
@pytest.mark.parametrize("entrance", ENTRANCES)
def test_columns_are_matched_by_name(entrance, make):
    """The expected value is that of plain arrays, with a network that has no names."""
    call, expected = ENTRANCES[entrance], of_arrays(entrance)
    for order in (NAMES, ORDER):
        net = fitted(make(DATA))
        assert same(call(net, lambda order=order: make(reordered(DATA, order)), LABELS), expected)
        assert net.feature_names_in_.tolist() == NAMES
    assert same(call(fitted(make(DATA)), lambda: X, LABELS), expected)  # an array is taken by position


@every_library
@pytest.mark.parametrize("entrance", OF_VALUES)
def test_columns_are_matched_by_name_for_values(entrance, make):
    call = OF_VALUES[entrance]
    expected = call(fitted(X, VALUES, loss="gaussian_nll"), lambda: X, VALUES)
    net = fitted(make(DATA), VALUES, loss="gaussian_nll")
    assert same(call(net, lambda: make(reordered(DATA, ORDER)), VALUES), expected)


@every_library
@pytest.mark.parametrize(
    "options",
    [{"standardize": True}, {"input_scale": 0.1}, {"dtype": "float64"}, {"categorical_features": ["age"]}],
    ids=lambda options: min(options),
)
def test_columns_are_matched_before_scaling_and_encoding(options, make):
    table = {**DATA, "age": np.round(DATA["age"] * 20)}
    plain = np.stack([table[name] for name in NAMES], axis=1)
    if "categorical_features" in options:
        by_position = {"categorical_features": [2]}
        expected = fitted(plain, **by_position).predict_proba(plain)
    else:
        expected = fitted(plain, **options).predict_proba(plain)
    net = fitted(make(table), **options)
    np.testing.assert_array_equal(net.predict_proba(make(reordered(table, ORDER))), expected)
    assert net.feature_names_in_.tolist() == NAMES


@pytest.mark.parametrize("make", [pandas.DataFrame, polars.DataFrame, pyarrow.table])
def test_find_learning_rate(make):
    expected = find_learning_rate(make_net(LABELS), X, LABELS)
    result = find_learning_rate(make_net(LABELS), make(DATA), LABELS)
    np.testing.assert_array_equal(result.losses, expected.losses)


@pytest.mark.parametrize("save", ["save", "save_checkpoint"])
@pytest.mark.parametrize("options", [{}, {"standardize": True}, {"categorical_features": [2]}], ids=str)
def test_files_keep_the_names(save, options, tmp_path):
    table = {**DATA, "age": np.round(DATA["age"] * 20)}
    net = fitted(pandas.DataFrame(table), **options)
    getattr(net, save)(tmp_path / "a")
    load = cnn.load if save == "save" else cnn.load_checkpoint
    loaded = load(tmp_path / "a")
    assert loaded.feature_names_in_.tolist() == NAMES
    shuffled = polars.DataFrame(reordered(table, ORDER))
    np.testing.assert_array_equal(loaded.predict_proba(shuffled), net.predict_proba(pandas.DataFrame(table)))
    with pytest.raises(ValueError, match="should match"):
        loaded.predict(pandas.DataFrame(table).rename(columns={"age": "years"}))
    again = load(tmp_path / "a").partial_fit(pandas.DataFrame(table), LABELS)
    assert bits(loaded.partial_fit(shuffled, LABELS)) == bits(again)


# ---- refusals


WRONG = {
    "renamed": (
        {**reordered(DATA, NAMES[1:]), "Height": X[:, 0]},
        ["unseen at fit time:\n- Height\n", "now missing:\n- height\n"],
    ),
    "missing": (reordered(DATA, NAMES[:3]), ["now missing:\n- Ωmega\n"]),
    "additional": ({"id": X[:, 0], **DATA}, ["unseen at fit time:\n- id\n"]),
    "others": (
        columns_of(np.tile(X, 2), "abcdefgh"),
        ["- a\n- b\n- c\n- d\n- e\n- ...\n", "- age\n- height\n- weight\n- Ωmega\n"],
    ),
}


@every_library
@pytest.mark.parametrize("wrong", WRONG)
def test_other_names_are_refused(wrong, make):
    data, words = WRONG[wrong]
    for entrance, call in ENTRANCES.items():
        net = fitted(make(DATA))
        before = bits(net)
        with pytest.raises(
            ValueError, match="The feature names should match those that were passed during fit"
        ) as error:
            call(net, lambda: make(data), LABELS)
        assert all(word in str(error.value) for word in words), entrance
        assert bits(net) == before, entrance


def test_a_refused_stream_keeps_what_it_was():
    net = fitted(pandas.DataFrame(DATA))
    renamed = pandas.DataFrame(DATA).rename(columns={"age": "years"})
    with pytest.raises(ValueError, match="- years\n"):
        net.fit(lambda: [(pandas.DataFrame(DATA), LABELS), (renamed, LABELS)], warm_start=True)


def test_validation_data_are_matched_or_refused():
    table = pandas.DataFrame(DATA)
    expected = fitted(X).fit(X, LABELS, epochs=2, validation_data=(X, LABELS)).history["val_loss"]
    for validation in (table[ORDER], polars.DataFrame(DATA).select(ORDER), X):
        net = make_net(LABELS).fit(table, LABELS, epochs=2, validation_data=(validation, LABELS))
        assert net.history["val_loss"] == expected
    with pytest.raises(ValueError, match=re.escape("now missing:\n- age\n")):
        make_net(LABELS).fit(table, LABELS, validation_data=(table.drop(columns="age"), LABELS))


@pytest.mark.parametrize("make", [pyarrow.Table.from_arrays, pandas.DataFrame])
def test_a_name_twice_is_refused(make):
    def table(names):
        if make is pandas.DataFrame:
            return pandas.DataFrame(X, columns=names)
        return make([pyarrow.array(column) for column in X.T], names=names)

    twice = table(["a", "k", "b", "k"])
    for options in ({}, {"categorical_features": ["a"]}, {"categorical_features": "auto"}):
        with pytest.raises(ValueError, match=r"several columns named 'k': columns 1 and 3, counted from 0"):
            fitted(twice, **options)
    with pytest.raises(ValueError, match="several columns named 'k'"):
        Tabular(["k"]).fit(twice)
    with pytest.raises(ValueError, match="now missing:\n- Ωmega\n"):
        fitted(table(NAMES)).predict(table(["height", "weight", "age", "age"]))
    five = pandas.concat([pandas.DataFrame(DATA), pandas.DataFrame({"age": X[:, 0]})], axis=1)
    with pytest.raises(ValueError, match="several columns named 'age': columns 2 and 4"):
        fitted(table(NAMES)).predict(five)


# ---- where there are no names


def test_without_names_tables_are_taken_by_position():
    net = fitted(X)
    expected = net.predict_proba(X)
    assert not hasattr(net, "feature_names_in_")
    for make in MAKERS.values():
        np.testing.assert_array_equal(net.predict_proba(make(DATA)), expected)
    net.partial_fit(pandas.DataFrame(DATA), LABELS)
    assert not hasattr(net, "feature_names_in_")
    with pytest.raises(AttributeError, match=r"no feature_names_in_.*table whose columns have names"):
        _ = net.feature_names_in_
    with pytest.raises(AttributeError, match="not fitted yet"):
        _ = make_net(LABELS).feature_names_in_
    numbered = fitted(pandas.DataFrame(X))
    assert not hasattr(numbered, "feature_names_in_")
    np.testing.assert_array_equal(numbered.predict_proba(pandas.DataFrame(DATA)), expected)


def test_a_new_fit_forgets_the_names():
    net = fitted(pandas.DataFrame(DATA)).fit(X, LABELS, epochs=3)
    assert not hasattr(net, "feature_names_in_")
    np.testing.assert_array_equal(net.predict_proba(X), fitted(X).predict_proba(X))
    net.fit(pandas.DataFrame(DATA)[ORDER], LABELS)
    assert net.feature_names_in_.tolist() == ORDER


def test_a_refused_fit_keeps_the_names():
    net = fitted(pandas.DataFrame(DATA))
    with pytest.raises(ValueError, match="X has 60 rows; y has 59"):
        net.fit(pandas.DataFrame(DATA)[ORDER], LABELS[:59])
    assert net.feature_names_in_.tolist() == NAMES


def test_mixed_names_are_refused():
    table = pandas.DataFrame(X, columns=["a", "b", 2, 3])
    with pytest.raises(TypeError, match="names of the types int, str"):
        fitted(table)
    with pytest.raises(TypeError, match="names of the types int, str"):
        fitted(pandas.DataFrame(DATA)).predict(table)


def test_partial_fit_learns_the_names_first():
    net = make_net(LABELS).partial_fit(pandas.DataFrame(DATA), LABELS)
    assert net.feature_names_in_.tolist() == NAMES
    expected = make_net(LABELS).partial_fit(X, LABELS).partial_fit(X, LABELS)
    assert bits(net.partial_fit(pandas.DataFrame(DATA)[ORDER], LABELS)) == bits(expected)


def test_set_weights_and_names():
    net = fitted(pandas.DataFrame(DATA))
    net.set_weights(net.get_weights())
    assert net.feature_names_in_.tolist() == NAMES  # the columns are the same
    other = [(np.ones((5, 6)), np.zeros(6)), *net.get_weights()[1:]]
    net.set_weights(other)
    assert not hasattr(net, "feature_names_in_")
    assert not hasattr(cnn.Network.from_dict(net.to_dict()), "feature_names_in_")


def test_the_first_fit_after_set_weights_learns_the_names():
    net = make_net(LABELS)
    net.set_weights(fitted(X).get_weights())
    assert not hasattr(net, "feature_names_in_")
    net.partial_fit(pandas.DataFrame(DATA), LABELS)
    assert net.feature_names_in_.tolist() == NAMES
    other = make_net(LABELS)
    other.set_weights(fitted(X).get_weights())
    with pytest.raises(ValueError, match="X has 3 columns; the network takes 4"):
        other.partial_fit(pandas.DataFrame(DATA).iloc[:, :3], LABELS)


def test_another_number_of_columns_drops_the_encoder():
    table = pandas.DataFrame({**DATA, "city": ["a", "b", "c"] * 20})
    net = fitted(table, categorical_features=["city"])
    net.set_weights([(np.ones((4, 6)), np.zeros(6)), *net.get_weights()[1:]])
    assert net.predict(X).shape == (60,)
    assert not hasattr(net, "encoder_")


def test_one_column_and_one_row():
    table = polars.DataFrame({"only": X[:, 0]})
    net = fitted(table)
    np.testing.assert_array_equal(net.predict_proba(table[:1]), net.predict_proba(X[:1, :1]))
    with pytest.raises(ValueError, match="- other\n"):
        net.predict(table.rename({"only": "other"}))


def test_numpy_text_as_names(tmp_path):
    net = fitted(pandas.DataFrame(X, columns=np.array(NAMES)))
    net.save(tmp_path / "a")
    assert [type(name) for name in cnn.load(tmp_path / "a").feature_names_in_] == [str] * 4


# ---- errors name the column


@every_library
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_errors_name_the_column(make, value):
    bad = {**DATA, "weight": np.where(np.arange(60) == 7, value, DATA["weight"])}
    what = {"nan": "NaN", "inf": "infinity"}.get(str(value), "1e\\+300, a value too large")
    for order in (NAMES, ORDER):
        with pytest.raises(ValueError, match=f"Input X contains {what}.*: row 7, column 'weight'"):
            fitted(make(DATA)).predict(make(reordered(bad, order)))
    with pytest.raises(ValueError, match=f"Input X contains {what}.*: row 7, column 'weight'"):
        fitted(make(bad))


@pytest.mark.parametrize("categories", [["city"], []])
@pytest.mark.parametrize("value", [np.inf, 1e300])
def test_errors_name_the_column_of_an_encoded_table(categories, value):
    city = {"city": ["Rome", "Paris", "Oslo"] * 20} if categories else {}
    bad = {**city, **DATA, "weight": np.where(np.arange(60) == 7, value, DATA["weight"])}
    net = fitted(pandas.DataFrame({**city, **DATA}), categorical_features=categories)
    for each in (net, make_net(LABELS, categorical_features=categories)):
        with pytest.raises(ValueError, match=r"weight'.*row 7|row 7, column 'weight'"):
            each.partial_fit(pandas.DataFrame(bad), LABELS)
    with pytest.raises(ValueError, match=r"weight'.*row 7|row 7, column 'weight'"):
        net.predict(pandas.DataFrame(bad)[sorted(bad)])
