"""Estimators on sharded rows: the fitted estimator is the one that fit on the joined rows gives."""

import copy
import itertools
import pickle
import warnings

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.callbacks import Callback, Checkpoint
from compiled_nn.common.errors import CompiledNNWarning, DivergenceError
from estimators import flat

# Steps of both ways are sums of the same products in another order, whose last bits training carries on.
PER_STEP = 1e-12
EXACT = {"dtype": "float64", "shuffle": False, "random_state": 0, "max_iter": 6, "hidden_layer_sizes": (7,)}


def sharded(X, y, cuts=(), n_shards=1, weights=None, **options):
    """Return the rows in parts that end at `cuts`."""
    bounds = [0, *cuts, len(y)]
    slices = [slice(a, b) for a, b in itertools.pairwise(bounds)]
    take = (lambda s: X.iloc[s]) if hasattr(X, "iloc") else lambda s: X[s]
    parts = [(take(s), y[s]) if weights is None else (take(s), y[s], weights[s]) for s in slices]
    return cnn.distributed.ShardedRows(parts, n_shards=n_shards, **options)


def of_mode(mode):
    return {"mode": mode} if mode == "synchronous" else {"mode": mode, "steps_per_average": 2}


MODES = pytest.mark.parametrize("mode", ["synchronous", "averaging"])


@pytest.fixture
def blobs(rng):
    y = rng.permutation(np.repeat([0, 1, 2], [20, 60, 40]))
    X = rng.normal(size=(120, 3)) + np.array([[0, 0, 3], [0, 3, 0], [3, 0, 0]])[y]
    return X, np.array(["ant", "bee", "cat"])[y]


@pytest.fixture
def values(rng):
    X = rng.normal(size=(90, 4))
    return X, 5 + 3 * X[:, 0] - X[:, 1] ** 2


def assert_equal(model, other, n_steps):
    for a, b in zip(flat(model), flat(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=PER_STEP * n_steps)
    np.testing.assert_allclose(model.loss_curve_, other.loss_curve_, rtol=PER_STEP * n_steps)
    for name in (
        "n_iter_",
        "t_",
        "best_iter_",
        "n_features_in_",
        "n_layers_",
        "n_outputs_",
        "out_activation_",
    ):
        assert getattr(model, name) == getattr(other, name), name
    assert model.stop_reason_ == other.stop_reason_
    assert model.history_["epoch"] == other.history_["epoch"]


# ---- one shard gives what fit gives


@MODES
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 1, "max_iter": 12},
        {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
        {"batch_size": 30, "standardize": True, "class_weight": "balanced"},
        {"batch_size": 24, "alpha": 1.0, "l1": 0.01, "ema": 0.9},
        {"averaging": cnn.SWA(0.5), "norm": "layer"},
        {"n_batches": 5, "label_smoothing": 0.1, "clip_norm": 0.5, "weight_decay": 0.1},
    ],
    ids=str,
)
def test_one_shard_follows_fit(blobs, mode, parameters):
    X, y = blobs
    model = cnn.MLPClassifier(**EXACT | parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # with `tol`, both warn that they did not converge
        plain = copy.deepcopy(model).fit(X, y)
        model.fit(sharded(X, y, (50, 51, 100), **of_mode(mode)))
    assert_equal(model, plain, 12 * 5)
    assert model.classes_.tolist() == plain.classes_.tolist() == ["ant", "bee", "cat"]
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))


@MODES
def test_a_regressor_follows_fit(values, mode):
    X, y = values
    model = cnn.MLPRegressor(**EXACT, scale_targets=True, standardize=True, batch_size=18)
    plain = copy.deepcopy(model).fit(X, y)
    model.fit(sharded(X, y, (30, 60), **of_mode(mode)))
    assert_equal(model, plain, 6 * 5)
    np.testing.assert_allclose(model.predict(X), plain.predict(X), rtol=1e-9)
    assert model.predict(X).dtype == y.dtype
    both = np.stack([y, -y], axis=1)
    assert model.fit(sharded(X, both, (30,))).predict(X).shape == (90, 2)


@MODES
def test_weights_in_parts_are_sample_weights(blobs, rng, mode):
    X, y = blobs
    weights = rng.uniform(0, 2, len(y))
    model = cnn.MLPClassifier(**EXACT, batch_size=30, class_weight={"ant": 3.0}, standardize=True)
    plain = copy.deepcopy(model).fit(X, y, weights)
    model.fit(sharded(X, y, (60,), weights=weights, **of_mode(mode)))
    assert_equal(model, plain, 6 * 4)


def test_labels_of_several_columns(rng):
    X = rng.normal(size=(60, 3))
    Y = (X > 0).astype(int)
    model = cnn.MLPClassifier(**EXACT)
    plain = copy.deepcopy(model).fit(X, Y)
    model.fit(sharded(X, Y, (20, 40), mode="synchronous"))
    assert_equal(model, plain, 6)
    assert model.predict(X).dtype == plain.predict(X).dtype


# ---- several shards


class Initial(Callback):
    """Callback that keeps the initial weights."""

    def on_train_begin(self, net):
        self.weights = net.get_weights()


@MODES
@pytest.mark.parametrize(
    "parameters",
    [{}, {"standardize": True}, {"numeric_embeddings": "piecewise_linear", "standardize": True}],
    ids=str,
)
def test_initial_weights_are_those_of_one_machine(blobs, mode, parameters):
    X, y = blobs
    found = []
    for rows in ((X, y), (sharded(X, y, (30, 60, 90), n_shards=3, **of_mode(mode)),)):
        initial = Initial()
        cnn.MLPClassifier(random_state=3, max_iter=1, callbacks=[initial], **parameters).fit(*rows)
        found.append(initial.weights)
    for (W, b), (V, c) in zip(*found, strict=True):
        np.testing.assert_array_equal(W, V)
        np.testing.assert_array_equal(b, c)


@MODES
def test_several_shards_learn(blobs, mode):
    X, y = blobs
    model = cnn.MLPClassifier(random_state=0, max_iter=60, batch_size=10, learning_rate_init=0.01)
    model.fit(sharded(X, y, (30, 60, 90), n_shards=3, **of_mode(mode)))
    assert model.score(X, y) > 0.9
    again = copy.deepcopy(model).fit(sharded(X, y, (30, 60, 90), n_shards=3, **of_mode(mode)))
    for a, b in zip(flat(model), flat(again), strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.t_ == 60 * 120


def test_tables_of_which_each_part_lacks_a_category(rng):
    pandas = pytest.importorskip("pandas")
    city = np.repeat(["Ulm", "Bonn", "Kiel"], 20)
    X = pandas.DataFrame({"city": city, "size": rng.normal(size=60)})
    y = np.where(city == "Bonn", 1.0, 0.0) + X["size"].to_numpy()
    model = cnn.MLPRegressor(categorical_features="auto", **EXACT)
    plain = copy.deepcopy(model).fit(X, y)
    model.fit(sharded(X, y, (20, 40), mode="synchronous"))
    assert_equal(model, plain, 6)
    assert model.feature_names_in_.tolist() == ["city", "size"]
    assert np.isfinite(model.predict(X.iloc[[0, 25, 50]])).all()


# ---- validation and the end of training


@MODES
def test_early_stopping_validates_rows_of_all_parts(blobs, mode):
    X, y = blobs
    model = cnn.MLPClassifier(
        random_state=0, early_stopping=True, validation_fraction=0.25, max_iter=40, metrics=["f1_macro"],
        n_iter_no_change=4, tol=0.01, learning_rate_init=0.02, batch_size=10,
    )  # fmt: skip
    rows = sharded(X, y, (40, 80), n_shards=2, **of_mode(mode))
    learn = rows.learn

    def kept(request):
        rows.learned = learn(request)
        return rows.learned

    rows.learn = kept
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it may reach max_iter
        model.fit(rows)
    assert len(model.validation_scores_) == model.n_iter_ == len(model.history_["val_f1_macro"])
    assert model.best_validation_score_ == max(model.validation_scores_) > 0.8
    assert model.network_.best_epoch_ == model.best_iter_
    assert model.best_loss_ is None
    assert model.t_ == model.n_iter_ * 90, "a quarter of each part is held out"
    held_out = rows.learned.held_out
    assert model.score(held_out.X, model.classes_[held_out.y]) == model.best_validation_score_


@MODES
def test_validation_data_are_scored_as_by_score(blobs, mode):
    X, y = blobs
    model = cnn.MLPClassifier(random_state=0, max_iter=5, metrics=["log_loss"])
    model.fit(sharded(X[:80], y[:80], (40,), **of_mode(mode)), validation_data=(X[80:], y[80:]))
    assert model.history_["val_score"][-1] == model.score(X[80:], y[80:])
    assert len(model.history_["val_log_loss"]) == 5
    stopping = cnn.MLPClassifier(random_state=0, max_iter=30, early_stopping=True, target=("val_score", 0.7))
    stopping.fit(sharded(X[:80], y[:80], (40,), **of_mode(mode)), validation_data=(X[80:], y[80:]))
    assert stopping.stop_reason_ == "target"
    assert stopping.best_validation_score_ >= 0.7


def test_warnings_of_fit(blobs):
    X, y = blobs
    with pytest.warns(CompiledNNWarning, match="less than 1 or larger than sample size"):
        cnn.MLPClassifier(batch_size=1000, max_iter=1).fit(sharded(X, y, (60,)))
    with pytest.warns(UserWarning, match=r"Maximum iterations \(2\) reached"):
        cnn.MLPClassifier(tol=1e-9, max_iter=2).fit(sharded(X, y, (60,)))


def test_an_interrupt_ends_training_or_is_raised(blobs):
    X, y = blobs

    def interrupt(net, epoch, history):
        if epoch == 2:
            raise KeyboardInterrupt

    model = cnn.MLPClassifier(max_iter=9, callbacks=[interrupt], random_state=0)
    with pytest.warns(CompiledNNWarning, match="interrupted by user"):
        model.fit(sharded(X, y, (60,)))
    assert (model.stop_reason_, model.n_iter_) == ("interrupted", 1)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(on_interrupt="raise").fit(sharded(X, y, (60,)))


# ---- the estimator afterwards


@MODES
def test_a_warm_start_goes_on(blobs, mode):
    X, y = blobs
    model = cnn.MLPClassifier(**EXACT | {"max_iter": 3}, batch_size=30, standardize=True, warm_start=True)
    plain = copy.deepcopy(model).fit(X, y).set_params(alpha=0.1).fit(X, y)
    rows = sharded(X, y, (70,), **of_mode(mode))
    model.fit(rows).set_params(alpha=0.1).fit(rows)
    assert_equal(model, plain, 6 * 5)
    model.fit(X, y)
    assert_equal(model, plain.fit(X, y), 9 * 5)
    assert_equal(model.fit(rows), plain.fit(X, y), 12 * 5)
    with pytest.raises(ValueError, match="same classes as in the previous call"):
        model.fit(sharded(X[y != "ant"], y[y != "ant"], (40,)))
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        model.set_params(hidden_layer_sizes=(3,)).fit(rows)


def test_the_estimator_is_a_plain_one(blobs, tmp_path):
    X, y = blobs
    path = tmp_path / "model.safetensors"
    checkpoint = Checkpoint(tmp_path / "model.ckpt.safetensors")
    model = cnn.MLPClassifier(random_state=0, max_iter=3, callbacks=[checkpoint])
    model.fit(sharded(X, y, (60,), mode="synchronous"))
    model.set_params(callbacks=None).save(path)
    expected = model.predict_proba(X)
    for other in (
        pickle.loads(pickle.dumps(model)),
        cnn.MLPClassifier.load(path),
        cnn.MLPClassifier.load(checkpoint.path),
    ):
        np.testing.assert_array_equal(other.predict_proba(X), expected)
        assert other.loss_curve_ == pytest.approx(model.loss_curve_)
        assert other.partial_fit(X, y).t_ == 4 * 120
    assert "Sharded" not in repr(vars(model)), "nothing of the rows is kept"
    clone = pytest.importorskip("sklearn.base").clone(model)
    assert not hasattr(clone, "network_")
    assert clone.get_params() == model.get_params()


def test_the_rows_of_a_random_state_are_drawn_from_it(blobs):
    X, y = blobs
    state = np.random.RandomState(0)
    models = [
        cnn.MLPClassifier(max_iter=1, random_state=state, early_stopping=True, batch_size=10)
        for _ in range(2)
    ]
    first, second = (flat(model.fit(sharded(X, y, (60,), mode="synchronous"))) for model in models)
    assert not np.array_equal(first[0], second[0])


# ---- refusals


@pytest.mark.parametrize(
    ("parameters", "arguments", "message"),
    [
        ({}, {"sample_weight": np.ones(120)}, "sample_weight is given, but X is ShardedRows"),
        ({}, {"validation_groups": np.zeros(120)}, "validation_groups needs X and y in memory"),
        ({}, {"y": np.zeros(120)}, "y is given, but X is ShardedRows"),
        ({"solver": "lbfgs"}, {}, "solver='lbfgs' needs X and y in memory"),
        ({"norm": "batch"}, {}, "normalises over the rows of a batch"),
        ({"metrics": ["f1"]}, {}, "metrics are computed on validation rows"),
        ({"activation": "Relu"}, {}, "activation"),
    ],
    ids=str,
)
def test_refusals(blobs, parameters, arguments, message):
    X, y = blobs
    model = cnn.MLPClassifier(**parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(sharded(X, y, (60,), mode="synchronous"), **arguments)
    assert not hasattr(model, "network_")


def test_partial_fit_is_refused(blobs):
    X, y = blobs
    model = cnn.MLPClassifier().fit(X, y)
    with pytest.raises(ValueError, match="partial_fit takes X and y in memory"):
        model.partial_fit(sharded(X, y, (60,)), None)


def test_arrays_still_need_y(blobs):
    with pytest.raises(ValueError, match="requires y to be passed"):
        cnn.MLPClassifier().fit(blobs[0])


@pytest.mark.parametrize("part", [0, 1])
def test_a_failed_fit_changes_nothing(blobs, part):
    X, y = blobs
    model = cnn.MLPClassifier(random_state=0, max_iter=2).fit(X, y)
    before = model.predict_proba(X)
    bad = X.copy()
    bad[70 * part, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        model.fit(sharded(bad, y, (60,)))
    np.testing.assert_array_equal(model.predict_proba(X), before)
    with pytest.raises(ValueError, match="continuous"):
        model.fit(sharded(X, X[:, 0], (60,)))
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_a_single_class_and_a_time_limit(blobs):
    X, _ = blobs
    model = cnn.MLPClassifier(max_iter=2, warm_start=True).fit(sharded(X, np.full(120, "ant"), (60,)))
    assert set(model.fit(sharded(X, np.full(120, "ant"), (60,))).predict(X)) == {"ant"}
    limited = cnn.MLPRegressor(max_iter=10**6, time_limit=0.2, tol=0.0, n_iter_no_change=10**6)
    assert limited.fit(sharded(X, X[:, 0], (60,))).stop_reason_ == "time_limit"


@MODES
def test_images_and_names_of_columns(blobs, mode):
    pandas = pytest.importorskip("pandas")
    X, y = blobs
    model = cnn.MLPClassifier(**EXACT)
    images = X.reshape(120, 1, 3)
    np.testing.assert_array_equal(
        copy.deepcopy(model).fit(sharded(images, y, (60,), **of_mode(mode))).predict(images),
        copy.deepcopy(model).fit(images, y).predict(images),
    )
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    fitted = copy.deepcopy(model).fit(sharded(frame, y, (60,), **of_mode(mode)))
    assert fitted.feature_names_in_.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="same order as they were in fit"):
        fitted.predict(frame[["b", "a", "c"]])
    # Names that are numbers are no names: columns are taken by position.
    numbered = frame.set_axis([2, 0, 1], axis=1)
    fitted = copy.deepcopy(model).fit(sharded(numbered, y, (60,), **of_mode(mode)))
    assert_equal(fitted, model.fit(X, y), 6)
    np.testing.assert_array_equal(fitted.predict(numbered), fitted.predict(X))


@MODES
def test_divergence_keeps_the_last_finite_weights(values, mode):
    X, y = values
    model = cnn.MLPRegressor(solver="sgd", learning_rate_init=1e30, random_state=0, momentum=0)
    with pytest.raises(DivergenceError, match="non-finite"):
        model.fit(sharded(X, y, (30,), **of_mode(mode)))
    assert np.isfinite(model.predict(X)).all()
    assert model.stop_reason_ is None
