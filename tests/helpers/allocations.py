"""A program in which every allocation fails once: python allocations.py KIND POINTS FOLDER OPERATION ...

It runs with `failing_malloc.c` preloaded and PYTHONMALLOC=malloc, and prints a line of JSON for each operation. KIND is
"any", or "numpy" for the allocations that NumPy makes by itself: the memory of arrays. With POINTS = 0 every allocation
fails, otherwise so many of them, and with POINTS = FIRST:LAST those. The operation and the number of the allocation are
written to FOLDER/point before it fails.

Gram training is missing: an operation of NumPy on rows with gaps ends the process if its buffer cannot be allocated.
"""

import ctypes
import faulthandler
import gc
import io
import json
import os
import pickle
import re
import sys
import tempfile
import traceback

import compiled_nn as cnn
import numpy as np
from compiled_nn import functional
from small import INDICES, X, bits, fitted

TABLE = np.array([[*row, kind] for row, kind in zip(X.tolist(), "abc" * 10, strict=True)], dtype=object)


def network(**parameters):
    return cnn.Network(
        [cnn.Dense(6, "relu", norm="batch"), cnn.Dense(5, "gelu", dropout=0.2), cnn.Dense(3)],
        **{"seed": 1, "optimizer": cnn.Adam(0.01), **parameters},
    )


def answers(method, *arguments, **parameters):
    """Operation that calls a method of a network that has predicted before."""
    net = fitted(**parameters)
    return lambda: getattr(net, method)(*arguments)


def fits(**how):
    """Operation that trains a network from the start."""
    net = network()
    return lambda: bits(net.fit(X, INDICES, epochs=2, **how))


def fits_plain(X=X, y=INDICES, **parameters):
    """The same for a network of plain layers."""
    net = cnn.Network([cnn.Dense(5, "tanh"), cnn.Dense(3)], **{"seed": 1, **parameters})
    return lambda: bits(net.fit(X, y, epochs=2))


def partial_fit():
    """Operation that makes one step more, always from the same state."""
    net = network(standardize=True).fit(X, INDICES, epochs=1)
    start = net.snapshot()

    def call():
        net.restore(start)
        return bits(net.partial_fit(X, INDICES))

    return call


def set_weights():
    net, other = fitted(seed=3), fitted(seed=4).get_weights()
    mine = net.get_weights()

    def call():
        net.set_weights(mine)
        net.set_weights(other)
        return bits(net)

    return call


def first_prediction():
    content = pickle.dumps(network(standardize=True).fit(X, INDICES, epochs=1))
    return lambda: pickle.loads(content).predict_proba(X)


def written(write):
    """Operation that writes a file, returning its bytes and what is in its folder."""
    folder = tempfile.mkdtemp(dir=FOLDER)
    path = os.path.join(folder, "net.safetensors")

    def call():
        write(path)
        return bits(cnn.load(path)), os.listdir(folder)

    def intact():
        """A complete file or none after an error, and nothing beside it."""
        if names := os.listdir(folder):
            assert names == ["net.safetensors"], names
            cnn.load(path)

    call.intact = intact
    return call


def loads():
    """Operation that reads a network."""
    buffer = io.BytesIO()
    fitted().save(buffer)
    return lambda: bits(cnn.load(buffer.getvalue()))


def checkpoint():
    net = network().fit(X, INDICES, epochs=1)

    def call():
        buffer = io.BytesIO()
        net.save_checkpoint(buffer)
        return bits(cnn.load_checkpoint(buffer.getvalue()).partial_fit(X, INDICES))

    return call


def functional_step():
    shape = [{"nodes": n, "activation": f} for n, f in ((5, "relu"), (3, "softmax"))]
    start = functional.initialise_parameters(X.T, shape, seed=0)
    targets = np.eye(3)[INDICES].T

    def call():
        values = functional.forward_prop(X.T, start, shape)
        return functional.back_prop(X.T, targets, start, values, shape, 0.1)

    return call


def estimator():
    model = cnn.MLPClassifier(hidden_layer_sizes=(5,), max_iter=3, random_state=0, early_stopping=True)
    return lambda: (model.fit(X, INDICES).predict_proba(X), model.coefs_[0])


def table():
    net = cnn.Network([cnn.Dense(3)], categorical_features=[4], seed=0)
    return lambda: (bits(net.fit(TABLE, INDICES, epochs=1)), net.predict(TABLE))


def sparse():
    from scipy import sparse

    rows = sparse.csr_array(X * (X > 0))
    net = fitted()
    return lambda: net.predict_proba(rows)


def streamed():
    net = network()
    return lambda: bits(net.fit(lambda: iter([(X, INDICES), (X[:10], INDICES[:10])]), epochs=2))


def own_functions():
    activation = cnn.Activation(lambda z: z * 0.5, lambda z: np.full_like(z, 0.5))
    net = cnn.Network([cnn.Dense(5, activation), cnn.Dense(3)], seed=1)
    return lambda: bits(net.fit(X, INDICES, epochs=1))


OPERATIONS = {
    "construct": lambda: lambda: repr(network()),
    "fit": fits,
    "fit on two threads": lambda: fits_plain(np.tile(X, (40, 50)), np.tile(INDICES, 40), n_threads=2),
    "fit with validation": lambda: fits(validation_fraction=0.3),
    "fit of sgd": lambda: fits_plain(optimizer="sgd"),
    "lbfgs": lambda: fits_plain(optimizer=cnn.LBFGS()),
    "streamed": streamed,
    "partial_fit": partial_fit,
    "predict": lambda: answers("predict", X),
    "predict of one row": lambda: answers("predict", X[:1]),
    "predict_proba": lambda: answers("predict_proba", X, standardize=True),
    "first prediction": first_prediction,
    "score": lambda: answers("score", X, INDICES),
    "loss": lambda: answers("loss", X, INDICES),
    "gradients": lambda: answers("gradients", X, INDICES),
    "input_gradient": lambda: answers("input_gradient", X),
    "sparse": sparse,
    "save": lambda: written(fitted().save),
    "save_checkpoint": lambda: written(fitted().save_checkpoint),
    "load": loads,
    "checkpoint": checkpoint,
    "set_weights": set_weights,
    "functional": functional_step,
    "estimator": estimator,
    "own activation": own_functions,
    "table": table,
}


def exact(result):
    """Return a result as something that compares bit for bit."""
    if isinstance(result, dict):
        return {key: exact(value) for key, value in result.items()}
    if isinstance(result, (tuple, list)):
        return [exact(value) for value in result]
    return (result.dtype.str, result.shape, result.tobytes()) if isinstance(result, np.ndarray) else result


LIBRARIES = {"any": None, "numpy": b"_multiarray_umath"}
OUTCOMES = ("answers", "refuses", "refuses otherwise")
# What NumPy raises if a reduction cannot allocate, and Python if it cannot allocate a lock.
OTHERS = re.compile(
    r"SystemError: .*without (exception set|setting an exception)|RuntimeError: can't allocate (read )?lock"
)
REPEATS = (5, 40, 40)
LEAK = 1000  # bytes for each failure: NumPy and the interpreter lose some hundred where they fail


def described(error):
    """Return an error with the lines it passed, without reading their source."""
    frames = [f"{frame.f_code.co_filename}:{line}" for frame, line in traceback.walk_tb(error.__traceback__)]
    return f"{type(error).__name__}: {error} at {' '.join(frames)}"


def attempt(call, number, library):
    """Return "answers", "refuses" or what else an operation did whose allocation `number` failed; and its result."""
    try:
        MALLOC.fail(number, library)
        try:
            result = call()
        finally:
            MALLOC.stop()
    except MemoryError:
        return "refuses", None
    except BaseException as error:
        text = described(error)
        return "refuses otherwise" if OTHERS.match(text) else text, None
    return "answers", result


def chosen(points, total):
    """Return the numbers of the allocations that fail."""
    first, colon, last = points.partition(":")
    if colon:
        return range(int(first), int(last) + 1)
    return np.unique(np.linspace(1, total, int(points)).astype(int)).tolist() or range(1, total + 2)


def leaked(call, number, library):
    """Return how many bytes more are in use for each failure of the allocation `number`."""
    growth = 0
    for failures in REPEATS:  # at first the interpreter keeps a few exceptions, with all they refer to
        gc.collect()
        before = MALLOC.in_use()
        for _ in range(failures):
            attempt(call, number, library)
        call()
        gc.collect()
        growth = (MALLOC.in_use() - before) / failures
        if growth < LEAK:
            break
    return growth


def fault(call, expected, outcome, result):
    """Return what is wrong after an allocation failed, or None."""
    if outcome not in OUTCOMES:
        return outcome
    if outcome == "answers" and exact(result) != expected:
        return "answers wrongly"
    try:
        getattr(call, "intact", lambda: None)()
        if exact(call()) != expected:
            return "the next call answers wrongly"
    except BaseException as error:
        return f"next call: {described(error)}"
    return None


def scan(name, kind, points):
    """Return how often the operation answers or refuses, and what is wrong, for the allocations chosen."""
    library, call = LIBRARIES[kind], OPERATIONS[name]()
    expected = exact(call())
    assert exact(call()) == expected, "the operation gives other bits every time"
    MALLOC.fail(0, library)
    call()
    MALLOC.stop()
    gc.freeze()  # later collections look at new objects only
    total = MALLOC.counted()
    numbers = chosen(points, total)
    outcomes, bad, most = dict.fromkeys(OUTCOMES, 0), [], 0.0
    for number in numbers:
        os.pwrite(POINT, f"{name}, allocation {number}{' ' * 40}".encode(), 0)
        outcome, result = attempt(call, number, library)
        wrong = fault(call, expected, outcome, result)
        # Not for any allocation: the interpreter loses the arguments of a function whose cells cannot be allocated.
        if kind == "numpy":
            leak = leaked(call, number, library)
            most = max(most, leak)
            wrong = wrong or (f"leaks {leak} bytes" if leak >= LEAK else None)
        if wrong:
            bad.append([number, wrong])
        else:
            outcomes[outcome] += 1
    return {"total": total, **outcomes, "points": len(numbers), "leak": most, "bad": bad}


if __name__ == "__main__":
    faulthandler.enable()
    chosen_kind, chosen_points, FOLDER, *names = sys.argv[1:]
    MALLOC = ctypes.CDLL(None)
    MALLOC.counted.restype = MALLOC.in_use.restype = ctypes.c_long
    POINT = os.open(os.path.join(FOLDER, "point"), os.O_RDWR | os.O_CREAT)
    for operation in names:
        print(json.dumps({"operation": operation, **scan(operation, chosen_kind, chosen_points)}), flush=True)
