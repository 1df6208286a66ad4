"""The estimators where scikit-learn is not: labels, weights, parameters, errors, names of columns."""

import pickle
import subprocess
import sys

import compiled_nn as cnn
import numpy as np
import pytest
from estimators import BOTH, CLASSIFIER, REGRESSOR, flat, three_blobs


@pytest.fixture
def blobs(rng):
    return three_blobs(rng)


# ---- labels


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["red", "green", "blue"]),
        np.array(["red", "green", "blue"], dtype=object),
        np.array([3, -1, 7], np.int8),
        np.array([0.5, 1.5, 2.0])[[2, 2, 2]] * [1, 2, 3],
    ],
    ids=["text", "objects", "integers", "floats"],
)
def test_labels_keep_their_kind(labels, blobs):
    X, y = blobs
    model = CLASSIFIER(solver="lbfgs", random_state=0).fit(X, labels[y])
    assert model.classes_.dtype == labels.dtype
    assert model.classes_.tolist() == sorted(labels.tolist())
    assert model.predict(X).dtype == labels.dtype
    assert model.score(X, labels[y]) > 0.95


def test_two_classes_and_one():
    X = [[0.0], [1.0], [2.0]]
    model = CLASSIFIER(max_iter=1).fit(X, [True, False, False])
    assert (model.n_outputs_, model.out_activation_, model.predict_proba(X).shape) == (1, "logistic", (3, 2))
    assert model.decision_function(X).shape == (3,)
    alone = CLASSIFIER(max_iter=1).fit(X, ["a", "a", "a"])
    assert alone.classes_.tolist() == ["a"]
    assert alone.predict(X).tolist() == ["a", "a", "a"]


def test_a_column_a_label(rng):
    X = rng.normal(size=(60, 2))
    Y = (X > 0).astype(int)
    model = CLASSIFIER(solver="lbfgs", random_state=0).fit(X, Y)
    assert model.score(X, Y) == 1.0
    assert model.predict_proba(X).shape == (60, 2)
    assert (model.out_activation_, model.classes_.tolist()) == ("logistic", [0, 1])
    assert np.isfinite(model.predict_log_proba(1e4 * X)).all()
    batches = CLASSIFIER(random_state=0).partial_fit(X, Y, classes=[0, 1]).partial_fit(X[:5], Y[:5])
    assert batches.t_ == 65


def test_logarithms_of_probabilities_are_finite(blobs):
    X, y = blobs
    for labels in (y, y > 0):
        model = CLASSIFIER(solver="lbfgs", random_state=0, dtype="float64").fit(X, labels)
        np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), model.predict_proba(X), atol=1e-14)
        far = model.predict_log_proba(1e4 * X)
        assert np.isfinite(far).all()
        assert far.min() < -1000


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([0.1, 0.2, 0.3], "Unknown label type: continuous"),
        ([[1, 2], [0, 1], [2, 2]], "Multioutput target data is not supported with label binarization"),
        (None, "requires y to be passed, but the target y is None"),
        ([0, 1], r"inconsistent numbers of samples: \[3, 2\]"),
        ([0.0, np.nan, 1.0], "Input y contains NaN"),
    ],
)
def test_labels_that_are_none(y, words):
    with pytest.raises(ValueError, match=words):
        CLASSIFIER().fit([[0.0], [1.0], [2.0]], y)


# ---- weights


def test_weights_are_counts(blobs):
    """One batch of all rows, so that the steps are the same."""
    X, y = blobs
    counts = np.arange(120) % 3
    how = {"batch_size": 400, "max_iter": 5, "dtype": "float64", "random_state": 0, "alpha": 1.0}
    weighted, repeated = CLASSIFIER(**how), CLASSIFIER(**how)
    with pytest.warns(cnn.CompiledNNWarning, match="going to be clipped"):
        weighted.fit(X, y, counts)
    with pytest.warns(cnn.CompiledNNWarning, match="going to be clipped"):
        repeated.fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    for a, b in zip(flat(weighted), flat(repeated), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)
    assert weighted.score(X, y, counts) == pytest.approx(
        repeated.score(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    )


def test_balanced_classes_are_weights(blobs):
    X, y = blobs
    y = np.where(y == 2, 1, y)
    how = {"max_iter": 3, "random_state": 0}
    balanced = CLASSIFIER(class_weight="balanced", **how).fit(X, y)
    given = CLASSIFIER(**how).fit(X, y, sample_weight=(120 / (2 * np.bincount(y)))[y])
    assert all((a == b).all() for a, b in zip(flat(balanced), flat(given), strict=True))


@pytest.mark.parametrize("weight", [[1.0], [[1.0]] * 3, [0.0] * 3, [1.0, -1.0, 1.0]])
def test_weights_that_are_none(weight):
    with pytest.raises(ValueError, match="weight"):
        CLASSIFIER().fit([[0.0], [1.0], [2.0]], [0, 1, 0], weight)


# ---- parameters


def test_all_parameters_are_got_set_and_shown():
    model = CLASSIFIER(alpha=0.1, random_state=3)
    assert repr(model) == "MLPClassifier(alpha=0.1, random_state=3)"
    assert model.set_params(alpha=0.2).get_params()["alpha"] == 0.2
    assert repr(REGRESSOR()) == "MLPRegressor()"
    with pytest.raises(ValueError, match="Invalid parameter 'alfa' for estimator MLPClassifier"):
        model.set_params(alfa=1)
    with pytest.raises(TypeError):
        CLASSIFIER((5,))


class Widening(CLASSIFIER):
    """A user's own: a parameter of its own, and one that has another default."""

    def __init__(self, *, factor=2, alpha=0.5):
        super().__init__(alpha=alpha)
        self.factor = factor


def test_a_subclass_has_its_own_parameters():
    assert Widening().get_params() == {"factor": 2, "alpha": 0.5}
    assert repr(Widening(factor=3)) == "Widening(factor=3)"
    assert Widening().set_params(factor=4).factor == 4


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"activation": "Relu"}, "Did you mean 'relu'"),
        ({"learning_rate": 0.1}, "learning_rate_init=0.1"),
        ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes must be > 0, got"),
        ({"hidden_layer_sizes": 2.5}, "must hold integers"),
        ({"activation": ["relu", "tanh"]}, "activation has 2 entries; hidden_layer_sizes has 1"),
        ({"solver": "newton"}, "'solver' parameter of MLP"),
        ({"alpha": -1}, "'alpha' parameter of MLP"),
        ({"batch_size": "all"}, "'batch_size' parameter"),
        ({"monitor": "val_los"}, "Did you mean 'val_loss'"),
        ({"momentum": 1.5}, "'momentum' parameter of MLP"),
        ({"dropout": [0.1, 0.2]}, "dropout has 2 entries; hidden_layer_sizes has 1"),
        ({"input_dropout": 1.0}, "'input_dropout' parameter of MLP"),
        ({"clip_norm": 0}, "'clip_norm' parameter of MLP"),
        ({"solver": "lbfgs", "norm": "batch"}, "norm='batch' is not supported by solver='lbfgs'"),
        ({"solver": "lbfgs", "dropout": 0.1}, "dropout=0.1 is not supported by .*use solver='adam' or 'sgd'"),
        ({"solver": "lbfgs", "optimizer": cnn.SGD()}, "optimizer=.* is not supported"),
        ({"dropout": 1.0}, "'dropout' parameter of MLP"),
        ({"norm": "bach"}, "Did you mean 'batch'"),
        ({"residual": True}, r"residual=True needs a hidden layer .* is \[100\]"),
        ({"ema": 1.0}, "'ema' parameter of MLP"),
        ({"standardize": "robus"}, "Did you mean 'robust'"),
        ({"optimizer": "adams"}, "Did you mean 'adam'"),
        ({"schedule": 0.1}, "'schedule' parameter of MLP"),
        ({"solver": "sgd", "weight_decay": 0.1}, "weight_decay=0.1 is only for solver='adam'"),
        ({"metrics": ["f1"]}, "set early_stopping=True, or pass validation_data"),
        ({"monitor": "val_f1"}, "'monitor' parameter of MLP"),
        ({"target": ("val_loss", 0.1)}, "'val_loss' is monitored"),
        ({"activation": "softmax"}, "for the last layer only"),
        ({"loss": "log_los"}, "'loss' parameter of MLP"),
        ({"min_frequency": 3}, "without categorical_features"),
        ({"dtype": "float16"}, "'dtype' parameter"),
        ({"n_iter_no_change": 0}, "'n_iter_no_change' parameter"),
    ],
)
@BOTH
def test_parameters_are_checked_by_fit(estimator, wrong, words):
    model = estimator(**wrong)
    with pytest.raises((ValueError, TypeError), match=words):
        model.fit([[0.0], [1.0]], [0, 1])
    assert not hasattr(model, "network_")


def test_other_losses_are_for_values():
    with pytest.raises(ValueError, match="'loss' parameter of MLPRegressor"):
        REGRESSOR(loss="softmax_cross_entropy").fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(TypeError, match="must be a loss for regression"):
        REGRESSOR(loss=cnn.losses.Focal()).fit([[0.0], [1.0]], [0, 1])
    medians = REGRESSOR(loss=cnn.losses.Huber(delta=2.0), max_iter=2).fit([[0.0], [1.0]], [0, 1])
    assert medians.predict([[0.0]]).shape == (1,)
    rates = REGRESSOR(loss="poisson", max_iter=2).fit([[0.0], [1.0]], [0, 1])
    assert (rates.out_activation_, rates.predict([[0.0]]).min() > 0) == ("exp", True)


def test_our_own_parameters_reach_the_network(blobs):
    X, y = blobs
    model = CLASSIFIER(
        hidden_layer_sizes=[5, 4],
        activation=["tanh", "logistic"],
        use_bias=False,
        init="glorot_normal",
        standardize=True,
        l1=0.5,
        alpha=0.25,
        label_smoothing=0.1,
        max_iter=1,
    ).fit(X, y)
    net = model.network_
    assert net.activations == ["tanh", "sigmoid", "softmax"]
    assert [W.shape for W in model.coefs_] == [(3, 5), (5, 4), (4, 3)]
    assert not np.concatenate(model.intercepts_).any()
    np.testing.assert_allclose(net.mean_, X.mean(axis=0), rtol=1e-12)
    assert (net._configuration.l1, net._configuration.l2) == (0.5, 0.25)
    assert net._configuration.loss.label_smoothing == 0.1


def test_what_regularises_reaches_the_layers(blobs):
    X, y = blobs
    how = {"hidden_layer_sizes": (6, 6, 4), "dropout": [0.5, 0.0, 0.1], "norm": "layer", "residual": True}
    model = CLASSIFIER(**how, input_dropout=0.2, clip_norm=1.0, max_iter=3, random_state=0).fit(X, y)
    first, second, third, last = model.network_.layers
    assert [layer.dropout for layer in (first, second, third, last)] == [0.5, 0.0, 0.1, 0.0]
    assert [layer.residual for layer in (first, second, third, last)] == [False, True, False, False]
    assert (first.norm, last.norm) == ("layer", None)
    assert model.network_._configuration.input_dropout == 0.2
    assert model.network_._configuration.clip_norm == 1.0
    again = CLASSIFIER(**how, input_dropout=0.2, clip_norm=1.0, max_iter=3, random_state=0).fit(X, y)
    assert all((a == b).all() for a, b in zip(flat(model), flat(again), strict=True))
    other = CLASSIFIER(**how, input_dropout=0.2, clip_norm=1.0, max_iter=3, random_state=1).fit(X, y)
    assert (model.coefs_[0] != other.coefs_[0]).any()
    assert (model.predict_proba(X) == model.predict_proba(X)).all()


@pytest.mark.parametrize("norm", ["batch", "layer", "rms"])
def test_early_stopping_and_copies_keep_norms(norm, blobs):
    X, y = blobs
    model = CLASSIFIER(
        norm=norm, early_stopping=True, learning_rate_init=0.05, n_iter_no_change=3, random_state=0
    ).fit(X, y)
    assert model.score(X, y) > 0.9
    assert (pickle.loads(pickle.dumps(model)).predict_proba(X) == model.predict_proba(X)).all()


# ---- errors and what stays


@BOTH
def test_before_fit(estimator):
    model = estimator()
    with pytest.raises(cnn.NotFittedError, match=f"This {estimator.__name__} instance is not fitted yet"):
        model.predict([[0.0]])
    assert not hasattr(model, "coefs_")
    assert not model.__sklearn_is_fitted__()


@BOTH
def test_x_is_checked_in_known_words(estimator):
    model = estimator(max_iter=1).fit([[0.0, 1.0], [1.0, 0.0]], [0, 1])
    for X in ([[1.0]], np.ones((1, 1)), np.ones((1, 1), np.int64)):
        with pytest.raises(ValueError, match=f"X has 1 features, but {estimator.__name__} is expecting 2"):
            model.predict(X)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model.predict([[0.0, np.nan]])
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model.predict(np.array([[0.0, np.nan]]))
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
        model.predict(np.empty((0, 2)))
    with pytest.raises(ValueError, match="Reshape your data"):
        model.predict(np.ones(2))


@BOTH
def test_what_fails_changes_nothing(estimator, blobs):
    X, y = blobs
    model = estimator(max_iter=2, random_state=0).fit(X, y)
    before = [array.copy() for array in flat(model)]
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full((3, 5), np.nan), [0, 1, 2])
    with pytest.raises((ValueError, TypeError)):
        model.fit(X[:, :2], [None] * 120)
    assert model.n_features_in_ == 3
    assert all((a == b).all() for a, b in zip(flat(model), before, strict=True))
    assert X.flags.writeable


def test_a_loss_that_explodes(blobs):
    X, y = blobs
    model = REGRESSOR(solver="sgd", learning_rate_init=1e6, random_state=0)
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights") as caught:
        model.fit(X * 1e3, y)
    assert isinstance(caught.value, cnn.DivergenceError)
    assert np.isfinite(model.predict(X * 1e3)).all()  # the last finite weights
    assert model.stop_reason_ is None


class Frame:
    """As much of a data frame as its names and numbers."""

    dtypes = ("float64",)

    def __init__(self, values, columns):
        self.values, self.columns = np.asarray(values, float), columns

    def get_column(self, name):
        return self.values[:, self.columns.index(name)]

    def __array__(self, dtype=None, copy=None):
        return self.values


def test_names_of_columns():
    X = [[0.0, 1.0], [1.0, 0.0]]
    model = CLASSIFIER(max_iter=1).fit(Frame(X, ["a", "b"]), [0, 1])
    assert model.feature_names_in_.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
        model.predict(Frame(X, ["b", "a"]))
    with pytest.raises(ValueError, match="unseen at fit time:\n- c\nFeature names seen at fit time, yet now"):
        model.predict(Frame(X, ["a", "c"]))
    with pytest.warns(cnn.CompiledNNWarning, match="X does not have valid feature names, but MLPClassifier"):
        model.predict(X)
    model.fit(X, [0, 1])
    assert not hasattr(model, "feature_names_in_")
    with pytest.warns(cnn.CompiledNNWarning, match="was fitted without feature names"):
        model.predict(Frame(X, ["a", "b"]))
    with pytest.raises(TypeError, match="only supported if all of them are str"):
        model.fit(Frame(X, ["a", 1]), [0, 1])


def test_a_notebook_shows_parameters_and_network(blobs):
    X, y = blobs
    model = CLASSIFIER(alpha=0.5)
    assert "not fitted" in model._repr_html_()
    page = model.set_params(max_iter=2).fit(X, y)._repr_mimebundle_()
    assert page["text/plain"] == "MLPClassifier(alpha=0.5, max_iter=2)"
    assert "MLPClassifier</b> 3-100-3" in page["text/html"]
    assert "<svg" in page["text/html"]


def test_they_are_imported_when_used_and_scikit_learn_never(environment):
    code = """
import sys, compiled_nn as cnn
assert "compiled_nn.estimators" not in sys.modules
cnn.MLPClassifier(max_iter=1).fit([[0.0], [1.0]], [[0], [1]]).predict([[0.0]])
assert not any(name.split(".")[0] == "sklearn" for name in sys.modules)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], env=environment, check=True)


def test_where_scikit_learn_is_not_installed(environment):
    """Warnings and errors are our own; what needs that library says how to get it."""
    code = """
import sys, warnings
sys.modules["sklearn"] = None
import compiled_nn as cnn

model = cnn.MLPClassifier(max_iter=2, tol=1e-5, random_state=0)
try:
    model.predict([[0.0]])
except cnn.NotFittedError as error:
    assert type(error) is cnn.NotFittedError
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    model.fit([[0.0], [1.0]], [[0], [1]])
assert [w.category for w in seen] == [cnn.CompiledNNWarning], seen
for ask in (model.__sklearn_tags__, model.get_metadata_routing, lambda: model.set_fit_request(sample_weight=True)):
    try:
        ask()
    except ImportError as error:
        assert 'scikit-learn; pip install "compiled-nn[sklearn]"' in str(error)
    else:
        raise AssertionError(ask)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], env=environment, check=True)
