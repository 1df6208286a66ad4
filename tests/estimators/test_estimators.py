"""The estimators where scikit-learn is not: the numbers, stopping, going on, copies."""

import copy
import math
import pickle
import time

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.estimators import random_draws
from compiled_nn.estimators.progress import ConvergenceCheck, Progress
from estimators import BOTH, CLASSIFIER, REGRESSOR, flat, three_blobs


@pytest.fixture
def blobs(rng):
    return three_blobs(rng)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Oracle:
    """What a scikit-learn perceptron with one tanh layer and a logistic output computes, in plain NumPy."""

    def __init__(self, X, y, seed, units, alpha):
        self.X, self.y, self.alpha = X, y.reshape(-1, 1), alpha
        self.random = np.random.RandomState(seed)
        self.W, k = [], X.shape[1]
        for n in (units, 1):
            bound = np.sqrt(6 / (k + n))
            self.W += [self.random.uniform(-bound, bound, (k, n)), self.random.uniform(-bound, bound, n)]
            k = n

    def gradients(self, rows):
        X, y = self.X[rows], self.y[rows]
        V, c, W, b = self.W
        A = np.tanh(X @ V + c)
        d = sigmoid(A @ W + b) - y
        e = (d @ W.T) * (1 - A**2)
        m = len(rows)
        return [(X.T @ e + self.alpha * V) / m, e.mean(0), (A.T @ d + self.alpha * W) / m, d.mean(0)]

    def epochs(self, n, batch, step):
        order = np.arange(len(self.X))
        for _ in range(n):
            order = order[self.random.permutation(len(order))]
            for start in range(0, len(order), batch):
                step(self.W, self.gradients(order[start : start + batch]))
        return self.W


class AdamHat:
    """Adam with epsilon added before the correction."""

    def __init__(self, rate=0.001, b1=0.9, b2=0.999, epsilon=1e-8):
        self.rate, self.b1, self.b2, self.epsilon, self.t, self.moments = rate, b1, b2, epsilon, 0, None

    def __call__(self, W, gradients):
        self.t += 1
        self.moments = self.moments or [(np.zeros_like(g), np.zeros_like(g)) for g in gradients]
        rate = self.rate * np.sqrt(1 - self.b2**self.t) / (1 - self.b1**self.t)
        for w, g, (m, v) in zip(W, gradients, self.moments, strict=True):
            m[...] = self.b1 * m + (1 - self.b1) * g
            v[...] = self.b2 * v + (1 - self.b2) * g * g
            w -= rate * m / (np.sqrt(v) + self.epsilon)


# ---- the numbers


def test_adam_is_the_formula(blobs):
    X, y = blobs
    y = (y > 0).astype(int)
    expected = Oracle(X, y, 5, 4, 0.3).epochs(6, 50, AdamHat())
    model = CLASSIFIER(
        hidden_layer_sizes=4,
        activation="tanh",
        alpha=0.3,
        batch_size=50,
        max_iter=6,
        random_state=5,
        dtype="float64",
    )
    for found, wanted in zip(flat(model.fit(X, y)), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_the_regressor_steps_by_the_error(rng):
    """One step of plain descent without hidden layers: the gradient of half the square, summed over outputs."""
    X, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    how = {"hidden_layer_sizes": (), "solver": "sgd", "momentum": 0.0, "alpha": 0.0, "dtype": "float64"}
    model = REGRESSOR(**how, learning_rate_init=0.1, max_iter=1, random_state=0).fit(X, y)
    b = np.sqrt(6 / 5)
    random = np.random.RandomState(0)
    W, c = random.uniform(-b, b, (3, 2)), random.uniform(-b, b, 2)
    d = X @ W + c - y
    np.testing.assert_allclose(model.coefs_[0], W - 0.1 * X.T @ d / 20, atol=1e-13)
    np.testing.assert_allclose(model.intercepts_[0], c - 0.1 * d.mean(0), atol=1e-13)
    assert model.loss_ == pytest.approx(0.5 * (d**2).mean(), rel=1e-12)
    assert model.predict(X).dtype == np.float64


def test_without_hidden_layers_lbfgs_solves_least_squares(rng):
    X = rng.normal(size=(50, 3))
    y = X @ [1.0, -2.0, 3.0] + 4 + 0.1 * rng.normal(size=50)
    model = REGRESSOR(hidden_layer_sizes=(), solver="lbfgs", alpha=0.0, tol=1e-9, random_state=0).fit(X, y)
    expected = np.linalg.lstsq(np.c_[X, np.ones(50)], y, rcond=None)[0]
    np.testing.assert_allclose(model.coefs_[0][:, 0], expected[:3], rtol=1e-5)  # kept in float32
    assert model.stop_reason_ == "tol"
    assert model.n_iter_ == len(model.loss_curve_)


def test_lbfgs_takes_weights_standardises_and_stops_by_the_clock(blobs):
    X, y = blobs
    weight = np.where(y == 2, 0.0, 1.0)
    how = {"solver": "lbfgs", "random_state": 0, "standardize": True, "alpha": 0.1, "dtype": "float64"}
    weighted = CLASSIFIER(**how).fit(X, y == 1, sample_weight=weight)
    assert weighted.score(X[y < 2], y[y < 2] == 1) == 1.0
    with pytest.raises(TimeoutError, match="while the data were read"):
        CLASSIFIER(**how, time_limit=1e-9).fit(X[y < 2], y[y < 2] == 1)
    with pytest.warns(cnn.CompiledNNWarning, match="before the first step"):
        stopped = CLASSIFIER(solver="lbfgs", time_limit=1e-9).fit(X, y)
    assert (stopped.stop_reason_, stopped.n_iter_) == ("time_limit", 0)
    assert weighted.network_.mean_.shape == (3,)


def test_float32_is_the_default_whatever_x_is(blobs):
    X, y = blobs
    model = CLASSIFIER(max_iter=2, random_state=0).fit(X, y)
    assert {W.dtype for W in flat(model)} == {np.dtype(np.float32)}
    same = CLASSIFIER(max_iter=2, random_state=0, n_threads=2).fit(X, y)
    assert all((a == b).all() for a, b in zip(flat(model), flat(same), strict=True))


def test_numpy_s_generator_is_left_alone(blobs):
    X, y = blobs
    state = np.random.get_state()[1].copy()
    for seed in (None, 3, np.random.RandomState(1), np.random.default_rng(1)):
        CLASSIFIER(max_iter=1, random_state=seed).fit(X, y)
    assert (np.random.get_state()[1] == state).all()


def test_a_seed_that_is_none():
    with pytest.raises(ValueError, match="cannot be used to seed"):
        CLASSIFIER(random_state="x").fit([[0.0], [1.0]], [0, 1])


# ---- stopping


def watch(progress, **changes):
    how = {
        "n_rows": 10,
        "loss_factor": 1.0,
        "penalty_factor": 1.0,
        "monitor": None,
        "min_delta": 0.1,
        "patience": 2,
    }
    how |= {"rate_rule": "constant", "initial_rate": 0.5, "power": 0.5}
    return ConvergenceCheck(progress, **how | changes)


class Rated:
    """As much of a network as the rate of its steps."""

    def __init__(self, rate):
        self.optimizer = cnn.SGD(rate)


def test_patience_counts_epochs_without_enough_gain():
    """Losses fall by less than 0.1 from the third epoch on: three such epochs are more than two."""
    looks, history = watch(Progress()), {"loss": [], "penalty": []}
    ends = []
    for loss in (3.0, 2.0, 1.95, 1.91, 1.89, 0.0):
        history["loss"].append(loss)
        history["penalty"].append(0.0)
        ends.append(looks.on_epoch_end(Rated(0.5), len(history["loss"]), history))
        if ends[-1]:
            break
    assert ends == [False, False, False, False, True]
    assert (looks.stop_reason, looks.progress.best_epoch, looks.progress.rows_seen) == ("tol", 5, 50)


def test_adaptive_divides_by_five_where_it_would_stop():
    net, looks = Rated(0.5), watch(Progress(), rate_rule="adaptive", patience=1)
    rates = []
    for _ in range(40):
        if looks.on_epoch_end(net, 1, {"loss": [1.0], "penalty": [0.0]}):
            break
        rates.append(net.optimizer.learning_rate)
    assert rates[:5] == pytest.approx([0.5, 0.5, 0.1, 0.1, 0.02])
    assert looks.stop_reason == "tol"
    assert rates[-1] <= 1e-6 < rates[-1] * 5


def test_invscaling_counts_rows():
    net, looks = Rated(0.5), watch(Progress(), rate_rule="invscaling")
    looks.on_epoch_end(net, 1, {"loss": [1.0], "penalty": [0.0]})
    assert net.optimizer.learning_rate == pytest.approx(0.5 / math.sqrt(11))


class AtOnce:
    def on_epoch_end(self, net, epoch, history):
        return True


def test_the_reason_why_it_stopped(blobs):
    X, y = blobs
    assert CLASSIFIER(max_iter=2).fit(X, y).stop_reason_ == "max_iter"
    assert CLASSIFIER(max_iter=50, min_delta=10.0, n_iter_no_change=2).fit(X, y).stop_reason_ == "tol"
    with pytest.warns(cnn.CompiledNNWarning, match="before the first step"):
        assert CLASSIFIER(max_iter=5, time_limit=1e-9).fit(X, y).stop_reason_ == "time_limit"
    stopped = CLASSIFIER(callbacks=[lambda net, epoch, history: epoch == 3]).fit(X, y)
    assert (stopped.stop_reason_, stopped.n_iter_) == ("callback", 3)
    assert CLASSIFIER(callbacks=[AtOnce()]).fit(X, y).n_iter_ == 1


def test_early_stopping_keeps_the_best_epoch(blobs):
    X, y = blobs
    kept = {}

    def keep(net, epoch, history):
        kept[epoch] = copy.deepcopy(net.get_weights())

    for monitor in ("val_score", "val_loss"):
        model = CLASSIFIER(
            early_stopping=True,
            monitor=monitor,
            learning_rate_init=0.1,
            n_iter_no_change=3,
            random_state=1,
            callbacks=[keep],
        ).fit(X, y)
        assert model.stop_reason_ == "early_stopping"
        column = model.history_[monitor]
        best = int(np.argmax(column) if monitor == "val_score" else np.argmin(column)) + 1
        assert model.best_iter_ == best
        assert (model.coefs_[0] == kept[best][0][0]).all()
        assert model.best_loss_ is None
        assert model.best_validation_score_ == max(model.validation_scores_)


def test_validation_data_take_the_place_of_a_part(blobs):
    X, y = blobs
    model = CLASSIFIER(early_stopping=True, max_iter=3, random_state=0)
    model.fit(X[:90], y[:90], validation_data=(X[90:], y[90:]))
    assert model.t_ == 270
    only_seen = CLASSIFIER(max_iter=3, random_state=0).fit(X[:90], y[:90], validation_data=(X[90:], y[90:]))
    assert only_seen.validation_scores_ is None
    assert len(only_seen.history_["val_loss"]) == 3


def test_a_held_out_part_keeps_the_shares_of_the_classes(rng):
    y = np.repeat([0, 1, 2], [60, 30, 10])
    train, held = random_draws.split_validation_rows(np.random.RandomState(0), 100, 0.2, y)
    assert sorted([*train, *held]) == list(range(100))
    assert np.bincount(y[held]).tolist() == [12, 6, 2]
    train, held = random_draws.split_validation_rows(np.random.RandomState(0), 7, 0.3, None)
    assert (len(train), len(held)) == (4, 3)


@pytest.mark.parametrize(
    ("strata", "fraction", "words"),
    [(None, 0.1, "validation set is too small"), ([0] * 9 + [1], 0.3, "The least populated classes")],
)
def test_a_part_that_is_too_small(strata, fraction, words):
    with pytest.raises(ValueError, match=words):
        random_draws.split_validation_rows(np.random.RandomState(0), 10, fraction, strata)


def test_many_classes_and_few_rows_are_drawn_whatever_their_class():
    for y in (np.arange(12) % 6, np.array([0] * 6 + [1] * 5 + [2])):
        train, held = random_draws.split_validation_rows(np.random.RandomState(0), 12, 0.2, y)
        assert sorted([*train, *held]) == list(range(12))
        assert len(held) == 3


def test_an_interrupt_ends_with_what_there_is(blobs):
    X, y = blobs

    def interrupt(net, epoch, history):
        if epoch == 2:
            raise KeyboardInterrupt

    model = CLASSIFIER(callbacks=[interrupt])
    with pytest.warns(cnn.CompiledNNWarning, match="interrupted by user"):
        model.fit(X, y)
    assert model.stop_reason_ == "interrupted"
    assert model.predict(X).shape == (120,)


def test_reaching_max_iter_warns_those_who_set_tol(blobs):
    X, y = blobs
    CLASSIFIER(max_iter=1).fit(X, y)
    with pytest.warns(cnn.CompiledNNWarning, match=r"Maximum iterations \(1\)"):
        CLASSIFIER(max_iter=1, tol=1e-6).fit(X, y)
    CLASSIFIER(max_iter=1, tol=1e-6).partial_fit(X, y, classes=[0, 1, 2])


# ---- going on


def test_partial_fit_is_an_epoch_of_fit(blobs):
    X, y = blobs
    whole = CLASSIFIER(max_iter=3, shuffle=False, random_state=0).fit(X, y)
    parts = CLASSIFIER(shuffle=False, random_state=0)
    for _ in range(3):
        parts.partial_fit(X, y, classes=[0, 1, 2])
    assert all((a == b).all() for a, b in zip(flat(whole), flat(parts), strict=True))
    assert (parts.n_iter_, parts.t_, parts.loss_curve_) == (1, 360, whole.loss_curve_)


def test_a_warm_start_goes_on_with_new_momenta(blobs):
    X, y = blobs
    how = {"solver": "sgd", "momentum": 0.0, "shuffle": False, "random_state": 0}
    whole = CLASSIFIER(max_iter=4, **how).fit(X, y)
    warm = CLASSIFIER(max_iter=2, warm_start=True, **how).fit(X, y).fit(X, y)
    assert all((a == b).all() for a, b in zip(flat(whole), flat(warm), strict=True))
    assert (warm.n_iter_, len(warm.loss_curve_)) == (2, 4)
    cold = CLASSIFIER(max_iter=2, **how).fit(X, y)
    again = copy.deepcopy(cold).fit(X, y)
    assert all((a == b).all() for a, b in zip(flat(cold), flat(again), strict=True))


def test_other_classes_than_before(blobs):
    X, y = blobs
    model = CLASSIFIER(warm_start=True, max_iter=1).fit(X, y)
    with pytest.raises(ValueError, match="warm_start can only be used where `y` has the same classes"):
        model.fit(X, y + 1)
    with pytest.raises(ValueError, match=r"has classes not in `self\.classes_`"):
        model.partial_fit(X, y + 1)
    with pytest.raises(ValueError, match="is not the same as on last call to partial_fit"):
        model.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        CLASSIFIER().partial_fit(X, y)
    model.partial_fit(X[y > 0], y[y > 0])
    with pytest.raises(ValueError, match=r"hidden_layer_sizes is \[5\] .*; the fitted network has \[100\]"):
        model.set_params(hidden_layer_sizes=5).fit(X, y)


@BOTH
def test_partial_fit_is_for_steps(estimator):
    assert not hasattr(estimator(solver="lbfgs"), "partial_fit")
    with pytest.raises(AttributeError, match="lbfgs is not stochastic"):
        estimator(solver="lbfgs").partial_fit([[0.0]], [0])
    with pytest.raises(ValueError, match="does not support early_stopping"):
        estimator(early_stopping=True).partial_fit([[0.0]], [0], **classes_of(estimator))


def classes_of(estimator):
    return {"classes": [0, 1]} if estimator is CLASSIFIER else {}


@BOTH
def test_copies_predict_and_train_on(estimator, blobs):
    X, y = blobs
    model = estimator(max_iter=3, random_state=0, solver="sgd", learning_rate="adaptive").fit(X, y)
    expected = copy.deepcopy(model).partial_fit(X, y)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert (twin.predict(X) == model.predict(X)).all()
        twin.partial_fit(X, y)
        assert all((a == b).all() for a, b in zip(flat(twin), flat(expected), strict=True))


def test_looking_at_each_epoch_costs_little(blobs):
    """Some microseconds; the bound is for a busy machine."""
    net, looks = Rated(0.5), watch(Progress(), patience=math.inf)
    history = {"loss": [1.0], "penalty": [0.0]}
    start = time.perf_counter()
    for _ in range(1000):
        looks.on_epoch_end(net, 1, history)
    assert (time.perf_counter() - start) / 1000 < 1e-4
