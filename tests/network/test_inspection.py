"""A look inside: derivatives of what is predicted against its central differences, and what hidden layers give."""

import compiled_nn as cnn
import networks
import numpy as np
import pytest
import reference
import small
from compiled_nn.spec.activations import ACTIVATIONS

M, K = 40, 5
TARGETS = {  # of each loss: outputs, and a y
    "mse": (2, lambda rng: rng.normal(5, 7, (M, 2))),
    "huber": (1, lambda rng: rng.normal(size=M)),
    "poisson": (1, lambda rng: rng.poisson(3, M)),
    "quantile": (3, lambda rng: rng.normal(size=M)),
    "gaussian_nll": (4, lambda rng: rng.normal(size=(M, 2))),
    "binary_cross_entropy": (1, lambda rng: np.arange(M) % 2),
    "softmax_cross_entropy": (3, lambda rng: np.arange(M) % 3),
    "ordinal": (3, lambda rng: np.arange(M) % 4),
}


def fitted(rng, hidden, loss="softmax_cross_entropy", epochs=3, **parameters):
    """A network of float64 and the X that it has learned a little from."""
    n_outputs, y = TARGETS[getattr(loss, "name", loss)]
    X = rng.normal(3, 2, (M, K))
    net = cnn.Network([*hidden, cnn.Dense(n_outputs)], loss=loss, dtype="float64", seed=0, **parameters)
    return net.fit(X, y(rng), epochs=epochs), X


def predicted(net):
    """What the derivatives are of, as a function of X."""
    return net.decision_function if net._configuration.loss.classifies else net.predict


def differences(function, X, h=1e-5):
    columns = []
    for k in range(X.shape[1]):
        step = h * (np.arange(X.shape[1]) == k)
        columns.append((function(X + step) - function(X - step)) / (2 * h))
    return np.stack(columns, axis=-1)


def check(net, X):
    expected = differences(predicted(net), X)
    got = net.input_gradient(X)
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() < 1e-6 * max(1, np.abs(expected).max())
    return got


# ---- derivatives


@pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - {"softmax"}))
def test_of_every_activation(activation, rng):
    net, X = fitted(rng, [cnn.Dense(7, activation), cnn.Dense(6, activation)], "mse", standardize=True)
    kinks = networks.KINKS.get(activation, ())
    while any(np.abs(reached - kink).min() < 1e-3 for kink in kinks for reached in inputs_of(net, X)):
        X = rng.normal(3, 2, (M, K))
    check(net, X)


def inputs_of(net, X):
    """What the activations of two hidden layers are applied to."""
    (V, b), (W, c), _ = net.get_weights()
    return (X - net.mean_) / net.scale_ @ V + b, net.transform(X, 0) @ W + c


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("norm", [None, "batch", "layer", "rms"])
@pytest.mark.parametrize("loss", sorted(TARGETS))
def test_of_every_loss_and_norm(loss, norm, standardize, rng):
    hidden = [
        cnn.Dense(9, "gelu", norm=norm, dropout=0.2),
        cnn.Dense(9, "tanh", norm=norm, residual=True),
        cnn.Dense(8, "silu", bias=False),
    ]
    net, X = fitted(
        rng, hidden, loss, standardize=standardize, scale_targets=loss == "mse", input_dropout=0.1
    )
    assert np.abs(check(net, X)).max() > 1e-3


@pytest.mark.parametrize("link", ["identity", "sigmoid", "tanh", "exp", "softmax"])
def test_of_every_link_of_a_loss_of_ones_own(link, rng):
    loss = cnn.losses.CustomLoss(lambda y, z: (((z - y) ** 2).sum(axis=1), 2 * (z - y)), link, "mse")
    check(*fitted(rng, [cnn.Dense(6, "tanh")], loss))


def test_after_calibration_of_the_logits_divided_by_the_temperature(rng):
    net, X = fitted(rng, [cnn.Dense(6, "tanh")], standardize="robust")
    before = check(net, X)
    net.calibrate(X, np.arange(M) % 3)
    assert np.allclose(check(net, X), before / net.temperature_, rtol=1e-10)


def test_with_an_average_of_weights_with_a_scale_and_without_hidden_layers(rng):
    check(*fitted(rng, [cnn.Dense(6, "relu6")], ema=0.9, input_scale=0.25))
    net, X = fitted(rng, [], input_scale=0.25)
    W = net.get_weights()[0][0]
    assert np.array_equal(net.input_gradient(X), np.broadcast_to(0.25 * W.T, (M, 3, K)))


def test_of_an_activation_of_ones_own(rng):
    mine = cnn.Activation(np.sin, np.cos)
    check(*fitted(rng, [cnn.Dense(6, mine)], "mse"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_is_the_chain_rule_of_many_rows_for_any_number_of_threads(dtype, rng):
    sizes, m = (40, 130, 70, 3), 1500
    X = rng.normal(size=(m, 40)).astype(dtype)
    weights = reference.initial_weights(sizes, rng, (True,) * 3)
    got = []
    for threads in (1, 2):
        layers = [cnn.Dense(130, "relu"), cnn.Dense(70, "tanh"), cnn.Dense(3)]
        net = cnn.Network(layers, dtype=dtype, n_threads=threads)
        net.set_weights(weights)
        got.append(net.input_gradient(X))
    assert got[0].dtype == dtype
    assert got[0].tobytes() == got[1].tobytes()
    (U, a), (V, b), (W, _) = weights
    Z = X.astype("float64") @ U + a
    T = np.tanh(np.maximum(Z, 0) @ V + b)
    expected = np.stack([((W[:, j] * (1 - T**2)) @ V.T * (Z > 0)) @ U.T for j in range(3)], axis=1)
    clear = np.abs(Z).min(axis=1) > 1e-5  # beside a kink, float32 may be on the other side
    tolerance = 1e-12 if dtype == "float64" else 2e-5
    assert clear.mean() > 0.9
    assert np.abs(got[0] - expected)[clear].max() < tolerance * np.abs(expected).max()


def test_memory_is_bounded_beside_the_result(rng):
    X = rng.normal(size=(20000, 30)).astype("float32")
    net = cnn.Network([cnn.Dense(400, "tanh"), cnn.Dense(2)], loss="mse", seed=0)
    net.fit(X[:100], X[:100, :2], epochs=1)
    most, gradients = small.peak(lambda: net.input_gradient(X))
    assert most < gradients.nbytes + 4e6  # all rows of the hidden layer would be 32 MB


def test_an_output_is_a_label_or_a_column(rng):
    X, y = small.blobs()
    net = small.classifier().fit(X, np.array(["ant", "bee", "cat"])[y], epochs=2)
    every = net.input_gradient(X)
    assert every.shape == (90, 3, 4)
    assert np.array_equal(net.input_gradient(X, output="bee"), every[:, 1])
    with pytest.raises(
        ValueError, match=r"output is 'dog'; expected one of the classes \['ant', 'bee', 'cat'\]"
    ):
        net.input_gradient(X, output="dog")
    two = small.binary().fit(X, y > 0, epochs=2)
    assert np.array_equal(two.input_gradient(X, output=True), two.input_gradient(X))
    assert np.array_equal(two.input_gradient(X, output=False), -two.input_gradient(X))
    values = small.regressor(2).fit(X, X[:, :2], epochs=2)
    every = values.input_gradient(X)
    assert np.array_equal(values.input_gradient(X, output=-1), every[:, 1])
    with pytest.raises(ValueError, match="output is 2; the network has 2 outputs"):
        values.input_gradient(X, output=2)
    with pytest.raises(TypeError, match="output must be an int"):
        values.input_gradient(X, output="second")


def test_several_labels_a_row_are_outputs_by_number(rng):
    X, _ = small.blobs()
    net = small.classifier(2, loss="binary_cross_entropy").fit(X, (X[:, :2] > 0).astype(int), epochs=2)
    assert np.array_equal(net.input_gradient(X, output=1), net.input_gradient(X)[:, 1])


def test_neither_network_nor_x_change():
    X, y = small.blobs()
    net = small.classifier(standardize=True).fit(X, y, epochs=2)
    one_more = small.classifier(standardize=True).fit(X, y, epochs=2)
    before = X.copy()
    net.input_gradient(small.sealed(X))
    net.transform(X)
    assert np.array_equal(X, before)
    for each in (net, one_more):
        each.fit(X, y, epochs=1, warm_start=True)
    assert small.bits(net) == small.bits(one_more)


# ---- hidden layers


def test_transform_gives_the_layers_in_their_order(rng):
    net, X = fitted(rng, [cnn.Dense(6, "tanh"), cnn.Dense(4, "relu")], standardize=True)
    (U, a), (V, b), (W, c) = net.get_weights()
    first = np.tanh((X - net.mean_) / net.scale_ @ U + a)
    second = np.maximum(first @ V + b, 0)
    assert np.allclose(net.transform(X, 0), first, rtol=1e-9)
    assert np.allclose(net.transform(X), second, rtol=1e-9, atol=1e-12)
    assert np.array_equal(net.transform(X, -2), net.transform(X, 0))
    assert np.allclose(net.transform(X) @ W + c, net.decision_function(X), rtol=1e-9)


@pytest.mark.parametrize("norm", ["batch", "layer", "rms"])
def test_transform_of_what_is_normalised_and_residual_leads_to_the_prediction(norm, rng):
    hidden = [cnn.Dense(6, "relu", norm=norm, dropout=0.5), cnn.Dense(6, "gelu", norm=norm, residual=True)]
    net, X = fitted(rng, hidden)
    W, c = net.get_weights()[-1]
    assert np.allclose(net.transform(X) @ W + c, net.decision_function(X), rtol=1e-9)


def test_transform_refuses_layers_that_are_not_hidden(rng):
    net, X = fitted(rng, [cnn.Dense(6, "tanh")])
    for layer in (1, -2):
        with pytest.raises(ValueError, match=f"layer is {layer}; the network has 1 hidden layer"):
            net.transform(X, layer)
    with pytest.raises(TypeError, match="layer must be an int"):
        net.transform(X, "last")
    with pytest.raises(ValueError, match="X has 4 columns; the network takes 5"):
        net.transform(X[:, 1:])
    with pytest.raises(cnn.NotFittedError):
        small.classifier().transform(X)
    with pytest.raises(cnn.NotFittedError):
        small.classifier().input_gradient(X)


# ---- what X may be


class Csr:
    """What scipy.sparse has that we ask for."""

    def __init__(self, full):
        rows, self.indices = np.nonzero(full)
        self.indptr = np.searchsorted(rows, np.arange(len(full) + 1))
        self.data, self.shape = full[rows, self.indices], full.shape

    def tocsr(self):
        return self


@pytest.mark.parametrize("standardize", [False, True])
def test_sparse_rows_are_their_full_ones(standardize, rng):
    X = (rng.normal(size=(60, 300)) * (rng.random((60, 300)) < 0.1)).astype("float32")
    net = small.classifier(standardize=standardize).fit(X, np.arange(60) % 3, epochs=2)
    for method in (net.transform, net.input_gradient):
        assert np.allclose(method(Csr(X)), method(X), rtol=1e-5, atol=1e-7)


def test_a_table_has_derivatives_by_its_encoded_columns():
    X = [[float(i % 7), "ab"[i % 2]] for i in range(40)]
    net = small.regressor(categorical_features=[1], dtype="float64", standardize=True)
    net.fit(X, np.arange(40.0), epochs=2)
    assert net.transform(X).shape == (40, 8)
    gradient = net.input_gradient(X)
    assert gradient.shape == (40, net.encoder_.n_columns_)
    up, down = ([[x + h, c] for x, c in X] for h in (1e-5, -1e-5))
    assert np.allclose(gradient[:, 0], (net.predict(up) - net.predict(down)) / 2e-5, rtol=1e-6)


# ---- estimators


def test_estimators_have_both():
    X, y = small.blobs()
    model = cnn.MLPClassifier(hidden_layer_sizes=(6, 4), random_state=0, max_iter=3).fit(X, y)
    assert model.hidden(X, 0).shape == (90, 6)
    assert np.array_equal(model.hidden(X), model.network_.transform(X))
    assert np.array_equal(model.input_gradient(X, output=2), model.network_.input_gradient(X)[:, 2])
    regressor = cnn.MLPRegressor(random_state=0, max_iter=3, dtype="float64").fit(X, X[:, 0])
    wide = X.astype("float64")
    assert np.allclose(regressor.input_gradient(wide), differences(regressor.predict, wide), atol=1e-4)
    with pytest.raises(cnn.NotFittedError):
        cnn.MLPRegressor().input_gradient(X)


def test_names_of_the_inputs():
    X, y = np.arange(40.0).reshape(20, 2) % 7, np.arange(20) % 2
    net = cnn.Network([cnn.Dense(2)], seed=0)
    with pytest.raises(cnn.NotFittedError):
        net.input_names_  # noqa: B018
    assert net.fit(X, y, epochs=1).input_names_.tolist() == ["x0", "x1"]
    assert net.fit({"b": X[:, 1], "a": X[:, 0]}, y, epochs=1).input_names_.tolist() == ["b", "a"]
    assert net.fit({2023: X[:, 1], 2024: X[:, 0]}, y, epochs=1).input_names_.tolist() == ["2023", "2024"]
    for model in (
        cnn.Network([cnn.Dense(2)], seed=0, categorical_features=["b"]),
        cnn.MLPClassifier(random_state=0, max_iter=2, categorical_features=["b"]),
    ):
        model.fit({"b": X[:, 1] % 2, "a": np.where(X[:, 0] == 0, np.nan, X[:, 0])}, y)
        assert model.input_names_.tolist() == ["a", "missingindicator_a", "b_0.0", "b_1.0"]
        assert model.input_gradient({"b": 0, "a": 1.0}, output=0).shape == (1, 4)
    with pytest.raises(cnn.NotFittedError):
        cnn.MLPClassifier().input_names_  # noqa: B018
