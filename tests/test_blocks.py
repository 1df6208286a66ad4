"""Layers that are more than a product and an activation: normalised, residual, thinned out by dropout."""

import networks
import numpy as np
import pytest
import reference

from cnn_core.layers import Layers
from cnn_core.stack import Stack

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
def test_gradients_are_those_of_central_differences(norm, activation, residual, training):
    rng = np.random.default_rng([NORMS.index(norm), ACTIVATIONS.index(activation), residual, training])
    block = Block(rng, (5, 7, 7, 3), norm, activation, residual=residual)
    while activation == "relu" and block.nearest_kink(training) < 2e-3:
        block = Block(rng, (5, 7, 7, 3), norm, activation, residual=residual, m=6)
    for threads in (1, 2):
        loss, _ = block.stack.gradient(block.X, block.y, LOSS, n_threads=threads, training=training)
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
            block.X, block.y, LOSS, None, np.full(6, 1e-3), epochs=2, batch_size=300, n_threads=threads
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
    block.stack.train(block.X, block.y, LOSS, None, np.array([0.1]), batch_size=100)
    mean, variance = block.statistics()[0]
    assert np.allclose(mean, 0.9 * before[0] + 0.1 * z.mean(axis=0), rtol=1e-12, atol=0)
    assert np.allclose(variance, 0.9 * before[1] + 0.1 * z.var(axis=0, ddof=1), rtol=1e-12, atol=0)


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
    stack.train(X, y, LOSS, None, np.array([-1.0]), batch_size=m)
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
        return stack.train(block.X, block.y, LOSS, None, np.zeros(1), batch_size=10)[0]

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
    stack.train(block.X, block.y, LOSS, None, np.ones(1), batch_size=10)
    step = np.where(start != 0, start - stack.parameters, 0)
    assert np.abs(step - differences).max() < 1e-7
    assert loss() != pytest.approx(stack.loss(block.X, block.y, LOSS)[0])


def test_input_dropout_thins_the_rows_and_leaves_the_callers_array_alone():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(50, 8)).astype(np.float32)
    copy = X.copy()
    stack = Stack((8, 3, 1), ("relu", "identity"))
    stack.set_dropout([0.5, 0, 0], 9)
    stack.set_optimizer("sgd")
    stack.train(X, np.zeros((50, 1), np.float32), LOSS, None, np.full(5, 0.01), batch_size=10)
    assert np.array_equal(X, copy)


def test_prediction_and_loss_drop_nothing():
    rng = np.random.default_rng(6)
    plain = Block(rng, (5, 9, 2), None, "tanh")
    thinned = Block(np.random.default_rng(6), (5, 9, 2), None, "tanh")
    thinned.stack.set_dropout([0.5, 0.5, 0], 1)
    assert np.allclose(plain.stack.forward(plain.X), thinned.stack.forward(plain.X), rtol=0, atol=1e-15)
    assert plain.stack.loss(plain.X, plain.y, LOSS) == pytest.approx(
        thinned.stack.loss(plain.X, plain.y, LOSS), rel=1e-14
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
