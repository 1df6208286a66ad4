"""Products of bfloat16 in training and prediction, checked in a process of its own: the instruction set is chosen by
the environment. Prints a digest of the bits of a trained network.

Numbers of an exact network are integers so small that float32 sums are exact in any order, while numbers above 256 are
rounded to bfloat16: every instruction set must give the results of the reference to the last bit.
"""

import hashlib
import itertools
import sys

import numpy as np
import reference

import cnn_core
from cnn_core.calibration import ranges_of
from cnn_core.layers import Layers
from cnn_core.stack import Objective, Stack

ROWS = 64  # a power of two: the mean is exact


def exact_product(a, b):
    """`reference.product_of_bfloat16`, checked to be exact in float32."""
    a, b = reference.bfloat16(a), reference.bfloat16(b)
    assert (a == np.rint(a)).all()
    assert (b == np.rint(b)).all()
    assert (abs(a) @ abs(b)).max() < 2**24
    return a @ b


def exact_network(rng, sizes):
    """Return a bfloat16 stack of relu layers, the same network for the reference, and X and y of the loss mse."""
    network = [
        (rng.integers(-1, 2, (k, n)) * (rng.random((k, n)) < 5 / k) * 1.0, rng.integers(-50, 50, n) * 1.0)
        for k, n in itertools.pairwise(sizes)
    ]
    activations = ("relu",) * (len(sizes) - 2) + ("identity",)
    stack = Stack(sizes, activations, precision="bfloat16")
    for (W, b), (V, c) in zip(stack.views(), network, strict=True):
        W[...], b[...] = V, c
    X = rng.integers(-300, 301, (ROWS, sizes[0])).astype(np.float32)
    z = reference.pre_activations(network, activations, X, exact_product)[-1]
    y = (z - ROWS // 2 * rng.integers(-300, 301, z.shape)).astype(np.float32)
    return stack, network, activations, X, y


def check_exact(rng, sizes, n_threads=1):
    stack, network, activations, X, y = exact_network(rng, sizes)
    z = reference.pre_activations(network, activations, X, exact_product)[-1]
    _, _, expected = reference.gradient(network, activations, X, y, "mse", product=exact_product)
    assert (stack.forward(X, n_threads=n_threads) == z).all()
    assert (stack.forward(X[5:6]) == z[5:6]).all()
    assert (z != reference.pre_activations(network, activations, X)[-1]).any()  # bfloat16 is not float32
    stack.gradient(X, y, Objective("mse", n_threads=n_threads))
    for (dW, db), (expected_W, expected_b) in zip(stack.views(stack.gradients), expected, strict=True):
        assert (dW == expected_W).all()
        assert (db == expected_b).all()


def trained(rng, n_threads=1):
    """Return a trained network with numbers that are not exact, and its rows."""
    stack = Stack((70, 100, 40, 10), ("relu", "tanh", "softmax"), precision="bfloat16")
    for W, _ in stack.views():
        W[...] = rng.normal(size=W.shape) / np.sqrt(len(W))
    X, y = rng.normal(size=(300, 70)).astype(np.float32), rng.integers(0, 10, 300)
    stack.set_optimizer("adam")
    objective = Objective("softmax_cross_entropy", n_threads=n_threads)
    stack.train_epochs(X, y, objective, rng.permutation(300), np.full(30, 0.01), epochs=3, batch_size=32)
    return stack, X


def digest(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()[
        :16
    ]


def main():
    assert cnn_core.low_precision == sys.argv[1]
    for sizes in ((40, 33, 20, 5), (3, 17, 1), (100, 64, 16)):
        check_exact(np.random.default_rng(0), sizes)
    rng = np.random.default_rng(1)
    stack, X = trained(rng)
    layers = Layers((70, 100, 40, 10), ("relu", "relu", "identity"))
    for W, b in layers.views():
        W[...], b[...] = rng.normal(size=W.shape), rng.normal(size=b.shape)
    layers.quantize(*ranges_of(layers, X))
    print(digest(stack.parameters, stack.forward(X)), digest(layers.forward(X)))


if __name__ == "__main__":
    main()
