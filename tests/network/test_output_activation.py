"""An activation of the last layer under losses of values: every entrance, files, and losses that refuse it."""

import pickle

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import MLPRegressor, functional, losses

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 3))
signal = np.tanh(2 * X[:, 0] + X[:, 1])
TARGETS = {
    "tanh": 0.95 * signal,
    "sigmoid": 0.45 * signal + 0.5,
    "softplus": signal + 1.1,
    "relu": np.maximum(signal, 0.1),
    "exp": np.exp(signal),
    "elu": signal,
}
HUMP = cnn.Activation(lambda Z: np.exp(-Z * Z), lambda Z: -2 * Z * np.exp(-Z * Z), "hump")


def network(activation, loss="mse", hidden=16, **parameters):
    layers = [cnn.Dense(hidden, "tanh"), cnn.Dense(1, activation)]
    return cnn.Network(layers, loss=loss, **{"seed": 0, "optimizer": cnn.Adam(0.01), **parameters})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", ["mse", "squared_error", "mae", "huber", "log_cosh"])
@pytest.mark.parametrize("activation", TARGETS)
def test_learns_values_in_the_range_of_the_activation(activation, loss, dtype):
    y = TARGETS[activation]
    net = network(activation, loss, dtype=dtype).fit(X, y, epochs=60)
    assert net.score(X, y) > 0.93
    assert net.history["loss"][-1] < net.history["loss"][0] / 3
    z = net.decision_function(X)
    # `decision_function` is before the activation
    assert np.allclose(functional.activate(activation, z), net.predict(X), rtol=1e-5, atol=1e-6)
    assert net.activations[-1] == activation
    assert activation in str(net.summary())


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "softplus", "exp"])
def test_loss_is_that_of_the_predictions(activation):
    y = TARGETS[activation]
    net = network(activation, dtype="float64", standardize=True).fit(X, y, epochs=5)
    weights = rng.uniform(0, 2, len(X))
    errors = (net.predict(X) - y) ** 2
    assert net.loss(X, y) == pytest.approx(errors.mean(), rel=1e-12)
    assert net.loss(X, y, sample_weight=weights) == pytest.approx(
        np.average(errors, weights=weights), rel=1e-12
    )
    assert net.score(X, y) == pytest.approx(cnn.metrics.r2_score(y, net.predict(X)), rel=1e-12)


def test_quantiles_of_positive_values():
    layers = [cnn.Dense(16, "tanh"), cnn.Dense(3, "softplus")]
    y = TARGETS["exp"] * rng.lognormal(0, 0.3, len(X))
    net = cnn.Network(layers, loss="quantile", optimizer=cnn.Adam(0.01), seed=0).fit(X, y, epochs=80)
    lower, _, upper = net.predict(X).T
    assert (lower > 0).all()
    assert 0.7 < ((lower < y) & (y < upper)).mean() < 0.9  # 0.8


def test_an_own_activation():
    y = np.exp(-((X[:, 0] + X[:, 1]) ** 2))
    net = network(HUMP, dtype="float64").fit(X, y, epochs=60)
    assert net.score(X, y) > 0.99
    again = pickle.loads(pickle.dumps(network("tanh").fit(X, signal, epochs=1)))
    assert again.activations[-1] == "tanh"


@pytest.mark.parametrize("activation", ["sigmoid", "softplus", HUMP], ids=str)
def test_input_gradients_are_those_of_predict(activation):
    net = network(activation, dtype="float64", standardize=True).fit(X, TARGETS["sigmoid"], epochs=5)
    h = 1e-4
    up, down = X.copy(), X.copy()
    up[:, 1] += h
    down[:, 1] -= h
    slope = (net.predict(up) - net.predict(down)) / (2 * h)
    assert np.allclose(net.input_gradient(X)[:, 1], slope, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("activation", TARGETS)
def test_files_pickles_and_shapes(activation, tmp_path):
    net = network(activation, "huber").fit(X, TARGETS[activation], epochs=3)
    expected, path = net.predict(X), tmp_path / "net.safetensors"
    net.save(path)
    shape = net.to_shape()
    assert shape[-1] == {"nodes": 1, "activation": activation} | (
        {"loss": "mse"} if activation in ("sigmoid", "exp") else {}
    )
    for again in (
        cnn.load(path),
        pickle.loads(pickle.dumps(net)),
        cnn.Network.from_dict(net.to_dict(), shape),
    ):
        assert np.array_equal(again.predict(X), expected)
        assert again.activations == net.activations
    cnn.load(path).fit(X, TARGETS[activation], epochs=2, warm_start=True)


def test_the_textbook_network():
    """Sigmoid units and squared errors, from a shape; its gradients are those of the textbook's functions."""
    shape = [{"nodes": 4, "activation": "sigmoid"}, {"nodes": 1, "activation": "sigmoid", "loss": "mse"}]
    y = TARGETS["sigmoid"]
    net = cnn.Network.from_shape(shape, optimizer=cnn.SGD(2.0), seed=0, dtype="float64")
    other = cnn.Network.from_shape(
        [{"nodes": 4, "activation": "sigmoid"}, {"nodes": 1, "activation": "sigmoid"}],
        loss="mse",
        optimizer=cnn.SGD(2.0),
        seed=0,
        dtype="float64",
    )
    assert net.fit(X, y, epochs=100).score(X, y) > 0.99
    assert np.array_equal(net.predict(X), other.fit(X, y, epochs=100).predict(X))
    params = net.to_dict()
    grads = functional.forward_prop(X.T, params, shape)
    found = functional.gradients(X.T, y, params, grads, shape)
    for i, layer in enumerate(net.gradients(X, y)["layers"], 1):
        assert np.allclose(found[f"dW{i}"], layer["weight"].T, rtol=1e-9, atol=1e-12)
        assert np.allclose(found[f"db{i}"][:, 0], layer["bias"], rtol=1e-9, atol=1e-12)
    assert cnn.Network.from_shape(shape[:1]).activations == ["sigmoid"]
    assert cnn.Network.from_shape([{"nodes": 1, "activation": "tanh"}]).activations == ["tanh"]
    with pytest.raises(ValueError, match=r"shape\[0\] has the key 'loss', which is for the last layer only"):
        cnn.Network.from_shape([shape[1], shape[1]])
    with pytest.raises(ValueError, match="gradients takes mse, or the loss whose link is sigmoid"):
        functional.gradients(X.T, y, params, grads, [shape[0], {**shape[1], "loss": "poisson"}])


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_the_estimator(solver, tmp_path):
    y = TARGETS["tanh"]
    options = {"hidden_layer_sizes": (16,), "random_state": 0, "solver": solver, "max_iter": 300}
    model = MLPRegressor(output_activation="tanh", learning_rate_init=0.01, **options).fit(X, y)
    assert model.score(X, y) > 0.97
    assert np.abs(model.predict(100 * X)).max() <= 1
    assert model.out_activation_ == "tanh"
    model.save(tmp_path / "model.safetensors")
    again = MLPRegressor.load(tmp_path / "model.safetensors")
    assert again.output_activation == "tanh"
    assert np.array_equal(again.predict(X), model.predict(X))
    logistic = MLPRegressor(output_activation="logistic", **{**options, "max_iter": 2}).fit(
        X, TARGETS["sigmoid"]
    )
    assert logistic.out_activation_ == "logistic"
    with pytest.raises(ValueError, match="'softmax' is for the last layer only, where the loss decides"):
        MLPRegressor(output_activation="softmax").fit(X, y)
    with pytest.raises(ValueError, match="The last layer is tanh; the loss requires exp"):
        MLPRegressor(output_activation="tanh", loss="poisson").fit(X, y + 1)


def test_lbfgs_gradients_are_those_of_the_activation():
    """Without penalty and hidden layers: the least squares of a logistic curve, which another method finds too."""
    y = 1 / (1 + np.exp(-(X @ [1.0, -2.0, 0.5] + 0.3)))
    model = MLPRegressor(
        hidden_layer_sizes=(), solver="lbfgs", alpha=0, output_activation="logistic", tol=1e-9, max_iter=500
    )
    model.fit(X, y)
    assert np.allclose(model.coefs_[0][:, 0], [1.0, -2.0, 0.5], atol=1e-3)
    assert model.intercepts_[0][0] == pytest.approx(0.3, abs=1e-3)


def test_streams_partial_fit_validation_and_intervals():
    y = TARGETS["sigmoid"]
    net = network("sigmoid").fit([(X[:150], y[:150]), (X[150:], y[150:])], epochs=40)
    assert net.score(X, y) > 0.97
    other = network("sigmoid").fit(X, y, epochs=20, validation_fraction=0.3)
    assert other.history["val_loss"][-1] < other.history["val_loss"][0]
    lower, upper = other.calibrate_intervals(X, y).predict_interval(X, 0.8)
    assert 0.75 < ((lower <= y) & (y <= upper)).mean() < 0.85
    before = other.loss(X, y)
    for _ in range(5):
        other.partial_fit(X, y)
    assert other.loss(X, y) < before


@pytest.mark.parametrize(
    ("loss", "units", "link"),
    [
        ("softmax_cross_entropy", 3, "softmax"),
        ("binary_cross_entropy", 1, "sigmoid"),
        (losses.Focal(link="sigmoid"), 1, "sigmoid"),
        ("poisson", 1, "exp"),
        ("gamma", 1, "exp"),
        ("tweedie", 1, "exp"),
        ("ordinal", 2, "identity"),
        ("gaussian_nll", 2, "identity"),
    ],
)
def test_losses_with_a_link_take_no_other_activation(loss, units, link):
    with pytest.raises(ValueError, match=f"The last layer is tanh; the loss requires {link}"):
        cnn.Network([cnn.Dense(units, "tanh")], loss=loss)
    assert cnn.Network([cnn.Dense(units, link)], loss=loss).activations == [link]
    assert cnn.Network([cnn.Dense(units)], loss=loss).activations == [link]


def test_combinations_without_a_meaning_are_refused():
    with pytest.raises(ValueError, match="the loss mse takes another activation, or none"):
        cnn.Network([cnn.Dense(3, "softmax")], loss="mse")
    with pytest.raises(
        ValueError, match="scale_targets=True standardises y, but the outputs of the last layer are"
    ):
        network("sigmoid", scale_targets=True)
    with pytest.raises(ValueError, match="Leave one of them out"):
        MLPRegressor(scale_targets=True, output_activation="tanh").fit(X, signal)


def test_a_custom_loss_takes_the_outputs():
    def squares(y, a):
        return ((a - y) ** 2).sum(axis=1), 2 * (a - y)

    y = TARGETS["sigmoid"]
    nets = [
        network("sigmoid", loss, dtype="float64").fit(X, y, epochs=3)
        for loss in ("mse", losses.CustomLoss(squares))
    ]
    assert np.allclose(nets[0].predict(X), nets[1].predict(X), rtol=1e-9)
    own_link = network("sigmoid", losses.CustomLoss(squares, link="sigmoid"), dtype="float64").fit(
        X, y, epochs=3
    )
    assert not np.allclose(own_link.predict(X), nets[0].predict(X))  # its function is one of the logits
