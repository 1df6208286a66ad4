"""Training: ten steps of every optimizer against the oracle and PyTorch; state, rates, order, batches."""

import math

import networks
import numpy as np
import pytest
import reference
from networks import STEP_TOLERANCE

from cnn_core.stack import Objective

OPTIMIZERS = list(networks.HYPER)


def oracle_train(case, optimizer, order, rates, **options):
    return reference.train(
        case.network, case.activations, *case.wide, case.loss, optimizer, order, rates, **options
    )


def rates_of(rng, steps):
    """A rate of its own for every step, so that a rate taken from another step shows."""
    return rng.uniform(0.005, 0.05, steps)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("loss", networks.LOSSES)
@pytest.mark.parametrize("penalties", [{}, {"l1": 0.01, "l2": 0.1}], ids=["plain", "penalties"])
def test_ten_full_batch_steps_equal_the_oracle(rng, dtype, n_threads, optimizer, loss, penalties):
    case = networks.draw(rng, (9, 13, 6, 4), "tanh", loss, m=50, dtype=dtype)
    case.stack.set_optimizer(optimizer, **networks.HYPER[optimizer])
    oracle = reference.OPTIMIZERS[optimizer](**networks.HYPER[optimizer])
    for rate in rates_of(rng, 10):
        rates = np.array([rate])
        case.network, *expected = oracle_train(case, oracle, None, rates, batch_size=50, **penalties)
        got = case.stack.train(
            case.X, case.y, Objective(loss, n_threads=n_threads, **penalties), None, rates, batch_size=50
        )
        assert got == pytest.approx(expected, rel=STEP_TOLERANCE[dtype])
    assert case.stack.steps == 10
    assert networks.relative_error(case.stack.views(), case.network) <= STEP_TOLERANCE[dtype]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("hidden", ["relu", "sigmoid"])
def test_shuffled_batches_with_a_short_last_equal_the_oracle(rng, dtype, n_threads, optimizer, hidden):
    case = networks.draw(rng, (9, 13, 6, 4), hidden, m=75, dtype=dtype)
    case.stack.set_optimizer(optimizer, **networks.HYPER[optimizer])
    oracle = reference.OPTIMIZERS[optimizer](**networks.HYPER[optimizer])
    for _ in range(2):
        order, rates = rng.permutation(75), rates_of(rng, 5)  # batches of 16, the last of 11
        penalties = {"l1": 0.002, "l2": 0.05}
        case.network, *expected = oracle_train(case, oracle, order, rates, batch_size=16, **penalties)
        objective = Objective(case.loss, n_threads=n_threads, **penalties)
        got = case.stack.train(case.X, case.y, objective, order, rates, batch_size=16)
        assert got == pytest.approx(expected, rel=STEP_TOLERANCE[dtype])
    assert networks.relative_error(case.stack.views(), case.network) <= STEP_TOLERANCE[dtype]


@pytest.mark.parametrize("optimizer", networks.SMOOTH_HYPER)
@pytest.mark.parametrize("batch_size", [1, 7, 128])
def test_a_wide_network_and_any_batch_size_equal_the_oracle(rng, dtype, n_threads, optimizer, batch_size):
    """Wide enough that the work is shared between threads and the weights are not one block."""
    m = {1: 10, 7: 65, 128: 1200}[batch_size]
    case = networks.draw(rng, (200, 70, 10), "tanh", m=m, dtype=dtype)
    hyper = networks.SMOOTH_HYPER[optimizer]
    case.stack.set_optimizer(optimizer, **hyper)
    order, rates = rng.permutation(m), rates_of(rng, 10)
    oracle = reference.OPTIMIZERS[optimizer](**hyper)
    network, *expected = oracle_train(case, oracle, order, rates, batch_size=batch_size)
    got = case.stack.train(
        case.X, case.y, Objective(case.loss, n_threads=n_threads), order, rates, batch_size=batch_size
    )
    assert got == pytest.approx(expected, rel=STEP_TOLERANCE[dtype])
    assert networks.relative_error(case.stack.views(), network) <= STEP_TOLERANCE[dtype]


@pytest.mark.parametrize("inputs", [17, 64, 96, 97])
def test_few_inputs_and_many_units_equal_the_oracle(rng, dtype, n_threads, inputs):
    """dZ is then too large for the cache, and all of W's rows take their gradient together."""
    case = networks.draw(rng, (inputs, 2100, 3), "tanh", m=128, dtype=dtype)
    case.stack.set_optimizer("sgd")
    rates = rates_of(rng, 3)
    options = {"batch_size": 128}
    oracle = reference.OPTIMIZERS["sgd"]()
    for rate in rates:
        case.network, *expected = oracle_train(case, oracle, None, np.array([rate]), **options)
        got = case.stack.train(
            case.X, case.y, Objective(case.loss, n_threads=n_threads), None, np.array([rate]), **options
        )
        assert got == pytest.approx(expected, rel=10 * STEP_TOLERANCE[dtype])
    assert networks.relative_error(case.stack.views(), case.network) <= 10 * STEP_TOLERANCE[dtype]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize(
    "sizes",
    [
        (257, 50, 3),  # few units past a line of 16, from a number of inputs that fills none
        (784, 20, 300, 10),  # fewer units than a line, in the last layer
        (300, 1, 260, 17, 1),  # in the first, the third and the last
        (40, 260, 100, 33, 2),
    ],
)
@pytest.mark.parametrize("batch_size", [20, 400])  # the larger one is shared between threads
def test_narrow_layers_equal_the_oracle(rng, dtype, n_threads, optimizer, batch_size, sizes):
    """Layers whose units would leave much of a line empty are stored and multiplied in a way of their own."""
    m = 5 * batch_size - 10
    case = networks.draw(rng, sizes, "tanh", "mse", m=m, dtype=dtype)
    hyper = networks.SMOOTH_HYPER[optimizer]
    case.stack.set_optimizer(optimizer, **hyper)
    order, rates = rng.permutation(m), rates_of(rng, 5) / 10
    oracle = reference.OPTIMIZERS[optimizer](**hyper)
    network, *expected = oracle_train(case, oracle, order, rates, batch_size=batch_size, l2=0.01)
    objective = Objective(case.loss, n_threads=n_threads, l2=0.01)
    got = case.stack.train(case.X, case.y, objective, order, rates, batch_size=batch_size)
    assert got == pytest.approx(expected, rel=10 * STEP_TOLERANCE[dtype])
    assert networks.relative_error(case.stack.views(), network) <= 10 * STEP_TOLERANCE[dtype]
    loss, _ = case.stack.loss(case.X, case.y, Objective(case.loss, n_threads=n_threads))
    assert loss == pytest.approx(reference.loss(network, case.activations, *case.wide, case.loss), rel=1e-4)


# -- the defaults and the state --------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_defaults_are_the_oracles(rng, optimizer):
    case = networks.draw(rng, (5, 4, 3), "tanh", m=10)
    case.stack.set_optimizer(optimizer)
    assert case.stack.optimizer == optimizer
    rates = np.full(10, 0.05)
    network, _, _ = oracle_train(case, reference.OPTIMIZERS[optimizer](), None, rates, batch_size=1)
    case.stack.train(case.X, case.y, Objective(case.loss), None, rates, batch_size=1)
    assert networks.relative_error(case.stack.views(), network) <= 1e-10


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_moments_hold_the_state(rng, dtype, optimizer):
    case = networks.draw(rng, (5, 4, 3), "tanh", m=10, dtype=dtype)
    case.stack.set_optimizer(optimizer, **networks.HYPER[optimizer])
    oracle = reference.OPTIMIZERS[optimizer](**networks.HYPER[optimizer])
    assert case.stack.steps == 0
    rates = np.full(5, 0.02)
    oracle_train(case, oracle, None, rates, batch_size=2)
    case.stack.train(case.X, case.y, Objective(case.loss), None, rates, batch_size=2)
    assert case.stack.steps == 5
    for moment, name in zip(
        case.stack.moments, reference.MOMENTS.get(optimizer, ("first", "second")), strict=True
    ):
        assert moment.shape == case.stack.parameters.shape
        assert moment.dtype == case.stack.dtype
        assert (
            networks.relative_error(case.stack.views(moment), getattr(oracle, name)) <= STEP_TOLERANCE[dtype]
        )
    case.stack.set_optimizer(optimizer)
    assert case.stack.steps == 0
    assert not any(moment.any() for moment in case.stack.moments)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_two_calls_equal_one_longer_call(rng, dtype, n_threads, optimizer):
    case = networks.draw(rng, (9, 13, 4), "relu", m=96, dtype=dtype)
    start, rates = case.stack.parameters.copy(), rates_of(rng, 6)
    case.stack.set_optimizer(optimizer)
    case.stack.train(case.X, case.y, Objective(case.loss, n_threads=n_threads), None, rates, batch_size=16)
    long = case.stack.parameters.tobytes()
    case.stack.parameters[...] = start
    case.stack.set_optimizer(optimizer)
    for rows, part in ((slice(0, 32), rates[:2]), (slice(32, 96), rates[2:])):
        case.stack.train(
            case.X[rows], case.y[rows], Objective(case.loss, n_threads=n_threads), None, part, batch_size=16
        )
    assert case.stack.parameters.tobytes() == long


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_state_can_be_carried_to_another_stack(rng, dtype, optimizer):
    """Parameters, moments and steps are the whole state: a copy of them goes on with the same bits."""
    case = networks.draw(rng, (9, 13, 4), "relu", m=48, dtype=dtype)
    rates = rates_of(rng, 3)
    case.stack.set_optimizer(optimizer)
    case.stack.train(case.X, case.y, Objective(case.loss), None, rates, batch_size=16)
    other = networks.stack_of(case.network, case.activations, dtype)
    other.set_optimizer(optimizer)
    other.parameters[...] = case.stack.parameters
    for mine, theirs in zip(other.moments, case.stack.moments, strict=True):
        mine[...] = theirs
    other.steps = case.stack.steps
    for stack in (case.stack, other):
        stack.train(case.X, case.y, Objective(case.loss), None, rates, batch_size=16)
    assert other.parameters.tobytes() == case.stack.parameters.tobytes()
    assert other.steps == 6


def test_the_rate_of_each_step_is_its_own(rng):
    """Steps of rate 0 leave the weights alone; the one other step is plain descent on its own rows."""
    case = networks.draw(rng, (5, 4, 3), "tanh", m=30)
    case.stack.set_optimizer("sgd")
    rates = np.array([0.0, 0.0, 0.3])
    case.stack.train(case.X, case.y, Objective(case.loss), None, rates, batch_size=10)
    X, y = case.wide
    _, _, gradients = reference.gradient(case.network, case.activations, X[20:], y[20:], case.loss)
    expected = reference.SGD().step(case.network, gradients, 0.3)
    assert networks.relative_error(case.stack.views(), expected) < 1e-13


def test_the_order_may_repeat_rows_and_leave_rows_out(rng, dtype, n_threads):
    case = networks.draw(rng, (5, 4, 3), "tanh", m=20, dtype=dtype)
    order, rates = np.array([3, 3, 19, 0, 7, 3, 3]), rates_of(rng, 3)
    case.stack.set_optimizer("sgd")
    network, *expected = oracle_train(case, reference.SGD(), order, rates, batch_size=3)
    got = case.stack.train(
        case.X, case.y, Objective(case.loss, n_threads=n_threads), order, rates, batch_size=3
    )
    assert got == pytest.approx(expected, rel=STEP_TOLERANCE[dtype])
    assert networks.relative_error(case.stack.views(), network) <= STEP_TOLERANCE[dtype]


def test_no_order_is_the_order_of_the_rows(rng, dtype):
    case = networks.draw(rng, (5, 4, 3), m=30, dtype=dtype)
    start, rates, results = case.stack.parameters.copy(), np.full(4, 0.1), []
    for order in (None, np.arange(30)):
        case.stack.parameters[...] = start
        case.stack.set_optimizer("adam")
        loss = case.stack.train(case.X, case.y, Objective(case.loss), order, rates, batch_size=8)
        results.append((loss, case.stack.parameters.tobytes()))
    assert results[0] == results[1]


@pytest.mark.parametrize(
    "layout", [np.asfortranarray, lambda X: X[:, ::-1].copy()[:, ::-1], lambda X: X[::-1].copy()[::-1]]
)
@pytest.mark.parametrize("input_dtype", ["uint8", "float32", "float64"])
def test_training_gathers_rows_of_any_dtype_and_layout(rng, dtype, n_threads, layout, input_dtype):
    raw = rng.integers(0, 256, (100, 30))
    case = networks.draw(rng, (30, 12, 10), m=100, dtype=dtype)
    order, rates, start = rng.permutation(100), rates_of(rng, 4), case.stack.parameters.copy()
    scaled = raw.astype(dtype) * np.dtype(dtype).type(1 / 255)
    case.stack.set_optimizer("adam")
    expected = case.stack.train(scaled, case.y, Objective(case.loss), order, rates, batch_size=32)
    parameters = case.stack.parameters.copy()
    case.stack.parameters[...] = start
    case.stack.set_optimizer("adam")
    X = layout(raw.astype(input_dtype))
    got = case.stack.train(
        X, case.y, Objective(case.loss, scale=1 / 255, n_threads=n_threads), order, rates, batch_size=32
    )
    assert got == expected
    assert np.array_equal(case.stack.parameters, parameters)


# -- PyTorch ---------------------------------------------------------------------------------------


TORCH = {  # the class and its options; PyTorch has no lion
    **{"sgd": ("SGD", {}), "momentum": ("SGD", {}), "nesterov": ("SGD", {"nesterov": True})},
    **{"adam": ("Adam", {}), "adamw": ("AdamW", {}), "amsgrad": ("AdamW", {"amsgrad": True})},
    "nadam": ("NAdam", {"decoupled_weight_decay": True}),
    "radam": ("RAdam", {"decoupled_weight_decay": True}),
    **{"rmsprop": ("RMSprop", {}), "centered_rmsprop": ("RMSprop", {"centered": True})},
    **{"adagrad": ("Adagrad", {}), "adadelta": ("Adadelta", {}), "rprop": ("Rprop", {})},
}


def torch_optimizer(torch, name, weights, biases, rate):
    hyper = networks.HYPER[name]
    kind_name, options = TORCH[name]
    kind, options = getattr(torch.optim, kind_name), dict(options)
    if "beta_1" in hyper:
        options["betas"] = hyper["beta_1"], hyper["beta_2"]
    if name == "rprop":
        options["etas"] = hyper["decrease"], hyper["increase"]
        options["step_sizes"] = hyper["smallest"], hyper["largest"]
    same = {"epsilon": "eps", "momentum": "momentum", "momentum_decay": "momentum_decay"}
    same["rho"] = "alpha" if kind is torch.optim.RMSprop else "rho"
    options |= {same[key]: value for key, value in hyper.items() if key in same}
    if "weight_decay" not in hyper:
        return kind([*weights, *biases], lr=rate, **options)
    groups = [
        {"params": weights, "weight_decay": hyper["weight_decay"]},
        {"params": biases, "weight_decay": 0.0},
    ]
    return kind(groups, lr=rate, **options)


def torch_loss(torch, name, z, y):
    if name == "softmax_cross_entropy":
        return torch.nn.functional.cross_entropy(z, y)
    if name == "mse":
        return ((z - y) ** 2).sum() / len(z)
    return torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="sum") / len(z)


@pytest.mark.parametrize("optimizer", TORCH)
@pytest.mark.parametrize("loss", networks.LOSSES)
def test_ten_steps_equal_torch(rng, optimizer, loss):
    torch = pytest.importorskip("torch")
    case = networks.draw(rng, (9, 13, 6, 4), "tanh", loss, m=50)
    l1, l2, rate = 0.01, 0.1, 0.03
    weights = [torch.tensor(W, requires_grad=True) for W, _ in case.network]
    biases = [torch.tensor(b, requires_grad=True) for _, b in case.network]
    steps = torch_optimizer(torch, optimizer, weights, biases, rate)
    y = torch.tensor(case.y)
    for _ in range(10):
        a = torch.tensor(case.X)
        for W, b in zip(weights[:-1], biases[:-1], strict=True):
            a = torch.tanh(a @ W + b)
        objective = torch_loss(torch, loss, a @ weights[-1] + biases[-1], y)
        objective = objective + sum(l2 / 2 * (W**2).sum() + l1 * W.abs().sum() for W in weights)
        steps.zero_grad()
        objective.backward()
        steps.step()
    case.stack.set_optimizer(optimizer, **networks.HYPER[optimizer])
    for _ in range(10):
        case.stack.train(case.X, case.y, Objective(loss, l1=l1, l2=l2), None, np.array([rate]), batch_size=50)
    expected = [(W.detach().numpy(), b.detach().numpy()) for W, b in zip(weights, biases, strict=True)]
    tolerance = 1e-7 if optimizer == "nadam" else 1e-10  # torch keeps nadam's product of momenta in float32
    assert networks.relative_error(case.stack.views(), expected) <= tolerance


def test_clipped_steps_at_several_rates_equal_torch(rng):
    torch = pytest.importorskip("torch")
    case = networks.draw(rng, (9, 13, 6, 4), "tanh", m=50)
    factors, rate, limit = (0.5, 0.0, 2.0), 0.03, 0.2
    pairs = [(torch.tensor(W), torch.tensor(b)) for W, b in case.network]
    for (W, b), factor in zip(pairs, factors, strict=True):
        W.requires_grad_(factor > 0)
        b.requires_grad_(factor > 0)
    groups = [
        {"params": pair, "lr": rate * factor} for pair, factor in zip(pairs, factors, strict=True) if factor
    ]
    learning = [p for pair in pairs for p in pair if p.requires_grad]
    steps, norms = torch.optim.RMSprop(groups, alpha=0.9, eps=1e-3), []
    for _ in range(10):
        a = torch.tensor(case.X)
        for W, b in pairs[:-1]:
            a = torch.tanh(a @ W + b)
        objective = torch.nn.functional.cross_entropy(a @ pairs[-1][0] + pairs[-1][1], torch.tensor(case.y))
        steps.zero_grad()
        objective.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(learning, limit)))
        steps.step()
    case.stack.set_optimizer("rmsprop", rho=0.9, epsilon=1e-3)
    case.stack.set_update(clip_norm=limit, factors=factors)
    case.stack.train_epochs(
        case.X, case.y, Objective(case.loss), None, np.full(10, rate), epochs=10, batch_size=50
    )
    expected = [(W.detach().numpy(), b.detach().numpy()) for W, b in pairs]
    assert max(norms) > limit
    # torch divides the limit by the norm + 1e-6
    assert networks.relative_error(case.stack.views(), expected) <= 1e-5
    assert case.stack.gradient_norms == pytest.approx(norms, rel=1e-5)


# -- what it is all for ----------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_learns_xor(dtype, optimizer):
    rate = reference.RATES.get(optimizer, 0.02)
    rng = np.random.default_rng(1)
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype)
    y = np.array([[0], [1], [1], [0]], dtype)
    stack = networks.stack_of(reference.initial_weights((2, 8, 1), rng), ("tanh", "sigmoid"), dtype)
    stack.set_optimizer(optimizer)
    for _ in range(1000):
        loss, _ = stack.train(X, y, Objective("binary_cross_entropy"), None, np.array([rate]), batch_size=4)
    assert loss < 0.05 < math.log(2)
    assert np.array_equal(stack.forward(X) > 0.5, y > 0.5)
