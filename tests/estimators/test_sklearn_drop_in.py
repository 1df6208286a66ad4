"""What scikit-learn's own examples show of its perceptrons, and its tests ask of them, with the import swapped."""

import re

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import MLPClassifier, MLPRegressor

pytest.importorskip("sklearn")

from sklearn.datasets import load_digits, load_iris, make_classification, make_regression
from sklearn.datasets import make_multilabel_classification as make_columns
from sklearn.linear_model import LogisticRegression, PoissonRegressor
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

BOTH = pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
DIGITS, NUMBERS = load_digits(return_X_y=True)
DIGITS = DIGITS / 16
TWO, ZERO_OR_ONE = DIGITS[NUMBERS < 2][:200], NUMBERS[NUMBERS < 2][:200]
IRIS, SPECIES = load_iris(return_X_y=True)

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer:UserWarning", "ignore:lbfgs:UserWarning")


# ---- the examples of its documentation


def test_the_user_guide_s_first_steps():
    X, y = [[0.0, 0.0], [1.0, 1.0]], [0, 1]
    model = MLPClassifier(solver="lbfgs", alpha=1e-5, hidden_layer_sizes=(5, 2), random_state=1)
    assert repr(model.fit(X, y)) == (
        "MLPClassifier(alpha=1e-05, hidden_layer_sizes=(5, 2), random_state=1, solver='lbfgs')"
    )
    assert model.predict([[2.0, 2.0], [-1.0, -2.0]]).tolist() == [1, 0]
    assert [W.shape for W in model.coefs_] == [(2, 5), (5, 2), (2, 1)]
    assert (model.predict_proba([[2.0, 2.0], [1.0, 2.0]])[:, 1] > 0.99).all()


def test_the_user_guide_s_columns():
    X, y = [[0.0, 0.0], [1.0, 1.0]], [[0, 1], [1, 1]]
    model = MLPClassifier(solver="lbfgs", alpha=1e-5, hidden_layer_sizes=(15,), random_state=1).fit(X, y)
    assert model.predict([[1.0, 2.0]]).tolist() == [[1, 1]]
    assert model.predict([[0.0, 0.0]]).tolist() == [[0, 1]]


def test_the_classifier_s_example():
    X, y = make_classification(n_samples=100, random_state=1)
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=1)
    model = MLPClassifier(random_state=1, max_iter=300).fit(X_train, y_train)
    np.testing.assert_allclose(model.predict_proba(X_test[:1]), [[0.0383, 0.9616]], atol=2e-3)
    assert model.predict(X_test[:5, :]).tolist() == [1, 0, 1, 0, 1]
    assert model.score(X_test, y_test) == 0.88


def test_the_regressor_s_example():
    X, y = make_regression(n_samples=200, n_features=20, random_state=1)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=1)
    model = MLPRegressor(random_state=1, max_iter=2000, tol=0.1).fit(X_train, y_train)
    np.testing.assert_allclose(model.predict(X_test[:2]), [28.98, -291], rtol=0.02)
    assert model.score(X_test, y_test) == pytest.approx(0.98, abs=0.01)


def test_the_advice_on_scaling():
    scaler = StandardScaler().fit(IRIS)
    by_hand = MLPClassifier(random_state=0, max_iter=20).fit(scaler.transform(IRIS), SPECIES)
    inside = MLPClassifier(random_state=0, max_iter=20, standardize=True).fit(IRIS, SPECIES)
    np.testing.assert_allclose(
        inside.predict_proba(IRIS), by_hand.predict_proba(scaler.transform(IRIS)), atol=1e-4
    )


# ---- learning


def test_a_stronger_penalty_leaves_smaller_weights():
    sizes = [
        [
            abs(W).sum()
            for W in MLPClassifier(hidden_layer_sizes=10, alpha=alpha, random_state=1)
            .fit(TWO, ZERO_OR_ONE)
            .coefs_
        ]
        for alpha in (0.0, 1.0, 30.0)
    ]
    assert (np.diff(sizes, axis=0) < 0).all()


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_lbfgs_learns(activation):
    how = {"solver": "lbfgs", "hidden_layer_sizes": 50, "max_iter": 150, "random_state": 1}
    few, classes = DIGITS[NUMBERS < 3][:200], NUMBERS[NUMBERS < 3][:200]
    assert (
        MLPClassifier(**how, activation=activation).fit(few[:150], classes[:150]).score(few, classes) > 0.95
    )
    X, y = make_regression(n_samples=200, n_features=10, bias=20, noise=100, random_state=7)
    y = y / 100
    fitted = MLPRegressor(**how, activation=activation).fit(X, y)
    assert fitted.score(X, y) > (0.9 if activation == "identity" else 0.95) - 0.15 * (
        activation == "identity"
    )


def test_lbfgs_stops_at_its_limits():
    for limit in ({"max_fun": 10}, {"max_iter": 4}):
        model = MLPClassifier(solver="lbfgs", random_state=1, **limit).fit(TWO, ZERO_OR_ONE)
        assert model.n_iter_ < 10
        assert model.stop_reason_ == "max_iter"


def test_without_hidden_layers_it_is_logistic_regression():
    """Its penalty spares the intercepts and is C = 1 / alpha of the summed loss."""
    ours = MLPClassifier(
        hidden_layer_sizes=(), solver="lbfgs", alpha=1.0, max_iter=3000, tol=1e-7, dtype="float64"
    )
    ours.fit(IRIS, SPECIES)
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=10000).fit(IRIS, SPECIES)
    np.testing.assert_allclose(ours.coefs_[0].T, theirs.coef_, atol=1e-3)
    np.testing.assert_allclose(ours.predict_proba(IRIS), theirs.predict_proba(IRIS), atol=1e-3)


def test_without_hidden_layers_poisson_is_the_linear_model():
    random = np.random.default_rng(0)
    X = random.normal(size=(300, 4))
    y = random.poisson(np.exp(X @ [0.3, -0.2, 0.1, 0.0] + 0.5)).astype(float)
    weight = random.uniform(0.5, 2, 300)
    how = {"hidden_layer_sizes": (), "solver": "lbfgs", "tol": 1e-9, "max_iter": 1000, "dtype": "float64"}
    ours = MLPRegressor(loss="poisson", alpha=0.1 * weight.sum(), **how).fit(X, y, sample_weight=weight)
    theirs = PoissonRegressor(alpha=0.1, tol=1e-10, max_iter=1000).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(ours.coefs_[0][:, 0], theirs.coef_, rtol=1e-4)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-4)


def test_columns_are_learned():
    X, y = make_columns(n_samples=50, random_state=0)
    how = {"hidden_layer_sizes": 50, "alpha": 1e-5, "activation": "logistic", "random_state": 0}
    assert MLPClassifier(solver="lbfgs", max_iter=150, **how).fit(X, y).score(X, y) > 0.97
    steps = MLPClassifier(solver="sgd", learning_rate_init=0.2, **how)
    for _ in range(150):
        steps.partial_fit(X, y, classes=[0, 1, 2, 3, 4])
    assert steps.score(X, y) > 0.9
    MLPClassifier(early_stopping=True, max_iter=3).fit(X, y).predict(X)


def test_several_values_are_learned():
    X, y = make_regression(n_samples=200, n_targets=5, random_state=11)
    model = MLPRegressor(solver="lbfgs", hidden_layer_sizes=50, max_iter=200, tol=1e-2, random_state=1)
    assert model.fit(X, y).score(X, y) > 0.9


# ---- stopping


def test_a_large_tolerance_ends_early():
    for rate in ("constant", "adaptive"):
        model = MLPClassifier(tol=0.5, max_iter=3000, solver="sgd", learning_rate=rate)
        assert model.fit([[3, 2], [1, 6]], [1, 0]).n_iter_ < 3000
    assert model.network_.optimizer.learning_rate < 1e-6


@BOTH
def test_early_stopping_keeps_scores(estimator):
    model = estimator(tol=0.2, max_iter=3000, solver="sgd", early_stopping=True).fit(TWO, ZERO_OR_ONE)
    assert model.n_iter_ < 3000
    assert model.best_loss_ is None
    scores = model.validation_scores_
    assert max(scores) == model.best_validation_score_
    assert model.best_validation_score_ + 0.2 > scores[-1]
    plain = estimator(tol=0.2, max_iter=3000, solver="sgd").fit(TWO, ZERO_OR_ONE)
    assert plain.validation_scores_ is plain.best_validation_score_ is None
    assert plain.best_loss_ == min(plain.loss_curve_)


@pytest.mark.parametrize("patience", [2, 5, 20])
def test_patience(patience):
    model = MLPClassifier(tol=0.01, max_iter=3000, solver="sgd", n_iter_no_change=patience, random_state=0)
    model.fit(TWO, ZERO_OR_ONE)
    assert model.n_iter_ < 3000
    assert min(model.loss_curve_[: -patience - 1]) - min(model.loss_curve_) < 0.01 * (patience + 1)
    forever = MLPClassifier(tol=1e9, max_iter=50, solver="sgd", n_iter_no_change=np.inf)
    assert forever.fit(TWO, ZERO_OR_ONE).n_iter_ == 50


def test_a_class_of_one_cannot_be_shared():
    with pytest.raises(ValueError, match="The least populated classes in y have only 1 member"):
        MLPClassifier(early_stopping=True).fit([[1, 2], [2, 3], [3, 4], [4, 5]], [0, 0, 0, 1])


def test_text_and_early_stopping():
    labels = np.array(["setosa", "versicolor", "virginica"], dtype=object)[SPECIES]
    model = MLPClassifier(early_stopping=True, max_iter=10, random_state=0).fit(IRIS, labels)
    assert len(model.validation_scores_) == model.n_iter_


# ---- going on


def test_partial_fit_passes_are_the_epochs_of_fit():
    """A pass begins its order of rows anew, so the rows are taken as they are."""
    how = {"solver": "sgd", "random_state": 1, "learning_rate_init": 0.2, "shuffle": False}
    whole = MLPClassifier(max_iter=30, tol=0, n_iter_no_change=np.inf, **how).fit(TWO, ZERO_OR_ONE)
    passes = MLPClassifier(**how)
    for _ in range(30):
        passes.partial_fit(TWO, ZERO_OR_ONE, classes=np.unique(ZERO_OR_ONE))
    assert (passes.predict_proba(TWO) == whole.predict_proba(TWO)).all()


def test_a_class_may_come_later():
    model = MLPClassifier(random_state=0)
    model.partial_fit([[1], [2], [3]], ["a", "b", "c"], classes=["a", "b", "c", "d"])
    assert model.partial_fit([[4]], ["d"]).score([[1], [2], [3], [4]], ["a", "b", "c", "d"]) > 0
    with pytest.raises(ValueError, match="classes"):
        MLPClassifier(solver="sgd").partial_fit([[3, 2], [1, 6]], [1, 0], classes=[2])


@pytest.mark.parametrize("classes", [[75, 75], [37, 37, 38, 38], [30, 30, 30, 30, 30]])
def test_a_warm_start_has_the_same_classes(classes):
    y = np.repeat(np.arange(len(classes)), classes)
    model = MLPClassifier(hidden_layer_sizes=2, solver="lbfgs", warm_start=True, random_state=42)
    model.fit(IRIS, SPECIES).fit(IRIS, np.sort(SPECIES)[::-1])
    message = (
        "warm_start can only be used where `y` has the same classes as in the previous call to fit. Previously got"
        f" [0 1 2], `y` has {np.unique(y)}"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(IRIS, y)


@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_every_warm_start_has_all_its_epochs(estimator, solver):
    how = {"n_iter_no_change": np.inf, "tol": 0.0, "hidden_layer_sizes": 20, "learning_rate_init": 1e-4}
    model = estimator(solver=solver, warm_start=True, max_iter=5, random_state=0, **how).fit(IRIS, SPECIES)
    assert model.n_iter_ == 5
    assert model.set_params(max_iter=10).fit(IRIS, SPECIES).n_iter_ == 10


@BOTH
def test_scores_of_warm_starts_add_up(estimator):
    model = estimator(max_iter=10, random_state=0, warm_start=True, early_stopping=True).fit(IRIS, SPECIES)
    first = len(model.validation_scores_)
    assert len(model.set_params(max_iter=20).fit(IRIS, SPECIES).validation_scores_) > first


# ---- predictions


def test_probabilities_of_two_classes():
    model = MLPClassifier(hidden_layer_sizes=5, activation="logistic", random_state=1).fit(TWO, ZERO_OR_ONE)
    probabilities = model.predict_proba(TWO)
    assert probabilities.shape == (len(TWO), 2)
    np.testing.assert_allclose(model.predict_log_proba(TWO), np.log(probabilities), rtol=1e-4)
    assert roc_auc_score(ZERO_OR_ONE, probabilities[:, 1]) == 1.0


def test_probabilities_of_columns_are_independent():
    X, y = make_columns(n_samples=50, random_state=0)
    model = MLPClassifier(solver="lbfgs", hidden_layer_sizes=30, random_state=0).fit(X, y)
    probabilities = model.predict_proba(X)
    assert ((probabilities > 0.5) == y).all()
    assert abs(probabilities.sum(axis=1) - 1).max() > 0.1


@BOTH
def test_float32_and_float64_x_agree(estimator):
    how = {"alpha": 1e-5, "hidden_layer_sizes": (5, 3), "random_state": 1, "max_iter": 50}
    double = estimator(**how).fit(DIGITS[:300], NUMBERS[:300])
    single = estimator(**how).fit(DIGITS[:300].astype(np.float32), NUMBERS[:300])
    assert (double.predict(DIGITS) == single.predict(DIGITS)).all()
    if estimator is MLPRegressor:
        assert double.predict(DIGITS.astype(np.float32)).dtype == np.float32
        assert double.predict(DIGITS).dtype == np.float64


@BOTH
def test_numbers_that_explode_are_an_error(estimator):
    random = np.random.default_rng(0)
    X = np.finfo(np.float64).max * random.uniform(size=(10, 2))
    with pytest.raises(ValueError, match="too large"):
        estimator().fit(X, np.arange(10) % 2)
    with pytest.raises(cnn.DivergenceError, match="Solver produced non-finite parameter weights"):
        MLPRegressor(solver="sgd", learning_rate_init=1e9).fit(
            1e3 * random.normal(size=(10, 2)), np.arange(10)
        )


@pytest.mark.parametrize("form", ["csr_matrix", "csc_array", "coo_matrix"])
@pytest.mark.parametrize(
    "how", [{"solver": "lbfgs"}, {"max_iter": 5}, {"max_iter": 5, "early_stopping": True}]
)
def test_sparse_x_is_the_same(form, how):
    sparse = getattr(pytest.importorskip("scipy.sparse"), form)(TWO)
    full = MLPClassifier(hidden_layer_sizes=15, random_state=1, **how).fit(TWO, ZERO_OR_ONE)
    model = MLPClassifier(hidden_layer_sizes=15, random_state=1, **how).fit(sparse, ZERO_OR_ONE)
    np.testing.assert_allclose(model.predict_proba(sparse), full.predict_proba(TWO), atol=1e-6)
    assert model.score(sparse, ZERO_OR_ONE) == full.score(TWO, ZERO_OR_ONE)
    with pytest.raises(ValueError, match="X has 3 features, but MLPClassifier is expecting 64"):
        model.predict(sparse.tocsc()[:, :3])
