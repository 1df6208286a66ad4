"""Losses of the outputs of the last activation: values and gradients against the oracle and differences, training."""

import networks
import numpy as np
import pytest
import reference

from cnn_core.gram import make_gram_stack
from cnn_core.stack import Objective, Stack

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}  # as for gradients of logits
SINE = (np.sin, np.cos)
OUTPUTS = [name for name in reference.ACTIVATIONS if name != "softmax"]
LOSSES = {
    "mse": {},
    "squared_error": {},
    "mae": {},
    "huber": {"delta": 0.3},
    "log_cosh": {},
    "quantile": {"quantiles": (0.1, 0.4, 0.8)},
}
SIZES = (5, 8, 3)
HIDDEN = {"fused": "tanh", "unfused": "silu"}


def drawn(rng, output, *, hidden="tanh", sizes=SIZES, m=11, dtype="float64"):
    """Return a stack with this last activation, its network for the oracle, X and y; no z is near a kink of f."""
    activations = (*(hidden,) * (len(sizes) - 2), output)
    while True:
        network = networks.rounded(reference.initial_weights(sizes, rng), dtype)
        X = rng.normal(size=(m, sizes[0])).astype(dtype)
        if output == SINE or networks.away_from_kinks(network, activations, X.astype(float)):
            break
    stack = networks.stack_of(network, activations, dtype)
    return stack, network, X, rng.normal(size=(m, sizes[-1])).astype(dtype)


@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
@pytest.mark.parametrize("output", OUTPUTS)
def test_gradient_equals_the_oracle(rng, dtype, n_threads, output, hidden):
    stack, network, X, y = drawn(rng, output, hidden=hidden, dtype=dtype)
    expected, extra, gradients = reference.gradient(
        network, stack.activations, X.astype(float), y.astype(float), "mse", l1=0.03, l2=0.2, activated=True
    )
    objective = Objective("mse", l1=0.03, l2=0.2, activated=True, n_threads=n_threads)
    assert sum(stack.loss(X, y, objective)) == pytest.approx(expected + extra, rel=TOLERANCE[dtype])
    assert sum(stack.gradient(X, y, objective)) == pytest.approx(expected + extra, rel=TOLERANCE[dtype])
    assert networks.relative_error(stack.views(stack.gradients), gradients) < TOLERANCE[dtype]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("output", ["tanh", "sigmoid", "relu", "exp", "softplus", SINE], ids=str)
def test_every_loss_of_values_takes_an_activation(rng, output, loss):
    stack, network, X, y = drawn(rng, output)
    y = y[:, :1].copy() if loss == "quantile" else y
    weights = rng.uniform(0.5, 2, len(X))
    objective = Objective((loss, LOSSES[loss]), activated=True, weights=weights)
    z = reference.pre_activations(network, (*stack.activations[:-1], "identity"), X)[-1]
    f = np.sin if output == SINE else reference.ACTIVATIONS[output][0]
    rows = reference.ROW_LOSSES[loss](f(z), y, **LOSSES[loss])
    value, _ = stack.gradient(X, y, objective)
    assert value == pytest.approx((weights * rows).sum() / weights.sum(), rel=1e-12)
    gradients = networks.widened(stack.views(stack.gradients))
    differences = reference.central_differences(lambda: stack.loss(X, y, objective)[0], stack.views())
    # Kinks of the loss at z = y are between the points of a difference with a probability below 1e-2.
    assert networks.relative_error(gradients, differences) < 1e-6


def test_without_it_the_loss_is_one_of_the_logits(rng):
    stack, network, X, y = drawn(rng, "tanh")
    expected, _, gradients = reference.gradient(network, ("tanh", "tanh"), X, y, "mse")
    assert stack.gradient(X, y, Objective("mse"))[0] == pytest.approx(expected, rel=1e-12)
    assert networks.relative_error(stack.views(stack.gradients), gradients) < 1e-12


@pytest.mark.parametrize("sizes", [(3, 4, 2), (40, 130, 130, 10), (2000, 3, 1)], ids=str)
@pytest.mark.parametrize("output", ["tanh", "softplus"])
def test_training_equals_the_oracle_with_any_number_of_threads(rng, dtype, output, sizes):
    m = 12 if len(sizes) < 4 else 700
    stack, network, X, y = drawn(rng, output, sizes=sizes, m=m, dtype=dtype)
    first = networks.rounded(network, dtype)
    rates, steps = np.array([0.01, 0.02, 0.005]), -(-m // 3)
    results = []
    for threads in (1, 2, 3):
        networks.write(stack, first)
        stack.set_optimizer("sgd")
        objective = Objective("mse", activated=True, n_threads=threads)
        loss, _ = stack.train(X, y, objective, None, rates, batch_size=steps)
        results.append((loss, stack.parameters.tobytes()))
    assert results[0] == results[1] == results[2]
    network, losses = first, []
    for i, rate in enumerate(rates):
        rows = slice(i * steps, (i + 1) * steps)
        value, _, gradients = reference.gradient(
            network, stack.activations, X[rows].astype(float), y[rows].astype(float), "mse", activated=True
        )
        losses.append(value * len(X[rows]) / m)
        network = reference.SGD().step(network, gradients, rate)
    assert results[0][0] == pytest.approx(sum(losses), rel=TOLERANCE[dtype])
    assert networks.relative_error(stack.views(), network) < 2 * TOLERANCE[dtype]


@pytest.mark.parametrize("sizes", [(300, 5, 2), (300, 2)], ids=str)
def test_gram_training_takes_the_same_steps(rng, sizes):
    stack, network, X, y = drawn(rng, "sigmoid", sizes=sizes)
    trained = []
    for gram in (False, True):
        networks.write(stack, network)
        stack.set_optimizer("momentum")
        objective, rates = Objective("mse", activated=True), np.full(20, 0.001)
        inner = make_gram_stack(stack, X) if gram else stack
        losses, _ = inner.train_epochs(
            inner.gram if gram else X, y, objective, None, rates, epochs=20, batch_size=len(X)
        )
        if gram:
            inner.write_back()
        trained.append([losses, *(W.copy() for W, _ in stack.views())])
    for a, b in zip(*trained, strict=True):
        assert np.allclose(a, b, rtol=1e-10, atol=1e-12)
    assert trained[0][0][-1] < trained[0][0][0]


def test_a_custom_loss_is_called_with_the_outputs(rng):
    stack, _, X, y = drawn(rng, "softplus")
    seen = []

    def squares(y, a):
        seen.append(a.copy())
        return ((a - y) ** 2).sum(axis=1), 2 * (a - y)

    value = stack.gradient(X, y, Objective(squares, activated=True))
    gradients = stack.gradients.copy()
    assert np.array_equal(seen[0], stack.forward(X))
    assert value == pytest.approx(stack.gradient(X, y, Objective("mse", activated=True)), rel=1e-12)
    assert np.allclose(gradients, stack.gradients, rtol=1e-12, atol=1e-15)


def test_an_error_of_an_own_activation_ends_the_pass(rng):
    def broken(Z):
        raise RuntimeError("broken")

    stack = Stack((5, 3), ((broken, np.cos),), dtype="float64")
    stack.set_optimizer("sgd")
    X, y, objective = rng.normal(size=(6, 5)), np.zeros((6, 3)), Objective("mse", activated=True)
    before = stack.parameters.copy()
    with pytest.raises(RuntimeError, match="broken"):
        stack.train(X, y, objective, None, np.ones(1), batch_size=6)
    assert np.array_equal(stack.parameters, before)
    assert stack.steps == 0
    assert stack.loss(X, y, Objective("mse")) == (0, 0)  # of the logits, without the activation


def test_an_objective_keeps_it():
    assert Objective("mse", activated=True).replace(l2=1.0).activated
    assert not Objective("mse").activated


@pytest.mark.parametrize("output", ["tanh", "softplus", SINE], ids=str)
def test_input_gradient(rng, output):
    stack, _, X, _ = drawn(rng, output)
    Y = rng.normal(size=(len(X), 3))
    got = stack.input_gradient(X, Y)
    h = 1e-4
    for j in range(X.shape[1]):
        up, down = X.copy(), X.copy()
        up[:, j] += h
        down[:, j] -= h
        slope = (Y * (stack.forward(up) - stack.forward(down))).sum(axis=1) / (2 * h)
        assert np.allclose(got[:, j], slope, rtol=1e-5, atol=1e-6)
