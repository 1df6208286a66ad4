"""Mistakes of published tutorials, asked of `compiled_nn.functional`.

As in `test_traps.py`, which asks the core: each check fails on the tutorial's formula, written afresh from its
description, and passes on ours.
"""

import compiled_nn as cnn
import networks
import numpy as np
import pytest
import reference
import small
from compiled_nn import functional as F  # noqa: N812
from compiled_nn.spec import shapes
from networks import true_gradients
from small import LN2, peak, sealed


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def deep(rng, sizes, m=12):
    """A network of relu and a sigmoid: the oracle's case, its parameters, its shape."""
    case = networks.draw(rng, sizes, "relu", "binary_cross_entropy", m=m, smooth=True)
    params = shapes.to_dict(case.network)
    return case, params, shapes.default(params)


def gradients(case, params, shape):
    grads = F.forward_prop(case.X.T, params, shape)
    got = F.gradients(case.X.T, case.y.T, params, grads, shape)
    return [(got[f"dW{i}"].T, got[f"db{i}"][:, 0]) for i in range(1, len(shape) + 1)]


def tutorial_back_prop(case, params, rate):
    """Each layer moves before it carries the gradient to the one below, in the caller's dict, relu' being 1 at 0."""
    A = [case.X.T]
    last = len(case.network)
    for i in range(1, last + 1):
        Z = params[f"W{i}"] @ A[-1] + params[f"b{i}"]
        A.append(sigmoid(Z) if i == last else np.maximum(Z, 0))
    dZ = A[-1] - case.y.T
    for i in range(last, 0, -1):
        params[f"W{i}"] = params[f"W{i}"] - rate * dZ @ A[i - 1].T / len(case.X)
        params[f"b{i}"] = params[f"b{i}"] - rate * dZ.mean(axis=1, keepdims=True)
        dZ = params[f"W{i}"].T @ dZ * (A[i - 1] > 0)
    return params


@pytest.mark.parametrize("rate", [1e-3, 0.1, 1.0])
def test_b01_gradients_are_all_taken_before_any_update(rng, rate):
    case, params, shape = deep(rng, (6, 4, 5, 1))
    truth = true_gradients(case)

    def step(moved):
        return reference.combine(
            lambda a, b: (a - b) / rate, shapes.from_dict(params), shapes.from_dict(moved)
        )

    assert networks.relative_error(step(tutorial_back_prop(case, dict(params), rate)), truth) > 1e-6
    grads = F.forward_prop(case.X.T, params, shape)
    ours = F.back_prop(case.X.T, case.y.T, params, grads, shape, rate)
    assert networks.relative_error(step(ours), truth) < 1e-6
    AL, caches = F.L_model_forward(case.X.T, params)
    ours = F.update_parameters(params, F.L_model_backward(AL, case.y.T, caches), rate)
    assert networks.relative_error(step(ours), truth) < 1e-6


def test_b02_nothing_that_is_given_changes(rng):
    case, params, shape = deep(rng, (6, 4, 5, 1))
    theirs = dict(params)
    assert tutorial_back_prop(case, theirs, 0.1) is theirs
    assert (theirs["W1"] != params["W1"]).any()
    sealed([case.X, case.y, params])  # writing would raise
    kept = dict(params)
    grads = sealed(F.forward_prop(case.X.T, params, shape))
    names = list(grads)
    moved = F.back_prop(case.X.T, case.y.T, params, grads, shape, 0.1)
    assert moved is not params
    assert all(params[name] is kept[name] for name in kept)
    assert list(grads) == names
    AL, caches = sealed(F.L_model_forward(case.X.T, params))
    F.update_parameters(params, sealed(F.L_model_backward(AL, case.y.T, caches)), 0.1)
    cnn.Network.from_dict(params, shape).fit(case.X, case.y, epochs=2)


def test_b03_targets_have_one_meaning_or_none(rng):
    X = rng.normal(size=(5, 64))
    params = F.initialize_parameters(5, 3, 1, seed=0)
    AL, caches = F.L_model_forward(X, params)
    y = rng.integers(0, 2, 64)
    assert (AL - y[:, None]).shape == (64, 64)  # the tutorial's A - Y
    expected = F.L_model_backward(AL, y, caches)
    nets = []
    for Y in (y, y[:, None], y[None]):
        for name, gradient in F.L_model_backward(AL, Y, caches).items():
            np.testing.assert_array_equal(gradient, expected[name])
        assert F.compute_cost(AL, Y) == F.compute_cost(AL, y)
        if Y.shape != (1, 64):
            nets.append(small.bits(cnn.Network.from_dict(params, seed=0).fit(X.T, Y, epochs=1)))
    assert nets[0] == nets[1]
    for wrong in (y[:63], y.reshape(8, 8), y[:, None, None]):
        with pytest.raises(ValueError, match="Y has shape"):
            F.L_model_backward(AL, wrong, caches)


def test_b04_a_layer_that_is_dead_has_no_gradient(rng):
    """All outputs of the last hidden layer are 0: the cost is ln 2, to the last digit."""
    _, params, shape = deep(rng, (6, 4, 3, 1))
    params = {**params, "W2": -np.abs(params["W2"]), "b2": np.zeros((3, 1)), "b3": np.zeros((1, 1))}
    X, Y = np.abs(rng.normal(size=(6, 40))), np.arange(40) % 4 > 0
    params["W1"], params["b1"] = np.abs(params["W1"]), np.zeros((4, 1))
    grads = F.forward_prop(X, params, shape)
    assert F.compute_cost(grads["A3"], Y) == LN2
    params["W2"] = np.zeros((3, 4))  # Z2 is 0 and not below
    grads = F.forward_prop(X, params, shape)
    dA = params["W3"].T @ (grads["A3"] - Y)
    tutorial = np.where(grads["Z2"] < 0, 0, dA) @ grads["A1"].T
    assert np.abs(tutorial).max() > 0.01
    assert not F.gradients(X, Y, params, grads, shape)["dW2"].any()
    assert not F.relu_backward(dA, grads["Z2"]).any()


def test_b05_a_perfect_saturated_prediction_costs_nothing(dtype):
    y, z = np.array([1, 0, 1]), np.array([1000, -1000, 1e30], dtype)
    a = F.sigmoid(z)
    with np.errstate(all="ignore"):
        assert np.isnan(-np.mean(y * np.log(a) + (1 - y) * np.log(1 - a)))
    assert 0 <= F.compute_cost(a, y) < 1e-6
    assert 0 <= F.compute_cost(a, y, logits=z) < 1e-30
    wrong = F.compute_cost(a, 1 - y)
    assert np.isfinite(wrong)
    assert wrong > 10
    assert F.compute_cost(a, 1 - y, logits=z) == pytest.approx(
        float(np.abs(z.astype(float)).mean()), rel=1e-6
    )
    assert np.isfinite(F.cross_entropy([[0.0, 1.0]], [[1, 0]])).all()


def test_b06_exp_never_overflows(dtype):
    z = np.array([-1000, -89, 89, 1000], dtype)
    with np.errstate(all="raise"):
        with pytest.raises(FloatingPointError):
            sigmoid(z)
        for f in (F.sigmoid, F.sigmoid_prime, lambda z: F.sigmoid_backward(z, z)):
            assert np.isfinite(f(z)).all()


def test_b07_data_of_float32_stay_as_they_are(rng):
    X = rng.normal(size=(20_000, 60)).astype("float32")
    shape = [{"nodes": 4, "activation": "relu"}, {"nodes": 1, "activation": "sigmoid"}]
    params = F.initialise_parameters(X, shape, seed=0)
    assert params["W1"].dtype == np.float32
    wide = {name: p.astype(float) for name, p in params.items()}
    most, Z = peak(lambda: wide["W1"] @ X)  # the tutorial's weights widen all of the data
    assert Z.dtype == np.float64
    assert most > 2 * X.nbytes
    for weights in (params, wide):
        most, grads = peak(lambda weights=weights: F.forward_prop(X, weights, shape))
        assert grads["A2"].dtype == np.float32
        assert most < X.nbytes / 2
        grads = F.gradients(X, np.ones(60), weights, grads, shape)
        assert {g.dtype.name for g in grads.values()} == {"float32"}


def test_b08_a_hidden_sigmoid_has_its_own_derivative(rng):
    case = networks.draw(rng, (4, 3, 1), "sigmoid", "binary_cross_entropy", m=7)
    params, truth = shapes.to_dict(case.network), true_gradients(case)
    shape = [{"nodes": 3, "activation": "sigmoid"}, {"nodes": 1, "activation": "sigmoid"}]
    grads = F.forward_prop(case.X.T, params, shape)
    dZ = grads["A1"] - case.y.T  # as if the hidden layer were the output
    wrong = dZ @ case.X / 7
    assert np.abs(wrong.T - truth[0][0]).max() > 0.1
    assert networks.relative_error(gradients(case, params, shape), truth) < 1e-6


def test_b09_every_layer_takes_the_gradient_of_the_layer_above(rng):
    def tutorial(AL, Y, caches):
        """dA of the last hidden layer is used for every layer."""
        dA, dW, _ = F.linear_activation_backward((AL - Y) / (AL * (1 - AL)), caches[-1], "sigmoid")
        return [F.linear_activation_backward(dA, cache, "relu")[1] for cache in caches[:-1]] + [dW]

    for sizes in ((5, 4, 4, 4, 1), (6, 5, 4, 3, 1)):
        case, params, _ = deep(rng, sizes)
        AL, caches = F.L_model_forward(case.X.T, params)
        truth = true_gradients(case)
        if sizes[1] == sizes[2]:
            first = tutorial(AL, case.y.T, caches)[0].T
            assert np.abs(first - truth[0][0]).max() > 0.1 * np.abs(truth[0][0]).max()
        else:
            with pytest.raises(ValueError, match="units"):
                tutorial(AL, case.y.T, caches)
        grads = F.L_model_backward(AL, case.y.T, caches)
        ours = [(grads[f"dW{i}"].T, grads[f"db{i}"][:, 0]) for i in range(1, len(sizes))]
        assert networks.relative_error(ours, truth) < 1e-6


def test_b10_the_signal_reaches_the_end_of_a_deep_network(rng):
    X = rng.uniform(size=(3072, 50))
    dims = [3072, 20, 7, 5, 1]

    def spread(**options):
        """The widest range of the outputs over ten draws: a single one may be dead, as relu goes."""
        return max(
            np.ptp(F.L_model_forward(X, F.initialize_parameters_deep(dims, seed=s, **options))[0])
            for s in range(10)
        )

    assert spread(init=cnn.Normal(0.01)) < 1e-4  # the tutorial's: the same answer to everything
    assert spread() > 1e-2


def test_b11_the_gradient_of_a_saturated_output_is_finite(dtype):
    X, Y = np.array([[1000, -1000, 1000, -1000]], dtype), np.array([1, 0, 0, 1])
    AL, caches = F.L_model_forward(X, {"W1": np.ones((1, 1), dtype), "b1": np.zeros((1, 1), dtype)})
    with np.errstate(all="ignore"):
        dA = -Y / AL + (1 - Y) / (1 - AL)
        assert np.isnan(dA * AL * (1 - AL)).any()
    grads = F.L_model_backward(AL, Y, caches)
    assert grads["dA0"].tolist() == [[0, 0, 1, -1]]
    assert grads["dW1"].tolist() == [[500]]


def test_b12_an_unknown_activation_is_named_with_the_choices():
    A, W, b = np.ones((2, 3)), np.ones((1, 2)), np.zeros((1, 1))
    _, cache = F.linear_activation_forward(A, W, b, "relu")
    for call in (
        lambda: F.linear_activation_forward(A, W, b, "Relu"),
        lambda: F.linear_activation_backward(np.ones((1, 3)), cache, "Relu"),
        lambda: F.forward_prop(A, {"W1": W, "b1": b}, [{"nodes": 1, "activation": "Relu"}]),
        lambda: cnn.Network.from_shape([{"nodes": 1, "activation": "Relu"}]),
        lambda: cnn.Dense(1, "Relu"),
    ):
        with pytest.raises(ValueError, match=r"'relu', 'sigmoid'.*Got 'Relu'.*Did you mean 'relu'\?"):
            call()


def test_b19_softmax_is_shifted(dtype):
    z = np.array([[1000, 0]], dtype)
    with np.errstate(all="ignore"):
        assert np.isnan(np.exp(z) / np.exp(z).sum(axis=1)).any()
    assert F.softmax(z).tolist() == [[1, 0]]
    assert F.softmax(z[0]).tolist() == [1, 0]
    assert F.softmax(z.T, samples_first=False).tolist() == [[1], [0]]


def test_b24_the_derivative_of_sigmoid_is_not_taken_of_its_output(rng):
    X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0], [1], [1], [0]])
    network = [(rng.uniform(size=(2, 3)), None), (rng.uniform(size=(3, 1)), None)]
    shape = [{"nodes": 3, "activation": "sigmoid"}, {"nodes": 1, "activation": "linear"}]
    params = shapes.to_dict(network)
    grads = F.forward_prop(X.T, params, shape)
    got = F.gradients(X.T, y.T, params, grads, shape)
    truth = reference.central_differences(
        lambda: reference.loss(network, ("sigmoid", "identity"), X.astype(float), y, "mse"), network
    )
    dZ = 2 * (grads["A2"] - y.T) / 4
    a = grads["A1"]
    theirs = (params["W2"].T @ dZ * F.sigmoid_prime(a)) @ X  # sigma'(sigma(z))
    assert np.abs(theirs.T - truth[0][0]).max() > 0.05 * np.abs(truth[0][0]).max()
    ours = [(got["dW1"].T, None), (got["dW2"].T, None)]
    assert networks.relative_error(ours, truth) < 1e-6
    np.testing.assert_allclose(F.sigmoid_prime(grads["Z1"]), a * (1 - a), rtol=1e-12)


# ---- figures that the tutorials print


def test_printed_figures():
    shape = [{"nodes": n, "activation": "relu"} for n in (4, 3, 2)] + [{"nodes": 1, "activation": "sigmoid"}]
    X, Y = np.ones((30_000, 7), "float32"), np.arange(7) % 2
    params = F.initialise_parameters(X, shape, seed=0)
    assert [f"{name}: {p.shape}" for name, p in params.items()] == [
        "W1: (4, 30000)",
        "b1: (4, 1)",
        "W2: (3, 4)",
        "b2: (3, 1)",
        "W3: (2, 3)",
        "b3: (2, 1)",
        "W4: (1, 2)",
        "b4: (1, 1)",
    ]
    grads = F.forward_prop(X, params, shape)
    sizes = {"A0": 30_000, "Z1": 4, "A1": 4, "Z2": 3, "A2": 3, "Z3": 2, "A3": 2, "Z4": 1, "A4": 1}
    assert {name: array.shape for name, array in grads.items()} == {name: (n, 7) for name, n in sizes.items()}
    assert F.compute_cost(Y, np.full((1, 1034), 0.5)[:, :7], 7) == LN2
    np.testing.assert_allclose(
        F.softmax(np.array([[2, 4, 6, 8]])), [[0.00214401, 0.0158422, 0.11705891, 0.86495488]], atol=5e-9
    )
