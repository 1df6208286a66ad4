"""Hostile arguments of the core: a documented result or error, never the end of the process.

Every call runs in a child of fork, so that a crash is reported with the seed that reproduces it.
"""

import faulthandler
import os
import signal
import warnings

import numpy as np
import pytest
from processes import OTHER_ERROR, outcome

import cnn_core
from cnn_core import bench, functions, gram, threads
from cnn_core.layers import Layers, Units
from cnn_core.sparse import SparseRows
from cnn_core.stack import Objective, Stack

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
ALLOWED = (TypeError, ValueError, MemoryError, OverflowError, RecursionError)
DRAWS = 50  # of each child


# -- arguments -------------------------------------------------------------------------------------


class Lying(np.ndarray):
    """Array whose attributes and methods are those of a large one."""

    shape = property(lambda self: (10**7, 5))
    size = property(lambda self: 5 * 10**7)

    def __len__(self):
        return 10**7

    def __repr__(self):
        return "Lying"

    def min(self, *_, **__):
        return 0

    def max(self, *_, **__):
        return 0


class Failing:
    def __array__(self, *_, **__):
        raise ValueError("no array")

    def __index__(self):
        raise ValueError("no integer")

    def __float__(self):
        raise ValueError("no number")


PLAIN = [
    None,
    "x",
    "",
    object(),
    1j,
    float("nan"),
    float("inf"),
    [],
    (),
    {},
    -1,
    0,
    1,
    2.5,
    True,
    b"x",
    np.float64,
]
PLAIN += [
    2**31,
    2**62,
    2**63,
    2**200,
    -(2**63),
    Failing(),
    np.array(1.0),
    np.array([]),
    np.array(["a"]),
    "relu",
]
DTYPES = ["f2", "f4", "f8", ">f4", ">f8", "i8", "i4", "u1", "?", "c8", "O", "U2", "M8[s]", "V8", "g"]
SHAPES = [(), (0,), (5,), (40,), (0, 5), (40, 5), (40, 3), (5, 8), (3, 5), (40, 5, 1), (1, 1)]


def array(rng):
    """Draw an array of any dtype, shape and layout."""
    made = np.zeros(SHAPES[rng.integers(len(SHAPES))], DTYPES[rng.integers(len(DTYPES))])
    kind = rng.integers(9)
    if kind == 0:
        made = np.asfortranarray(made)
    elif kind == 1 and made.ndim:
        made = made[::-1]
    elif kind == 2 and made.ndim:
        made = np.repeat(made, 2, axis=-1)[..., ::2]
    elif kind == 3:
        made.setflags(write=False)
    elif kind == 4:
        return made.view(Lying)
    elif kind == 5:
        return np.ma.masked_array(made)
    elif kind == 6 and made.dtype.kind == "f":
        made = made + np.float32(np.nan).astype(made.dtype)
    elif kind == 7:
        made = np.frombuffer(b"\0" + made.tobytes(), np.uint8)[1:]
    elif kind == 8:
        made = np.broadcast_to(made, (2, *made.shape))
    return made


def sparse(rng):
    k = int(rng.choice([3, 5, 2**40]))
    rows = SparseRows([0, 1, 2, 2], np.zeros(2, "i4"), np.ones(2, rng.choice(["f4", "f8"])), k)
    name = ["data", "indices", "indptr", "shape"][rng.integers(4)]
    setattr(rows, name, (10**7, 5) if name == "shape" else array(rng))
    return rows


def hostile(rng):
    kind = rng.integers(4)
    if kind == 0:
        return PLAIN[rng.integers(len(PLAIN))]
    return sparse(rng) if kind == 1 and rng.integers(4) == 0 else array(rng)


# -- calls with good arguments ---------------------------------------------------------------------

X = np.linspace(-1, 1, 200, dtype="f4").reshape(40, 5)
Y, LABELS, RATES = np.ones((40, 3), "f4"), np.arange(40) % 3, np.full(4, 0.1)


def trained(sizes=(5, 8, 3), **options):
    stack = Stack(sizes, ["relu"] * (len(sizes) - 2) + ["identity"], **options)
    for weight, _ in stack.views():
        weight[...] = 0.1
    stack.set_optimizer("adam")
    return stack


def train(X, y, loss, order, rates, batch, weights, epochs, on_step):
    objective = Objective(loss, weights=weights)
    return trained().train_epochs(
        X, y, objective, order, rates, batch_size=batch, epochs=epochs, on_step=on_step
    )


def gram_training(X, scale, n_threads):
    stack = trained()
    stack.set_optimizer("sgd")
    made = gram.make_gram_stack(stack, X, scale=scale, n_threads=n_threads)
    made.train(made.gram, Y, Objective("mse"), None, np.full(1, 0.1), batch_size=len(Y))
    made.write_back()


CALLS = [
    (Layers, [(5, 8, 3), ("relu", "identity"), (True, True), "float32"]),
    (lambda *a: trained().forward(*a), [X, np.empty((40, 3), "f4")]),
    (lambda X, scale, n: trained().forward(X, scale=scale, n_threads=n), [X, 1.0, 2]),
    (lambda *a: trained().hidden(*a), [X, 1]),
    (lambda *a: trained().try_forward(*a), [X, None, 1, 1.0, None, None]),
    (lambda *a: trained((5, 1)).try_forward(*a), [X, None, 2, 1.0, None]),
    (lambda *a: trained((5, 1)).try_forward(X, None, 1, 1.0, None, Units(*a)), ["float32", [1.0], [2.0]]),
    (lambda X, Y, out: trained().input_gradient(X, Y, out), [X, Y, np.empty((40, 5), "f4")]),
    (lambda *a: trained().loss(a[0], a[1], Objective(a[2])), [X, Y, "mse"]),
    (lambda *a: trained().gradient(a[0], a[1], Objective(a[2])), [X, LABELS, "softmax_cross_entropy"]),
    (train, [X, Y, "mse", np.arange(40), RATES, 10, np.ones(40), 1, print]),
    (train, [X, LABELS, "softmax_cross_entropy", np.arange(40), RATES, 10, np.ones(40), 1, None]),
    (lambda *a: trained().standardize(*a), [np.zeros(5), np.ones(5), 2]),
    (lambda *a: trained().set_mask(*a), [np.ones((5, 8), bool), np.zeros((5, 8))]),
    (lambda *a: trained().set_dropout(*a), [[0.1, 0.1, 0], 1]),
    (lambda a, b, c: trained().set_update(clip_norm=a, ema=b, factors=c), [1.0, 0.5, [1, 1]]),
    (lambda a: trained().views(a), [None]),
    (lambda a: trained().gains(a), [None]),
    (functions.matmul, [X, np.ones((5, 3), "f4"), np.empty((40, 3), "f4")]),
    (functions.dot, [X[0], X[1]]),
    (functions.activate, ["tanh", X, np.empty_like(X)]),
    (functions.derive, ["tanh", X, X, np.empty_like(X)]),
    (functions.derive_from_inputs, ["gelu", X, X, np.empty_like(X)]),
    (lambda *a: SparseRows(*a), [[0, 1, 2], np.zeros(2, "i4"), np.ones(2, "f4"), 5]),
    (gram_training, [X, 1.0, 1]),
    (lambda size: bench.bandwidth(size, seconds=1e-5, n_threads=64), [1024]),
    (lambda *a: bench.peak(a[0], seconds=1e-5, n_threads=a[1]), ["float32", 1]),
    (lambda seconds: bench.peak(seconds=min(seconds, 1e-5)), [1e-5]),
    (threads.set_num_threads, [2]),
]


def draw(first):
    """Make DRAWS calls with hostile arguments in the places of good ones."""
    for seed in range(first, first + DRAWS):
        rng = np.random.default_rng(seed)
        function, arguments = CALLS[rng.integers(len(CALLS))]
        arguments = list(arguments)
        for _ in range(rng.integers(1, 3)):
            place = rng.integers(len(arguments))
            arguments[place] = hostile(rng)
            if len(arguments) > 1 and rng.integers(8) == 0:
                arguments[place] = arguments[place - 1]  # an output that is the input
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # NumPy's, of conversions
                function(*arguments)
        except ALLOWED:
            pass
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error


def test_drawn_arguments(effort, figures, capfd):
    count = effort.count(1_500, 300_000)
    failures = {}
    for first in range(0, count, DRAWS):
        code = outcome(draw, first)
        if code != 0:
            failures[first] = code, capfd.readouterr().out
    figures("P13 calls of the core with hostile arguments", count)
    figures("P13 crashes and other errors", len(failures))
    assert failures == {}, cnn_core.isa


def crash():
    faulthandler.disable()  # its report would look like one of a fault
    os.kill(os.getpid(), signal.SIGSEGV)


def test_a_crash_is_seen():
    assert outcome(os.kill, 0, 0) == 0
    assert outcome(crash) == -signal.SIGSEGV
    assert outcome(lambda: 1 / 0) == OTHER_ERROR
