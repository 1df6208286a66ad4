"""Hints in errors: the names of other libraries lead to the right counterpart, and never to another meaning."""

import inspect
import pickle
import re

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import callbacks, datasets, losses, metrics, optimizers, schedules
from compiled_nn.common import hints
from compiled_nn.common.counterparts import NOTES, TABLES
from compiled_nn.common.errors import did_you_mean
from compiled_nn.estimators import parameters, settings
from compiled_nn.metrics.scorers import METRICS
from compiled_nn.optimizers import OPTIMIZERS
from compiled_nn.spec import activations, configuration, initializers, layers, shapes
from compiled_nn.training import plan

X, Y = np.arange(8.0).reshape(4, 2), [0, 1, 0, 1]


def names(function):
    return [name for name in inspect.signature(function).parameters if name != "self"]


OPTIMIZER_PARAMETERS = sorted({name for kind in OPTIMIZERS for name in names(optimizers.kind_of(kind))})
ESTIMATOR = sorted({*names(cnn.MLPClassifier), *names(cnn.MLPRegressor)})
OPTIONS = {
    "loss": [*losses.LOSSES, "log_loss"],
    "activation": [*activations.ACTIVATIONS, *activations.ALIASES, "logistic"],
    "optimizer": OPTIMIZERS,
    "init": initializers.NAMES,
    "metric": METRICS,
    "metrics": [*METRICS, *metrics.__all__],
    "dtype": configuration.DTYPES,
    "solver": parameters.SOLVERS,
    "norm": layers.NORMS,
    "standardize": configuration.SCALINGS,
    "class_weight": ["balanced"],
    "learning_rate": parameters.RATES,
    "monitor": settings.MONITORS,
    "shape": shapes._KEYS,
    "Dense": names(cnn.Dense),
    "Network": names(cnn.Network),
    "fit": names(cnn.Network.fit),
    "estimator": ESTIMATOR,
    "Optimizer": OPTIMIZER_PARAMETERS,
    "split": names(datasets.train_validation_test_split),
    "compiled_nn": cnn.__all__,
    "losses": losses.__all__,
    "schedules": schedules.__all__,
    "plotting": cnn.plotting.__all__,
}


def test_counterparts_are_names_of_this_library():
    assert OPTIONS.keys() == TABLES.keys()
    for concept, table in TABLES.items():
        for ours in table:
            assert set(ours.split()) <= set(OPTIONS[concept]), (concept, ours)
    assert plan.ENDINGS  # the checks of fit that use these names


def test_foreign_names_are_not_names_of_this_library():
    for concept, table in TABLES.items():
        valid = {hints._plain(option) for option in OPTIONS[concept]}
        for ours, foreign in table.items():
            plain = [hints._plain(name) for name in foreign.split()]
            known = {name for name in plain if name in valid}
            assert known <= {hints._plain(name) for name in ours.split()}, (concept, ours, known)
            assert len(plain) == len(set(plain)), (concept, ours)
    assert all(hints._plain(name) == name for notes in NOTES.values() for name in notes)


MEANT = {
    "loss": {
        **dict.fromkeys(
            ("categorical_crossentropy", "sparse_categorical_crossentropy", "cross_entropy", "nll", "CrossEntropyLoss",
             "NLLLoss", "softmax_crossentropy", "SoftmaxCrossEntropy"),
            "softmax_cross_entropy",
        ),
        **dict.fromkeys(("bce", "BCEWithLogitsLoss", "binary_crossentropy", "BCELoss"), "binary_cross_entropy"),
        **dict.fromkeys(("absolute_error", "l1", "mean_absolute_error", "L1Loss", "MAE"), "mae"),
        **dict.fromkeys(("mean_squared_error", "MSELoss", "l2", "regression"), "mse"),
        **dict.fromkeys(("smooth_l1", "SmoothL1Loss", "hubber", "HuberLoss"), "huber"),
        **dict.fromkeys(("pinball", "mean_pinball_loss"), "quantile"),
        **dict.fromkeys(("GaussianNLLLoss", "gaussian"), "gaussian_nll"),
        "PoissonNLLLoss": "poisson",
        "logcosh": "log_cosh",
    },
    "activation": {"logistic": "sigmoid", "Relu": "relu", "leakyrelu": "leaky_relu", "lrelu": "leaky_relu",
                   "hardtanh": "hard_tanh", "none": "identity", "log_softmax": "softmax", "rleu": "relu"},
    "init": {"xavier_uniform": "glorot_uniform", "xavier_normal": "glorot_normal", "kaiming_normal": "he_normal",
             "kaiming_uniform": "he_uniform", "he-normal": "he_normal", "GlorotUniform": "glorot_uniform"},
    "optimizer": {"AdamW_": "adamw", "RMSProp": "rmsprop", "gd": "sgd", "adma": "adam"},
    "metric": {"auc": "roc_auc", "f1_score": "f1", "acc": "accuracy", "mean_absolute_error": "mae", "mcc": "matthews",
               "r2score": "r2_score", "binary_crossentropy": "log_loss"},
}  # fmt: skip


@pytest.mark.parametrize("concept", MEANT)
def test_names_of_other_libraries_lead_to_the_right_one(concept):
    options = [
        name for name in OPTIONS[concept] if name not in ("log_loss", "logistic") or concept == "metric"
    ]
    for name, ours in MEANT[concept].items():
        assert did_you_mean(name, options, concept) == f" Did you mean '{ours}'?", name


WITHOUT = {
    "loss": ("hinge_embedding", "cosine_similarity", "exponential", "absolute", "xyz"),
    "activation": ("cosine", "cos", "step", "prelu", "linesr_tanh", "xyz", "softmin"),
    "optimizer": ("adamax", "lamb", "ftrl", "lion_w8"),
    "init": ("orthogonal", "identity", "random"),
    "metric": ("explained_variance", "kappa", "specificity"),
    "Network": ("units_", "xyz"),
    "estimator": ("n_estimators", "max_depth", "gamma"),
}


@pytest.mark.parametrize("concept", WITHOUT)
def test_nothing_that_misleads(concept):
    for name in WITHOUT[concept]:
        if name != "absolute":
            assert "Did you mean" not in did_you_mean(name, OPTIONS[concept], concept), name


def test_all_counterparts_are_named_where_the_first_is_not_valid():
    assert did_you_mean("log_loss", losses.LOSSES, "loss") == (
        " Did you mean 'softmax_cross_entropy' or 'binary_cross_entropy'?"
    )
    assert did_you_mean("cross_entropy", ["log_loss", *losses.LOSSES], "loss") == " Did you mean 'log_loss'?"


@pytest.mark.parametrize(
    ("name", "options", "found"),
    [
        ("rleu", ["relu", "elu"], ["relu"]),
        ("churm", ["Churn", "chain"], ["Churn"]),
        ("ab", ["ac", "abc"], []),
        ("mre", ["mae", "mse"], ["mae", "mse"]),
        ("temprature_outsied", ["temperature_outside"], ["temperature_outside"]),
        ("log_loss", ["log_cosh"], []),
        ("squared_error", ["absolute_error"], []),
        ("", ["a", "b"], []),
        ("--", ["--epochs"], []),
    ],
)
def test_typing_errors(name, options, found):
    if name == "log_loss":
        assert not did_you_mean(name, options, "loss")
    else:
        assert hints.nearest(name, options) == found


def slow_errors(a, b):
    """Return the optimal string alignment distance by its recursive definition."""
    if not a or not b:
        return len(a) + len(b)
    best = min(
        slow_errors(a[1:], b) + 1, slow_errors(a, b[1:]) + 1, slow_errors(a[1:], b[1:]) + (a[0] != b[0])
    )
    if len(a) > 1 and len(b) > 1 and a[0] == b[1] and a[1] == b[0]:
        best = min(best, slow_errors(a[2:], b[2:]) + 1)
    return best


def test_the_distance_is_that_of_its_definition(rng):
    for _ in range(300):
        a, b = ("".join(rng.choice(list("abc"), rng.integers(1, 6))) for _ in range(2))
        assert hints._typing_errors(a, b, 9) == slow_errors(a, b), (a, b)


KEYWORDS = {
    "Network lr": (lambda: cnn.Network([cnn.Dense(2)], lr=0.1), "pass optimizer=Adam(learning_rate=...)"),
    "Network seed": (lambda: cnn.Network([cnn.Dense(2)], random_state=0), "Did you mean 'seed'?"),
    "Network epochs": (lambda: cnn.Network([cnn.Dense(2)], epochs=3), "'epochs' is a parameter of fit."),
    "Network dropout": (lambda: cnn.Network([cnn.Dense(2)], dropout=0.1), "Dense(units, dropout=...)"),
    "from_shape": (
        lambda: cnn.Network.from_shape([{"nodes": 1, "activation": "sigmoid"}], random_state=0),
        "Did you mean 'seed'?",
    ),
    "configuration": (lambda: configuration.configure([cnn.Dense(2)], rng_seed=1), "Did you mean 'seed'?"),
    "shape": (
        lambda: cnn.Network.from_shape([{"units": 1, "activation": "sigmoid"}]),
        "Did you mean 'nodes'?",
    ),
    "fit": (lambda: cnn.Network([cnn.Dense(2)]).fit(X, Y, max_iter=3), "Did you mean 'epochs'?"),
    "fit split": (
        lambda: cnn.Network([cnn.Dense(2)]).fit(X, Y, validation_split=0.1),
        "'validation_fraction'",
    ),
    "fit rate": (lambda: cnn.Network([cnn.Dense(2)]).fit(X, Y, learning_rate=3), "optimizer=Adam"),
    "partial_fit": (lambda: cnn.Network([cnn.Dense(2)]).partial_fit(X, Y, weights=3), "'sample_weight'"),
    "Dense": (lambda: cnn.Dense(nodes=3), "Did you mean 'units'?"),
    "Dense bias": (lambda: cnn.Dense(3, use_bias=False), "Did you mean 'bias'?"),
    "Dense inputs": (lambda: cnn.Dense(3, in_features=3), "The number of inputs is"),
    "Adam": (lambda: cnn.Adam(lr=0.1), "Did you mean 'learning_rate'?"),
    "Adam betas": (lambda: cnn.AdamW(betas=(0.9, 0.99)), "Pass beta_1=... and beta_2=..."),
    "RMSprop": (lambda: cnn.RMSprop(alpha=0.9), "Did you mean 'rho'?"),
    "classifier": (lambda: cnn.MLPClassifier(epochs=3), "Did you mean 'max_iter'?"),
    "regressor": (lambda: cnn.MLPRegressor(n_jobs=3), "Did you mean 'n_threads'?"),
    "set_params": (lambda: cnn.MLPRegressor().set_params(seed=3), "Did you mean 'random_state'?"),
    "estimator fit": (lambda: cnn.MLPClassifier().fit(X, Y, epochs=3), "Pass max_iter to the constructor."),
    "split": (lambda: datasets.train_test_split(X, Y, test_size=0.5), "Did you mean 'test_fraction'?"),
    "split seed": (lambda: datasets.train_test_split(X, Y, random_state=0), "Did you mean 'seed'?"),
    "misspelt": (lambda: cnn.Network([cnn.Dense(2)]).fit(X, Y, epohcs=3), "Did you mean 'epochs'?"),
}


@pytest.mark.parametrize("case", KEYWORDS)
def test_unknown_keywords(case):
    call, hint = KEYWORDS[case]
    with pytest.raises((TypeError, ValueError), match=re.escape(hint)):
        call()


def test_errors_inside_a_call_are_not_changed():
    def fails(net, epoch, history):
        return cnn.Dense(4)(wrong=1)

    with pytest.raises(TypeError, match="'Dense' object is not callable"):
        cnn.Network([cnn.Dense(2)]).fit(X, Y, callback=fails)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'layers'"):
        cnn.Network()


def test_decorated_functions_keep_their_signature():
    assert names(cnn.Network)[:2] == ["layers", "loss"]
    assert "epochs" in names(cnn.Network.fit)
    assert cnn.Network.fit.__doc__.startswith("Train from the initial weights")
    layer = cnn.Dense(3, "relu")
    assert pickle.loads(pickle.dumps(layer)) == layer
    assert pickle.loads(pickle.dumps(cnn.Adam(0.1))) == cnn.Adam(0.1)


@pytest.mark.parametrize(
    ("module", "name", "hint"),
    [
        (cnn, "Sequential", "Did you mean 'Network'?"),
        (cnn, "EarlyStopping", "It is compiled_nn.callbacks.EarlyStopping."),
        (losses, "CrossEntropyLoss", "Did you mean 'SoftmaxCrossEntropy'?"),
        (losses, "MSELoss", "Did you mean 'MeanSquaredError'?"),
        (metrics, "accuracy_score", "Did you mean 'accuracy'?"),
        (schedules, "CosineAnnealingLR", "Did you mean 'Cosine'?"),
        (optimizers, "RMSProp", "Did you mean 'RMSprop'?"),
        (callbacks, "EarlyStoping", "Did you mean 'EarlyStopping'?"),
    ],
)
def test_attributes_of_modules(module, name, hint):
    with pytest.raises(
        AttributeError, match=re.escape(f"has no attribute {name!r}.") + ".*" + re.escape(hint)
    ):
        getattr(module, name)


def test_values_of_another_type():
    with pytest.raises(TypeError, match=r"Pass functions as Activation\(function, derivative\)"):
        cnn.Dense(3, np.tanh)
