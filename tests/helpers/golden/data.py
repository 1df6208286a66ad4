"""Inputs and targets of the golden files and hashes, computed from integers by sums, products and quotients only.

These operations give the same bits on every machine and with every NumPy; functions such as `np.exp`, `@` and means do
not. The recorded results depend on these arrays: new ones may be added, but none may be changed.
"""

from __future__ import annotations

from functools import partial

import compiled_nn as cnn
import numpy as np

M = 36  # number of rows
ACTIVATIONS = (
    *(
        "identity",
        "relu",
        "sigmoid",
        "tanh",
        "exp",
        "leaky_relu",
        "elu",
        "selu",
        "gelu",
        "gelu_tanh",
        "silu",
        "mish",
    ),
    *("softplus", "softsign", "hard_sigmoid", "hard_swish", "hard_tanh", "relu6"),
)


class CompressedRows:
    """Matrix of compressed rows like those of scipy.sparse, for environments without SciPy."""

    def __init__(self, dense):
        self._dense = dense
        rows, self.indices = np.nonzero(dense)
        self.data, self.shape = dense[rows, self.indices], dense.shape
        self.indptr = np.searchsorted(rows, np.arange(len(dense) + 1))

    def tocsr(self):
        return self

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        return CompressedRows(self._dense[rows])


class Named:
    """Table with named columns, for environments without pandas."""

    def __init__(self, array, names):
        self._array, self.columns = array, list(names)

    def __array__(self, dtype=None, copy=None):
        return np.array(self._array, dtype)

    def __len__(self):
        return len(self._array)

    def __getitem__(self, rows):
        return Named(self._array[rows], self.columns)

    def get_column(self, name):
        return self._array[:, self.columns.index(name)]


def integers(seed, low, high, shape):
    return np.random.Generator(np.random.PCG64(seed)).integers(low, high, shape)


def grid(seed, m, k):
    """Return numbers (m, k) from -2 to 2."""
    return integers(seed, -1000, 1001, (m, k)) / 500


def table():
    """Return a table (M, 4) of two numbers, one of which may be missing, and two categories per row."""
    numbers, codes = grid(1, M, 2), integers(2, 0, 7, (M, 2))
    X = np.empty((M, 4), dtype=object)
    X[:, 0], X[:, 2] = numbers[:, 0].tolist(), numbers[:, 1].tolist()
    X[:, 1] = [("red", "green", "blue", "grey")[i % 4] for i in codes[:, 0]]
    X[:, 3] = ["abcdefg"[i] for i in codes[:, 1]]
    X[::9, 2] = np.nan
    return X


def dates():
    """Return a table (M, 4) of a number, a date that may be missing, a category, and the number of the row as text."""
    X = np.empty((M, 4), dtype=object)
    X[:, 0] = grid(8, M, 1)[:, 0].tolist()
    X[:, 1] = (np.datetime64("2024-02-27T06:00", "us") + integers(9, 0, 900, M).astype("m8[h]")).tolist()
    X[::8, 1] = None
    X[:, 2] = [("S", "M", "L")[i] for i in integers(10, 0, 3, M)]
    X[:, 3] = [f"row {i}" for i in range(M)]
    return X


NUMBERS = grid(0, M, 4)
INPUTS = {
    "numbers": NUMBERS,
    "shifted": NUMBERS * [1, 30, 0.01, 5] + [0, 10, 3, -20],
    "far": NUMBERS + np.array([0, 0, 1e12, 0]),  # too far from 0 to scale within the first layer
    "bytes": integers(3, 0, 256, (M, 4)).astype(np.uint8),
    "sparse": CompressedRows(np.where(integers(4, 0, 3, (M, 4)) == 0, NUMBERS, 0)),
    "table": table(),
    "dates": dates(),
    "named": Named(NUMBERS, ["width", "height", "größe", "d e"]),
    "images": NUMBERS.reshape(M, 2, 2),
}
_SUM = NUMBERS[:, 0] + NUMBERS[:, 1] * NUMBERS[:, 2]
THREE = (_SUM > -1).astype(int) + (_SUM > 0.5)
_SHARES = np.array([[0.5, 0.25, 0.25], [0.0, 0.75, 0.25], [0.125, 0.0, 0.875]])
TARGETS = {
    "three": THREE,
    "small_integers": (THREE * 100 + 7).astype(np.uint8),
    "floats": THREE / 4,
    "names": np.array(["ant", "bee", "Ωmega \U0001f41d"])[THREE],
    "bytes": np.array([b"\x01a", b"b", b"\xff"])[THREE],
    "shares": _SHARES[THREE],
    "yes_no": np.array(["no", "yes"])[(_SUM > 0).astype(int)],
    "truth": _SUM > 0,
    "indicator": (NUMBERS[:, :3] > 0.25).astype(int),
    "values": 3 * _SUM + 10,
    "pairs": np.stack([_SUM, 50 * NUMBERS[:, 3] - 7], axis=1),
    "far_values": 3 * _SUM + 1e9,
    "one": np.array(["only"] * M),
    "counts": integers(5, 0, 5, M),
    "positive": 0.25 + integers(6, 1, 9, M) / 4,
}
WEIGHTS = integers(7, 0, 4, M) / 2 + 0.25


# ---- data of the trainings whose results are recorded as hashes

X = grid(0, 90, 6)
SIGNAL = X[:, 0] * X[:, 1] + X[:, 2]
CLASSES = (SIGNAL > -0.5).astype(int) + (SIGNAL > 0.5)
GROUP_OF_ROW = np.arange(90) % 9


def case(into, *variants):
    """Return a decorator that adds a function to a dict, once per variant, which is the argument of the function.

    The function returns a fitted model and its X.
    """

    def add(function):
        for variant in variants or [None]:
            name = function.__name__ if variant is None else f"{function.__name__}_{variant}"
            into[name] = function if variant is None else partial(function, variant)
        return function

    return add


# ---- a user-defined activation


def hat(Z):
    """Return clip(Z, -1, 1) + Z / 10, a user-defined activation."""
    return np.clip(Z, -1, 1) + Z / 10


def hat_slope(Z):
    return (np.abs(Z) < 1).astype(Z.dtype) + Z.dtype.type(0.1)


def own_activation():
    """Return the registered activation that a golden file names."""
    return cnn.register_activation("golden_hat", hat, hat_slope)
