"""Tapes: forward, backward from any gradient of the outputs, a step. Bits are those of a step of training."""

import gc
import signal
import threading
import tracemalloc

import networks
import numpy as np
import pytest
import reference

from cnn_core.sparse import SparseRows
from cnn_core.stack import Objective, Stack

SIZES = (5, 24, 24, 3)
SOFTSIGN = (lambda z: z / (1 + abs(z)), lambda z: 1 / (1 + abs(z)) ** 2)
# Arguments of Stack and of its methods, for each kind of network.
KINDS = {
    "plain": {},
    "unfused": {"activations": ["silu", "gelu", "identity"]},
    "user": {"activations": ["tanh", SOFTSIGN, "identity"]},
    "activated": {"activations": ["relu", "tanh", "sigmoid"], "activated": True},
    "activated unfused": {"activations": ["relu", "tanh", "softplus"], "activated": True},
    "layer": {"norms": ["layer", "layer", None]},
    "rms": {"norms": ["rms", None, None]},
    "batch": {"norms": ["batch", "batch", None]},
    "residual": {"residuals": [False, True, False], "norms": [None, "batch", None]},
    "dropout": {"dropout": [0.2, 0.5, 0.3, 0]},
    "inner dropout": {"dropout": [0, 0.5, 0.3, 0], "norms": ["layer", "batch", None]},
    "no bias": {"biases": [False, True, False]},
    "narrow": {"sizes": (300, 50, 24, 3)},
    "wide": {"sizes": (5, 260, 24, 3)},
    "standardized": {"standardized": 0},
    "clipped": {"standardized": 2},
    "scaled": {"scale": 0.25},
    "encoded": {"encoded": True, "sizes": (8, 24, 24, 3)},
    "clipped norm": {"update": {"clip_norm": 0.01, "ema": 0.9}},
    "frozen": {"update": {"factors": [0.0, 1.0, 0.5]}, "norms": ["batch", None, None]},
    "proximal": {"update": {"proximal": True}},
    "masked": {"masked": True},
}


class Case:
    """A stack of one kind, rows for it, targets, and the gradient of the mean squared error as it computes it."""

    def __init__(self, kind, rng, dtype="float64", m=13):
        options = dict(KINDS[kind])
        sizes = options.get("sizes", SIZES)
        depth = len(sizes) - 1
        self.dtype = np.dtype(dtype)
        self.options = {"scale": options.get("scale", 1.0), "activated": options.get("activated", False)}
        self.stack = Stack(
            sizes,
            options.get("activations", ["tanh"] * (depth - 1) + ["identity"]),
            options.get("biases"),
            dtype,
            norms=options.get("norms"),
            residuals=options.get("residuals"),
        )
        networks.write(
            self.stack, reference.initial_weights(sizes, rng, options.get("biases") or [True] * depth)
        )
        for gain in self.stack.gains():
            if gain is not None:
                gain[...] = rng.uniform(0.5, 1.5, len(gain))
        columns = sizes[0]
        if "encoded" in options:
            columns = 5
            self.stack.encode([1, 3], [2, 1], [-0.5, 0.5, 0], [1, 2, 1], [0, 0, -0.3], [1, 1, 0.4])
        if "standardized" in options:
            mean, deviation = rng.normal(size=columns), rng.uniform(0.5, 2, columns)
            self.stack.standardize(mean, deviation, options["standardized"])
        if "dropout" in options:
            self.stack.set_dropout(options["dropout"], 7)
        if "masked" in options:
            mask = rng.random(sizes[:2]) < 0.5
            self.stack.set_mask(mask, np.where(mask, 0, 0.5))
        self.stack.set_update(**options.get("update", {}))
        self.stack.set_optimizer("adam")
        self.X = rng.normal(size=(m, columns)).astype(dtype)
        self.y = rng.normal(size=(m, sizes[-1])).astype(dtype)

    def objective(self, n_threads=1, **penalty):
        return Objective("mse", n_threads=n_threads, **self.options, **penalty)

    def record(self, X=None, **options):
        return self.stack.record(self.X if X is None else X, **self.options, **options)

    def of_loss(self, out):
        """The gradient of the mean squared error of each row, rounded as in the core."""
        weight = self.dtype.type(1 / len(out))
        return np.ascontiguousarray((out - self.y) * self.dtype.type(2) * weight)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def bits(array):
    return np.ascontiguousarray(array).tobytes()


@pytest.mark.parametrize("m", [1, 13, 700])
def test_forward_is_that_of_prediction(kind, rng, dtype, m):
    case = Case(kind, rng, dtype, m)
    out, tape = case.record()
    assert tape.rows == m
    assert tape.is_valid
    expected = case.stack.forward(case.X, link=case.options["activated"], scale=case.options["scale"])
    # The products of prediction and training have other tiles where W is stored units x inputs, and other sums of bins.
    assert abs(out - expected).max() <= (1e-5 if dtype == "float32" else 1e-13) * abs(expected).max()


@pytest.mark.parametrize("m", [13, 700])
@pytest.mark.parametrize("training", [False, True])
def test_gradients_are_those_of_the_loss(kind, rng, dtype, n_threads, m, training):
    """To the bit, and for any number of threads."""
    if ("dropout" in kind and training) or kind == "frozen":
        pytest.skip("Stack.gradient has no dropout and no learning rates of layers")
    case = Case(kind, rng, dtype, m)
    case.stack.gradient(case.X, case.y, case.objective(n_threads), training=training)
    expected = bits(case.stack.gradients)
    out, tape = case.record(training=training, n_threads=n_threads)
    found, nothing = case.stack.backward(tape, case.of_loss(out), n_threads=n_threads)
    assert nothing is None
    assert bits(found) == expected


@pytest.mark.parametrize("m", [13, 700])
@pytest.mark.parametrize("penalty", [{}, {"l1": 0.01, "l2": 0.1}], ids=["", "penalty"])
def test_three_steps_are_those_of_train(kind, rng, dtype, n_threads, m, penalty):
    case = Case(kind, rng, dtype, m)
    trained = case.stack.copy()
    states = []
    for stack in (case.stack, trained):
        if stack is trained:
            # `copy` leaves out what is set here again.
            options = KINDS[kind]
            if "dropout" in options:
                stack.set_dropout(options["dropout"], 7)
            stack.set_update(**options.get("update", {}))
        for _ in range(3):
            if stack is trained:
                stack.train(
                    case.X, case.y, case.objective(n_threads, **penalty), None, np.array([0.01]), batch_size=m
                )
            else:
                out, tape = case.record(training=True, n_threads=n_threads)
                gradients, _ = stack.backward(tape, case.of_loss(out), n_threads=n_threads)
                before = gradients.copy()
                stack.step_by(gradients, 0.01, case.objective(n_threads, **penalty))
                assert bits(gradients) == bits(before)
        averages = [] if stack.average is None else [stack.average]
        vectors = [stack.parameters, stack.running, *stack.moments, *averages]
        states.append((list(map(bits, vectors)), stack.steps, stack.gradient_norms))
    assert states[0] == states[1]
    assert states[0][1] == 3


def difference_at(array, place, function):
    """Return the difference quotient of fourth order of a function of `array` at one of its numbers.

    Its error is about 1e-16 / h, and h^4 times a fifth derivative: 1e-12 for these networks.
    """
    start, values, h = array[place], {}, 1e-3
    for step in (1, -1, 2, -2):
        array[place] = start + step * h
        values[step] = function()
    array[place] = start
    return (8 * (values[1] - values[-1]) - (values[2] - values[-2])) / (12 * h)


@pytest.mark.parametrize("training", [False, True])
def test_gradients_are_differences(kind, rng, training, n_threads):
    """Of sum(d * out) with respect to X and some parameters, in float64, with the same dropped units."""
    case = Case(kind, rng)
    d = rng.normal(size=case.y.shape)
    running = case.stack.running.copy()

    def total(X):
        case.stack.running[...] = running
        case.stack.steps = 0  # so that the pass drops the units of the first one after a step
        out, tape = case.record(X, training=training, n_threads=n_threads)
        return (d * out).sum(), tape

    _, tape = total(case.X)
    gradients, of_X = case.stack.backward(tape, d, rows=True, n_threads=n_threads)
    assert of_X.shape == case.X.shape
    scale = abs(of_X).max()
    for place in [(0, 0), (3, 1), (12, 2), (5, 3), (7, 4)]:
        X = case.X.copy()
        difference = difference_at(X, place, lambda X=X: total(X)[0])
        assert of_X[place] == pytest.approx(difference, abs=1e-7 * scale)
    if kind in ("frozen", "masked"):
        return
    for view, of_view in zip(case.stack.views(), case.stack.views(gradients), strict=True):
        for array, gradient in zip(view, of_view, strict=True):
            if array is not None:
                place = tuple(n // 2 for n in array.shape)
                difference = difference_at(array, place, lambda: total(case.X)[0])
                assert gradient[place] == pytest.approx(difference, abs=1e-7 * abs(gradients).max())


# ---- several tapes, memory, threads


def test_tapes_live_at_the_same_time(rng, n_threads):
    case = Case("batch", rng, m=700)
    tapes = [
        case.record(case.X[i : i + 100], training=True, n_threads=n_threads)[1] for i in range(0, 700, 100)
    ]
    d = rng.normal(size=(100, 3))
    first = [bits(case.stack.backward(tape, d)[0]) for tape in tapes]
    assert len(set(first)) == 7
    assert [bits(case.stack.backward(tape, d)[0]) for tape in reversed(tapes)] == first[::-1], "used twice"


def test_memory_of_dropped_tapes_is_used_again(rng):
    """The gradient of a tape in memory of larger and of smaller tapes, with whatever they left there, is that of new
    memory."""
    for kind in ("plain", "residual", "dropout", "encoded"):
        for m in (13, 400, 5, 64):
            case = Case(kind, np.random.default_rng(3), m=m)
            used, d = Case(kind, np.random.default_rng(3), m=m), rng.normal(size=(m, 3))
            for rows in (700, 1, 90):
                used.stack.record(np.full((rows, used.X.shape[1]), 1e30), **used.options)
            found = [c.stack.backward(c.record(training=True)[1], d, rows=True) for c in (case, used)]
            assert all(bits(a) == bits(b) for a, b in zip(*found, strict=True))


def test_large_memory_of_dropped_tapes_is_freed():
    """After a forward pass of many rows, the stack keeps none of its memory."""
    stack = Stack((1, 1000), ("tanh",))
    X = np.zeros((20_000, 1), "float32")
    tracemalloc.start()
    try:
        out, tape = stack.record(X)
        assert tracemalloc.get_traced_memory()[0] > 160e6  # the outputs, of the caller and on the tape
        del out, tape
        assert tracemalloc.get_traced_memory()[0] < 1e6
    finally:
        tracemalloc.stop()


def test_a_tape_and_its_stack_in_a_cycle(rng):
    """The collector of cycles clears the stack before the tape is freed; an error there would be a warning."""
    case = Case("plain", rng)
    cycle = [case.stack]
    cycle += [cycle, case.record()[1]]
    del case, cycle
    gc.collect()


def test_a_tape_keeps_what_it_needs(rng):
    """Rows, and the memory of the stack."""
    case, d = Case("plain", rng), rng.normal(size=(13, 3))
    expected = bits(case.stack.backward(case.record()[1], d)[0])
    out, tape = case.record(case.X.copy())
    stack = case.stack
    del case, out
    gc.collect()
    assert bits(stack.backward(tape, d)[0]) == expected
    assert tape.stack is stack


def test_sparse_rows(rng, dtype):
    X = (rng.normal(size=(40, 5)) * (rng.random((40, 5)) < 0.3)).astype(dtype)
    indices = [np.flatnonzero(row) for row in X]
    starts = np.cumsum([0, *map(len, indices)])
    sparse = SparseRows(starts, np.concatenate(indices), X[X != 0], 5)
    case, d = Case("plain", rng, dtype), rng.normal(size=(40, 3)).astype(dtype)
    found = [case.stack.backward(case.record(rows)[1], d, rows=True) for rows in (X, sparse)]
    assert all(bits(a) == bits(b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("kind", ["plain", "layer"])
def test_threads_use_one_stack_at_once(rng, kind):
    case = Case(kind, rng, m=300)
    d = rng.normal(size=(300, 3))
    expected = [bits(a) for a in case.stack.backward(case.record()[1], d, rows=True)]
    wrong = []

    def work():
        for _ in range(50):
            found = case.stack.backward(case.record(n_threads=2)[1], d, rows=True, n_threads=2)
            if [bits(a) for a in found] != expected:
                wrong.append(found)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_frozen_layers_have_no_gradient_and_keep_their_statistics(rng):
    case = Case("frozen", rng)
    running = case.stack.running.copy()
    out, tape = case.record(training=True)
    gradients, _ = case.stack.backward(tape, case.of_loss(out))
    (W, b), (W_1, _), _ = case.stack.views(gradients)
    assert not W.any()
    assert not b.any()
    assert W_1.all()
    assert (case.stack.running == running).all()


def test_dropout_differs_between_passes_and_repeats_after_a_step(rng):
    outs = []
    for _ in range(2):
        case = Case("dropout", np.random.default_rng(3))
        for _ in range(2):
            outs.append([bits(case.record(training=True)[0]) for _ in range(3)])
            case.stack.step_by(np.zeros_like(case.stack.parameters), 0.0, case.objective())
    assert outs[:2] == outs[2:]
    assert len({out for pass_ in outs[:2] for out in pass_}) == 6


def test_interrupted_statistics(rng):
    """If a user's function raises in a forward pass, the running statistics are those from before."""

    def fails(z):
        if raises:
            raise ZeroDivisionError
        return z

    raises = False
    stack = Stack(
        (5, 8, 8, 3),
        ["tanh", (fails, np.ones_like), "identity"],
        dtype="float64",
        norms=["batch", "batch", None],
    )
    X = rng.normal(size=(9, 5))
    stack.record(X, training=True)
    running, raises = stack.running.copy(), True
    with pytest.raises(ZeroDivisionError):
        stack.record(X, training=True)
    assert (stack.running == running).all()
    raises = False
    stack.record(X, training=True)
    assert (stack.running != running).any()


# ---- refusals


CHANGES = {
    "a step": lambda stack, X, y: stack.step_by(np.zeros_like(stack.parameters), 0.1, Objective("mse")),
    "train": lambda stack, X, y: stack.train(X, y, Objective("mse"), None, np.array([0.1]), batch_size=13),
    "changing": lambda stack, X, y: stack.changing().__enter__(),
    "standardize": lambda stack, X, y: stack.standardize(np.zeros(5), np.ones(5)),
    "set_dropout": lambda stack, X, y: stack.set_dropout([0, 0.5, 0, 0], 1),
    "set_update": lambda stack, X, y: stack.set_update(factors=[0, 1, 1]),
    "set_mask": lambda stack, X, y: stack.set_mask(np.ones((5, 24), bool), np.zeros((5, 24))),
}
READS = {
    "gradient": lambda stack, X, y: stack.gradient(X, y, Objective("mse")),
    "loss": lambda stack, X, y: stack.loss(X, y, Objective("mse")),
    "forward": lambda stack, X, y: stack.forward(X),
    "record": lambda stack, X, y: stack.record(X, training=True),
    "copy": lambda stack, X, y: stack.copy(),
    "present": lambda stack, X, y: stack.present(),
    "set_optimizer": lambda stack, X, y: stack.set_optimizer("sgd"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_backward_after_a_change_is_refused(rng, change):
    case = Case("plain", rng)
    _, tape = case.record()
    context = change(case.stack, case.X, case.y)
    assert not tape.is_valid
    del context
    with pytest.raises(RuntimeError, match="have changed since the forward pass of this tape"):
        case.stack.backward(tape, case.y)
    assert case.stack.backward(case.record()[1], case.y)[0].any()


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize("kind", ["plain", "batch"])
def test_backward_after_reading(rng, kind, read):
    case = Case(kind, rng)
    out, tape = case.record(training=True)
    expected = bits(case.stack.backward(tape, case.of_loss(out))[0])
    kept = read(case.stack, case.X, case.y)
    assert tape.is_valid
    assert bits(case.stack.backward(tape, case.of_loss(out))[0]) == expected
    del kept


def test_arguments_are_checked(rng):
    case = Case("plain", rng)
    stack, (_, tape) = case.stack, case.record()
    good = np.zeros((13, 3))
    for bad in (good[:12], good[:, :2].copy(), good.astype("float32"), np.asfortranarray(good), np.zeros(13)):
        with pytest.raises(
            ValueError,
            match=r"the gradient of the outputs has shape .*; it must be C-contiguous, of shape \(13, 3\)",
        ):
            stack.backward(tape, bad)
    flat = stack.parameters
    for bad in (flat[1:], flat.astype("float32"), np.zeros((2, len(flat))), np.zeros(2 * len(flat))[::2]):
        with pytest.raises(ValueError, match="gradients has shape"):
            stack.backward(tape, good, bad)
        with pytest.raises(ValueError, match="gradients has shape"):
            stack.step_by(bad, 0.1, case.objective())
    with pytest.raises(ValueError, match="gradients overlaps the parameters"):
        stack.backward(tape, good, flat)
    for bad in (np.zeros((13, 4)), np.zeros((12, 5)), np.zeros((13, 5), "float32")):
        with pytest.raises(ValueError, match=r"out has shape .*; it must be \(13, 5\)"):
            stack.backward(tape, good, of_rows=bad)
    with pytest.raises(ValueError, match="the tape is of another stack"):
        stack.copy().backward(tape, good)
    for bad in (case.X[:, :4], case.X[0]):
        with pytest.raises(ValueError, match="X has shape"):
            stack.record(bad)
    with pytest.raises(ValueError, match="X has no rows"):
        stack.record(case.X[:0])
    with pytest.raises(ValueError, match="out has shape"):
        stack.record(case.X, np.zeros((13, 2)))
    with pytest.raises(ValueError, match="softmax"):
        Stack((5, 3), ["softmax"], dtype="float64").record(case.X, activated=True)
    with pytest.raises(ValueError, match="no optimizer"):
        Stack((5, 3), ["identity"], dtype="float64").step_by(np.zeros(1), 0.1, case.objective())
    with pytest.raises(TypeError, match=r"made by Stack\.record"):
        type(tape)()
    with pytest.raises(TypeError, match="not pickled"):
        tape.__reduce__()


def test_during_a_pass_tapes_are_refused(rng):
    case = Case("plain", rng)
    _, tape = case.record()
    errors = []

    def on_step(batch, loss):
        for call in (
            case.record,
            lambda: case.stack.backward(tape, case.y),
            lambda: case.stack.step_by(case.stack.parameters, 0.1, case.objective()),
        ):
            with pytest.raises(RuntimeError, match="the stack is in use by a pass") as error:
                call()
            errors.append(error)

    case.stack.train_epochs(
        case.X, case.y, case.objective(), None, np.full(2, 0.1), epochs=1, batch_size=7, on_step=on_step
    )
    assert len(errors) == 6


def test_fixed_memory(rng):
    """Results of `present` are copies, and the parameters stay where they are."""
    case = Case("batch", rng)
    before = case.stack.present()
    case.stack.fix_memory()
    parameters, running, kept = case.stack.parameters, case.stack.running, case.stack.present()
    values = kept.parameters.copy()
    for _ in range(2):
        out, tape = case.record(training=True)
        case.stack.step_by(case.stack.backward(tape, case.of_loss(out))[0], 0.1, case.objective())
        case.stack.train(case.X, case.y, case.objective(), None, np.array([0.1]), batch_size=13)
    assert np.shares_memory(parameters, case.stack.parameters)
    assert np.shares_memory(running, case.stack.running)
    assert (kept.parameters == values).all()
    assert (before.parameters == values).all()
    parameters[...] = 0.5
    assert (case.stack.present().parameters == 0.5).all()
    assert (kept.parameters == values).all()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer")
@pytest.mark.parametrize("norm", [None, "batch"])
def test_signals_end_long_passes(rng, norm, n_threads):
    """In the middle of a batch of tenths of a second; the stack is as before and can be used again."""
    stack = Stack((512, 1024, 1024, 1), ["relu", "relu", "identity"], norms=[norm, norm, None])
    for W, _ in stack.views():
        W[...] = rng.normal(size=W.shape) * 0.03
    X = rng.normal(size=(4000, 512)).astype(np.float32)
    running = stack.running.copy()

    class EndedError(Exception):
        pass

    def end(*_):
        raise EndedError

    def timed(function):
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        function()

    def ended(function):
        before = signal.signal(signal.SIGALRM, end)
        try:
            with pytest.raises(EndedError):
                timed(function)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    ended(lambda: stack.record(X, training=True, n_threads=n_threads))
    assert (stack.running == running).all()
    out, tape = stack.record(X[:500], n_threads=n_threads)
    first = bits(stack.backward(tape, out)[0])
    long_out, long = stack.record(X, n_threads=n_threads)
    ended(lambda: stack.backward(long, long_out, n_threads=n_threads))
    assert bits(stack.backward(tape, out)[0]) == first
