"""Products of bfloat16 in training and prediction, and of int8 in prediction."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import mixed_check
import networks
import numpy as np
import pytest
import reference

import cnn_core
from cnn_core.calibration import ranges_of
from cnn_core.gram import make_gram_stack
from cnn_core.layers import Layers, MeanOfLayers, Units
from cnn_core.quantization import quantized, rounded
from cnn_core.sparse import SparseRows
from cnn_core.stack import LOSSES, OPTIMIZERS, Objective, SharedWeights, Stack, train_together

SIZES = (1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100)
CHECK = Path(mixed_check.__file__)
LARGE = (300, 256, 10)  # a batch of 128 rows is divided between two threads


def fill(layers, rng):
    for W, b in layers.views():
        W[...] = rng.normal(size=W.shape) / np.sqrt(len(W))
        if b is not None:
            b[...] = 0.1 * rng.normal(size=b.shape)
    return layers


def numbers(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def objective(loss="softmax_cross_entropy", **options):
    return Objective(loss, **{"n_threads": 1, **options})


def child(name):
    environment = {**os.environ, "CNN_CORE_LOW_PRECISION": name, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(CHECK), name], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_all_instruction_sets():
    """Exact results are those of the reference everywhere; others have equal bits but for the tiles, which have another
    order of the sums. int8 has equal bits everywhere."""
    results = {name: child(name) for name in cnn_core.available_low_precision()}
    fused = {bits for name, (bits, _) in results.items() if name not in ("x86_amx", "x86_v2", "portable")}
    assert len(fused) <= 1
    assert len({int8 for _, int8 in results.values()}) == 1


# ---- bfloat16 against the reference


@pytest.mark.parametrize("width", SIZES)
def test_exact_network_of_every_width(rng, width):
    mixed_check.check_exact(rng, (width + 40, width, 20, 3))
    mixed_check.check_exact(rng, (20, 30, width))


def test_exact_network_on_two_threads(rng):
    mixed_check.check_exact(rng, (250, 512, 5), n_threads=2)


def test_rounding_of_the_reference(rng):
    x = numbers(rng, 1000) * np.float32(10.0) ** rng.integers(-40, 30, 1000).astype(np.float32)
    x[:6] = 0.0, -0.0, 1e-39, 1 + 2.0**-8, 1 + 3 * 2.0**-8, -(1 + 2.0**-8)
    assert (rounded(x) == reference.bfloat16(x)).all()
    assert rounded(x)[3:6].tolist() == [1.0, 1 + 2.0**-6, -1.0]


@pytest.mark.parametrize("hidden", ["relu", "tanh", "sigmoid", "gelu"])
@pytest.mark.parametrize("loss", networks.LOSSES)
def test_gradient_is_that_of_rounded_products(rng, hidden, loss):
    """Much closer to the reference with rounded factors than that is to the exact one."""
    case = networks.draw(rng, (50, 40, 33, 4), hidden, loss, m=77, dtype="float32")
    stack = Stack(case.stack.sizes, case.activations, precision="bfloat16")
    networks.write(stack, case.network)
    value, _ = stack.gradient(case.X, case.y, objective(loss))
    exact, _, exact_gradient = case.oracle_gradient()
    expected, _, gradient = case.oracle_gradient(product=reference.product_of_bfloat16)
    assert abs(value - expected) < 0.2 * abs(exact - expected)
    for mine, theirs, other in zip(stack.views(stack.gradients), gradient, exact_gradient, strict=True):
        for g, of_rounded, of_exact in zip(mine, theirs, other, strict=True):
            distance = np.linalg.norm(of_rounded - of_exact)
            assert np.linalg.norm(g - of_rounded) < 0.2 * distance


FEATURES = [
    {"norms": ("layer", "rms", None)},
    {"norms": ("batch", "batch", None)},
    {"residuals": (False, True, False)},
    {"activations": ("silu", "elu", "identity")},
    {"activations": ((np.sin, np.cos), "tanh", "identity")},
    {"norms": ("layer", "layer", None), "residuals": (False, True, False), "biases": (False, True, False)},
]


@pytest.mark.parametrize("features", FEATURES)
@pytest.mark.parametrize("dropout", [None, (0.2, 0.3, 0.1, 0.0)])
def test_what_follows_a_product_is_that_of_float32(rng, features, dropout):
    """The gradient differs from that of float32 by the rounding of factors alone, about 2^-9 for each."""
    features = {"activations": ("tanh", "sigmoid", "identity"), **features}
    X, y = numbers(rng, 90, 30), numbers(rng, 90, 3)
    draw = int(rng.integers(1 << 30))
    gradients = []
    for precision in ("float32", "bfloat16"):
        stack = fill(Stack((30, 40, 40, 3), precision=precision, **features), np.random.default_rng(draw))
        number = None
        if dropout is not None and "batch" not in features.get("norms", ()):
            stack.set_dropout(dropout, key=5)
            number = 3
        stack.gradient(X, y, objective("mse"), training=True, number=number)
        gradients.append([W.copy() for W, _ in stack.views(stack.gradients)])
        gradients[-1] += [g.copy() for g in stack.gains(stack.gradients) if g is not None]
    for one, other in zip(*gradients, strict=True):
        assert 0 < np.linalg.norm(one - other) < 0.02 * np.linalg.norm(one)


@pytest.mark.parametrize("loss", [name for name in LOSSES if name != "ordinal"])
def test_every_loss(rng, loss):
    n = {"quantile": 3, "gaussian_nll": 4}.get(loss, 3)
    X = numbers(rng, 40, 20)
    y = rng.integers(0, n, 40) if loss.startswith("softmax") else rng.random((40, n)).astype(np.float32)
    y = y[:, :1].copy() if loss == "quantile" else y[:, :2].copy() if loss == "gaussian_nll" else y
    draw, norms = int(rng.integers(1 << 30)), []
    for precision in ("float32", "bfloat16"):
        stack = fill(
            Stack((20, 33, n), ("tanh", "identity"), precision=precision), np.random.default_rng(draw)
        )
        weights = np.arange(40.0)
        stack.gradient(X, y, objective(loss, weights=weights, l1=0.01, l2=0.1))
        norms.append(np.concatenate([W.ravel() for W, _ in stack.views(stack.gradients)]))
    assert 0 < np.linalg.norm(norms[0] - norms[1]) < 0.02 * np.linalg.norm(norms[0])


def test_gradient_of_the_inputs(rng):
    stack = fill(Stack((70, 40, 3), ("tanh", "identity"), precision="bfloat16"), rng)
    X, Y = numbers(rng, 45, 70), numbers(rng, 45, 3)
    network = [(W.astype(float), b.astype(float)) for W, b in stack.views()]
    product = reference.product_of_bfloat16
    z = reference.pre_activations(network, ("tanh", "identity"), X, product)[0]
    expected = product(product(Y, network[1][0].T) * (1 - np.tanh(z) ** 2), network[0][0].T)
    # dZ near a boundary of rounding may be rounded to the other side, by 2^-8 of it.
    close = {"rtol": 0.01, "atol": 0.003}
    np.testing.assert_allclose(stack.input_gradient(X, Y), expected, **close)
    _, tape = stack.record(X)
    _, of_rows = stack.backward(tape, Y, rows=True)
    assert (of_rows == stack.input_gradient(X, Y)).all()


# ---- steps


def test_packed_copies_follow_each_step(rng):
    """Steps in one call have the bits of calls of one step each, which pack the weights anew."""
    X, y = numbers(rng, 96, 50), rng.integers(0, 4, 96)
    for name in OPTIMIZERS:
        for options in ({}, {"clip_norm": 0.5, "ema": 0.9, "factors": (1.0, 0.0, 2.0)}):
            results = []
            for whole in (True, False):
                stack = fill(Stack((50, 40, 33, 4), ("relu", "tanh", "softmax"), precision="bfloat16"),
                             np.random.default_rng(7))  # fmt: skip
                stack.set_optimizer(name)
                stack.set_update(**options)
                if whole:
                    stack.train(X, y, objective(l2=0.01), None, np.full(6, 0.01), batch_size=16)
                else:
                    for at in range(0, 96, 16):
                        rows = slice(at, at + 16)
                        stack.train(
                            X[rows], y[rows], objective(l2=0.01), None, np.array([0.01]), batch_size=16
                        )
                results.append(stack.parameters.copy())
            assert (results[0] == results[1]).all(), (name, options)


def test_steps_of_the_reference(rng):
    case = networks.draw(rng, (20, 17, 5), "tanh", "softmax_cross_entropy", m=64, dtype="float32")
    stack = Stack(case.stack.sizes, case.activations, precision="bfloat16")
    networks.write(stack, case.network)
    stack.set_optimizer("momentum", momentum=0.8)
    network, optimizer, (X, y) = case.network, reference.Momentum(0.8), case.wide
    for at in range(0, 64, 16):
        _, _, gradient = reference.gradient(
            network, case.activations, X[at : at + 16], y[at : at + 16], case.loss,
            product=reference.product_of_bfloat16,
        )  # fmt: skip
        network = optimizer.step(network, gradient, 0.1)
    stack.train(case.X, case.y, objective(), None, np.full(4, 0.1), batch_size=16)
    for (W, b), (V, c) in zip(stack.views(), network, strict=True):
        np.testing.assert_allclose(W, V, atol=2e-4)  # factors near a boundary of rounding
        np.testing.assert_allclose(b, c, atol=2e-4)


def test_tapes_have_the_bits_of_training(rng, n_threads):
    X, y = numbers(rng, 128, 300), numbers(rng, 128, 10)
    stacks = [
        fill(Stack(LARGE, ("tanh", "identity"), precision="bfloat16"), np.random.default_rng(3)) for _ in "ab"
    ]
    for stack in stacks:
        stack.set_optimizer("adam")
        stack.set_dropout((0.1, 0.5, 0.0), key=1)
    for _ in range(2):
        out, tape = stacks[0].record(X, training=True, n_threads=n_threads)
        gradient, _ = stacks[0].backward(tape, (out - y) * np.float32(2 / 128), n_threads=n_threads)
        stacks[0].step_by(gradient, 0.01, objective("mse"))
        stacks[1].train(X, y, objective("mse"), None, np.array([0.01]), batch_size=128)
    assert (stacks[0].parameters == stacks[1].parameters).all()


def test_together(rng):
    """Members of low precision are trained one after another, with the bits of training alone."""
    X, y = numbers(rng, 60, 20), rng.integers(0, 3, 60)
    precisions = ("bfloat16", "float32", "bfloat16")

    def made():
        stacks = [Stack((20, 15, 3), ("relu", "softmax"), precision=precision) for precision in precisions]
        return [fill(stack, np.random.default_rng(i)) for i, stack in enumerate(stacks)]

    alone, members = made(), made()
    for stack in (*alone, *members):
        stack.set_optimizer("adam")
    rates = np.full(6, 0.01)
    train_together(members, X, y, [objective()] * 3, None, rates, batch_size=20, epochs=2, n_threads=2)
    for stack, member in zip(alone, members, strict=True):
        stack.train_epochs(X, y, objective(), None, rates, epochs=2, batch_size=20)
        assert (stack.parameters == member.parameters).all()


# ---- bits


def test_bits_depend_neither_on_threads_nor_on_the_chunk(rng):
    """A batch of 400 rows is two chunks with one thread, and one with two threads."""
    X, y = numbers(rng, 1500, 300), rng.integers(0, 10, 1500)
    order = rng.permutation(1500)
    results = []
    for n_threads in (1, 2):
        stack = fill(Stack(LARGE, ("relu", "softmax"), precision="bfloat16"), np.random.default_rng(0))
        stack.set_optimizer("adam")
        stack.train_epochs(
            X, y, objective(n_threads=n_threads), order, np.full(8, 0.01), epochs=2, batch_size=400
        )
        results.append((stack.parameters.copy(), stack.forward(X, n_threads=n_threads)))
    for one, other in zip(*results, strict=True):
        assert (one == other).all()


def test_bits_do_not_depend_on_polls(rng):
    """Rows of weight 0 add zeros to each sum: a long batch, which is polled, has the gradient of a short one."""
    stack = fill(Stack((512, 512, 10), ("relu", "softmax"), precision="bfloat16"), rng)
    X, y = numbers(rng, 1500, 512), rng.integers(0, 10, 1500)
    weights = np.where(np.arange(1500) < 500, 1.0, 0.0)
    stack.gradient(X[:500], y[:500], objective())
    short = stack.gradients.copy()
    stack.gradient(X, y, objective(weights=weights, n_threads=2))
    assert (stack.gradients == short).all()


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_a_row_has_its_bits_in_every_batch(rng, precision):
    layers = fill(Layers((100, 70, 33, 5), ("relu", "tanh", "softmax")), rng)
    X = numbers(rng, 150, 100)
    layers.quantize(*ranges_of(layers, X)) if precision == "int8" else layers.set_precision(precision)
    whole = layers.forward(X)
    for rows in (slice(0, 1), slice(7, 8), slice(20, 53), slice(100, 150)):
        assert (layers.forward(X[rows]) == whole[rows]).all()
        assert (layers.try_forward(X[rows], None, 1, 1.0, 1) == whole[rows]).all()


# ---- prediction


def test_kept_weights_have_the_bits_of_each_call(rng):
    for units_major in (True, False):
        layers = fill(Layers((300, 50, 7), ("relu", "softmax"), units_major=units_major), rng)
        unpacked = Layers(layers.sizes, layers.activations, precision="bfloat16")
        for (W, b), (V, c) in zip(unpacked.views(), layers.views(), strict=True):
            W[...], b[...] = V, c
        X = numbers(rng, 40, 300)
        exact = layers.forward(X)
        layers.set_precision("bfloat16")
        assert (layers.precision, layers.ranges) == ("bfloat16", None)
        low = layers.forward(X)
        assert (low == unpacked.forward(X)).all()
        assert (low != exact).any()
        assert (layers.hidden(X, 1) == unpacked.hidden(X, 1)).all()
        layers.set_precision("float32")
        assert (layers.forward(X) == exact).all()


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_every_kind_of_input(rng, precision):
    """All are gathered to float32 first."""
    layers = fill(Layers((30, 20, 3), ("relu", "identity")), rng)
    X = rng.integers(0, 100, (70, 30)).astype(np.float32) * (rng.random((70, 30)) < 0.3)
    layers.quantize(*ranges_of(layers, X)) if precision == "int8" else layers.set_precision(precision)
    expected = layers.forward(X)
    starts = np.concatenate([[0], np.cumsum((X != 0).sum(axis=1))])
    sparse = SparseRows(starts, np.ascontiguousarray(np.nonzero(X)[1]), X[X != 0], X.shape[1])
    for rows in (
        X.astype(np.uint8),
        X.astype(float),
        X.astype(np.int64),
        np.asfortranarray(X),
        X[:, ::1],
        sparse,
    ):
        assert (layers.forward(rows) == expected).all()
    units = Units("float64", np.array([2.0, 3.0, 4.0]), np.zeros(3))
    in_units = layers.try_forward(X, None, 1, 1.0, 2, units)
    assert (in_units == expected.astype(float) * [2, 3, 4]).all()


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_norms_residuals_and_functions_in_prediction(rng, precision):
    layers = fill(
        Layers(
            (30, 40, 40, 3), ("silu", (np.sin, np.cos), "sigmoid"), norms=("layer", "batch", None),
            residuals=(False, True, False),
        ),
        rng,
    )  # fmt: skip
    X = numbers(rng, 70, 30)
    exact = layers.forward(X)
    layers.quantize(*ranges_of(layers, X)) if precision == "int8" else layers.set_precision(precision)
    assert 0 < abs(layers.forward(X) - exact).max() < 0.03


def test_encoded_columns(rng):
    def made():
        layers = fill(Layers((9, 20, 3), ("relu", "identity"), units_major=False), np.random.default_rng(1))
        layers.encode([0, 2], [3, 3], [0, 1, 2] * 2, [1.0] * 6, [-1.0, 0, 0] * 2, [1.0, 1, 2] * 2)
        return layers

    layers, X = made(), rng.uniform(-1, 4, (50, 3))
    inputs = layers.hidden(X, 0)
    assert inputs.shape == (50, 9)
    assert (inputs[:, :3] == X.astype(np.float32)).all()
    plain = fill(Layers((9, 20, 3), ("relu", "identity"), units_major=False), np.random.default_rng(1))
    for change in ("bfloat16", "int8"):
        layers = made()
        layers.tabulate()
        assert (layers.hidden(X, 0) == inputs).all()
        ranges = ranges_of(layers, X)
        for each in (layers, plain):
            each.quantize(*ranges) if change == "int8" else each.set_precision(change)
        layers.tabulate()  # not in low precision
        assert (layers.forward(X) == plain.forward(inputs)).all()


def test_means(rng):
    layers = [fill(Layers((20, 15, 3), ("relu", "softmax")), rng) for _ in range(3)]
    X = numbers(rng, 300, 20)
    layers[0].set_precision("bfloat16")
    layers[1].quantize(*ranges_of(layers[1], X))
    outputs = [each.forward(X).astype(float) for each in layers]
    mean = MeanOfLayers(layers, [0.2, 0.3, 0.5])
    layers[1].set_precision("float32")  # the mean keeps its own copies
    expected = (outputs[0] * 0.2 + outputs[1] * 0.3 + outputs[2] * 0.5).astype(np.float32)
    assert (mean.try_forward(X, None, 1, 1.0, 2) == expected).all()


def int8_forward(layers, X):
    """Outputs of relu layers with int8 products in exact integers, each later step in float32."""
    a = X
    depth = len(layers.sizes) - 1
    for i, ((W, b), low, high) in enumerate(zip(layers.views(), *layers.ranges, strict=True)):
        V, scale, bias, factor, shift = quantized(W, b, low, high, i == 0)
        x = np.rint(np.clip(a * factor + shift, 0, 255)).astype(np.int64)
        z = (x @ V.astype(np.int64)).astype(np.float32) * scale + bias
        a = np.maximum(z, 0) if i < depth - 1 else z
    return a


@pytest.mark.parametrize("by_column", [True, False])
def test_quantised_layer_is_near_the_layer(rng, by_column):
    """Each term differs by half a level of x times |w|, and half a step of w times the distance of x from the number of
    its range that is nearest to 0."""
    scales = 10.0 ** rng.integers(-3, 4, 40) if by_column else np.ones(40)
    low = scales * (rng.normal(size=40) + (3 if by_column else 0))
    high = low + scales * rng.uniform(1, 2, 40)
    W, b = numbers(rng, 40, 7) / scales[:, np.newaxis], numbers(rng, 7)
    W[:, 6] = 0.0
    V, scale, bias, factor, shift = quantized(W, b, low, high, by_column)
    X = low + (high - low) * rng.random((200, 40))
    levels = np.rint(np.clip(X * factor + shift, 0, 255))
    z = levels @ V.astype(float) * scale + bias
    near = np.clip(0.0, low, high) if by_column else np.clip(0.0, low.min(), high.max())
    bound = np.broadcast_to(0.501 / factor, 40) @ abs(W) + abs(X - near) @ np.broadcast_to(
        0.501 * factor[:, np.newaxis] * scale, (40, 7)
    )
    # The level of x is rounded before it is multiplied by the rounded w.
    assert (abs(z - (X @ W + b)) <= bound + np.broadcast_to(0.5, 40).sum() * scale + 1e-3 * abs(b)).all()
    assert (z[:, 6] == b[6]).all()
    assert (abs(V).max(axis=0)[:6] == 127).all()


@pytest.mark.parametrize("width", SIZES)
def test_int8_is_exact(rng, width):
    layers = fill(Layers((width + 2, width, 40, 5), ("relu", "relu", "identity")), rng)
    X = numbers(rng, 70, width + 2)
    X[:, 0] = 3.0  # a constant input
    layers.quantize(*ranges_of(layers, X))
    assert (layers.precision, len(layers.ranges[0])) == ("int8", 3)
    further = 1.5 * numbers(rng, 70, width + 2)  # beyond the ranges
    further[:, 0] = 3.0
    for rows in (X, further):
        result, expected = layers.forward(rows), int8_forward(layers, rows)
        # Rounding of a float32 sum in another order may move an input of the next layer by a level.
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6 * abs(expected).max())


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
@pytest.mark.parametrize("units_major", [True, False])
def test_ranges_are_those_of_the_outputs_of_each_layer(rng, precision, units_major):
    sizes, norms = (70, 33, 33, 300, 3, 20, 2), ("batch", "layer", "batch", None, "rms", None)
    layers = Layers(
        sizes,
        ("relu", "tanh", (np.abs, np.sign), "gelu", "identity", "softmax"),
        (True, False, True, True, False, True),
        norms=norms,
        residuals=(False, True, False, False, False, False),
        units_major=units_major,
    )
    for group in (layers.views(), layers.gains(), layers.running_statistics()):
        for each in group:
            for array in each if isinstance(each, tuple) else (each,):
                if array is not None:
                    array[...] = rng.uniform(0.1, 1, array.shape)
    X = numbers(rng, 1500, 70)  # more rows than are computed at once
    if precision == "int8":
        low, high = ranges_of(layers, X)
        layers.quantize([*low[:3], None, *low[4:]], [*high[:3], None, *high[4:]])
    else:
        layers.set_precision(precision)
    low, high = ranges_of(layers, X, scale=0.5)
    for i in range(6):
        inputs = layers.hidden(X, i, scale=0.5)
        assert (low[i] == inputs.min(axis=0)).all()
        assert (high[i] == inputs.max(axis=0)).all()


def test_int8_keeps_layers_in_float32(rng):
    layers = fill(Layers((30, 20, 3), ("relu", "identity")), rng)
    X = numbers(rng, 40, 30)
    low, high = ranges_of(layers, X)
    hidden = layers.hidden(X, 1)
    layers.quantize([None, low[1]], [None, high[1]])
    assert (layers.hidden(X, 1) == hidden).all()
    assert layers.ranges[0][0] is None
    assert 0 < abs(layers.forward(X) - hidden @ layers.views()[1][0] - layers.views()[1][1]).max() < 0.05


def test_changes_of_precision_while_other_threads_predict(rng):
    layers = fill(Layers((64, 64, 3), ("relu", "identity")), rng)
    X = numbers(rng, 64, 64)
    ranges = ranges_of(layers, X)
    outputs = [layers.forward(X)]
    layers.set_precision("bfloat16")
    outputs.append(layers.forward(X))
    layers.quantize(*ranges)
    outputs.append(layers.forward(X))
    wrong, ended = [], threading.Event()

    def predict():
        while not ended.is_set():
            result = layers.forward(X)
            if not any((result == output).all() for output in outputs):
                wrong.append(result)

    threads = [threading.Thread(target=predict) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(100):
        layers.set_precision("bfloat16")
        layers.quantize(*ranges)
        layers.set_precision("float32")
    ended.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_copies_keep_the_precision(rng):
    stack = fill(Stack((20, 10, 3), ("relu", "identity"), precision="bfloat16"), rng)
    X = numbers(rng, 40, 20)
    expected = stack.forward(X)
    for copy in (Layers(stack), stack.copy(), stack.present()):
        assert copy.precision == "bfloat16"
        assert (copy.forward(X) == expected).all()
    layers = fill(Layers((20, 10, 3), ("relu", "identity")), rng)
    layers.quantize(*ranges_of(layers, X))
    assert Layers(layers).precision == "int8"
    assert (Layers(layers).forward(X) == layers.forward(X)).all()


# ---- what is refused


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="precision is 'half'; it must be one of 'float32', 'bfloat16'"):
        Layers((2, 1), ("identity",), precision="half")
    with pytest.raises(ValueError, match="dtype float64; low precision needs dtype float32"):
        Stack((2, 1), ("identity",), dtype="float64", precision="bfloat16")
    layers = Layers((2, 3, 1), ("relu", "identity"))
    with pytest.raises(ValueError, match="it must be one of 'float32', 'bfloat16'"):
        layers.set_precision("int8")
    with pytest.raises(ValueError, match="low precision needs dtype float32"):
        Layers((2, 1), ("identity",), dtype="float64").set_precision("bfloat16")
    for low, high, message in (
        ([0.0], [1.0], "low has 1 entries and high 1; there are 2 layers"),
        ([0.0, None], [1.0, 1.0], "layer 1 has one end of its range"),
        ([[0.0] * 3, 0.0], [1.0, 1.0], r"low has shape \(3,\) for layer 0"),
        ([0.0, np.nan], [1.0, 1.0], "low has a number that is not finite for layer 1"),
        ([0.0, 2.0], [1.0, 1.0], "low is above high for an input of layer 1"),
        ([None, None], [None, None], "low and high are None for all layers"),
    ):
        with pytest.raises(ValueError, match=message):
            layers.quantize(low, high)
    with pytest.raises(ValueError, match="layer 0 has 65001 inputs; int8 allows at most 65000"):
        Layers((65001, 1), ("identity",)).quantize([0.0], [1.0])
    layers.views()[0][0][0, 0] = np.inf
    with pytest.raises(ValueError, match="a weight is not finite"):
        layers.quantize([0.0, 0.0], [1.0, 1.0])
    assert layers.precision == "float32"


def test_stacks_refuse_what_is_not_of_low_precision(rng):
    stack = Stack((100, 3, 1), ("relu", "identity"), precision="bfloat16")
    stack.set_optimizer("sgd")
    with pytest.raises(TypeError, match="set_precision is for Layers"):
        stack.set_precision("float32")
    with pytest.raises(TypeError, match="quantize is for Layers"):
        stack.quantize([0.0, 0.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="the precision is bfloat16; gram training needs float32"):
        make_gram_stack(stack, numbers(rng, 4, 100))
    with pytest.raises(ValueError, match="member 0 has the precision bfloat16; shared weights need float32"):
        SharedWeights([stack, stack.copy()], np.ones((2, 100)))
