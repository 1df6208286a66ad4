"""Small fitted models of every kind, for tests of conversions: `KINDS[name](dtype)` returns a model and rows X.

Models are made once in a session, and shared: a test must not change them.
"""

import functools
import warnings

import compiled_nn as cnn
import numpy as np
from compiled_nn.spec.activations import ELEMENTWISE

KINDS = {}
M = 160
_RNG = np.random.default_rng(7)
_X = _RNG.normal(size=(M, 4)) * [1, 2, 0.5, 3] + [0, 1, -2, 5]
_SIGNAL = _X[:, 0] + np.sin(_X[:, 1]) - 0.3 * _X[:, 3]
_THREE = np.digitize(_SIGNAL, [-1.5, 0.0])
_TEXT = np.array(["a b", "é", "z/z"])[_THREE]
_Y = 100 + 7 * _SIGNAL + 0.1 * _RNG.normal(size=M)
_COUNTS = np.clip(np.rint(np.exp(_SIGNAL / 3)), 0, 30)


def kind(name):
    """Register a function of the dtype, which returns a model and rows."""

    def register(make):
        @functools.cache
        def cached(dtype):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # columns that are left out, and few rows
                return make(dtype)

        KINDS[name] = cached
        return make

    return register


def plain(layers, y, *, X=_X, **parameters):
    """Return the function that fits a network on X and y."""

    def make(dtype):
        net = cnn.Network(layers, dtype=dtype, seed=0, optimizer=cnn.Adam(0.02), **parameters)
        rows = X.astype(dtype) if isinstance(X, np.ndarray) and X.dtype.kind == "f" else X
        return net.fit(rows, y, epochs=3, batch_size=32), rows

    return make


D = cnn.Dense
HIDDEN = (D(6, "relu"), D(5, "tanh"))
STANDARD = {"standardize": True}

# ---- outputs
kind("softmax")(plain([*HIDDEN, D(3)], _THREE, **STANDARD))
kind("sigmoid")(plain([*HIDDEN, D(1)], _SIGNAL > 0, loss="binary_cross_entropy", **STANDARD))
kind("text labels")(plain([*HIDDEN, D(3)], _TEXT, **STANDARD))
kind("float labels")(plain([D(4, "relu"), D(3)], _THREE + 0.5, **STANDARD))
kind("two softmax outputs")(plain([D(4, "relu"), D(2)], _SIGNAL > 0, **STANDARD))
kind("multi-label")(
    plain(
        [*HIDDEN, D(3)],
        np.stack([_SIGNAL > 0, _X[:, 1] > 1, _X[:, 2] > -2], axis=1).astype(int),
        loss="binary_cross_entropy",
        **STANDARD,
    )
)
kind("focal")(plain([D(4, "relu"), D(3)], _THREE, loss="focal", **STANDARD))
kind("ordinal")(plain([*HIDDEN, D(2)], _THREE, loss="ordinal", **STANDARD))
kind("regression")(plain([*HIDDEN, D(1)], _Y, loss="mse"))
kind("scaled targets")(plain([*HIDDEN, D(1)], _Y, loss="mse", scale_targets=True, **STANDARD))
kind("far targets")(plain([D(4, "relu"), D(1)], _Y + 1e6, loss="huber", scale_targets=True, **STANDARD))
kind("several values")(
    plain([*HIDDEN, D(2)], np.stack([_Y, -_SIGNAL], axis=1), loss="mae", scale_targets=True, **STANDARD)
)
kind("poisson")(plain([D(5, "relu"), D(1)], _COUNTS, loss="poisson", **STANDARD))
kind("quantile")(plain([*HIDDEN, D(3)], _Y, loss="quantile", scale_targets=True, **STANDARD))
kind("gaussian")(plain([*HIDDEN, D(2)], _Y, loss="gaussian_nll", scale_targets=True, **STANDARD))
kind("activated output")(plain([D(4, "relu"), D(1, "tanh")], np.tanh(_SIGNAL), loss="mse", **STANDARD))
kind("softplus output")(plain([D(4, "relu"), D(1, "softplus")], _SIGNAL**2, loss="mse", **STANDARD))
kind("no hidden layer")(plain([D(3)], _THREE))


@kind("calibrated")
def _(dtype):
    net, X = plain([*HIDDEN, D(3)], _THREE, **STANDARD)(dtype)
    return net.calibrate(X[:80], _THREE[:80]), X


@kind("without fit")
def _(dtype):
    rng = np.random.default_rng(1)
    net = cnn.Network([D(5, "silu"), D(2)], loss="mse", dtype=dtype)
    net.set_weights(
        [(rng.normal(size=(4, 5)), rng.normal(size=5)), (rng.normal(size=(5, 2)), rng.normal(size=2))]
    )
    return net, _X.astype(dtype)


# ---- hidden layers
for _name in ELEMENTWISE:
    kind(f"activation {_name}")(plain([D(6, _name), D(5, _name), D(1)], _SIGNAL, loss="mse", **STANDARD))
for _name in ("layer", "rms", "batch"):
    _layers = [D(6, "relu", norm=_name), D(5, "silu", norm=_name), D(3)]
    kind(f"{_name} norm")(plain(_layers, _THREE, **STANDARD))
kind("residual")(plain([D(6, "relu"), D(6, "gelu", residual=True), D(6, "relu", norm="layer", residual=True), D(3)],
                       _THREE, **STANDARD))  # fmt: skip
kind("without biases")(plain([D(6, "relu", bias=False), D(3, bias=False)], _THREE))

# ---- inputs
kind("input scale")(plain([D(6, "relu"), D(3)], _THREE, X=np.abs(_X) * 50, input_scale=1 / 255))
kind("far inputs")(plain([D(6, "relu"), D(3)], _THREE, X=_X + 3e4, **STANDARD))
kind("smooth clip")(plain([*HIDDEN, D(3)], _THREE, standardize="robust_smooth_clip"))
kind("piecewise linear")(
    plain([D(6, "relu"), D(3)], _THREE, numeric_embeddings=cnn.PiecewiseLinear(bins=5), **STANDARD)
)
kind("periodic")(
    plain([D(6, "relu"), D(3)], _THREE, numeric_embeddings=cnn.Periodic(n_frequencies=3), **STANDARD)
)
kind("bins and clip")(
    plain(
        [D(6, "relu"), D(3)],
        _THREE,
        numeric_embeddings="piecewise_linear",
        standardize="standard_smooth_clip",
    )
)
kind("images")(plain([D(6, "relu"), D(3)], _THREE, X=np.tile(_X, (1, 3)).reshape(M, 2, 6), input_scale=0.1))

_GAPS = np.where(_RNG.random(M) < 0.1, np.nan, _X[:, 1])
TABLE = {
    "age": _X[:, 0].tolist(),
    "a b": _GAPS.tolist(),
    "city": [None if u < 0.1 else name for u, name in zip(_RNG.random(M), _TEXT, strict=True)],
    "code": _RNG.integers(0, 4, M).tolist(),
    "size": _RNG.choice(["S", "M", "L", "XL", "rare"], M, p=[0.3, 0.3, 0.2, 0.18, 0.02]).tolist(),
    "on": (np.datetime64("2019-11-30T05:00", "us") + _RNG.integers(0, 700 * 24, M).astype("m8[h]")).tolist(),
    "vip": (_RNG.random(M) < 0.5).tolist(),
    "name": [f"person {i}" for i in range(M)],
}
ENCODED = {"categorical_features": "auto", "column_types": {"code": "category", "vip": "category"}}
kind("table")(plain([*HIDDEN, D(3)], _TEXT, X=TABLE, min_frequency=6, **ENCODED, **STANDARD))
kind("table without scaling")(plain([*HIDDEN, D(1)], _Y, X=TABLE, loss="mse", **ENCODED))
kind("embeddings")(plain([*HIDDEN, D(3)], _TEXT, X=TABLE, embeddings=3, **ENCODED, **STANDARD))
kind("table with bins and clip")(
    plain(
        [*HIDDEN, D(3)],
        _TEXT,
        X=TABLE,
        embeddings="auto",
        standardize="robust_smooth_clip",
        numeric_embeddings=cnn.PiecewiseLinear(bins=4),
        **ENCODED,
    )
)
kind("table with periodic")(
    plain(
        [*HIDDEN, D(3)],
        _TEXT,
        X=TABLE,
        numeric_embeddings=cnn.Periodic(n_frequencies=2),
        **ENCODED,
        **STANDARD,
    )
)
_UNNAMED = np.array([TABLE["age"], TABLE["city"], TABLE["a b"], TABLE["code"]], object).T
kind("table without names")(
    plain([D(5, "relu"), D(3)], _THREE, X=_UNNAMED, categorical_features=[1, 3], **STANDARD)
)


# ---- ensembles


def together(y, layers, *, X=_X, **options):
    """Return the function that fits an ensemble."""

    def make(dtype):
        fit = {"epochs": 4, **{k: options[k] for k in ("validation",) if k in options}}
        own = {k: options[k] for k in ("combine", "calibrate") if k in options}
        parameters = {k: v for k, v in options.items() if k not in fit and k not in own}
        nets = [
            cnn.Network(each, dtype=dtype, seed=i, optimizer=cnn.Adam(0.03), **parameters)
            for i, each in enumerate(layers)
        ]
        rows = X.astype(dtype) if isinstance(X, np.ndarray) else X
        return cnn.Ensemble(nets, seed=3, **own).fit(rows, y, **fit), rows

    return make


def shapes(n, link=None):
    """Return the layers of three networks that differ, with n outputs."""
    return [
        [D(6, "relu"), D(n, link)],
        [D(5, "tanh", norm="layer"), D(n, link)],
        [D(4, "silu"), D(4, "gelu", residual=True), D(n, link)],
    ]


kind("ensemble")(together(_TEXT, shapes(3), **STANDARD))
kind("ensemble of one output")(together(_SIGNAL > 0, shapes(1), loss="binary_cross_entropy", **STANDARD))
kind("ensemble, greedy")(together(_THREE, shapes(3), combine="greedy", **STANDARD))
kind("ensemble of values")(together(_Y, shapes(1), loss="mse", scale_targets=True, **STANDARD))
kind("ensemble of quantiles")(together(_Y, shapes(3), loss="quantile", scale_targets=True, **STANDARD))
kind("ensemble, gaussian")(together(_Y, shapes(2), loss="gaussian_nll", scale_targets=True, **STANDARD))
kind("ensemble, ordinal")(together(_THREE, shapes(2), loss="ordinal", **STANDARD))
kind("ensemble, poisson")(together(_COUNTS, shapes(1), loss="poisson", **STANDARD))
kind("ensemble of tables")(
    together(
        _TEXT,
        shapes(3),
        X=TABLE,
        standardize="robust_smooth_clip",
        numeric_embeddings="piecewise_linear",
        **ENCODED,
    )
)


@kind("ensemble, calibrated")
def _(dtype):
    model, X = together(_THREE, shapes(3), **STANDARD)(dtype)
    return model.calibrate(X[:80], _THREE[:80]), X


# ---- estimators


def estimator(kind_of, y, *, X=_X, **parameters):
    """Return the function that fits an estimator."""

    def make(dtype):
        rows = X.astype(dtype) if isinstance(X, np.ndarray) else X
        return kind_of(random_state=0, max_iter=4, dtype=dtype, **parameters).fit(rows, y), rows

    return make


kind("MLPClassifier")(estimator(cnn.MLPClassifier, _TEXT, hidden_layer_sizes=(6, 5)))
kind("MLPClassifier of two classes")(
    estimator(
        cnn.MLPClassifier, np.where(_SIGNAL > 0, "yes", "no"), hidden_layer_sizes=(6,), standardize=True
    )
)
kind("MLPClassifier of a table")(
    estimator(
        cnn.MLPClassifier,
        _TEXT,
        X=TABLE,
        categorical_features="auto",
        hidden_layer_sizes=(6,),
        standardize=True,
    )
)
kind("MLPRegressor")(
    estimator(cnn.MLPRegressor, _Y, hidden_layer_sizes=(6,), standardize=True, scale_targets=True)
)
kind("TabularClassifier")(estimator(cnn.TabularClassifier, _TEXT, X=TABLE, n_members=3))
kind("TabularRegressor")(estimator(cnn.TabularRegressor, _Y, X=TABLE, n_members=2))
kind("TabularClassifier of one class")(
    estimator(cnn.TabularClassifier, np.full(M, "only"), X=TABLE, n_members=2)
)
