"""Small networks and data for the tests of compiled_nn, and the exact bits of a network."""

import tracemalloc

import compiled_nn as cnn
import numpy as np

X = np.random.default_rng(0).normal(size=(30, 4)).astype("float32")
INDICES = np.arange(30) % 3
LN2 = 0.6931471805599453
OPTIMIZERS = {
    **{name: cnn.optimizers.kind_of(name)() for name in cnn.optimizers.OPTIMIZERS},
    "sgd": cnn.SGD(0.05),
    "momentum": cnn.SGD(0.05, momentum=0.9),
    "nesterov": cnn.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": cnn.Adam(0.01),
    "adamw": cnn.AdamW(0.01, weight_decay=0.1),
    "amsgrad": cnn.Adam(0.01, amsgrad=True),
    "nadam": cnn.NAdam(0.01, weight_decay=0.1),
    "radam": cnn.RAdam(0.01, beta_2=0.9),
    "rmsprop": cnn.RMSprop(0.01),
    "centered_rmsprop": cnn.RMSprop(0.01, momentum=0.5, centered=True),
    "adagrad": cnn.Adagrad(0.1),
    "lion": cnn.Lion(0.01, weight_decay=0.1),
    "rprop": cnn.Rprop(0.01),
    "schedule": cnn.SGD(lambda step: 0.1 / (1 + step)),
}


def blobs(m=90, k=4, n=3, seed=0):
    """Return X (m, k) and class indices y (m,) of n clusters."""
    rng = np.random.default_rng(seed)
    y = np.arange(m) % n
    centres = 3 * rng.normal(size=(n, k))
    return (centres[y] + rng.normal(size=(m, k))).astype("float32"), y


def classifier(outputs=3, *, hidden=8, seed=0, **parameters):
    parameters = {"optimizer": cnn.Adam(0.02), **parameters}
    return cnn.Network([cnn.Dense(hidden, "tanh"), cnn.Dense(outputs)], seed=seed, **parameters)


def regressor(outputs=1, **parameters):
    return classifier(outputs, loss="mse", **parameters)


def binary(**parameters):
    return classifier(1, loss="binary_cross_entropy", **parameters)


def bits(net):
    """Return the exact parameters as bytes."""
    return b"".join(a.tobytes() for pair in net.get_weights() for a in pair if a is not None)


def fitted(**parameters):
    """Return a small network fitted to X and INDICES."""
    parameters = {"seed": 1, "optimizer": cnn.Adam(0.01), **parameters}
    return cnn.Network([cnn.Dense(5, "relu"), cnn.Dense(3)], **parameters).fit(X, INDICES, epochs=2)


def outputs(net, samples=X):
    """Return the exact outputs as bytes."""
    return net.decision_function(samples).tobytes()


def sealed(value):
    """Return the same arrays, made read-only."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif isinstance(value, dict):
        for item in value.values():
            sealed(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            sealed(item)
    return value


def peak(call):
    """Return the peak of the memory that a call allocates, in bytes, and its result."""
    call()
    tracemalloc.start()
    try:
        result = call()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


def gradient_pairs(net, X, y, sample_weight=None):
    """Return the gradients of a network of plain layers in the form of its weights: [(dW, db or None), ...]."""
    return [(layer["weight"], layer.get("bias")) for layer in net.gradients(X, y, sample_weight)["layers"]]
