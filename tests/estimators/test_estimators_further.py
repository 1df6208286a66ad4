"""What the estimators have beyond scikit-learn's: the network's own parameters, losses, tables, sparse X, intervals."""

import inspect

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import losses, schedules
from compiled_nn.callbacks import Callback
from estimators import BOTH, CLASSIFIER, REGRESSOR, flat, three_blobs

from cnn_core.sparse import SparseRows


@pytest.fixture
def blobs(rng):
    return three_blobs(rng)


def same(a, b):
    return all((u == v).all() for u, v in zip(flat(a), flat(b), strict=True))


def sparse(X):
    """The numbers of a full array that are not 0, in compressed rows."""
    row, column = np.nonzero(X)
    indptr = np.searchsorted(row, np.arange(len(X) + 1))
    return SparseRows(indptr, column.astype(np.int32), X[row, column], X.shape[1])


# ---- weights and steps


def test_parameters_of_the_network(blobs):
    X, y = blobs
    model = CLASSIFIER(
        hidden_layer_sizes=(6, 6),
        activation=[cnn.Activation(np.tanh, lambda z: 1 - np.tanh(z) ** 2, "own"), "gelu"],
        norm=[None, "rms"],
        clip_norm=3.0,
        clip_value=0.5,
        ema=0.9,
        standardize="robust",
        max_iter=2,
        random_state=0,
    ).fit(X, y)
    net = model.network_
    assert [layer.norm for layer in net.layers] == [None, "rms", None]
    assert net.activations == ["own", "gelu", "softmax"]
    assert [getattr(net._configuration, name) for name in ("clip_norm", "clip_value", "ema")] == [
        3.0,
        0.5,
        0.9,
    ]
    np.testing.assert_allclose(net.mean_, np.median(X, axis=0), rtol=1e-12)
    assert len(model.history_["gradient_norm"]) == 2


def test_the_average_predicts(blobs):
    X, y = blobs
    model = CLASSIFIER(ema=0.9, max_iter=3, random_state=0).fit(X, y)
    weights = [array for pair in model.network_.get_weights() for array in pair]
    assert all((a == b).all() for a, b in zip(flat(model), weights, strict=True))
    logits = np.maximum(X @ weights[0] + weights[1], 0) @ weights[2] + weights[3]
    np.testing.assert_allclose(model.decision_function(X), logits, atol=1e-4)


def test_an_optimizer_in_place_of_the_solver_s(blobs):
    X, y = blobs
    how = {"max_iter": 3, "random_state": 0}
    by_name = CLASSIFIER(solver="sgd", learning_rate_init=0.05, momentum=0.5, **how).fit(X, y)
    by_object = CLASSIFIER(optimizer=cnn.SGD(0.05, 0.5, nesterov=True), **how).fit(X, y)
    assert same(by_name, by_object)
    assert isinstance(CLASSIFIER(optimizer="lion", **how).fit(X, y).network_.optimizer, cnn.Lion)


def test_weight_decay_shrinks_weights(blobs):
    X, y = blobs
    how = {"max_iter": 5, "random_state": 0, "learning_rate_init": 0.01}
    decayed = CLASSIFIER(weight_decay=1.0, **how).fit(X, y)
    assert isinstance(decayed.network_.optimizer, cnn.AdamW)
    assert np.abs(decayed.coefs_[0]).sum() < 0.97 * np.abs(CLASSIFIER(**how).fit(X, y).coefs_[0]).sum()


def test_a_schedule_in_place_of_the_rate(blobs):
    X, y = blobs
    falling = schedules.Step(0.1, every=1, factor=0.5, per="epoch")
    model = CLASSIFIER(solver="sgd", schedule=falling, max_iter=4).fit(X, y)
    assert model.history_["learning_rate"] == [0.1, 0.05, 0.025, 0.0125]
    model.set_params(solver="adam", optimizer=cnn.RMSprop()).fit(X, y)
    assert isinstance(model.network_.optimizer, cnn.RMSprop)
    assert model.history_["learning_rate"] == [0.1, 0.05, 0.025, 0.0125]


def test_dropping_leaves_the_other_draws_alone(blobs):
    """Initial weights and orders of rows are those of a network that drops nothing."""
    X, y = blobs
    still = {"optimizer": cnn.SGD(1e-12), "max_iter": 1, "shuffle": False, "random_state": 3}
    assert same(CLASSIFIER(dropout=0.5, **still).fit(X, y), CLASSIFIER(**still).fit(X, y))


def test_going_on_keeps_the_layers(blobs):
    X, y = blobs
    model = CLASSIFIER(warm_start=True, max_iter=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=r"norm is \['rms'\] .*; the fitted network has \[None\]"):
        model.set_params(norm="rms").fit(X, y)


# ---- losses


def test_losses_of_classes(blobs):
    X, y = blobs
    quick = {"max_iter": 60, "learning_rate_init": 0.01, "random_state": 0}
    for loss in ("focal", "softmax_cross_entropy", "binary_cross_entropy", losses.Focal(1.0), "ordinal"):
        for labels in (y, y > 0):
            model = CLASSIFIER(loss=loss, **quick).fit(X, labels)
            p = model.predict_proba(X)
            assert p.shape == (120, len(model.classes_))
            np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), p, atol=1e-6)
            assert model.score(X, labels) > 0.75
    same_loss = CLASSIFIER(loss=losses.SoftmaxCrossEntropy(), max_iter=3, random_state=0).fit(X, y)
    assert same(same_loss, CLASSIFIER(max_iter=3, random_state=0).fit(X, y))


def test_a_column_a_label_takes_losses_of_sigmoids(rng):
    X = rng.normal(size=(80, 3))
    y = (X > 0).astype(int)
    for loss in (losses.BinaryCrossEntropy(pos_weight=(1.0, 2.0, 3.0)), losses.Focal(link="sigmoid")):
        model = CLASSIFIER(loss=loss, max_iter=40, learning_rate_init=0.01, random_state=0).fit(X, y)
        assert model.predict(X).shape == (80, 3)
        assert (model.predict(X) == y).mean() > 0.9
    with pytest.raises(
        ValueError, match="y has 3 columns, one per label; the loss focal takes one label per row"
    ):
        CLASSIFIER(loss="focal").fit(X, y)


def test_positives_that_count_more(rng):
    X = rng.normal(size=(200, 2))
    y = X[:, 0] + rng.normal(size=200) > 1
    how = {"hidden_layer_sizes": (), "solver": "lbfgs", "random_state": 0}
    plain = CLASSIFIER(**how).fit(X, y).predict(X).sum()
    assert (
        CLASSIFIER(loss=losses.BinaryCrossEntropy(pos_weight=5.0), **how).fit(X, y).predict(X).sum() > plain
    )


def test_wrong_losses_of_classes():
    X, y = [[0.0], [1.0]], [0, 1]
    with pytest.raises(TypeError, match="must be a loss for classification"):
        CLASSIFIER(loss=losses.Huber()).fit(X, y)
    with pytest.raises(ValueError, match=r"label_smoothing=0\.1 is only for loss='log_loss'"):
        CLASSIFIER(loss="focal", label_smoothing=0.1).fit(X, y)


def test_scaled_targets_are_given_back(rng):
    """Half the square of scaled targets: the least squares are those of y as it is."""
    X = rng.normal(size=(60, 3))
    Y = 1000 + 50 * X @ rng.normal(size=(3, 2))
    how = {
        "hidden_layer_sizes": (),
        "solver": "lbfgs",
        "alpha": 0.0,
        "scale_targets": True,
        "dtype": "float64",
    }
    model = REGRESSOR(**how, tol=1e-9, random_state=0).fit(X, Y)
    np.testing.assert_allclose(model.predict(X), Y, rtol=1e-6)
    assert model.score(X, Y) > 0.999999
    np.testing.assert_allclose(model.network_.target_mean_, Y.mean(axis=0))


def test_quantiles(rng):
    X = rng.uniform(size=(600, 1))
    y = X[:, 0] + rng.normal(size=600)
    model = REGRESSOR(
        loss=losses.Quantile((0.1, 0.5, 0.9)), learning_rate_init=0.01, max_iter=100, random_state=0
    )
    bounds = model.fit(X, y).predict(X)
    assert bounds.shape == (600, 3)
    assert (np.diff(bounds, axis=1) >= 0).all()
    shares = (y[:, np.newaxis] < bounds).mean(axis=0)
    np.testing.assert_allclose(shares, (0.1, 0.5, 0.9), atol=0.06)
    assert 0 < model.score(X, y) < 1


def test_a_distribution_a_row(rng):
    X = rng.uniform(size=(800, 1))
    y = 2 * X[:, 0] + rng.normal(size=800) * np.where(X[:, 0] > 0.5, 1.0, 0.1)
    model = REGRESSOR(loss="gaussian_nll", learning_rate_init=0.01, max_iter=150, random_state=0).fit(X, y)
    mean, std = model.predict_distribution(np.array([[0.2], [0.8]]))
    np.testing.assert_allclose(std, (0.1, 1.0), rtol=0.4)
    np.testing.assert_allclose(mean, model.predict([[0.2], [0.8]]), rtol=1e-6)
    assert model.score(X, y) > 0.2


# ---- stopping


def test_any_column_may_be_monitored(blobs):
    X, y = blobs
    how = {"early_stopping": True, "learning_rate_init": 0.05, "n_iter_no_change": 3, "random_state": 0}
    for monitor, best in (("val_log_loss", np.argmin), ("val_f1_macro", np.argmax), ("loss", np.argmin)):
        metrics = [] if monitor == "loss" else [monitor.removeprefix("val_")]
        model = CLASSIFIER(metrics=metrics, monitor=monitor, **how).fit(X, y)
        assert model.best_iter_ == best(model.history_[monitor]) + 1
        assert model.stop_reason_ == "early_stopping"
    expected = np.asarray(model.validation_scores_)
    np.testing.assert_array_equal(-expected, model.history_["loss"])


def test_a_target_ends_training(blobs):
    X, y = blobs
    model = CLASSIFIER(target=("loss", 0.5), learning_rate_init=0.01, random_state=0).fit(X, y)
    assert model.stop_reason_ == "target"
    assert model.history_["loss"][-1] <= 0.5 < model.history_["loss"][-2]


def test_metrics_are_recorded(blobs):
    X, y = blobs
    model = CLASSIFIER(metrics=["balanced_accuracy"], max_iter=3).fit(X, y, validation_data=(X, y))
    assert len(model.history_["val_balanced_accuracy"]) == 3
    assert model.validation_scores_ is None


def test_groups_are_not_torn_apart(rng):
    """Rows of a group are alike, and labels are of groups: only whole groups tell how well others are known."""
    groups = np.repeat(np.arange(20), 10)
    X = rng.normal(size=(20, 5))[groups]
    y = rng.integers(0, 2, 20)[groups]
    model = CLASSIFIER(early_stopping=True, validation_fraction=0.3, max_iter=5, random_state=0)
    model.fit(X, y, validation_groups=groups)
    rows, held = model.network_._split
    assert not set(groups[rows]) & set(groups[held])
    assert (len(held), model.t_ % 140) == (60, 0)
    recorded = CLASSIFIER(max_iter=2).fit(X, y, validation_groups=groups)
    assert len(recorded.history_["val_loss"]) == 2
    assert recorded.stop_reason_ == "max_iter"
    with pytest.raises(ValueError, match="validation_groups must be None when validation_data is given"):
        CLASSIFIER().fit(X, y, validation_groups=groups, validation_data=(X, y))


class Ends(Callback):
    def __init__(self):
        self.seen = []

    def on_train_begin(self, net):
        self.seen.append("begin")

    def on_epoch_end(self, net, epoch, history):
        self.seen.append(epoch)

    def on_train_end(self, net):
        self.seen.append("end")


def test_callbacks_are_told_of_begin_and_end(blobs):
    ends = Ends()
    CLASSIFIER(callbacks=[ends], max_iter=2).fit(*blobs)
    assert ends.seen == ["begin", 1, 2, "end"]


# ---- tables and sparse rows


def table(rng, m=120):
    size, colour = rng.normal(size=m), rng.choice(["red", "green", "blue"], m)
    y = np.where((colour == "red") ^ (size > 0), "yes", "no")
    X = np.empty((m, 2), object)
    X[:, 0], X[:, 1] = size, colour
    X[::10, 0] = np.nan
    return X, y


@pytest.mark.parametrize("how", [{}, {"early_stopping": True}, {"solver": "lbfgs", "dtype": "float64"}])
def test_tables_of_categories(rng, how):
    X, y = table(rng)
    model = CLASSIFIER(
        categorical_features="auto",
        standardize=True,
        learning_rate_init=0.02,
        n_iter_no_change=50,
        random_state=0,
        **how,
    ).fit(X, y)
    assert model.n_features_in_ == 2
    assert next(W.shape[0] for W in model.coefs_) == 5  # a number, whether it is missing, three colours
    assert model.score(X, y) > 0.85
    unknown = model.predict_proba(np.array([[0.1, "purple"]], object))
    assert np.isfinite(unknown).all()
    with pytest.raises(ValueError, match="X has 1 features, but MLPClassifier is expecting 2"):
        model.predict(X[:, :1])


def test_values_of_tables(rng):
    X, y = table(rng)
    model = REGRESSOR(categorical_features=[1], min_frequency=3, max_iter=3).fit(X, y == "yes")
    assert model.predict(X).dtype == np.float64


@BOTH
@pytest.mark.parametrize(
    "how", [{}, {"early_stopping": True}, {"solver": "lbfgs", "max_iter": 5}, {"standardize": True}]
)
def test_sparse_rows_are_the_full_ones(estimator, how, rng):
    X = rng.normal(size=(100, 6)) * (rng.random((100, 6)) < 0.3)
    y = (X.sum(axis=1) > 0).astype(int)
    how = {"max_iter": 4, "random_state": 0, "dtype": "float64", **how}
    full, compressed = estimator(**how).fit(X, y), estimator(**how).fit(sparse(X), y)
    for a, b in zip(flat(full), flat(compressed), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)
    np.testing.assert_allclose(full.predict(X), compressed.predict(sparse(X)), atol=1e-9)
    assert compressed.n_features_in_ == 6
    if estimator is REGRESSOR:
        assert full.predict(sparse(X.astype(np.float32))).dtype == np.float32


# ---- how sure


def test_sets_hold_the_true_class(rng):
    X, y = three_blobs(rng)
    model = CLASSIFIER(max_iter=30, random_state=0).fit(X[:60], y[:60])
    assert model.calibrate(X[60:], y[60:]).network_.temperature_ != 1.0
    sets = model.calibrate_intervals(X[60:], y[60:]).predict_set(X[60:], 0.9)
    assert sets.shape == (60, 3)
    assert sets[np.arange(60), y[60:]].mean() >= 0.9
    with pytest.raises(ValueError, match="call calibrate_intervals"):
        CLASSIFIER(max_iter=1).fit(X, y).predict_set(X)


def test_intervals_hold_the_true_value(rng):
    X = rng.normal(size=(200, 2))
    y = X[:, 0] + rng.normal(size=200)
    model = REGRESSOR(max_iter=20, random_state=0).fit(X[:100], y[:100])
    lower, upper = model.calibrate_intervals(X[100:], y[100:]).predict_interval(X[100:], 0.8)
    assert ((lower <= y[100:]) & (y[100:] <= upper)).mean() >= 0.8
    with pytest.raises(cnn.NotFittedError):
        REGRESSOR().predict_interval(X)


def test_tables_have_intervals_and_sets(rng):
    X, y = table(rng)
    how = {"categorical_features": "auto", "max_iter": 5, "random_state": 0}
    values = REGRESSOR(**how).fit(X[:60], y[:60] == "yes").calibrate_intervals(X[60:], y[60:] == "yes")
    lower, upper = values.predict_interval(X[60:], 0.8)
    assert ((lower <= (y[60:] == "yes")) & ((y[60:] == "yes") <= upper)).mean() >= 0.8
    classes = (
        CLASSIFIER(**how).fit(X[:60], y[:60]).calibrate(X[60:], y[60:]).calibrate_intervals(X[60:], y[60:])
    )
    assert classes.predict_set(X[60:], 0.8)[np.arange(60), (y[60:] == "yes").astype(int)].mean() >= 0.8


# ---- documented


@BOTH
def test_every_parameter_is_documented(estimator):
    listed = inspect.getdoc(estimator).split("Attributes\n")[0]  # since 3.13 __doc__ has no indentation
    missing = [
        name for name in estimator().get_params() if f"\n{name}" not in listed and f", {name}" not in listed
    ]
    assert not missing
