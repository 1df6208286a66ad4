"""scikit-learn's multilayer perceptrons, both ways: the same predictions, and training that goes on the same."""

import pickle
import warnings

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.exchange import verification
from model_kinds import KINDS

pytest.importorskip("sklearn", reason="needs scikit-learn")
from sklearn import exceptions, neural_network, pipeline, preprocessing

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4)) * [1, 10, 0.1, 3] + [0, 50, 0, 1]
SIGNAL = X[:, 0] + 0.1 * X[:, 1] - X[:, 3] / 3 - 5
THREE = np.array(["a", "b", "é"])[np.digitize(SIGNAL, [-1, 1])]
TARGETS = {
    "text": THREE,
    "bool": SIGNAL > 0,
    "int": np.digitize(SIGNAL, [-1, 1]) * 10,
    "indicator": np.stack([SIGNAL > 0, X[:, 3] > 1, X[:, 0] > -2], axis=1).astype(int),
}
SOLVERS = {
    "adam": {},
    "sgd": {"solver": "sgd"},
    "no momentum": {"solver": "sgd", "momentum": 0.0},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "nesterovs_momentum": False},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 1, "tol": 10.0},
}
SMALL = {"hidden_layer_sizes": (6, 5), "max_iter": 4, "random_state": 0, "learning_rate_init": 0.01}
SAME = 1e-12  # of weights: both sides round the same sums in another order


@pytest.fixture(autouse=True)
def _not_converged():
    """Both sides warn of short fits that did not converge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
        yield


def theirs(y, kind="classifier", **parameters):
    owner = neural_network.MLPClassifier if kind == "classifier" else neural_network.MLPRegressor
    return owner(**SMALL | parameters).fit(X, y)


def assert_same_weights(ours, other, within=SAME):
    for a, b in zip([*ours.coefs_, *ours.intercepts_], [*other.coefs_, *other.intercepts_], strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=within)


# ---- from scikit-learn


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_classifiers(target, activation, differences):
    other = theirs(TARGETS[target], activation=activation)
    model = cnn.from_sklearn(other)
    assert type(model) is cnn.MLPClassifier
    assert model.dtype == "float64"
    assert {k: v for k, v in model.get_params().items() if k in other.get_params()} == other.get_params()
    np.testing.assert_allclose(model.predict_proba(X), other.predict_proba(X), rtol=0, atol=1e-14)
    assert np.array_equal(model.predict(X), other.predict(X))
    assert model.predict(X).dtype == other.predict(X).dtype
    assert np.array_equal(model.classes_, other.classes_)
    assert model.score(X, TARGETS[target]) == other.score(X, TARGETS[target])
    assert (model.n_iter_, model.t_, model.loss_) == (other.n_iter_, other.t_, other.loss_)
    assert model.loss_curve_ == other.loss_curve_
    assert model.out_activation_ == other.out_activation_
    record = model.metadata_["conversion"]
    assert record["largest_difference"] <= 1e-9
    assert record["from"] == "MLPClassifier"
    assert record["against"].startswith("scikit-learn ")
    differences("from scikit-learn", f"{target} {activation}", "float64", record["largest_difference"])


@pytest.mark.parametrize("y", [SIGNAL, np.stack([SIGNAL, -X[:, 0]], axis=1)], ids=["one", "two"])
@pytest.mark.parametrize("scaler", ["StandardScaler", "MinMaxScaler", "RobustScaler", None])
def test_regressors_behind_a_scaler(y, scaler, tmp_path):
    regressor = neural_network.MLPRegressor(**SMALL)
    steps = [("nothing", "passthrough"), ("network", regressor)]
    if scaler is not None:
        steps.insert(1, ("scaler", getattr(preprocessing, scaler)()))
    other = pipeline.Pipeline(steps).fit(np.where([False, False, True, False], 7.0, X), y)  # one is constant
    model = cnn.from_sklearn(other)
    expected = {"StandardScaler": True, "MinMaxScaler": "minmax", "RobustScaler": "robust", None: False}
    assert model.standardize == expected[scaler]
    np.testing.assert_allclose(model.predict(X), other.predict(X), rtol=1e-12, atol=1e-12)
    model.save(tmp_path / "model.safetensors")
    loaded = cnn.MLPRegressor.load(tmp_path / "model.safetensors")
    assert np.array_equal(loaded.predict(X), model.predict(X))
    assert loaded.metadata_ == model.metadata_


def test_poisson():
    other = theirs(np.round(np.exp(SIGNAL / 4)), "regressor", loss="poisson")
    model = cnn.from_sklearn(other)
    assert model.loss == "poisson"
    np.testing.assert_allclose(model.predict(X), other.predict(X), rtol=1e-12)


def test_float32():
    other = neural_network.MLPClassifier(**SMALL).fit(X.astype(np.float32), THREE)
    model = cnn.from_sklearn(other)
    assert model.dtype == "float32"
    assert all(np.array_equal(a, b) for a, b in zip(model.coefs_, other.coefs_, strict=True))


@pytest.mark.parametrize("solver", SOLVERS)
def test_partial_fit_continues(solver):
    other = neural_network.MLPClassifier(**SMALL | SOLVERS[solver])
    for _ in range(3):
        other.partial_fit(X, THREE, classes=np.unique(THREE))
    model = cnn.from_sklearn(other)
    assert_same_weights(model, other, 0)
    for _ in range(3):
        other.partial_fit(X, THREE)
        model.partial_fit(X, THREE)
    assert_same_weights(model, other)
    assert model.t_ == other.t_
    assert len(model.loss_curve_) == len(other.loss_curve_)


@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start_continues(solver):
    other = theirs(THREE, warm_start=True, **SOLVERS[solver])
    model = cnn.from_sklearn(other)
    other.fit(X, THREE)
    model.fit(X, THREE)
    assert_same_weights(model, other)


def test_early_stopping():
    other = theirs(THREE, early_stopping=True)
    model = cnn.from_sklearn(other)
    assert model.validation_scores_ == other.validation_scores_
    assert model.best_validation_score_ == other.best_validation_score_
    assert model.best_loss_ is None


def test_lbfgs_has_no_curve():
    other = theirs(THREE, solver="lbfgs")
    model = cnn.from_sklearn(other)
    assert (model.loss_, model.loss_curve_) == (other.loss_, [])
    model.set_params(solver="adam", warm_start=True).fit(X, THREE)


def test_the_generator_is_not_shared():
    other = theirs(THREE, random_state=np.random.RandomState(3))
    model = cnn.from_sklearn(other)
    before = other.random_state.get_state()[1].copy()
    model.partial_fit(X, THREE)
    assert np.array_equal(other.random_state.get_state()[1], before)


def test_one_class():
    other = theirs(np.repeat("only", len(X)))
    model = cnn.from_sklearn(other)
    assert model.predict(X).tolist() == other.predict(X).tolist()


def test_names_of_columns():
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    table = pandas.DataFrame(X, columns=["a", "b", "c", "d"])
    for other in (
        neural_network.MLPClassifier(**SMALL).fit(table, THREE),
        pipeline.make_pipeline(preprocessing.StandardScaler(), neural_network.MLPClassifier(**SMALL)).fit(
            table, THREE
        ),
    ):
        model = cnn.from_sklearn(other)
        assert model.feature_names_in_.tolist() == ["a", "b", "c", "d"]
        assert np.array_equal(model.predict(table), other.predict(table))


REFUSED = {
    "no perceptron": (lambda: preprocessing.StandardScaler(), TypeError, "Got StandardScaler instead"),
    "empty": (lambda: pipeline.Pipeline([("a", "passthrough")]), TypeError, "an empty Pipeline"),
    "not fitted": (neural_network.MLPClassifier, ValueError, "not fitted"),
    "two steps": (
        lambda: pipeline.make_pipeline(
            preprocessing.StandardScaler(), preprocessing.MinMaxScaler(), neural_network.MLPRegressor()
        ),
        ValueError,
        "2 steps before the network",
    ),
    "another step": (
        lambda: pipeline.make_pipeline(
            preprocessing.PolynomialFeatures(), neural_network.MLPRegressor(**SMALL)
        ).fit(X, SIGNAL),
        ValueError,
        "PolynomialFeatures before the network",
    ),
    "a parameter of the scaler": (
        lambda: pipeline.make_pipeline(
            preprocessing.StandardScaler(with_mean=False), neural_network.MLPRegressor(**SMALL)
        ).fit(X, SIGNAL),
        ValueError,
        "with_mean=False",
    ),
    "momentum of 1": (
        lambda: theirs(THREE, solver="sgd", momentum=1.0, learning_rate_init=1e-6),
        ValueError,
        "momentum",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    make, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        cnn.from_sklearn(make())


# ---- to scikit-learn

TABLES = "an encoder of categories and dates"
TO_REFUSED = {
    "ordinal": "the loss 'ordinal'",
    "quantile": "the loss 'quantile'",
    "gaussian": "the loss 'gaussian_nll'",
    "float labels": "labels that are decimal numbers",
    "activated output": "the activation 'tanh' of the last layer",
    "softplus output": "the activation 'softplus' of the last layer",
    "without fit": "the activation 'silu'",
    "layer norm": "normalisation over the units of a row",
    "rms norm": "normalisation over the units of a row",
    "batch norm": "the activation 'silu'",
    "residual": "normalisation over the units of a row",
    "smooth clip": "the clip of standardize='robust_smooth_clip'",
    "piecewise linear": "numeric_embeddings",
    "periodic": "numeric_embeddings",
    "bins and clip": "numeric_embeddings",
    **dict.fromkeys(
        [
            "softmax",
            "sigmoid",
            "text labels",
            "multi-label",
            "regression",
            "scaled targets",
            "several values",
        ],
        r"several activations \(relu, tanh\)",
    ),
    "calibrated": "several activations",
    "TabularClassifier of one class": "combines several",
    **{
        f"activation {name}": f"the activation '{name}'"
        for name in cnn.spec.activations.ELEMENTWISE
        if name not in ("identity", "relu", "sigmoid", "tanh")
    },
}


def refusal(kind):
    """Return the message for a kind of model that scikit-learn cannot express, None for others."""
    if "ensemble" in kind or kind.startswith("Tabular"):
        return "combines several"
    if "table" in kind or kind == "embeddings":
        return TABLES
    return TO_REFUSED.get(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model(kind, dtype, differences):
    model, rows = KINDS[kind](dtype)
    message = refusal(kind)
    if message is not None:
        with pytest.raises(ValueError, match=message):
            model.to_sklearn()
        return
    result = model.to_sklearn()
    difference = result.conversion_["largest_difference"]
    differences("to scikit-learn", kind, dtype, difference)
    assert difference <= verification.BOUNDS[dtype]
    again = pickle.loads(pickle.dumps(result))
    flat = rows.reshape(len(rows), -1)
    assert np.array_equal(again.predict(flat), result.predict(flat))
    if hasattr(result, "classes_"):
        assert np.array_equal(result.predict(flat), model.predict(rows))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_partial_fit_of_scikit_learn_continues(target, solver):
    y = TARGETS[target]
    model = cnn.MLPClassifier(**SMALL | SOLVERS[solver], dtype="float64").fit(X, y)
    other = model.to_sklearn()
    assert type(other) is neural_network.MLPClassifier
    assert other.get_params() == {k: v for k, v in model.get_params().items() if k in other.get_params()}
    assert_same_weights(model, other, 0)
    assert other.loss_curve_ == model.loss_curve_
    assert other.score(X, y) == model.score(X, y)
    for _ in range(3):
        other.partial_fit(X, y)
        model.partial_fit(X, y)
    assert_same_weights(model, other)


@pytest.mark.parametrize("method", [True, "minmax", "robust"])
def test_a_scaler_is_the_first_step(method):
    y = np.stack([SIGNAL, -X[:, 0]], axis=1)
    model = cnn.MLPRegressor(**SMALL, standardize=method, dtype="float64").fit(X, y)
    other = model.to_sklearn()
    scaler = clone_fitted(other[0])
    np.testing.assert_allclose(other[0].transform(X), scaler.transform(X), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(other[0].inverse_transform(other[0].transform(X)), X, rtol=1e-12, atol=1e-12)
    rows = other[0].transform(X)
    for _ in range(3):
        other[-1].partial_fit(rows, y)
        model.partial_fit(X, y)
    assert_same_weights(model, other[-1])


def clone_fitted(scaler):
    return type(scaler)().fit(X)


def test_back_and_forth():
    other = pipeline.make_pipeline(preprocessing.StandardScaler(), neural_network.MLPClassifier(**SMALL)).fit(
        X, THREE
    )
    back = cnn.from_sklearn(other).to_sklearn()
    assert np.array_equal(back.predict_proba(X), other.predict_proba(X))
    assert back[-1].get_params() == other[-1].get_params()


def test_parameters_without_counterpart_are_named():
    model = cnn.MLPClassifier(**SMALL, dropout=0.1, ema=0.9, batch_size="full").fit(X, THREE)
    with pytest.warns(cnn.CompiledNNWarning, match="no counterpart of batch_size, dropout, ema"):
        other = model.to_sklearn()
    assert np.array_equal(other.predict(X), model.predict(X))


def test_softmax_of_two_classes_is_one_output():
    model = cnn.MLPClassifier(**SMALL, loss="softmax_cross_entropy").fit(X, SIGNAL > 0)
    other = model.to_sklearn()
    assert (other.n_outputs_, other.out_activation_) == (1, "logistic")
    other.partial_fit(X, SIGNAL > 0)


def test_network():
    net = cnn.Network([cnn.Dense(5, "tanh"), cnn.Dense(3)], seed=0, l2=0.1).fit(X, THREE, epochs=2)
    other = net.to_sklearn()
    assert (other.alpha, other.activation, other.hidden_layer_sizes) == (0.0, "tanh", (5,))
    assert np.array_equal(other.predict(X), net.predict(X))
    other.partial_fit(X, THREE)


def test_not_fitted():
    with pytest.raises(cnn.NotFittedError):
        cnn.Network([cnn.Dense(2)]).to_sklearn()
    with pytest.raises(cnn.NotFittedError):
        cnn.MLPClassifier().to_sklearn()
