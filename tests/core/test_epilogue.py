"""Layers that are more than a product and an activation: normalised, residual, thinned out by dropout."""

import networks
import numpy as np
import pytest
import reference

from cnn_core.layers import Layers
from cnn_core.stack import Objective, Stack

NORMS = (None, "layer", "rms", "batch")
ACTIVATIONS = ("identity", "tanh", "sigmoid", "relu", "silu")
LOSS = "mse"


class Block:
    """A stack and the same numbers for the oracle."""

    def __init__(self, rng, sizes, norm, activation, *, residual=False, dtype="float64", m=12, biases=True):
        depth = len(sizes) - 1
        self.norms = (*(norm,) * (depth - 1), None)
        self.residuals = tuple(
            residual and 0 < i < depth - 1 and sizes[i] == sizes[i + 1] for i in range(depth)
        )
        self.activations = (*(activation,) * (depth - 1), "identity")
        self.stack = Stack(
            sizes, self.activations, (biases,) * depth, dtype, norms=self.norms, residuals=self.residuals
        )
        self.network = networks.rounded(reference.initial_weights(sizes, rng, (biases,) * depth), dtype)
        networks.write(self.stack, self.network)
        self.gains = []
        for gain in self.stack.gains():
            if gain is not None:
                gain[...] = rng.uniform(0.5, 1.5, len(gain))
            self.gains.append(None if gain is None else gain.astype(np.float64))
        for statistics in self.stack.running_statistics():
            if statistics is not None:
                statistics[0][...] = rng.normal(size=len(statistics[0]))
                statistics[1][...] = rng.uniform(0.5, 2, len(statistics[1]))
        self.X = rng.standard_normal((m, sizes[0])).astype(dtype)
        self.y = rng.standard_normal((m, sizes[-1])).astype(dtype)

    def statistics(self):
        return [
            None if pair is None else tuple(a.astype(np.float64) for a in pair)
            for pair in self.stack.running_statistics()
        ]

    def logits(self, training):
        return reference.block_forward(
            self.network,
            self.gains,
            self.norms,
            self.residuals,
            self.activations,
            self.X.astype(np.float64),
            None if training else self.statistics(),
        )

    def nearest_kink(self, training):
        """The smallest input of an activation: the oracle with its activations as identity, a layer at a time."""
        inputs = []
        for depth in range(1, len(self.network)):
            network = [*self.network[:depth], (np.eye(len(self.network[depth][0])), None)]
            inner = reference.block_forward(
                network,
                [*self.gains[:depth], None],
                (*self.norms[:depth], None),
                (*self.residuals[: depth - 1], False, False),
                (*self.activations[: depth - 1], "identity", "identity"),
                self.X.astype(np.float64),
                None if training else [*self.statistics()[:depth], None],
            )
            inputs.append(np.abs(inner).min())
        return min(inputs)

    def loss(self, training):
        return reference.LOSSES[LOSS][0](self.logits(training), self.y.astype(np.float64))

    def differences(self, training):
        arrays = [[W, *([] if b is None else [b])] for W, b in self.network]
        flat = [array for pair in arrays for array in pair] + [g for g in self.gains if g is not None]
        found = reference.central_differences(lambda: self.loss(training), [(a, None) for a in flat])
        return [W for W, _ in found]

    def gradients(self):
        pairs = self.stack.views(self.stack.gradients)
        flat = [a for pair in pairs for a in pair if a is not None]
        return flat + [g for g in self.stack.gains(self.stack.gradients) if g is not None]


def error(got, expected):
    return max(np.abs(a - b).max() / max(1e-2, np.abs(b).max()) for a, b in zip(got, expected, strict=True))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("activation", ["identity", "tanh", "sigmoid", "relu"])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("width", [7, 12])  # 12 doubles are whole vectors of AVX2, and no whole lines
def test_gradients_are_those_of_central_differences(width, norm, activation, residual, training):
    rng = np.random.default_rng([NORMS.index(norm), ACTIVATIONS.index(activation), residual, training])
    block = Block(rng, (5, width, width, 3), norm, activation, residual=residual)
    while activation == "relu" and block.nearest_kink(training) < 2e-3:
        block = Block(rng, (5, width, width, 3), norm, activation, residual=residual, m=6)
    for threads in (1, 2):
        block.stack.gradient(
            block.X[:5], block.y[:5], Objective(LOSS)
        )  # what it leaves in the workspace is in nobody's way
        loss, _ = block.stack.gradient(
            block.X, block.y, Objective(LOSS, n_threads=threads), training=training
        )
        assert loss == pytest.approx(block.loss(training), rel=1e-12)
        assert error(block.gradients(), block.differences(training)) < 1e-6


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-5), ("float64", 1e-12)])
@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
@pytest.mark.parametrize("norm", NORMS)
def test_prediction_equals_the_oracle(norm, activation, dtype, tolerance):
    rng = np.random.default_rng(5)
    for sizes in ((3, 4, 4, 2), (20, 33, 33, 10), (300, 17, 17, 17, 1)):
        block = Block(rng, sizes, norm, activation, residual=True, dtype=dtype, m=70)
        got = block.stack.forward(block.X, link=False)
        expected = block.logits(training=False)
        assert np.abs(got - expected).max() < tolerance * max(1, np.abs(expected).max())
        one_by_one = np.concatenate([block.stack.forward(row[None], link=False) for row in block.X])
        assert np.array_equal(got, one_by_one)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("norm", NORMS)
def test_any_number_of_threads_trains_the_same_bits(norm, dtype):
    results = []
    for threads in (1, 2, 3):
        rng = np.random.default_rng(3)
        block = Block(rng, (40, 130, 130, 10), norm, "relu", residual=True, dtype=dtype, m=700)
        block.stack.set_dropout([0.1, 0.2, 0.3, 0], 77)
        block.stack.set_optimizer("adam")
        losses, _ = block.stack.train_epochs(
            block.X,
            block.y,
            Objective(LOSS, n_threads=threads),
            None,
            np.full(6, 1e-3),
            epochs=2,
            batch_size=300,
        )
        results.append((losses.tobytes(), block.stack.parameters.tobytes(), block.stack.running.tobytes()))
    assert results[0] == results[1] == results[2]


def test_a_residual_block_of_zero_weights_is_the_identity():
    stack = Stack((4, 6, 6, 6), ("tanh", "relu", "identity"), residuals=(False, True, False))
    rng = np.random.default_rng(0)
    views = stack.views()
    views[0][0][...] = rng.normal(size=(4, 6))
    views[2][0][...] = np.eye(6)
    X = rng.normal(size=(9, 4)).astype(np.float32)
    assert np.array_equal(stack.forward(X), stack.hidden(X, 1))
    assert np.array_equal(stack.hidden(X, 2), stack.hidden(X, 1))


def test_running_statistics_move_a_tenth_towards_those_of_a_batch():
    rng = np.random.default_rng(1)
    block = Block(rng, (5, 6, 1), "batch", "relu")
    before = block.statistics()[0]
    z = block.X @ block.network[0][0]
    block.stack.set_optimizer("sgd")
    block.stack.train(block.X, block.y, Objective(LOSS), None, np.array([0.1]), batch_size=100)
    mean, variance = block.statistics()[0]
    assert np.allclose(mean, 0.9 * before[0] + 0.1 * z.mean(axis=0), rtol=1e-12, atol=0)
    assert np.allclose(variance, 0.9 * before[1] + 0.1 * z.var(axis=0, ddof=1), rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("m", [20, 21, 22, 27, 5, 1])
def test_running_statistics_count_rows(m, threads, dtype):
    """A rate of 0 keeps the weights, so that the oracle needs only the batches' z."""
    rng = np.random.default_rng(m)
    block = Block(rng, (5, 6, 1), "batch", "relu", dtype=dtype, m=m)
    expected, order, full = block.statistics()[0], rng.permutation(m), min(m, 10)
    block.stack.set_optimizer("sgd")
    for _ in range(2):
        objective, rates = Objective(LOSS, n_threads=threads), np.zeros(-(-m // 10))
        block.stack.train(block.X, block.y, objective, order, rates, batch_size=10)
        for first in range(0, m, 10):
            z = block.X[order[first : first + 10]].astype(float) @ block.network[0][0]
            expected = reference.moved_statistics(expected, z, full)
    tolerance = 1e-12 if dtype == "float64" else 1e-5  # some roundings of numbers near 1
    assert error(block.statistics()[0], expected) < tolerance


@pytest.mark.parametrize("weights", [None, [2.0, 0.0, 0.0]])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_single_row_is_normalised_by_the_running_statistics_and_leaves_them(weights, threads):
    """Also the only row of a batch with a weight above 0."""
    m = 1 if weights is None else len(weights)
    block = Block(np.random.default_rng(12), (5, 20, 20, 3), "batch", "tanh", residual=True, m=m)
    stack, before = block.stack, block.stack.running.copy()
    objective = Objective(LOSS, weights=weights, n_threads=threads)
    stack.gradient(block.X, block.y, objective, training=True)
    by_batch = block.gradients()
    block.X, block.y = block.X[:1], block.y[:1]
    assert error(by_batch, block.differences(False)) < 1e-6  # central differences with the running statistics
    stack.set_optimizer("sgd")
    X, y = np.repeat(block.X, m, axis=0), np.repeat(block.y, m, axis=0)
    loss, _ = stack.train(X, y, objective, None, np.array([0.1]), batch_size=m)
    assert loss == pytest.approx(block.loss(False), rel=1e-12)
    assert np.array_equal(stack.running, before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_leaves_out_the_rate_and_keeps_the_mean(rate, dtype):
    # A layer of ones, then a sum: with sgd at rate -1/2 the second layer's gradient shows what was dropped.
    m, n = 500, 200
    stack = Stack((1, n, 1), ("identity", "identity"), (False, False), dtype)
    stack.views()[0][0][...] = 1
    stack.set_dropout([0, rate, 0], 5)
    stack.set_optimizer("sgd")
    X = np.ones((m, 1), dtype)
    y = np.zeros((m, 1), dtype)
    y[:] = -0.5  # dL/dz = 2 (0 + 0.5) / m
    stack.train(X, y, Objective(LOSS), None, np.array([-1.0]), batch_size=m)
    means = stack.views()[1][0][:, 0].astype(np.float64)  # of each unit, over the rows: kept / (1 - rate)
    kept = means.mean() * (1 - rate)
    assert abs(kept - (1 - rate)) < 3 * np.sqrt(rate * (1 - rate) / (m * n))
    assert means.std() == pytest.approx(np.sqrt(rate / (1 - rate) / m), rel=0.2)  # and each on its own


@pytest.mark.parametrize("norm", NORMS)
def test_gradients_with_dropout_are_those_of_the_thinned_network(norm):
    """A pass of rate 0 gives the loss and moves nothing; the same key and step drop the same."""
    block = Block(np.random.default_rng(2), (6, 8, 8, 2), norm, "tanh", residual=True, m=10)
    stack = block.stack
    stack.set_dropout([0.2, 0.5, 0.3, 0], 123)

    def loss():
        stack.set_optimizer("sgd")
        stack.running[...] = running
        return stack.train(block.X, block.y, Objective(LOSS), None, np.zeros(1), batch_size=10)[0]

    running = stack.running.copy()
    start = stack.parameters.copy()
    differences = np.zeros_like(start)
    for index in np.flatnonzero(start):
        values = []
        for h in (-2e-4, -1e-4, 1e-4, 2e-4):
            stack.parameters[index] = start[index] + h
            values.append(loss())
        stack.parameters[index] = start[index]
        differences[index] = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / 1.2e-3
    stack.set_optimizer("sgd")
    stack.train(block.X, block.y, Objective(LOSS), None, np.ones(1), batch_size=10)
    step = np.where(start != 0, start - stack.parameters, 0)
    assert np.abs(step - differences).max() < 1e-7
    assert loss() != pytest.approx(stack.loss(block.X, block.y, Objective(LOSS))[0])


@pytest.mark.parametrize("norm", [None, "layer"])
def test_the_gradient_of_a_numbered_step_is_that_of_the_step(norm):
    block = Block(np.random.default_rng(2), (6, 8, 8, 2), norm, "tanh", residual=True, m=10)
    stack = block.stack
    stack.set_dropout([0.2, 0.5, 0.3, 0], 123)
    objective = Objective(LOSS)
    plain = stack.gradient(block.X, block.y, objective)[0]
    losses = []
    for number in (0, 1, 2**40):
        loss, _ = stack.gradient(block.X, block.y, objective, number=number)
        gradient, start = stack.gradients.copy(), stack.parameters.copy()
        stack.set_optimizer("sgd")
        stack.steps = number
        trained, _ = stack.train(block.X, block.y, objective, None, np.ones(1), batch_size=10)
        assert loss == trained
        np.testing.assert_allclose(stack.parameters, start - gradient, rtol=0, atol=1e-14)
        with stack.changing():
            stack.parameters[...] = start
        losses.append(loss)
    assert len({plain, *losses}) == 4


def test_a_numbered_gradient_leaves_running_statistics_alone():
    block = Block(np.random.default_rng(2), (6, 8, 2), "batch", "tanh", m=10)
    with pytest.raises(ValueError, match="batch normalisation"):
        block.stack.gradient(block.X, block.y, Objective(LOSS), number=0)


def test_input_dropout_thins_the_rows_and_leaves_the_callers_array_alone():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(50, 8)).astype(np.float32)
    copy = X.copy()
    stack = Stack((8, 3, 1), ("relu", "identity"))
    stack.set_dropout([0.5, 0, 0], 9)
    stack.set_optimizer("sgd")
    stack.train(X, np.zeros((50, 1), np.float32), Objective(LOSS), None, np.full(5, 0.01), batch_size=10)
    assert np.array_equal(X, copy)


def test_prediction_and_loss_drop_nothing():
    rng = np.random.default_rng(6)
    plain = Block(rng, (5, 9, 2), None, "tanh")
    thinned = Block(np.random.default_rng(6), (5, 9, 2), None, "tanh")
    thinned.stack.set_dropout([0.5, 0.5, 0], 1)
    assert np.allclose(plain.stack.forward(plain.X), thinned.stack.forward(plain.X), rtol=0, atol=1e-15)
    assert plain.stack.loss(plain.X, plain.y, Objective(LOSS)) == pytest.approx(
        thinned.stack.loss(plain.X, plain.y, Objective(LOSS)), rel=1e-14
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"norms": (None, "layer")}, "last layer"),
        ({"residuals": (True, False)}, "layer 0 has 4 inputs and 3 units"),
        ({"norms": ("group", None)}, "group"),
        ({"norms": (None,)}, "2 layers, but 1 norms"),
    ],
)
def test_layers_that_cannot_be_so_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Layers((4, 3, 2), ("relu", "identity"), **change)


@pytest.mark.parametrize("rates", [[0.5], [0, 1.0, 0], [0, -0.1, 0], [0, 0, 0.5], [0, float("nan"), 0]])
def test_rates_that_cannot_be_are_refused(rates):
    stack = Stack((4, 3, 2), ("relu", "identity"))
    with pytest.raises(ValueError, match="rates is"):
        stack.set_dropout(rates, 0)


# ---- weights of rows


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_a_row_of_weight_0_is_removed_and_one_of_weight_2_is_there_twice(norm, shuffled, threads):
    rng = np.random.default_rng(8)
    block = Block(rng, (5, 20, 20, 3), norm, "tanh", residual=True, m=80)
    weights = rng.integers(0, 3, 80)
    chosen = np.repeat(np.arange(80), weights)
    order = rng.permutation(80) if shuffled else None
    start, running = block.stack.parameters.copy(), block.stack.running.copy()
    results = []
    for rows, counts in ((np.arange(80), weights.astype(float)), (chosen, None)):
        X, y = block.X[rows], block.y[rows]
        block.stack.parameters[:], block.stack.running[:] = start, running
        value = block.stack.gradient(X, y, Objective(LOSS, weights=counts, n_threads=threads), training=True)
        results.append([np.array(value), *(a.copy() for a in block.gradients())])
        block.stack.set_optimizer("momentum")
        value = block.stack.train(
            X,
            y,
            Objective(LOSS, weights=counts, n_threads=threads),
            order if counts is not None else None,
            np.array([0.1]),
            batch_size=len(X),
        )
        state = (np.array(value), block.stack.parameters.copy(), block.stack.running.copy())
        results[-1] += state[: 3 if norm == "batch" else 2]
    assert error(*results) < 1e-11


def test_equal_weights_change_nothing_but_the_running_variance():
    """It is divided by the sum of the weights - 1; a sum of at most 1 leaves it as it is."""
    rng = np.random.default_rng(9)
    variances = []
    for weights in (None, np.full(12, 3.0), np.full(12, 1 / 12)):
        block = Block(np.random.default_rng(9), (5, 6, 1), "batch", "tanh")
        block.stack.gradient(block.X, block.y, Objective(LOSS, weights=weights), training=True)
        variances.append(block.statistics()[0][1])
        assert error(block.gradients(), block.differences(True)) < 1e-6
        before = block.statistics()[0][1]
        z = block.X @ block.network[0][0]
        block.stack.set_optimizer("sgd")
        block.stack.train(
            block.X,
            block.y,
            Objective(LOSS, weights=weights),
            rng.permutation(12),
            np.zeros(1),
            batch_size=12,
        )
        total = 12 if weights is None else weights.sum()
        correction = 1 if total < 1.5 else total / (total - 1)
        expected = 0.9 * before + 0.1 * z.var(axis=0) * correction
        assert np.allclose(block.statistics()[0][1], expected, rtol=1e-12, atol=0)


# ---- another implementation


def torch_twin(torch, block, norm):
    """The block's layers as modules of PyTorch with the same numbers."""
    make = {"layer": torch.nn.LayerNorm, "rms": torch.nn.RMSNorm, "batch": torch.nn.BatchNorm1d}[norm]
    modules = []
    for (W, b), gain, statistics in zip(block.network, block.gains, block.statistics(), strict=True):
        linear = torch.nn.Linear(*W.shape, bias=gain is None)
        linear.weight.data = torch.from_numpy(W.T.copy())
        modules.append(linear)
        if gain is None:
            linear.bias.data = torch.from_numpy(b.copy())
            continue
        normalized = make(W.shape[1], eps=1e-5)
        normalized.weight.data = torch.from_numpy(gain.copy())
        if norm != "rms":  # that one has no bias; there is one for each layer here, see the test
            normalized.bias.data = torch.from_numpy(b.copy())
        if statistics is not None:
            normalized.running_mean = torch.from_numpy(statistics[0].copy())
            normalized.running_var = torch.from_numpy(statistics[1].copy())
        modules += [normalized, torch.nn.Tanh()]
    return torch.nn.Sequential(*modules).double()


@pytest.mark.parametrize("norm", ["layer", "rms", "batch"])
def test_norms_are_those_of_pytorch(norm):
    """Outputs, gradients, and running statistics after three steps, then predictions by them."""
    torch = pytest.importorskip("torch")
    block = Block(np.random.default_rng(10), (5, 9, 7, 3), norm, "tanh", m=20, biases=norm != "rms")
    if norm == "rms":  # its layers then have no biases, the last one neither
        block.network = [(W, np.zeros(W.shape[1])) for W, _ in block.network]
    twin = torch_twin(torch, block, norm)
    X, y = torch.from_numpy(block.X), torch.from_numpy(block.y)
    twin.train()
    loss = ((twin(X) - y) ** 2).sum(dim=1).mean()
    loss.backward()
    value, _ = block.stack.gradient(block.X, block.y, Objective(LOSS), training=True)
    assert value == pytest.approx(loss.item(), rel=1e-12)
    linears = [module for module in twin if isinstance(module, torch.nn.Linear)]
    norms = [module for module in twin if hasattr(module, "eps")]
    got = [W for W, _ in block.stack.views(block.stack.gradients)]
    got += [gain for gain in block.stack.gains(block.stack.gradients) if gain is not None]
    expected = [linear.weight.grad.numpy().T for linear in linears]
    expected += [each.weight.grad.numpy() for each in norms]
    if norm != "rms":
        got += [b for _, b in block.stack.views(block.stack.gradients)]
        expected += [each.bias.grad.numpy() for each in (*norms, linears[-1])]
    assert error(got, expected) < 1e-10
    twin = torch_twin(torch, block, norm)
    descent = torch.optim.SGD(twin.parameters(), lr=0.1)
    if norm == "rms":
        descent = torch.optim.SGD([p for name, p in twin.named_parameters() if "bias" not in name], lr=0.1)
    for _ in range(3):
        descent.zero_grad()
        ((twin(X) - y) ** 2).sum(dim=1).mean().backward()
        descent.step()
    block.stack.set_optimizer("sgd")
    block.stack.train_epochs(
        block.X, block.y, Objective(LOSS), None, np.full(3, 0.1), epochs=3, batch_size=20
    )
    twin.eval()
    with torch.no_grad():
        outputs = twin(X).numpy()
    assert np.abs(block.stack.forward(block.X, link=False) - outputs).max() < 1e-10
    trained = [module for module in twin if hasattr(module, "eps")]
    for statistics, module in zip(block.statistics(), (*trained, None), strict=True):
        if statistics is not None:
            assert np.allclose(statistics[0], module.running_mean.numpy(), rtol=1e-10, atol=1e-12)
            assert np.allclose(statistics[1], module.running_var.numpy(), rtol=1e-10, atol=1e-12)
