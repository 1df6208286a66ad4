"""Finite numbers near the limits of a dtype: results are right and finite, or an error names the row."""

import warnings

import compiled_nn as cnn
import numpy as np
import pytest
from command_line import outcome
from compiled_nn import functional, metrics
from compiled_nn.calibration import fit_temperature

from cnn_core.functions import activate

X = np.linspace(5, 15, 36, dtype="float32").reshape(12, 3)
CLASSES = np.arange(12) % 3
HUGE = {"float32": 1e38, "float64": 1e308}
LARGEST = {"float32": 3.4e38, "float64": 1.7e308}

LOSSES = {
    "softmax": ("softmax_cross_entropy", 3, CLASSES),
    "two classes": ("softmax_cross_entropy", 2, CLASSES % 2),
    "focal": ("focal", 3, CLASSES),
    "ordinal": ("ordinal", 2, CLASSES),
    "mse": ("mse", 1, X[:, 0]),
    "columns": ("mse", 2, X[:, :2]),
    "mae": ("mae", 1, X[:, 0]),
    "gaussian": ("gaussian_nll", 2, X[:, 0]),
    "quantile": (cnn.losses.Quantile([0.1, 0.5, 0.9]), 3, X[:, 0]),
    "poisson": ("poisson", 1, X[:, 0]),
}
METHODS = (
    *(
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
        "predict_distribution",
        "transform",
    ),
    *("predict_interval", "predict_set", "input_gradient"),
)
LABELLED = ("score", "loss", "gradients", "calibrate", "calibrate_intervals")
NAMED = r"Row 0 of X has .* beyond the range of float\d\d \(12 of 12 rows\)"


def fitted(kind, dtype):
    """A network with conformal scores, where there are any."""
    loss, n_outputs, y = LOSSES[kind]
    net = cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(n_outputs)], loss=loss, dtype=dtype, seed=0)
    return net.fit(np.repeat(X, 5, axis=0), np.repeat(y, 5, axis=0), epochs=1)


def with_huge_weights(net, dtype):
    """Set finite weights whose products with X are beyond the range."""
    pairs = [(np.full(W.shape, HUGE[dtype]), np.zeros(b.shape)) for W, b in net.get_weights()]
    calibration = net._outputs.calibration  # set_weights drops it
    net.set_weights(pairs)
    net._set_calibration(calibration)
    return net


def applies(net, name):
    """Whether a network that was fitted has this method for its loss."""
    try:
        getattr(net, name)(X)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("dtype", HUGE)
@pytest.mark.parametrize("kind", LOSSES)
def test_every_answer_is_refused_with_its_row(kind, dtype):
    net = fitted(kind, dtype)
    y = LOSSES[kind][2]
    net.calibrate_intervals(np.repeat(X, 5, axis=0), np.repeat(y, 5, axis=0))
    names = [name for name in METHODS if applies(net, name)]
    assert len(names) >= 4
    with_huge_weights(net, dtype)
    for name in names:
        with pytest.raises(ValueError, match=NAMED):
            getattr(net, name)(X)
    for name in LABELLED:
        if name == "calibrate" and not (net._configuration.loss.classifies and kind != "ordinal"):
            continue
        with pytest.raises(ValueError, match=NAMED):
            getattr(net, name)(X, y)


@pytest.mark.parametrize("kind", ["softmax", "mse"])
def test_a_later_row_is_named(kind):
    net = fitted(kind, "float32")
    net.set_weights([(np.full(W.shape, 1e15), np.zeros(b.shape)) for W, b in net.get_weights()])
    x = np.full((9, 3), 1e-10)
    x[4] = x[7] = 1e20
    for name in ("predict", "decision_function", "input_gradient", "transform"):
        if name in ("input_gradient", "transform"):
            assert np.isfinite(getattr(net, name)(x[:1])).all()
            continue
        with pytest.raises(ValueError, match=r"Row 4 of X has an output beyond .* \(2 of 9 rows\)"):
            getattr(net, name)(x)
        with pytest.raises(ValueError, match=r"Row 4 of X has an output beyond .* \(2 of 9 rows\)"):
            getattr(net, name)(x.tolist())


@pytest.mark.parametrize("kind", ["softmax", "mse", "gaussian"])
def test_estimators_files_streams_and_the_command_line(kind, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loss, _, y = LOSSES[kind]
    if kind == "softmax":
        model = cnn.MLPClassifier(hidden_layer_sizes=(4,), random_state=0).fit(X, y)
    else:
        options = {"loss": loss} if kind == "gaussian" else {}
        model = cnn.MLPRegressor(hidden_layer_sizes=(4,), random_state=0, **options).fit(X, y)
    with_huge_weights(model.network_, "float32")
    model.save("model")
    model.network_.save("net")
    for each in (model, type(model).load("model"), cnn.load("net"), cnn.load("net", mmap=True)):
        for name in (
            "predict",
            *(("predict_proba", "predict_log_proba", "decision_function") if kind == "softmax" else ()),
        ):
            with pytest.raises(ValueError, match=NAMED):
                getattr(each, name)(X)
        with pytest.raises(ValueError, match=NAMED):
            each.score(X, y)
    np.savez("data.npz", X=X, y=y)
    for command in (("predict",), ("predict", "-o", "out.csv"), ("evaluate",)):
        code, out, err = outcome(capsys, command[0], "net", "data.npz", *command[1:])
        assert (code, out) == (1, "")
        assert err.startswith("compiled-nn: error: data: Row 0 of the data has ")
        assert "--standardize, or --dtype float64" in err
        assert not (tmp_path / "out.csv").exists()
    batches = cnn.load("net")
    with pytest.raises(cnn.DivergenceError, match="finite"):
        batches.fit([(X, y)], epochs=1, warm_start=True)


@pytest.mark.parametrize("dtype", HUGE)
def test_a_sigmoid_of_a_sum_beyond_the_range_is_its_limit(dtype):
    net = cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(1)], loss="binary_cross_entropy", dtype=dtype, seed=0)
    net = with_huge_weights(net.fit(X, CLASSES % 2, epochs=1), dtype)
    assert net.predict_proba(X).tolist() == [[0, 1]] * 12
    assert net.predict(X).tolist() == [1] * 12
    for name in ("decision_function", "predict_log_proba", "input_gradient"):
        with pytest.raises(ValueError, match=NAMED):
            getattr(net, name)(X)
    for name in ("loss", "gradients", "calibrate"):
        with pytest.raises(ValueError, match=NAMED):
            getattr(net, name)(X, CLASSES % 2)


# ---- huge finite logits


def logits(dtype):
    big = LARGEST[dtype]
    return np.array([[big, -big, 0], [-big, -big, -big], [0, big, big], [1, 2, -big]], dtype)


SOFTMAX = [[1, 0, 0], [1 / 3] * 3, [0, 0.5, 0.5], [1 / (1 + np.e), np.e / (1 + np.e), 0]]
SIGMOID = [[1, 0, 0.5], [0, 0, 0], [0.5, 1, 1], [1 / (1 + np.exp(-1)), 1 / (1 + np.exp(-2)), 0]]


def close(computed, expected, dtype):
    tolerance = 1e-6 if dtype == "float32" else 1e-14  # some units in the last place
    np.testing.assert_allclose(computed, expected, rtol=tolerance, atol=0)


@pytest.mark.parametrize("dtype", HUGE)
def test_functions_of_huge_logits(dtype):
    z = logits(dtype)
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        close(activate("softmax", z), SOFTMAX, dtype)
        close(activate("sigmoid", z), SIGMOID, dtype)
        close(functional.softmax(z), SOFTMAX, dtype)
        close(functional.softmax(z.T, samples_first=False), np.transpose(SOFTMAX), dtype)
        close(functional.sigmoid(z), SIGMOID, dtype)
        close(functional.activate("softmax", z), SOFTMAX, dtype)
        assert np.isfinite(functional.derivative("sigmoid", z)).all()


def identity_network(loss, n_outputs, dtype):
    net = cnn.Network([cnn.Dense(n_outputs)], loss=loss, dtype=dtype)
    net.set_weights([(np.eye(3, n_outputs), np.zeros(n_outputs))])
    return net


@pytest.mark.parametrize("dtype", HUGE)
def test_networks_of_huge_logits(dtype):
    z = logits(dtype)
    net = identity_network("softmax_cross_entropy", 3, dtype)
    close(net.predict_proba(z), SOFTMAX, dtype)
    assert net.predict(z).tolist() == [0, 0, 1, 1]
    assert net.decision_function(z).tolist() == z.tolist()
    close(net.predict_log_proba(z[1:2]), np.log(SOFTMAX[1:2]), dtype)
    expected = [[1 - 2 - np.log1p(np.exp(-1)), -np.log1p(np.exp(-1)), z[3, 2]]]
    close(net.predict_log_proba(z[3:]), expected, dtype)
    with pytest.raises(
        ValueError, match=r"Row 0 of X has a number of the logarithms of probabilities .* \(1 of 4 rows\)"
    ):
        net.predict_log_proba(z)  # -2 * LARGEST
    sigmoids = identity_network("binary_cross_entropy", 3, dtype)
    close(sigmoids.predict_proba(z), SIGMOID, dtype)
    one = identity_network("binary_cross_entropy", 1, dtype)
    close(one.predict_proba(z)[:, 1], np.transpose(SIGMOID)[0], dtype)
    close(one.predict_log_proba(z)[:2], [[z[1, 0], 0], [0, z[1, 0]]], dtype)
    assert one.loss(z[:2], [1, 0]) == 0
    assert one.loss(z[:1] / 4, [0]) == pytest.approx(float(z[0, 0]) / 4, rel=1e-6)
    assert net.loss(z[:1] / 4, [1]) == pytest.approx(float(z[0, 0]) / 2, rel=1e-6)


def test_the_odds_of_an_estimator():
    model = cnn.MLPClassifier(hidden_layer_sizes=(4,), loss="softmax_cross_entropy", random_state=0)
    model.fit(X, CLASSES % 2)
    assert model.network_.layers[-1].units == 2
    hidden, last = model.network_.get_weights()
    model.network_.set_weights(
        [(np.full(hidden[0].shape, 0.25), np.zeros(4)), (np.array([[-1.0, 1.0]] * 4) * 1e38, last[1])]
    )
    few = X[:1] / 5
    assert np.isfinite(model.network_.decision_function(few)).all()
    with pytest.raises(
        ValueError, match=r"Row 0 of X has a number of the logarithms of the odds beyond the range"
    ):
        model.decision_function(few)


def test_temperatures_of_huge_logits():
    z = np.array([[1e308, -1e308, 0], [-1e308, 1e308, 0], [0, 0, 1.7e308]])
    assert fit_temperature(z, [0, 1, 2]) == fit_temperature(z * 1e-250, [0, 1, 2])
    assert fit_temperature(z, [1, 1, 2]) == fit_temperature(z * 1e-250, [1, 1, 2]) == 100


def test_scores_beyond_the_range_are_refused():
    net = fitted("mse", "float64")
    net.set_weights([(np.full(W.shape, 1e150), np.zeros(b.shape)) for W, b in net.get_weights()])
    assert metrics.r2_score(X[:, 0], net.predict(X)) == -np.inf
    with pytest.raises(
        ValueError, match="The score of these rows is -inf: an error is beyond the range of float64"
    ):
        net.score(X, X[:, 0])
    quantiles = fitted("quantile", "float64")
    quantiles.set_weights([(np.full(W.shape, 1e153), np.zeros(b.shape)) for W, b in quantiles.get_weights()])
    with pytest.raises(ValueError, match="The score of these rows is -inf"):
        quantiles.score(X, X[:, 0])
    model = cnn.MLPRegressor(hidden_layer_sizes=(4,), dtype="float64", random_state=0).fit(X, X[:, 0])
    model.network_.set_weights([(np.full(W.shape, 1e150), np.zeros(b.shape)) for W, b in net.get_weights()])
    with pytest.raises(ValueError, match="The score of these rows is -inf"):
        model.score(X, X[:, 0])


def test_a_standard_deviation_of_0_has_no_intervals():
    net = fitted("gaussian", "float32")
    net.set_weights([(np.full((3, 4), 1.0), np.zeros(4)), (np.array([[1.0, -200.0]] * 4), np.zeros(2))])
    assert (net.predict_distribution(X)[1] == 0).all()
    with pytest.raises(ValueError, match=r"Row 0 of X has the standard deviation 0"):
        net.calibrate_intervals(X, X[:, 0])
