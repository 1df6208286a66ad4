"""Names of columns in the estimators: scikit-learn's errors and warnings in every method, and one copy in files."""

import copy
import json
import pickle

import compiled_nn as cnn
import numpy as np
import pytest
import tensors
from compiled_nn.common.errors import CompiledNNWarning
from estimators import BOTH, CLASSIFIER, REGRESSOR
from tables import columns_of, every_library, pandas, polars, pyarrow, reordered

NAMES = ["height", "weight", "age", "Ωmega"]
ORDER = ["age", "Ωmega", "weight", "height"]
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4)) * [1, 10, 0.1, 3]
Y = {CLASSIFIER: np.arange(60) % 3, REGRESSOR: X[:, 0] - X[:, 2]}
DATA = columns_of(X, NAMES)
TABLE = pandas.DataFrame(DATA)
SHUFFLED = TABLE[ORDER]


def fitted(estimator, X, **parameters):
    return estimator(**{"max_iter": 3, "random_state": 0, **parameters}).fit(X, Y[estimator])


# Methods that take X, for classification and for values.
METHODS = {
    CLASSIFIER: {
        "predict": lambda model, X, y: model.predict(X),
        "predict_proba": lambda model, X, y: model.predict_proba(X),
        "predict_log_proba": lambda model, X, y: model.predict_log_proba(X),
        "decision_function": lambda model, X, y: model.decision_function(X),
        "calibrate": lambda model, X, y: model.calibrate(X, y).network_.temperature_,
        "predict_set": lambda model, X, y: model.calibrate_intervals(X, y).predict_set(X, 0.8),
    },
    REGRESSOR: {
        "predict": lambda model, X, y: model.predict(X),
        "predict_interval": lambda model, X, y: model.calibrate_intervals(X, y).predict_interval(X, 0.8)[0],
    },
}
COMMON = {
    "score": lambda model, X, y: model.score(X, y),
    "input_gradient": lambda model, X, y: model.input_gradient(X),
    "hidden": lambda model, X, y: model.hidden(X),
    "calibrate_intervals": lambda model, X, y: model.calibrate_intervals(X, y).network_._scores(),
    "partial_fit": lambda model, X, y: model.partial_fit(X, y).coefs_[0],
    "warm fit": lambda model, X, y: model.set_params(warm_start=True).fit(X, y).coefs_[0],
    "validation_data": lambda model, X, y: model.fit(TABLE, y, validation_data=(X, y)).history_["val_loss"],
}
CALLS = [
    pytest.param(estimator, call, id=f"{estimator.__name__}.{name}")
    for estimator, own in METHODS.items()
    for name, call in (own | COMMON).items()
]
every_method = pytest.mark.parametrize(("estimator", "call"), CALLS)


@every_method
def test_the_same_names_give_the_same_numbers(estimator, call):
    y = Y[estimator]
    expected = call(fitted(estimator, TABLE), TABLE, y)
    for table in (polars.DataFrame(DATA), pyarrow.table(DATA)):
        np.testing.assert_array_equal(call(fitted(estimator, table), table, y), expected)
    with pytest.warns(CompiledNNWarning, match="X does not have valid feature names, but .* was fitted with"):
        np.testing.assert_array_equal(call(fitted(estimator, TABLE), X, y), expected)


@every_method
@pytest.mark.parametrize(
    ("table", "words"),
    [
        (SHUFFLED, "Feature names must be in the same order as they were in fit.\n"),
        (TABLE.rename(columns={"age": "years"}), "unseen at fit time:\n- years\n"),
        (TABLE.drop(columns="weight"), "yet now missing:\n- weight\n"),
        (TABLE.assign(id=1.0), "unseen at fit time:\n- id\n"),
    ],
    ids=["order", "renamed", "missing", "additional"],
)
def test_other_names_are_refused(estimator, call, table, words):
    model = fitted(estimator, TABLE)
    before = model.predict(TABLE)
    with pytest.raises(
        ValueError, match=r"The feature names should match those that were passed during fit\."
    ) as error:
        call(model, table, Y[estimator])
    assert words in str(error.value)
    np.testing.assert_array_equal(model.predict(TABLE), before)


@every_library
@BOTH
def test_names_of_every_library(make, estimator):
    model = fitted(estimator, make(DATA))
    assert model.feature_names_in_.tolist() == NAMES
    assert model.feature_names_in_.dtype == object
    assert model.n_features_in_ == 4
    np.testing.assert_array_equal(model.predict(make(DATA)), fitted(estimator, X).predict(X))
    with pytest.raises(ValueError, match="must be in the same order"):
        model.predict(make(reordered(DATA, ORDER)))


@BOTH
def test_only_one_side_has_names(estimator):
    model = fitted(estimator, X)
    assert not hasattr(model, "feature_names_in_")
    with pytest.warns(
        CompiledNNWarning, match="X has feature names, but .* was fitted without feature names"
    ):
        model.predict(TABLE)
    assert not hasattr(estimator(), "feature_names_in_")


@BOTH
def test_a_new_fit_forgets_the_names(estimator):
    model = fitted(estimator, TABLE).fit(X, Y[estimator])
    assert not hasattr(model, "feature_names_in_")
    assert model.fit(SHUFFLED, Y[estimator]).feature_names_in_.tolist() == ORDER


@BOTH
@pytest.mark.parametrize(
    "options", [{}, {"categorical_features": ["k"]}, {"categorical_features": "auto"}], ids=str
)
def test_a_name_twice_is_refused(estimator, options):
    twice = pandas.DataFrame(X, columns=["a", "k", "b", "k"])
    with pytest.raises(ValueError, match="several columns named 'k': columns 1 and 3"):
        fitted(estimator, twice, **options)


@BOTH
def test_errors_name_the_column(estimator):
    bad = TABLE.copy()
    bad.loc[4, "age"] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN: row 4, column 'age'"):
        fitted(estimator, bad)
    with pytest.raises(ValueError, match="Input X contains NaN: row 4, column 'age'"):
        fitted(estimator, TABLE).predict(bad)


# ---- files and copies


@BOTH
@pytest.mark.parametrize("encoded", [False, True])
def test_files_have_the_names_once(estimator, encoded, tmp_path):
    table = TABLE.assign(age=np.round(TABLE["age"] * 20))
    model = fitted(estimator, table, categorical_features=["age"] if encoded else None)
    model.save(tmp_path / "a")
    metadata = tensors.metadata(tmp_path / "a")
    assert sum(json.dumps(text).count("weight") for text in metadata.values()) == 1
    network = json.loads(metadata["compiled_nn"])
    is_old = encoded and estimator is cnn.MLPClassifier  # the regressor has the dtype of y
    assert network["format_version"] == (3 if is_old else 4)
    loaded = estimator.load(tmp_path / "a")
    assert loaded.feature_names_in_.tolist() == NAMES
    np.testing.assert_array_equal(loaded.predict(table), model.predict(table))
    if encoded:  # the encoder matches columns by name
        np.testing.assert_array_equal(loaded.predict(table[ORDER]), model.predict(table))
    else:
        with pytest.raises(ValueError, match="must be in the same order"):
            loaded.predict(table[ORDER])
    net = cnn.load(tmp_path / "a")
    assert net.feature_names_in_.tolist() == NAMES
    np.testing.assert_array_equal(net.predict(table[ORDER]), net.predict(table))
    np.testing.assert_array_equal(net.predict(table[ORDER]), model.network_.predict(table))
    with pytest.raises(ValueError, match="- years\n"):
        net.predict(table.rename(columns={"age": "years"}))


def with_old_names(path, names):
    """Write the names of a file as before format 4: as an attribute of the estimator, and without a fingerprint."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    metadata = header["__metadata__"]
    del metadata["compiled_nn_card"]
    network, model = json.loads(metadata["compiled_nn"]), json.loads(metadata["compiled_nn_estimator"])
    del network["inputs"]
    network.pop("outputs", None)
    network["format_version"], model["attributes"]["feature_names_in_"] = 3, names
    metadata |= {"compiled_nn": json.dumps(network), "compiled_nn_estimator": json.dumps(model)}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + size :])


@BOTH
def test_names_in_files_of_older_formats(estimator, tmp_path):
    model = fitted(estimator, TABLE)
    model.save(tmp_path / "a")
    with_old_names(tmp_path / "a", NAMES)
    loaded = estimator.load(tmp_path / "a")
    assert loaded.feature_names_in_.tolist() == NAMES
    np.testing.assert_array_equal(loaded.predict(TABLE), model.predict(TABLE))
    loaded.save(tmp_path / "b")
    assert cnn.load(tmp_path / "b").feature_names_in_.tolist() == NAMES
    for bad in (["a"], [1, 2, 3, 4], "abcd", ["a", "a", "b", "c"], {"a": 1}):
        with_old = tmp_path / "c"
        model.save(with_old)
        with_old_names(with_old, bad)
        with pytest.raises(ValueError, match="is not a readable network"):
            estimator.load(with_old)


@BOTH
@pytest.mark.parametrize("twin", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_have_the_names(estimator, twin):
    model = twin(fitted(estimator, TABLE))
    assert model.feature_names_in_.tolist() == NAMES
    with pytest.raises(ValueError, match="must be in the same order"):
        model.predict(SHUFFLED)


# ---- shapes of images


IMAGES = rng.random((60, 4, 6, 3))


@BOTH
def test_shapes_of_images(estimator, tmp_path):
    y = Y[estimator]
    model = fitted(estimator, IMAGES)
    flat = IMAGES.reshape(60, -1)
    expected = fitted(estimator, flat).predict(flat)
    model.save(tmp_path / "a")
    for each in (model, estimator.load(tmp_path / "a"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(each.predict(IMAGES), expected)
        np.testing.assert_array_equal(each.predict(IMAGES.tolist()), expected)
        np.testing.assert_array_equal(each.predict(flat), expected)
        for other in (IMAGES.transpose(0, 3, 1, 2), IMAGES.reshape(60, 6, 4, 3), IMAGES.reshape(60, 8, 9)):
            shape = other.shape[1:]
            words = rf"images of shape \({', '.join(map(str, shape))}\); .* images of shape \(4, 6, 3\)"
            for call in (
                each.predict,
                lambda X, each=each: each.score(X, y),
                lambda X, each=each: each.partial_fit(X, y),
                lambda X, each=each: each.set_params(warm_start=True).fit(X, y),
                lambda X, each=each: each.fit(IMAGES, y, validation_data=(X, y)),
            ):
                with pytest.raises(ValueError, match=words):
                    call(other)
    np.testing.assert_array_equal(cnn.load(tmp_path / "a").predict(IMAGES), model.network_.predict(flat))
    with pytest.raises(ValueError, match="images of shape"):
        cnn.load(tmp_path / "a").predict(IMAGES.transpose(0, 3, 1, 2))


@BOTH
def test_a_model_of_flat_rows_takes_images(estimator):
    flat = IMAGES.reshape(60, -1)
    model = fitted(estimator, flat)
    np.testing.assert_array_equal(model.predict(IMAGES), model.predict(flat))
    np.testing.assert_array_equal(model.predict(IMAGES.reshape(60, 8, 9)), model.predict(flat))
