"""Floating-point traps: under `np.errstate(all="raise")` every public method is quiet, also far outside the data."""

import contextlib

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import MLPClassifier, MLPRegressor, functional
from compiled_nn.spec.activations import ACTIVATIONS

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 3))
FAR = np.concatenate([X[:20] * 1e3, X[20:40] * 1e6, X[40:60] * 1e-30, np.zeros((1, 3))])
VALUES, CLASSES = 3 * X[:, 0], np.digitize(X[:, 0], [-0.5, 0.5])
TWO = (X[:, 0] > 0).astype(int)
LOSSES = {
    **{"softmax_cross_entropy": (3, CLASSES), "focal": (3, CLASSES), "ordinal": (2, CLASSES)},
    **{"binary_cross_entropy": (1, TWO), "quantile": (3, VALUES), "gaussian_nll": (2, VALUES)},
    **{name: (1, VALUES) for name in ("mse", "squared_error", "mae", "huber", "log_cosh")},
    **{name: (1, np.abs(VALUES) + 0.1) for name in ("poisson", "gamma", "tweedie")},
}
EXPONENTIAL = ("gaussian_nll", "poisson", "gamma", "tweedie")
METHODS = ("predict", "decision_function", "transform", "input_gradient")
OF_CLASSES = ("predict_proba", "predict_log_proba")
pytestmark = pytest.mark.filterwarnings("error")


@contextlib.contextmanager
def beyond_range(loss):
    """Accept a ValueError that says so, for losses with an exponential; no FloatingPointError."""
    try:
        yield
    except ValueError as error:
        if loss not in EXPONENTIAL or "beyond the range of" not in str(error):
            raise


def call(model, name, rows):
    with np.errstate(all="raise"):
        return getattr(model, name)(rows)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", LOSSES)
def test_networks(loss, dtype, standardize):
    units, y = LOSSES[loss]
    layers = [cnn.Dense(16, "relu"), cnn.Dense(units)]
    net = cnn.Network(
        layers, loss=loss, dtype=dtype, standardize=standardize, optimizer=cnn.Adam(0.01), seed=0
    )
    with np.errstate(all="raise"):
        net.fit(X, y, epochs=3, validation_data=(X, y))
        for rows in (X, FAR):
            targets = np.resize(y, len(rows))
            with beyond_range(loss):
                assert not np.isnan(
                    net.score(rows, targets)
                )  # -inf if a square is beyond the range of float64
        assert np.isfinite(net.loss(X, y))
        # An exponential of a logit can be beyond the range of the dtype; the error names it.
        with beyond_range(loss):
            assert np.isfinite(net.loss(FAR, np.resize(y, len(FAR))))
        net.gradients(X, y)
        net.partial_fit(X, y)
        net.diagnose(X, y)
        classifies = loss in ("softmax_cross_entropy", "focal", "ordinal", "binary_cross_entropy")
        if classifies and loss != "ordinal":
            net.calibrate(FAR, np.resize(y, len(FAR)))
            net.calibrate(X, y)
        net.calibrate_intervals(X, y)
        if classifies:
            assert net.predict_set(FAR).shape == (len(FAR), 2 if units == 1 else 3)
        else:
            with beyond_range(loss):
                lower, upper = net.predict_interval(FAR)
                assert (lower <= upper).all()
    names = METHODS + (OF_CLASSES if classifies else ())
    for name in names:
        for rows in (X, FAR):
            with beyond_range(loss):
                assert not np.isnan(call(net, name, rows)).any(), name


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_distributions_far_outside_of_the_data_are_finite_or_refused(dtype):
    layers = [cnn.Dense(16, "relu"), cnn.Dense(2)]
    net = cnn.Network(layers, loss="gaussian_nll", dtype=dtype, seed=0).fit(X, VALUES, epochs=3)
    for rows in (X, FAR, -FAR):
        with beyond_range("gaussian_nll"):
            mean, std = call(net, "predict_distribution", rows)
            assert np.isfinite(mean).all()
            assert np.isfinite(std).all()
            assert (std >= 0).all()


CASES = [
    (MLPClassifier, TWO, {}),
    (MLPClassifier, CLASSES, {"solver": "lbfgs"}),
    (MLPClassifier, CLASSES, {"loss": "ordinal"}),
    (MLPClassifier, CLASSES, {"solver": "sgd", "learning_rate": "invscaling"}),
    (MLPRegressor, VALUES, {"solver": "lbfgs"}),
    (MLPRegressor, 1e6 * VALUES, {"scale_targets": True}),
]


@pytest.mark.parametrize(("estimator", "y", "options"), CASES)
def test_estimators(estimator, y, options):
    model = estimator(max_iter=60, tol=10.0, random_state=0, **options)
    with np.errstate(all="raise"):
        model.fit(X, y)
        assert np.isfinite(model.score(X, y))
    for name in ("predict", "hidden", "input_gradient", *OF_CLASSES):
        for rows in (X, FAR):
            if hasattr(model, name):
                assert not np.isnan(call(model, name, rows)).any(), name


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_of_extreme_numbers(name, dtype):
    z = np.array([[-np.inf, -1e30, -1e4, -90, -1, 0, 1, 90, 1e4, 1e30, np.nan]], dtype)
    with np.errstate(all="raise"):
        a = functional.activate(name, z)
    if name == "softmax":
        assert np.isnan(a).all()
    else:
        assert np.isnan(a[0, -1])
        assert not np.isnan(a[0, :-1]).any()
