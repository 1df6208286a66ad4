"""Mistakes of published tutorials: each check fails on the tutorial's formula and passes on ours.

The numbers b01 ... are those of the project's list of traps. Formulas are written afresh from their
descriptions. Here the core is asked; the functions are in `test_traps_functional.py`, networks and classes in
`test_traps_networks.py`.
"""

import math

import compiled_nn as cnn
import networks
import numpy as np
import pytest
import reference

from cnn_core.stack import Objective, Stack


def core_gradients(case, **penalties):
    case.stack.gradient(case.X, case.y, Objective(case.loss, **penalties))
    return networks.widened(case.stack.views(case.stack.gradients))


def one_row(loss, z, y, dtype="float64"):
    """(loss, gradient with respect to z) of the core for one row of logits."""
    stack = Stack((1, len(z)), (networks.LINKS[loss],), dtype=dtype)
    stack.views()[0][1][...] = z
    value, _ = stack.gradient(np.zeros((1, 1), dtype), y, Objective(loss))
    return value, stack.views(stack.gradients)[0][1].copy()


@pytest.mark.parametrize("rate", [1e-3, 0.1, 1.0])
def test_b01_gradients_are_all_taken_before_any_update(rng, rate):
    case = networks.draw(rng, (6, 4, 5, 1), "relu", "binary_cross_entropy", m=12, smooth=True)
    truth = networks.true_gradients(case)

    def tutorial():
        """The weights of a layer are updated before they carry the gradient to the layer below."""
        X, y = case.wide
        zs = reference.pre_activations(case.network, case.activations, X)
        inputs = [X, *(reference.relu(z) for z in zs[:-1])]
        dz, result = (reference.sigmoid(zs[-1]) - y) / len(y), []
        for layer in (2, 1, 0):
            W, _ = case.network[layer]
            dW = inputs[layer].T @ dz
            result.insert(0, (dW, dz.sum(axis=0)))
            updated = W - rate * dW
            dz = (dz @ updated.T) * (zs[layer - 1] > 0) if layer else dz
        return result

    assert networks.relative_error(tutorial(), truth) > 1e-6
    # Ours, read back from the step itself: plain descent moves each weight by rate times its gradient.
    case.stack.set_optimizer("sgd")
    before = networks.widened(case.stack.views())
    case.stack.train(case.X, case.y, Objective(case.loss), None, np.array([rate]), batch_size=12)
    moved = reference.combine(lambda a, b: (a - b) / rate, before, networks.widened(case.stack.views()))
    assert networks.relative_error(moved, truth) < 1e-6


def test_b03_targets_that_would_broadcast_are_refused(rng):
    case = networks.draw(rng, (5, 1), loss="binary_cross_entropy", m=64)
    output, flat = case.stack.forward(case.X), case.y[:, 0].copy()
    assert (output - flat).shape == (64, 64)  # the tutorial's A - Y
    for wrong in (flat, case.y.T.copy(), flat[None].copy()):
        with pytest.raises((TypeError, ValueError)):
            case.stack.gradient(case.X, wrong, Objective(case.loss))


def test_b04_relu_has_derivative_zero_at_zero():
    def tutorial(z, d):
        d = d.copy()
        d[z < 0] = 0
        return d

    z = np.array([-1.0, 0.0, 1.0])
    assert tutorial(z, np.ones(3)).tolist() != [0, 0, 1]
    stack = Stack((1, 3, 1), ("relu", "identity"), dtype="float64")
    (_, b), (V, _) = stack.views()
    b[...], V[...] = z, 1
    stack.gradient(np.zeros((1, 1)), np.array([[0.5]]), Objective("mse"))
    assert stack.views(stack.gradients)[0][1].tolist() == [0, 0, 1]


def test_b05_a_perfect_saturated_prediction_has_a_finite_loss(dtype):
    def tutorial(z, y):
        a = reference.sigmoid(z)
        return -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a))

    for z, y in ((1000.0, 1.0), (-1000.0, 0.0), (1e30, 1.0)):
        with np.errstate(all="ignore"):
            assert np.isnan(tutorial(np.array([z], dtype), np.array([y], dtype)))
        value, _ = one_row("binary_cross_entropy", np.array([z]), np.array([[y]], dtype), dtype)
        assert 0 <= value < 1e-30


def test_b06_exp_never_overflows(dtype):
    limit = {"float32": -89, "float64": -710}[dtype]
    for z in (limit, -1000, -1e4):
        with np.errstate(over="raise"):
            with pytest.raises(FloatingPointError):
                1 / (1 + np.exp(-np.array([z], dtype)))
            stack = Stack((1, 1), ("sigmoid",), dtype=dtype)
            stack.views()[0][1][...] = z
            assert 0 <= stack.forward(np.zeros((1, 1), dtype))[0, 0] <= np.finfo(dtype).tiny


def test_b07_float32_stays_float32(rng):
    case = networks.draw(rng, (5, 4, 3), m=6, dtype="float32")
    W = 0.01 * rng.standard_normal((5, 4))
    assert (case.X @ W).dtype == np.float64  # the tutorial's weights widen the data
    case.stack.set_optimizer("adam")
    case.stack.gradient(case.X.astype("float64"), case.y, Objective(case.loss))
    assert case.stack.forward(case.X.astype("float64")).dtype == np.float32
    for vector in (case.stack.parameters, case.stack.gradients, *case.stack.moments):
        assert vector.dtype == np.float32


def test_b08_a_hidden_sigmoid_has_its_own_derivative(rng):
    case = networks.draw(rng, (4, 3, 2), "sigmoid", "mse", m=7)
    X, y = case.wide
    (W, b), (V, c) = case.network
    a = reference.sigmoid(X @ W + b)
    dz = 2 * (a @ V + c - y) / len(y)
    wrong = (a - y[:, :1]) / len(y)  # dZ = A - Y, as if the hidden layer were the output
    tutorial = [(X.T @ wrong, wrong.sum(axis=0)), (a.T @ dz, dz.sum(axis=0))]
    truth = networks.true_gradients(case)
    assert networks.relative_error(tutorial, truth) > 0.1
    assert networks.relative_error(core_gradients(case), truth) < 1e-6


def test_b09_every_layer_takes_the_gradient_of_the_layer_above(rng):
    def tutorial(case):
        """dA of the last hidden layer is used for every layer."""
        X, y = case.wide
        zs = reference.pre_activations(case.network, case.activations, X)
        inputs = [X, *(reference.relu(z) for z in zs[:-1])]
        last = len(zs) - 1
        dz = (reference.sigmoid(zs[last]) - y) / len(y)
        result = [(inputs[last].T @ dz, dz.sum(axis=0))]
        top = dz @ case.network[last][0].T
        for layer in range(last - 1, -1, -1):
            dz = top * (zs[layer] > 0)
            result.insert(0, (inputs[layer].T @ dz, dz.sum(axis=0)))
        return result

    equal = networks.draw(rng, (5, 4, 4, 4, 1), "relu", "binary_cross_entropy", m=8, smooth=True)
    assert networks.relative_error(tutorial(equal), networks.true_gradients(equal)) > 0.1
    unequal = networks.draw(rng, (6, 5, 4, 3, 1), "relu", "binary_cross_entropy", m=8, smooth=True)
    with pytest.raises(ValueError, match="broadcast"):
        tutorial(unequal)
    for case in (equal, unequal):
        assert networks.relative_error(core_gradients(case), networks.true_gradients(case)) < 1e-6


def test_b11_the_gradient_of_a_saturated_output_is_finite(dtype):
    def tutorial(z, y):
        a = reference.sigmoid(z)
        return (-(y / a) + (1 - y) / (1 - a)) * a * (1 - a)

    for z, y, expected in ((1000.0, 1.0, 0), (1000.0, 0.0, 1), (-1000.0, 1.0, -1), (-1000.0, 0.0, 0)):
        with np.errstate(all="ignore"):
            assert np.isnan(tutorial(np.array([z], dtype), y)).all()
        _, dz = one_row("binary_cross_entropy", np.array([z]), np.array([[y]], dtype), dtype)
        assert abs(dz[0] - expected) <= np.finfo(dtype).tiny


def test_b12_an_unknown_activation_is_named_with_the_choices():
    def tutorial(name):
        if name == "relu":
            value = 1
        elif name == "sigmoid":
            value = 2
        return value

    with pytest.raises(UnboundLocalError):
        tutorial("rule")
    with pytest.raises(ValueError, match=r"'rule'.*'relu'.*'sigmoid'"):
        Stack((3, 2), ("rule",))


def test_b14_the_callers_lists_are_left_alone():
    sizes, activations, biases = [9, 7, 1], ["relu", "sigmoid"], [True, False]
    first = Stack(sizes, activations, biases)
    assert (sizes, activations, biases) == ([9, 7, 1], ["relu", "sigmoid"], [True, False])
    sizes[0] = 5
    assert first.sizes == (9, 7, 1)


def test_b15_the_global_generator_is_left_alone(rng):
    case = networks.draw(rng, (5, 4, 3), m=30)
    before = np.random.get_state(legacy=False)
    case.stack.set_optimizer("adam")
    case.stack.train(
        case.X, case.y, Objective(case.loss), rng.permutation(30), np.full(3, 0.1), batch_size=10
    )
    after = np.random.get_state(legacy=False)
    assert np.array_equal(before["state"]["key"], after["state"]["key"])
    assert before["state"]["pos"] == after["state"]["pos"]


def test_b18_targets_that_would_wrap_are_refused(rng):
    case = networks.draw(rng, (5, 1), loss="binary_cross_entropy", m=4)
    unsigned = np.ones((4, 1), np.uint8)
    assert (-unsigned)[0, 0] == 255  # the tutorial's -Y
    with pytest.raises(TypeError):
        case.stack.gradient(case.X, unsigned, Objective(case.loss))


def test_b19_softmax_is_shifted(dtype):
    z = np.array([1000, 0], dtype)
    with np.errstate(all="ignore"):
        assert np.isnan(np.exp(z) / np.exp(z).sum()).any()
    stack = Stack((1, 2), ("softmax",), dtype=dtype)
    stack.views()[0][1][...] = z
    assert stack.forward(np.zeros((1, 1), dtype)).tolist() == [[1, 0]]


def test_b20_probabilities_come_from_the_logits():
    z = np.zeros((1, 10))
    z[0, 3] = 50
    assert reference.softmax(reference.sigmoid(z)).max() < 0.24  # however sure the network is
    stack = Stack((1, 10), ("softmax",), dtype="float64")
    stack.views()[0][1][...] = z[0]
    assert stack.forward(np.zeros((1, 1)))[0, 3] > 0.999999


def test_b21_the_loss_does_not_depend_on_the_size_of_the_batch():
    def tutorial(a, y):
        return 0.5 * np.sum(-y * np.log(a))

    stack = Stack((3, 10), ("sigmoid",), dtype="float64")
    losses, wrong = [], []
    for m in (24, 240, 2400):
        y = np.eye(10)[np.arange(m) % 10]
        wrong.append(tutorial(np.full((m, 10), 0.5), y))
        losses.append(stack.loss(np.zeros((m, 3)), y, Objective("binary_cross_entropy"))[0])
    assert wrong[2] == pytest.approx(100 * wrong[0])
    assert losses == pytest.approx([10 * math.log(2)] * 3, rel=1e-12)


def test_b22_the_gradient_is_that_of_the_loss_told(rng):
    case = networks.draw(rng, (4, 3), loss="binary_cross_entropy", m=50)
    X, y = case.wide
    ((W, b),) = case.network
    dz = reference.sigmoid(X @ W + b) - y  # not divided by the rows: the rate is really 50 times the rate
    truth = networks.true_gradients(case)
    assert networks.relative_error([(X.T @ dz, dz.sum(axis=0))], truth) > 1
    assert networks.relative_error(core_gradients(case), truth) < 1e-6


def test_b23_the_gradient_of_l1_is_a_sign(rng):
    case = networks.draw(rng, (4, 3), loss="mse", m=6)
    truth = networks.true_gradients(case, l1=0.5)
    ((dW, db),) = core_gradients(case)
    ((W, _),) = case.network
    assert networks.relative_error([(dW + 0.5 * W, db)], truth) > 1e-2  # w l1: that is L2
    assert networks.relative_error(core_gradients(case, l1=0.5), truth) < 1e-6


def test_b24_the_derivative_of_sigmoid_is_not_taken_of_its_output(rng):
    X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), np.array([[0.0], [1], [1], [0]])
    network = reference.initial_weights((2, 3, 1), rng)
    stack = networks.stack_of(network, ("sigmoid", "sigmoid"), "float64")
    case = networks.Case(stack, network, ("sigmoid", "sigmoid"), "binary_cross_entropy", X, y)
    (W, b), (V, c) = network
    a = reference.sigmoid(X @ W + b)
    dz = (reference.sigmoid(a @ V + c) - y) / 4
    hidden = (dz @ V.T) * reference.sigmoid_derivative(a)  # sigma'(sigma(z))
    tutorial = [(X.T @ hidden, hidden.sum(axis=0)), (a.T @ dz, dz.sum(axis=0))]
    truth = networks.true_gradients(case)
    assert networks.relative_error(tutorial, truth) > 0.01
    assert networks.relative_error(core_gradients(case), truth) < 1e-6


def test_b26_new_rows_are_standardised_by_what_training_learned(rng):
    X, y = rng.normal(size=(60, 3)) * [1, 10, 100] + 5, rng.normal(size=60)
    net = cnn.Network([cnn.Dense(1)], loss="mse", standardize=True, dtype="float64", seed=0)
    net.fit(X[:40], y[:40], epochs=2)
    ((W, b),) = net.get_weights()
    new = X[40:]

    def tutorial(rows):
        """By the statistics of the rows themselves: what a row gives depends on those beside it."""
        return ((rows - rows.mean(axis=0)) / rows.std(axis=0)) @ W[:, 0] + b

    assert np.abs(tutorial(new)[:10] - tutorial(new[:10])).max() > 0.01
    assert np.array_equal(net.predict(new)[:10], net.predict(new[:10]))
    expected = (new - X[:40].mean(axis=0)) / X[:40].std(axis=0) @ W[:, 0] + b
    assert np.abs(net.predict(new) - expected).max() < 1e-12


def test_b27_a_bad_model_has_a_loss_even_if_its_errors_cancel():
    stack = Stack((1, 1), ("identity",), dtype="float64")
    y = np.array([[1.0], [-1.0]])
    errors = stack.forward(np.zeros((2, 1))) - y
    assert errors.sum() == 0  # the tutorial's sum of signed errors
    assert stack.loss(np.zeros((2, 1)), y, Objective("mse")) == (1, 0)
