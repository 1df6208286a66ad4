"""Fitted models are saved and loaded, or save refuses; checkpoints of estimators; sizes of files and pickles."""

import math
import pickle

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import losses, schedules
from compiled_nn.callbacks import Checkpoint
from estimators import BOTH, CLASSIFIER, REGRESSOR, flat, three_blobs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

RNG = np.random.default_rng(0)
X, Y = three_blobs(RNG)
V = X[:, 0] * X[:, 1]
METHODS = ("predict", "predict_proba", "decision_function", "predict_distribution")
HOW = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}


def answers(model, rows=X):
    found = []
    for method in METHODS:
        try:
            result = getattr(model, method)(rows)
        except (AttributeError, ValueError):  # not a method of this kind of model
            continue
        found += [*result] if isinstance(result, tuple) else [result]
    return found


def check(model, path, rows=X):
    """Save and load a model: equal answers in equal dtypes, equal parameters, training continues."""
    model.save(path)
    loaded = type(model).load(path)
    for a, b in zip(answers(model, rows), answers(loaded, rows), strict=True):
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes()
    assert repr(type(model)(**loaded.get_params())) == repr(loaded)
    assert loaded.get_params().keys() == model.get_params().keys()
    net = cnn.load(path)
    assert net.n_parameters == model.network_.n_parameters
    return loaded


# ---- labels and shapes

LABELS = {
    "int8": np.int8,
    "uint64": np.uint64,
    "float16": np.float16,
    "float64": np.float64,
    "bool": bool,
    "str": "U3",
    "bytes": "S3",
}


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_every_dtype(kind, n, tmp_path):
    y = (Y % min(n, 2 if kind == "bool" else n)).astype(LABELS[kind])
    model = CLASSIFIER(**HOW).fit(X, y)
    loaded = check(model, tmp_path / "m")
    assert loaded.classes_.dtype == model.classes_.dtype == y.dtype
    assert loaded.classes_.tolist() == model.classes_.tolist()
    assert loaded.partial_fit(X, y).classes_.tolist() == model.classes_.tolist()
    assert (loaded.set_params(warm_start=True).fit(X, y).predict(X) == np.unique(y)[0]).all() or n > 1


def test_one_class_of_objects(tmp_path):
    for y in (["a"] * len(X), [3] * len(X), np.array(["x"] * len(X), dtype=object)):
        model = CLASSIFIER(**HOW).fit(X, y)
        loaded = check(model, tmp_path / "m")
        assert (loaded.predict(X) == y).all()
        assert (cnn.load(tmp_path / "m").predict(X) == y).all()
        assert (pickle.loads(pickle.dumps(model)).predict(X) == y).all()


SHAPES = {
    "one column": (CLASSIFIER, X[:, :1], Y),
    "one output column": (REGRESSOR, X, V[:, None]),
    "two output columns": (REGRESSOR, X, np.stack([V, -V], axis=1)),
    "multilabel": (CLASSIFIER, X, np.stack([Y == 0, Y == 1], axis=1).astype(int)),
    "one label": (CLASSIFIER, X, (Y[:, None] == 0).astype(int)),
    "float32": (REGRESSOR, X.astype("f4"), V.astype("f4")),
    "integers": (REGRESSOR, (10 * X).astype(int), (10 * V).astype(int)),
}


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@pytest.mark.parametrize("case", SHAPES)
def test_shapes(case, tmp_path):
    kind, rows, y = SHAPES[case]
    check(kind(**HOW).fit(rows, y), tmp_path / "m", rows)


# ---- parameters

PARAMETERS = {
    "standardize": [True, "robust", "standard_smooth_clip", "robust_smooth_clip", "minmax"],
    "norm": ["batch", "layer", "rms", ("batch",)],
    "dropout": [0.2, (0.1,)],
    "input_dropout": [0.1],
    "ema": [0.9],
    "averaging": [cnn.SWA(), cnn.SWA(1)],
    "solver": ["sgd", "lbfgs"],
    "dtype": ["float64"],
    "activation": ["tanh", "gelu", ("logistic",), "identity"],
    "use_bias": [False],
    "early_stopping": [True],
    "n_iter_no_change": [math.inf],
    "optimizer": ["sgd", cnn.AdamW(0.01), cnn.SGD(schedules.Cosine(0.1, over=9)), cnn.Lion(0.001)],
    "schedule": [schedules.Step(0.1, 3), schedules.WarmUp(schedules.Linear(0.1, over=20), over=5)],
    "init": ["he_normal", cnn.Normal(0.1), cnn.Uniform(-0.5, 0.5)],
    "hidden_layer_sizes": [(), 3, np.array([3, 3]), [2, 2]],
    "random_state": [None, np.int64(3), np.random.RandomState(0), np.random.default_rng(1)],
    "class_weight": ["balanced", {0: 2.0, 1: 1.0, 2: 1.0}],
    "loss": [
        "log_loss",
        "focal",
        losses.Focal(1.5),
        losses.SoftmaxCrossEntropy(label_smoothing=0.1),
        "ordinal",
    ],
    "callbacks": [[print]],
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_two_parameters(tmp_path, data):
    names = data.draw(st.lists(st.sampled_from(sorted(PARAMETERS)), min_size=1, max_size=2, unique=True))
    chosen = {name: data.draw(st.sampled_from(PARAMETERS[name])) for name in names}
    quiet = {"callbacks": [lambda *_: None]} if "callbacks" in chosen else {}
    try:
        model = CLASSIFIER(**HOW | chosen | quiet).fit(X, Y)
    except ValueError:  # the two cannot be combined
        return
    objects = quiet or isinstance(chosen.get("random_state"), (np.random.RandomState, np.random.Generator))
    if objects:
        with pytest.raises(TypeError, match="cannot be saved to a file of an estimator"):
            model.save(tmp_path / "m")
        return
    loaded = check(model, tmp_path / "m")
    if loaded.solver != "lbfgs" and not loaded.early_stopping and loaded.averaging is None:
        loaded.partial_fit(X, Y)
    loaded.fit(X, Y)


VALUE_LOSSES = [
    "squared_error",
    "mae",
    losses.Huber(2.0),
    "log_cosh",
    "quantile",
    losses.Quantile((0.2, 0.8)),
]


@pytest.mark.parametrize("loss", [*VALUE_LOSSES, "poisson", "gaussian_nll"], ids=str)
def test_losses_of_values(loss, tmp_path):
    check(REGRESSOR(loss=loss, **HOW).fit(X, np.abs(V)), tmp_path / "m")


def test_objects_that_no_file_can_hold(tmp_path):
    own = cnn.Activation(np.tanh, lambda z: 1 - np.tanh(z) ** 2, "mine")
    for how in (
        {"activation": own},
        {"schedule": lambda step: 0.1},
        {"optimizer": cnn.SGD(lambda step: 0.1)},
    ):
        model = CLASSIFIER(**HOW | how).fit(X, Y)
        with pytest.raises((TypeError, ValueError), match=r"cannot be saved|is not registered"):
            model.save(tmp_path / "m")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"max_iter": -1},
        {"max_iter": 2.5},
        {"alpha": "x"},
        {"n_threads": 0},
        {"solver": "newton"},
        {"alpha": math.nan},
    ],
    ids=str,
)
def test_parameters_that_became_invalid_are_refused(changed, tmp_path):
    model = CLASSIFIER(**HOW).fit(X, Y).set_params(**changed)
    with pytest.raises((TypeError, ValueError), match=f"'{next(iter(changed))}'"):
        model.save(tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_parameters_that_were_changed_are_kept(tmp_path):
    model = (
        CLASSIFIER(**HOW)
        .fit(X, Y)
        .set_params(max_iter=7, hidden_layer_sizes=(9,), dtype="float64", n_threads=1)
    )
    loaded = check(model, tmp_path / "m")
    assert (loaded.max_iter, loaded.hidden_layer_sizes, loaded.dtype) == (7, (9,), "float64")


# ---- checkpoints


@BOTH
@pytest.mark.parametrize("keep_best", [None, "loss"])
def test_checkpoints_are_estimators(estimator, keep_best, tmp_path):
    path = tmp_path / "c"
    model = estimator(
        **HOW | {"max_iter": 6}, callbacks=[Checkpoint(path, keep_best=keep_best)], standardize=True
    )
    model.fit(X, Y)
    loaded = estimator.load(path)
    last = model.best_iter_ if keep_best else 6
    assert loaded.n_iter_ == last == len(loaded.history_["loss"])
    assert loaded.callbacks is None
    for name in ("t_", "loss_", "best_iter_", "best_loss_"):
        if not keep_best:
            assert getattr(loaded, name) == getattr(model, name)
    assert loaded.loss_curve_ == np.float32(model.loss_curve_).tolist()[:last]
    if last == 6:
        assert answers(loaded)[0].tobytes() == answers(model)[0].tobytes()
        # partial_fit continues with the moments of the optimizer
        both = zip(flat(loaded.partial_fit(X, Y)), flat(model.partial_fit(X, Y)), strict=True)
        assert all((a == b).all() for a, b in both)
    assert (cnn.load(path).predict(X) == estimator.load(path).predict(X)).all()
    with pytest.raises(
        ValueError, match=r"checkpoint of an estimator\. Read it with the method load of the class"
    ):
        cnn.load_checkpoint(path)


def test_an_interrupted_fit_continues_from_the_checkpoint(tmp_path):
    class CrashError(Exception):
        pass

    def crash(net, epoch, history):
        if epoch == 30:
            raise CrashError

    how = HOW | {
        "max_iter": 60,
        "n_iter_no_change": math.inf,
        "learning_rate_init": 0.01,
        "standardize": True,
    }
    model = CLASSIFIER(**how, callbacks=[Checkpoint(tmp_path / "c", every=10), crash])
    with pytest.raises(CrashError):
        model.fit(X, Y)
    resumed = CLASSIFIER.load(tmp_path / "c")
    assert resumed.n_iter_ in (20, 30)
    before = resumed.loss_
    resumed.set_params(warm_start=True, max_iter=60 - resumed.n_iter_).fit(X, Y)
    assert len(resumed.loss_curve_) == 60
    assert resumed.loss_ < before
    assert resumed.score(X, Y) > 0.8


@BOTH
@pytest.mark.parametrize(
    "how",
    [
        {"early_stopping": True},
        {"ema": 0.9},
        {"norm": "batch", "dropout": 0.1},
        {"optimizer": cnn.AdamW(0.01)},
        {"averaging": cnn.SWA(1)},
        {"random_state": None},
    ],
    ids=str,
)
def test_checkpoints_of_other_kinds(estimator, how, tmp_path):
    path = tmp_path / "c"
    model = estimator(**HOW | how, callbacks=[Checkpoint(path)]).fit(X, Y)
    loaded = estimator.load(path)
    if (
        "averaging" not in how and "early_stopping" not in how
    ):  # which change the weights after the last epoch
        assert answers(loaded)[0].tobytes() == answers(model)[0].tobytes()
    loaded.set_params(warm_start=True).fit(X, Y)
    loaded.save(tmp_path / "m")


def test_checkpoints_after_fit_are_refused(tmp_path):
    model = CLASSIFIER(**HOW).fit(X, Y)
    with pytest.raises(ValueError, match=r"only during fit\. After fit, use save of the estimator"):
        model.network_.save_checkpoint(tmp_path / "c")
    with pytest.raises(TypeError, match="random_state is"):
        CLASSIFIER(
            **HOW | {"random_state": np.random.RandomState(0)}, callbacks=[Checkpoint(tmp_path / "c")]
        ).fit(X, Y)


# ---- sizes


def overhead(model, path):
    model.save(path)
    return path.stat().st_size - sum(a.nbytes for a in [*model.coefs_, *model.intercepts_])


@BOTH
def test_files_take_at_most_4_kb_and_a_half_more_than_the_weights(estimator, tmp_path):
    how = {"early_stopping": True, "n_iter_no_change": math.inf, "standardize": True, "random_state": 0}
    model = estimator(hidden_layer_sizes=(8, 8), max_iter=200, **how).fit(X, Y)
    assert len(model.loss_curve_) == len(model.validation_scores_) == 200
    assert overhead(model, tmp_path / "m") <= 4608


@BOTH
def test_streams_do_not_fill_files_and_pickles(estimator, tmp_path):
    model = estimator(hidden_layer_sizes=(2,), random_state=0)
    sizes = []
    for n_calls in (1050, 150):
        for _ in range(n_calls):
            model.partial_fit(X[:2], Y[:2] % 2, **({"classes": [0, 1]} if estimator is CLASSIFIER else {}))
        model.save(tmp_path / "m")
        sizes.append(((tmp_path / "m").stat().st_size, len(pickle.dumps(model))))
    assert abs(sizes[1][0] - sizes[0][0]) < 100  # digits of counts
    assert abs(sizes[1][1] - sizes[0][1]) < 2000  # numbers that fit one byte, and others
    assert len(model.loss_curve_) == len(model.history_["loss"]) == 1000
    assert model.history_["epoch"][-1] == 1200
    assert model.t_ == 2 * 1200
    loaded = estimator.load(tmp_path / "m")
    loaded.partial_fit(X[:2], Y[:2] % 2)
    assert len(loaded.loss_curve_) == 1000
    assert loaded._progress.epoch == 1201


# ---- networks

NETWORKS = {
    "plain": {},
    "standardize": {"standardize": "robust"},
    "ema": {"ema": 0.9},
    "schedule": {"optimizer": cnn.Adam(schedules.Cosine(0.1, over=10))},
    "function": {"optimizer": cnn.Adam(lambda step: 0.01)},
    "focal": {"loss": losses.Focal(1.0)},
    "float64": {"dtype": "float64"},
}


@pytest.mark.parametrize("checkpoint", [False, True])
@pytest.mark.parametrize("norm", [None, "batch", "layer"])
@pytest.mark.parametrize("case", NETWORKS)
def test_networks(case, norm, checkpoint, tmp_path):
    layers = [cnn.Dense(4, "relu", norm=norm, dropout=0.1), cnn.Dense(3)]
    net = cnn.Network(layers, seed=0, **NETWORKS[case]).fit(X, Y, epochs=2)
    (net.save_checkpoint if checkpoint else net.save)(tmp_path / "m")
    loaded = (cnn.load_checkpoint if checkpoint else cnn.load)(tmp_path / "m")
    assert loaded.predict_proba(X).tobytes() == net.predict_proba(X).tobytes()
    loaded.optimizer = net.optimizer
    loaded.fit(X, Y, epochs=1, warm_start=True)
