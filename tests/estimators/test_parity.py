"""Powers that the estimators share with Network, and what scikit-learn does with its estimators."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import schedules
from compiled_nn.training.averaging import SWA
from estimators import BOTH, CLASSIFIER, REGRESSOR, flat, three_blobs

SMALL = {"hidden_layer_sizes": (5, 4), "max_iter": 4, "random_state": 0}


@pytest.fixture
def blobs(rng):
    return three_blobs(rng)


def values_of(X):
    return 2 * X[:, 0] - X[:, 1]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(flat(one), flat(other), strict=True))


def by_network(model, X, y, **options):
    """Return a Network with the initial weights of an estimator, trained on rows that are not shuffled."""
    parameters = {"optimizer": model.network_.optimizer, "loss": model.network_.loss_function}
    net = cnn.Network(model.network_.layers, **parameters)
    start = type(model)(**model.get_params() | {"max_iter": 0, "averaging": None}).fit(X, y)
    net.set_weights(start.network_.get_weights())
    return net.fit(X, y, epochs=model.max_iter, shuffle=False, **options)


# ---- batches and steps


@pytest.mark.parametrize(
    ("parameters", "options"),
    [
        ({"batch_size": "full"}, {"batch_size": "full"}),
        ({"batch_size": None}, {"batch_size": None}),
        ({"n_batches": 7}, {"n_batches": 7}),
        ({"batch_size": 25, "drop_last": True}, {"batch_size": 25, "drop_last": True}),
        ({"batch_size": 7, "accumulate": 3}, {"batch_size": 7, "accumulate": 3}),
        ({"batch_size": 30, "averaging": SWA(2)}, {"batch_size": 30, "averaging": SWA(2)}),
        ({"batch_size": 30, "layer_rates": [0.0, 1.0, 0.5]}, {"batch_size": 30}),
    ],
)
@BOTH
def test_training_has_the_bits_of_a_network(estimator, parameters, options, blobs):
    X, y = blobs
    y = values_of(X) if estimator is REGRESSOR else y
    model = estimator(**SMALL, **parameters, alpha=0.0, shuffle=False).fit(X, y)
    net = by_network(model, X, y, **options)
    for (W, b), V, c in zip(net.get_weights(), model.coefs_, model.intercepts_, strict=True):
        assert np.array_equal(W, V)
        assert np.array_equal(b, c)
    assert model.loss_curve_ == pytest.approx(net.history["loss"], rel=1e-12)


@BOTH
def test_the_reported_loss_counts_the_rows_that_were_used(estimator, blobs):
    X, y = blobs
    whole = estimator(**SMALL, batch_size=50, drop_last=True).fit(X, y)
    assert whole.t_ == 4 * 100
    assert estimator(**SMALL, batch_size=50).fit(X, y).t_ == 4 * 120


@BOTH
def test_a_layer_is_frozen_later(estimator, blobs):
    X, y = blobs
    model = estimator(**SMALL, warm_start=True).fit(X, y)
    before = [array.copy() for array in flat(model)]
    model.set_params(layer_rates=[0, 0, 1]).fit(X, y)
    changed = [not np.array_equal(a, b) for a, b in zip(before, flat(model), strict=True)]
    assert changed == [False] * 4 + [True] * 2
    with pytest.raises(
        ValueError, match="layer_rates has 2 entries; with the last layer the network has 3 layers"
    ):
        model.set_params(layer_rates=[0, 1]).fit(X, y)


def test_a_warm_start_continues_from_the_last_weights_rather_than_their_mean(blobs):
    X, y = blobs
    plain = CLASSIFIER(**SMALL, warm_start=True).fit(X, y)
    averaged = CLASSIFIER(**SMALL, warm_start=True, averaging=SWA(0)).fit(X, y)
    assert not same(plain, averaged)
    assert same(plain.fit(X, y), averaged.set_params(averaging=None).fit(X, y))


@BOTH
def test_averaging_and_the_best_weights_exclude_each_other(estimator, blobs):
    X, y = blobs
    model = estimator(**SMALL, averaging=SWA(0), early_stopping=True)
    with pytest.raises(ValueError, match="both set the final weights"):
        model.fit(X, y)
    assert model.set_params(restore_best=False).fit(X, y).n_iter_ == 4


# ---- initial weights


@BOTH
def test_given_initial_weights(estimator, blobs):
    X, y = blobs
    source = estimator(**SMALL).fit(X, y)
    given = {"coefs_init": source.coefs_, "intercepts_init": source.intercepts_}
    model = estimator(**SMALL | {"max_iter": 0}, **given).fit(X, y)
    assert same(model, source)
    assert (model.n_iter_, model.stop_reason_, model.loss_curve_, model.best_loss_) == (
        0,
        "max_iter",
        [],
        None,
    )
    assert np.isnan(model.loss_)
    assert np.array_equal(model.predict(X), source.predict(X))
    lbfgs = estimator(**SMALL | {"max_iter": 0}, **given, solver="lbfgs").fit(X, y)
    assert same(lbfgs, source)
    with pytest.raises(ValueError, match=r"coefs_init\[1\] has shape \(4, 5\); the layer needs \(5, 4\)"):
        estimator(**SMALL, coefs_init=[W.T if i == 1 else W for i, W in enumerate(source.coefs_)]).fit(X, y)
    with pytest.raises(ValueError, match="intercepts_init has 1 array; the network has 3 layers"):
        estimator(**SMALL, intercepts_init=source.intercepts_[:1]).fit(X, y)


@BOTH
def test_a_model_without_epochs_is_saved(estimator, blobs, tmp_path):
    X, y = blobs
    model = estimator(**SMALL | {"max_iter": 0}).fit(X, y)
    model.save(tmp_path / "m.safetensors")
    loaded = estimator.load(tmp_path / "m.safetensors")
    assert np.array_equal(loaded.predict(X), model.predict(X))
    assert np.isnan(loaded.loss_)


@BOTH
def test_an_initialiser_for_each_layer(estimator, blobs):
    X, y = blobs
    model = estimator(**SMALL | {"max_iter": 0}, init=["zeros", None, cnn.Normal(0.001)]).fit(X, y)
    assert not model.coefs_[0].any()
    assert abs(model.coefs_[1]).max() > 0.1
    assert 0 < abs(model.coefs_[2]).max() < 0.01
    with pytest.raises(ValueError, match="init has 2 entries"):
        estimator(**SMALL, init=["zeros", "zeros"]).fit(X, y)


# ---- inputs


@BOTH
def test_input_scale(estimator, blobs):
    X, y = blobs
    inside = estimator(**SMALL, dtype="float64", input_scale=0.125).fit(8 * X, y)
    assert np.array_equal(inside.predict(8 * X), estimator(**SMALL, dtype="float64").fit(X, y).predict(X))


@BOTH
def test_embeddings(estimator, rng):
    X = np.empty((90, 2), dtype=object)
    X[:, 0], X[:, 1] = rng.choice(["red", "green", "blue"], 90), rng.normal(size=90)
    y = (X[:, 0] == "red").astype(int)
    how = {"categorical_features": "auto", "embeddings": 2, "learning_rate_init": 0.05, "max_iter": 60}
    model = estimator(**SMALL | how).fit(X, y)
    assert model.network_.embeddings_[0].shape == (3, 2)
    assert [W.shape for W in model.coefs_] == [(4, 3), (3, 5), (5, 4), (4, 1)]
    assert model.score(X, y) > 0.9
    again = estimator(**SMALL | how, warm_start=True).fit(X, y).fit(X, y)
    assert again.score(X, y) > 0.9


# ---- optimizers by name, and changes after construction


def test_the_rate_of_a_named_optimizer(blobs):
    """Three rates of a search give three different models."""
    X, y = blobs
    for name in cnn.optimizers.OPTIMIZERS:
        rates = (1e-4, 1e-3, 1e-2)
        models = [CLASSIFIER(**SMALL, optimizer=name, learning_rate_init=rate).fit(X, y) for rate in rates]
        assert [model.network_.optimizer.learning_rate for model in models] == list(rates)
        assert len({model.loss_ for model in models}) == 3


def test_hyperparameters_of_a_named_optimizer(blobs):
    X, y = blobs
    model = REGRESSOR(**SMALL, optimizer="adamw", beta_1=0.8, weight_decay=0.5, epsilon=1e-3).fit(X, y)
    assert model.network_.optimizer == cnn.AdamW(1e-3, 0.8, 0.999, 1e-3, 0.5)
    assert REGRESSOR(**SMALL, optimizer="lion").fit(X, y).network_.optimizer == cnn.optimizers.Lion(1e-3)
    with pytest.raises(
        ValueError, match=r"momentum=0.5 has no effect with optimizer='adamw', which has no such"
    ):
        REGRESSOR(optimizer="adamw", momentum=0.5).fit(X, y)
    with pytest.raises(
        ValueError, match=r"learning_rate_init=0.5 has no effect with optimizer=Adam\(.*: pass it to"
    ):
        REGRESSOR(optimizer=cnn.Adam(), learning_rate_init=0.5).fit(X, y)
    with pytest.raises(ValueError, match=r"learning_rate_init=0\.5 has no effect with a schedule"):
        REGRESSOR(schedule=schedules.Step(0.1, every=2), learning_rate_init=0.5).fit(X, y)


def test_partial_fit_takes_a_new_optimizer(blobs):
    X, y = blobs
    model = CLASSIFIER(**SMALL).partial_fit(X, y, classes=[0, 1, 2])
    model.partial_fit(X, y)
    model.set_params(learning_rate_init=0.1).partial_fit(X, y)
    assert model.network_.optimizer.learning_rate == 0.1
    model.set_params(optimizer=cnn.RMSprop(0.01), learning_rate_init=0.001).partial_fit(X, y)
    assert model.network_.optimizer == cnn.RMSprop(0.01)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dtype": "float64"}, "dtype is 'float64'; the fitted network has 'float32'"),
        ({"standardize": True}, "standardize is True; the fitted network has False"),
        ({"scale_targets": True}, "scale_targets is True; the fitted network has False"),
        ({"input_scale": 2.0}, "input_scale is 2.0"),
        ({"loss": "poisson"}, "whose outputs have another meaning"),
        ({"use_bias": False}, "use_bias is False"),
        ({"init": "zeros"}, "init has changed since the initial weights were drawn"),
        ({"hidden_layer_sizes": (5, 5)}, r"hidden_layer_sizes is \[5, 5\]"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_what_a_fitted_network_cannot_take_is_refused(method, change, words, blobs):
    X, y = blobs
    model = REGRESSOR(**SMALL, warm_start=True).fit(X, y)
    before = [array.copy() for array in flat(model)]
    with pytest.raises(ValueError, match=words):
        getattr(model.set_params(**change), method)(X, y)
    assert all(np.array_equal(a, b) for a, b in zip(before, flat(model), strict=True))


def test_a_loss_of_the_same_outputs_is_applied(blobs):
    X, _ = blobs
    y = values_of(X)
    model = REGRESSOR(**SMALL, warm_start=True).fit(X, y)
    model.set_params(loss="mae", max_iter=300, learning_rate_init=0.01).fit(X, y)
    assert model.network_.loss_function.name == "mae"
    assert model.network_.loss(X, y) == pytest.approx(cnn.metrics.mae(y, model.predict(X)), rel=1e-5)


def test_changes_after_loading_are_applied(blobs, tmp_path):
    X, y = blobs
    CLASSIFIER(**SMALL).fit(X, y).save(tmp_path / "m.safetensors")
    model = CLASSIFIER.load(tmp_path / "m.safetensors").set_params(learning_rate_init=0.1)
    assert model.partial_fit(X, y).network_.optimizer.learning_rate == 0.1


# ---- outputs


@pytest.mark.parametrize("loss", ["focal", "softmax_cross_entropy", "log_loss"])
def test_one_decision_value_for_two_classes(loss, blobs):
    X, y = blobs
    model = CLASSIFIER(**SMALL, loss=loss, dtype="float64").fit(X, y > 0)
    decision = model.decision_function(X)
    assert decision.shape == (120,)
    np.testing.assert_allclose(1 / (1 + np.exp(-decision)), model.predict_proba(X)[:, 1], rtol=1e-9)
    assert ((decision > 0) == model.predict(X)).all()
    assert CLASSIFIER(**SMALL, loss=loss).fit(X, y).decision_function(X).shape == (120, 3)


def test_the_ordinal_loss_has_no_decision_function(blobs):
    X, y = blobs
    for model in (CLASSIFIER(loss="ordinal"), CLASSIFIER(**SMALL, loss=cnn.losses.Ordinal()).fit(X, y)):
        with pytest.raises(AttributeError, match="Use predict_proba"):
            _ = model.decision_function
    assert callable(CLASSIFIER().decision_function)


def test_scikit_learn_uses_these_outputs(blobs):
    pytest.importorskip("sklearn")
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.model_selection import cross_val_score

    X, _ = blobs
    grades = np.digitize(X[:, 0], [0.0, 1.0, 3.0])
    calibrated = CalibratedClassifierCV(
        CLASSIFIER(loss="ordinal", max_iter=150, learning_rate_init=0.01, random_state=0)
    )
    predicted = calibrated.fit(X, grades).predict(X)
    assert set(predicted) == set(grades)
    assert (predicted == grades).mean() > 0.8
    for loss in ("focal", "softmax_cross_entropy"):
        model = CLASSIFIER(loss=loss, max_iter=30, learning_rate_init=0.01, random_state=0)
        assert (cross_val_score(model, X, X[:, 0] > 1, scoring="roc_auc", cv=3) > 0.9).all()


def test_one_class_has_metrics_of_certainty(rng):
    X = rng.normal(size=(60, 3))
    for loss in ("log_loss", "focal"):
        model = CLASSIFIER(
            loss=loss, max_iter=2, early_stopping=True, metrics=["log_loss", "brier", "balanced_accuracy"]
        ).fit(X, ["a"] * 60)
        assert model.history_["val_score"] == model.history_["val_balanced_accuracy"] == [1.0, 1.0]
        assert max(model.history_["val_log_loss"] + model.history_["val_brier"]) < 1e-6  # that of float32
        assert (model.predict(X) == "a").all()


@BOTH
def test_a_monitored_value_that_is_never_a_number_ends_training(estimator, blobs):
    X, y = blobs

    def unknown(y, predicted):
        return float("nan")

    model = estimator(early_stopping=True, metrics=[unknown], monitor="val_unknown", n_iter_no_change=3)
    with pytest.warns(
        cnn.CompiledNNWarning, match="'val_unknown' was NaN in each epoch; the last weights are kept"
    ):
        model.fit(X, y)
    assert (model.n_iter_, model.stop_reason_, model.best_iter_) == (4, "early_stopping", 0)
    assert np.isnan(model.best_validation_score_)


# ---- labels and rows that scikit-learn takes


@pytest.mark.parametrize("form", ["csr_matrix", "csc_array", "coo_matrix"])
def test_sparse_labels(form, rng):
    sparse = pytest.importorskip("scipy.sparse")
    X, y = rng.normal(size=(60, 3)), (rng.random((60, 4)) < 0.4).astype(int)
    full = CLASSIFIER(**SMALL).fit(X, y)
    model = CLASSIFIER(**SMALL).fit(X, getattr(sparse, form)(y))
    assert (model.predict(X) == full.predict(X)).all()
    assert model.score(X, getattr(sparse, form)(y)) == full.score(X, y)


@BOTH
def test_numbers_written_as_text(estimator, blobs):
    X, y = blobs
    wanted = estimator(**SMALL).fit(X, y).predict(X)
    for table in (X.astype(str), X.astype(str).astype(object), X.astype(str).tolist()):
        model = estimator(**SMALL).fit(table, y)
        assert (model.predict(table) == wanted).all()
        assert (model.predict(X) == wanted).all()
    with pytest.raises((TypeError, ValueError), match=r"text|real numbers"):
        estimator(**SMALL).fit([["1", "a"]] * 120, y)


@BOTH
@pytest.mark.parametrize("batch_size", ["auto", 50])
def test_a_random_state_moves_as_in_scikit_learn(estimator, batch_size, blobs):
    neural_network = pytest.importorskip("sklearn.neural_network")
    X, y = blobs
    y = y > 0  # with more classes scikit-learn does not stratify the validation rows
    ours, theirs = np.random.RandomState(3), np.random.RandomState(3)
    how = {**SMALL, "batch_size": batch_size}
    for early_stopping in (False, True):
        how["early_stopping"] = early_stopping
        for _ in range(2):
            model = estimator(**how | {"random_state": ours}, dtype="float64").fit(X, y)
            kind = getattr(neural_network, estimator.__name__)
            wanted = kind(**how | {"random_state": theirs})
            with np.errstate(all="ignore"), pytest.warns(UserWarning, match="Maximum iterations"):
                wanted.fit(X, y)
            for a, b in zip(flat(model), flat(wanted), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)
    assert ours.randint(1 << 30) == theirs.randint(1 << 30)
