"""Several stacks in one pass: each gets the bits of passes alone, whatever the others are."""

import threading

import numpy as np
import pytest
import signals

from cnn_core.gram import make_gram_stack
from cnn_core.layers import Layers
from cnn_core.sparse import SparseRows
from cnn_core.stack import Objective, Stack, loss_together, train_together

ROWS, INPUTS = 53, 7


def user_sine(Z):
    return np.sin(Z)


def user_cosine(Z):
    return np.cos(Z)


def own_loss(y, z):
    return ((z - y) ** 2).sum(axis=1).astype(np.float64), 2 * (z - y)


# Hidden units, activations, optimizer, and what else differs between members.
MEMBERS = {
    "narrow": ((5,), "tanh", "sgd", {}),
    "tiny": ((3, 4), "relu", "adam", {}),
    "wide": ((70, 130), "relu", "adamw", {}),
    "vectors": ((16, 16), "silu", "adam", {}),
    "two vectors": ((32, 20), "gelu", "momentum", {}),
    "further": ((9,), "leaky_relu", "rmsprop", {}),
    "dropout": ((24, 24), "relu", "adam", {"dropout": [0.1, 0.3, 0.2, 0]}),
    "clipped": ((12,), "tanh", "nesterov", {"update": {"clip_norm": 0.01, "ema": 0.9}}),
    "factors": ((8, 8), "relu", "sgd", {"update": {"factors": [0.0, 1.0, 0.5]}}),
    "proximal": ((8,), "relu", "adam", {"update": {"proximal": True}, "objective": {"l1": 0.01}}),
    "masked": ((6,), "relu", "sgd", {"mask": True}),
    "penalty": ((8, 6), "relu", "adam", {"objective": {"l2": 0.1, "l1": 0.01, "penalty_per_row": True}}),
    "layer norm": ((16,), "relu", "adam", {"norms": ["layer", None]}),
    "batch norm": ((16, 16), "relu", "adam", {"norms": ["batch", "rms", None]}),
    "residual": ((16, 16), "relu", "adam", {"residuals": [False, True, False]}),
    "huber": ((33,), "relu", "adam", {"loss": "huber"}),
}
# With them, all members are trained one after another.
CALLING_PYTHON = {
    "user": ((8,), (user_sine, user_cosine), "sgd", {}),
    "own loss": ((8,), "relu", "sgd", {"loss": own_loss}),
}


def data_of(rng, dtype, outputs=2):
    X = rng.standard_normal((ROWS, INPUTS)).astype(dtype)
    return X, rng.standard_normal((ROWS, outputs)).astype(dtype)


def member(name, dtype, seed, outputs=2):
    """A stack and its objective."""
    hidden, activation, optimizer, more = (MEMBERS | CALLING_PYTHON)[name]
    rng = np.random.default_rng(seed)
    stack = Stack(
        (INPUTS, *hidden, outputs), [*[activation] * len(hidden), "identity"], dtype=dtype,
        norms=more.get("norms"), residuals=more.get("residuals"),
    )  # fmt: skip
    for W, _ in stack.views():
        W[...] = rng.standard_normal(W.shape) / np.sqrt(len(W))
    stack.set_optimizer(optimizer)
    if "dropout" in more:
        stack.set_dropout(more["dropout"], seed)
    if "update" in more:
        stack.set_update(**more["update"])
    if "mask" in more:
        mask = rng.random((INPUTS, hidden[0])) < 0.6
        stack.set_mask(mask, np.where(mask, 0, 0.5))
    return stack, Objective(more.get("loss", "mse"), **more.get("objective", {}))


def validated(rng, objective, part=5):
    """The objective with other weights of the rows: 0 for a part of them."""
    weights = rng.random(ROWS) + 0.5
    weights[rng.permutation(ROWS)[: ROWS // part]] = 0
    return objective.replace(weights=weights)


def alone(stack, X, y, objective, orders, rates, batch_size):
    """Passes of one stack, a call for each."""
    parts = np.split(rates, len(orders))
    results = [
        stack.train_epochs(X, y, objective.replace(n_threads=1), order, part, epochs=1, batch_size=batch_size)
        for order, part in zip(orders, parts, strict=True)
    ]
    losses, penalties = zip(*results, strict=True)
    return np.concatenate(losses), np.concatenate(penalties)


def state(stack):
    average = () if stack.average is None else (stack.average,)
    return [stack.parameters, stack.running, *stack.moments, *average]


def numbers(stack):
    """What `state` has, without padding."""
    return [
        part
        for flat in (stack.parameters, *stack.moments)
        for layer in stack.views(flat)
        for part in layer
        if part is not None
    ]


def assert_same_state(one, other):
    assert one.steps == other.steps
    for a, b in zip(state(one), state(other), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("names", [tuple(MEMBERS), tuple(MEMBERS | CALLING_PYTHON)], ids=["core", "python"])
@pytest.mark.parametrize("batch_size", [1, 8, 20, 64])
def test_each_member_has_the_bits_of_its_own_passes(rng, dtype, batch_size, n_threads, names):
    epochs, steps = 2, -(-ROWS // batch_size)
    X, y = data_of(rng, dtype)
    orders = np.array([rng.permutation(ROWS) for _ in range(epochs)])
    rates = rng.random((len(names), epochs * steps)) * 0.01
    ours, theirs = ([member(name, dtype, i) for i, name in enumerate(names)] for _ in range(2))
    objectives = [validated(rng, objective) for _, objective in ours]
    stacks = [stack for stack, _ in ours]
    losses, penalties = train_together(
        stacks, X, y, objectives, orders, rates, batch_size=batch_size, epochs=epochs, n_threads=n_threads
    )
    for i, (lone, _) in enumerate(theirs):
        expected, penalty = alone(lone, X, y, objectives[i], orders, rates[i], batch_size)
        assert_same_state(stacks[i], lone)
        assert np.array_equal(losses[i], expected)
        assert np.array_equal(penalties[i], penalty)
        norms = stacks[i].gradient_norms
        assert (norms is None) == (lone.gradient_norms is None)
        assert norms is None or norms[-1] == lone.gradient_norms[0]


@pytest.mark.parametrize("shared", [True, False], ids=["one order", "an order for each epoch"])
def test_epochs_whose_rows_are_gathered_in_groups(rng, shared):
    """A group has 256 KiB of rows, here a third of them."""
    rows, epochs = 12_000, 3
    X, y = rng.standard_normal((rows, INPUTS), np.float32), rng.standard_normal((rows, 2), np.float32)
    orders = np.array([rng.permutation(rows) for _ in range(epochs)])
    orders[:] = orders[0] if shared else orders
    (together, objective), (lone, _) = (member("narrow", "float32", 0) for _ in range(2))
    rates = np.full(epochs * 12, 0.01)
    given = orders[0] if shared else orders
    losses, _ = train_together(
        [together], X, y, [objective], given, rates, batch_size=1000, epochs=epochs, n_threads=1
    )
    expected, _ = alone(lone, X, y, objective, orders, rates, 1000)
    assert_same_state(together, lone)
    assert np.array_equal(losses[0], expected)


# Hidden units, activation, optimizer, loss, outputs, and what the objective has.
EQUAL = {
    "sgd": ((16, 16), "relu", "sgd", "binary_cross_entropy", 1, {}),
    "adam": ((16, 16), "relu", "adam", "binary_cross_entropy", 1, {}),
    "adamw": ((5, 3), "tanh", "adamw", "mse", 2, {"l2": 0.01}),
    "momentum": ((7,), "sigmoid", "momentum", "squared_error", 3, {"l1": 0.01, "penalty_per_row": True}),
    "nesterov": ((64, 20), "relu", "nesterov", "softmax_cross_entropy", 3, {}),
    "dots": ((9, 40), "tanh", "adam", "softmax_cross_entropy", 2, {"l1": 0.001, "l2": 0.01}),
    "linear": ((), "relu", "adam", "binary_cross_entropy", 2, {}),
}


def equal_member(name, dtype, seed):
    """One of several stacks of the same layers, which differ in everything else."""
    hidden, activation, optimizer, loss, outputs, more = EQUAL[name]
    rng = np.random.default_rng(seed)
    biases = [*[name != "nesterov"] * len(hidden), True]
    stack = Stack((INPUTS, *hidden, outputs), [*[activation] * len(hidden), "identity"], biases, dtype)
    for W, b in stack.views():
        W[...] = rng.standard_normal(W.shape) / np.sqrt(len(W))
        if b is not None:
            b[...] = rng.standard_normal(b.shape) * 0.1
    hyper = {"beta_1": 0.8 + 0.009 * seed} if optimizer.startswith("adam") else {}
    stack.set_optimizer(optimizer, **hyper)
    stack.steps = seed % 3
    return stack, Objective(loss, **{key: value * (1 + seed) for key, value in more.items()})


@pytest.mark.parametrize("name", EQUAL)
@pytest.mark.parametrize("batch_size", [1, 6, 32])
def test_equal_members_have_the_bits_of_their_own_passes(rng, dtype, name, batch_size):
    """They are computed at once, one in each lane of the vectors; and some of them are left over."""
    loss, outputs = EQUAL[name][3:5]
    X, y = data_of(rng, dtype, outputs)
    if loss == "softmax_cross_entropy":
        y = rng.integers(0, outputs, ROWS)
    elif loss == "binary_cross_entropy":
        y = (y > 0).astype(dtype)
    K, epochs, steps = 21, 2, -(-ROWS // batch_size)
    orders = np.array([rng.permutation(ROWS) for _ in range(epochs)])
    rates = rng.random((K, epochs * steps)) * 0.01
    rates[3] = 1e300 if dtype == "float64" else 1e30  # it diverges
    ours, theirs = ([equal_member(name, dtype, i) for i in range(K)] for _ in range(2))
    objectives = [validated(rng, its, 2) if i % 2 else its for i, (_, its) in enumerate(ours)]
    stacks = [stack for stack, _ in ours]
    losses, penalties = train_together(
        stacks, X, y, objectives, orders, rates, batch_size=batch_size, epochs=epochs
    )
    for i, (lone, _) in enumerate(theirs):
        expected, penalty = alone(lone, X, y, objectives[i], orders, rates[i], batch_size)
        assert stacks[i].steps == lone.steps
        for a, b in zip(numbers(stacks[i]), numbers(lone), strict=True):
            assert np.array_equal(a, b, equal_nan=i == 3)
        assert np.array_equal(losses[i], expected, equal_nan=i == 3)
        assert np.array_equal(penalties[i], penalty, equal_nan=i == 3)


def forms(X):
    """The same rows, as the core reads them in different ways."""
    whole = np.round(X * 20)
    csr = np.nonzero(whole > 10)
    starts = np.concatenate([[0], np.cumsum(np.bincount(csr[0], minlength=ROWS))]).astype(np.int64)
    return {
        "plain": X,
        "columns": np.asfortranarray(X),
        "other dtype": X.astype(np.float64 if X.dtype == np.float32 else np.float32),
        "int8": whole.astype(np.int8),
        "sparse": SparseRows(starts, csr[1].astype(np.int64), whole[csr].astype(X.dtype), INPUTS),
    }


@pytest.mark.parametrize("form", ["plain", "columns", "other dtype", "int8", "sparse"])
@pytest.mark.parametrize("standardized", [False, True])
@pytest.mark.parametrize("ordered", [False, True])
def test_each_member_reads_the_rows_as_alone(rng, dtype, form, standardized, ordered):
    X, y = data_of(rng, dtype)
    X = forms(X)[form]
    order = rng.permutation(ROWS)[:40] if ordered else None
    names = ("tiny", "wide", "vectors", "dropout", "batch norm")
    ours, theirs = ([member(name, dtype, i) for i, name in enumerate(names)] for _ in range(2))
    for stack, _ in [*ours, *theirs]:
        if standardized:
            stack.standardize(np.full(INPUTS, 0.25), np.full(INPUTS, 2.0), 3)
    scale = 1.0 if standardized else 0.5
    objectives = [objective.replace(scale=scale) for _, objective in ours]
    rates = np.full(40 // 10 if ordered else -(-ROWS // 10), 0.01)
    stacks = [stack for stack, _ in ours]
    losses, _ = train_together(stacks, X, y, objectives, order, rates, batch_size=10, n_threads=2)
    for i, (lone, _) in enumerate(theirs):
        expected, _ = alone(lone, X, y, objectives[i], [order], rates, 10)
        assert_same_state(stacks[i], lone)
        assert np.array_equal(losses[i], expected)


@pytest.mark.parametrize(
    ("loss", "outputs"),
    [("softmax_cross_entropy", 3), ("binary_cross_entropy", 1), ("ordinal", 2), ("gaussian_nll", 2)],
)
def test_losses_of_classes_and_distributions(rng, dtype, loss, outputs):
    X, y = data_of(rng, dtype, outputs)
    if loss in ("softmax_cross_entropy", "ordinal"):
        y = rng.integers(0, 3, ROWS)
    elif loss == "binary_cross_entropy":
        y = (y > 0).astype(dtype)
    else:
        y = y[:, :1].copy()
    names = ("tiny", "vectors", "wide")
    ours, theirs = ([member(name, dtype, i, outputs) for i, name in enumerate(names)] for _ in range(2))
    objectives = [validated(rng, Objective(loss)) for _ in names]
    stacks, rates = [stack for stack, _ in ours], np.full(7, 0.01)
    losses, _ = train_together(stacks, X, y, objectives, None, rates, batch_size=8)
    for i, (lone, _) in enumerate(theirs):
        expected, _ = alone(lone, X, y, objectives[i], [None], rates, 8)
        assert_same_state(stacks[i], lone)
        assert np.array_equal(losses[i], expected)


@pytest.mark.parametrize("weighted", [False, True])
def test_losses_of_rows_of_each_member(rng, dtype, weighted):
    X, y = data_of(rng, dtype)
    ours = [member(name, dtype, i) for i, name in enumerate(MEMBERS | CALLING_PYTHON)]
    weights = rng.random(ROWS) if weighted else None
    objectives = [objective.replace(weights=weights) for _, objective in ours]
    orders = [rng.permutation(ROWS)[: 10 + i] for i in range(len(ours))]
    stacks = [stack for stack, _ in ours]
    losses = loss_together(stacks, X, y, objectives, orders, n_threads=2)
    for stack, objective, order, loss in zip(stacks, objectives, orders, losses, strict=True):
        own = objective.replace(weights=weights[order] if weighted else None, n_threads=1)
        assert loss == stack.loss(X[order], y[order], own)[0]
    assert np.array_equal(
        loss_together(stacks, X, y, objectives, [None] * len(stacks)),
        [stack.loss(X, y, objective)[0] for stack, objective in zip(stacks, objectives, strict=True)],
    )


def test_a_batch_of_weights_0_is_no_step_of_its_member(rng, dtype):
    X, y = data_of(rng, dtype)
    ours, theirs = ([member(name, dtype, 0)[0] for name in ("vectors", "wide")] for _ in range(2))
    weights = np.ones(ROWS)
    weights[10:20] = 0
    objectives = [Objective("mse", weights=weights), Objective("mse")]
    rates = np.full(6, 0.01)
    train_together(ours, X, y, objectives, None, rates, batch_size=10)
    assert [stack.steps for stack in ours] == [5, 6]
    for i, lone in enumerate(theirs):
        alone(lone, X, y, objectives[i], [None], rates, 10)
        assert_same_state(ours[i], lone)


def test_a_member_that_diverges_does_not_stop_the_others(rng, dtype):
    X, y = data_of(rng, dtype)
    stacks = [member("vectors", dtype, i)[0] for i in range(3)]
    lone = member("vectors", dtype, 2)[0]
    rates = np.full((3, 12), 0.01)
    rates[1] = 1e300 if dtype == "float64" else 1e30
    losses, _ = train_together(stacks, X, y, [Objective("mse")] * 3, None, rates, batch_size=10, epochs=2)
    assert np.isfinite(losses[[0, 2]]).all()
    assert not np.isfinite(losses[1]).all()
    alone(lone, X, y, Objective("mse"), [None, None], rates[2], 10)
    assert_same_state(stacks[2], lone)


def test_a_deadline_in_the_past_takes_no_step(rng):
    X, y = data_of(rng, "float32")
    stacks = [member("vectors", "float32", i)[0] for i in range(2)]
    before = [stack.parameters.copy() for stack in stacks]
    losses, penalties = train_together(
        stacks, X, y, [Objective("mse")] * 2, None, np.ones(6), batch_size=10, deadline=0
    )
    assert losses.shape == penalties.shape == (2, 0)
    for stack, old in zip(stacks, before, strict=True):
        assert np.array_equal(stack.parameters, old)
        assert stack.steps == 0
    with pytest.raises(TimeoutError):
        loss_together(stacks, X, y, [Objective("mse")] * 2, [None, None], deadline=0)


BAD = {
    "no member": ({"stacks": [], "objectives": []}, ValueError, "at least one"),
    "objectives": ({"objectives": [Objective("mse")]}, ValueError, "2 stacks and 1 objectives"),
    "type": ({"stacks": [1, 2]}, TypeError, "member 0 has the types int"),
    "layers": ({"stacks": [Layers((7, 2), ["identity"])] * 2}, TypeError, "Layers"),
    "inputs": ({"second": Stack((6, 2), ["identity"])}, ValueError, "6 inputs"),
    "dtype": ({"second": Stack((7, 2), ["identity"], dtype="float64")}, ValueError, "float64"),
    "no optimizer": ({"second": Stack((7, 2), ["identity"])}, ValueError, "set_optimizer"),
    "scale": ({"objectives": [Objective("mse"), Objective("mse", scale=2)]}, ValueError, "scale"),
    "order": ({"order": np.zeros((3, 4), np.int64)}, ValueError, "order"),
    "rows": ({"order": np.array([ROWS])}, ValueError, "order"),
    "rates": ({"rates": np.ones((3, 6))}, ValueError, "rates"),
    "steps": ({"rates": np.ones(5)}, ValueError, "rates"),
    "orders": ({"order": np.zeros((1, 2, 3), np.int64)}, ValueError, "order"),
    "batch": ({"batch_size": 0}, ValueError, "batch_size"),
    "epochs": ({"epochs": 0}, ValueError, "epochs"),
    "y": ({"y": np.ones((ROWS, 3), np.float32)}, ValueError, "y has shape"),
}


@pytest.mark.parametrize("case", BAD)
def test_members_that_cannot_train_together(rng, case):
    changes, kind, message = dict(BAD[case][0]), *BAD[case][1:]
    X, y = data_of(rng, "float32")
    stacks = [member("vectors", "float32", i)[0] for i in range(2)]
    if "second" in changes:
        stacks[1] = changes.pop("second")
    given = {
        "stacks": stacks, "X": X, "y": y, "objectives": [Objective("mse")] * 2, "order": None,
        "rates": np.ones(6), "batch_size": 10, "epochs": 1, **changes,
    }  # fmt: skip
    before = stacks[0].parameters.copy()
    with pytest.raises(kind, match=message):
        train_together(**given)
    assert np.array_equal(stacks[0].parameters, before)
    stacks[0].train(X, y, Objective("mse"), None, np.ones(6), batch_size=10)  # no pass is left open


def test_the_same_stack_twice(rng):
    X, y = data_of(rng, "float32")
    stack = member("vectors", "float32", 0)[0]
    with pytest.raises(ValueError, match="twice"):
        train_together([stack, stack], X, y, [Objective("mse")] * 2, None, np.ones(6), batch_size=10)


def test_other_statistics_of_the_inputs(rng):
    X, y = data_of(rng, "float32")
    stacks = [member("vectors", "float32", i)[0] for i in range(2)]
    stacks[0].standardize(np.zeros(INPUTS), np.ones(INPUTS))
    with pytest.raises(ValueError, match="standardise the inputs differently"):
        train_together(stacks, X, y, [Objective("mse")] * 2, None, np.ones(6), batch_size=10)


def test_a_gram_stack_is_trained_alone(rng):
    X, y = data_of(rng, "float32")
    home = Stack((INPUTS, 2), ["identity"])
    home.set_optimizer("sgd")
    stack = make_gram_stack(home, X)
    with pytest.raises(ValueError, match="GramStack"):
        train_together([stack], X, y, [Objective("mse")], None, np.ones(1), batch_size=ROWS)


def long_training(rng, epochs=10_000):
    """Stacks, and arguments of `train_together` that take much longer than a test: some are computed in lanes."""
    X, y = data_of(rng, "float32")
    stacks = [equal_member("sgd", "float32", i)[0] for i in range(16)]
    stacks += [member("wide", "float32", i, 1)[0] for i in range(2)]
    for stack in stacks:
        stack.steps = 0
    options = {"batch_size": 10, "epochs": epochs, "n_threads": 2}
    return stacks, (X, y[:, :1].copy(), [Objective("mse")] * 18, None, np.full(6 * epochs, 1e-6)), options


def test_an_interrupt_leaves_all_members_after_the_same_step(rng):
    stacks, data, options = long_training(rng)
    assert signals.stopped(lambda: train_together(stacks, *data, **options), 0.2) is not None
    (steps,) = {stack.steps for stack in stacks}
    assert 0 < steps < 60_000
    lone = equal_member("sgd", "float32", 3)[0]
    lone.steps = 0
    X, y, (objective, *_), _, rates = data
    epochs, rest = divmod(steps, 6)
    alone(lone, X, y, objective, [None] * epochs, rates[: 6 * epochs], 10)
    if rest:
        alone(lone, X, y, objective, [np.arange(10 * rest)], rates[:rest], 10)
    assert np.array_equal(stacks[3].parameters, lone.parameters)
    stacks[0].train(X, y, objective, None, np.ones(6), batch_size=10)  # no pass is left open


def test_another_thread_reads_members_and_cannot_change_them(rng):
    stacks, data, options = long_training(rng)
    seen, errors = [], []

    def read():
        while len(seen) < 5:
            state = [stack.present().parameters.copy() for stack in (stacks[0], stacks[17])]
            if not seen or not any(map(np.array_equal, state, seen[-1])):
                seen.append(state)
        try:
            stacks[5].set_optimizer("adam")
        except RuntimeError as error:
            errors.append(str(error))
        ending.set()

    ending = threading.Event()
    thread = threading.Thread(target=read)
    thread.start()
    while not ending.is_set():
        train_together(stacks, *data[:-1], data[-1][:600], **(options | {"epochs": 100}))
    thread.join()
    assert all("in use by a pass" in error for error in errors)


def encoded(stack, edge):
    """The stack, which encodes the first of 5 columns in two bins."""
    edges = np.array([edge, edge + 1], stack.dtype)
    ones = np.ones(2, stack.dtype)
    stack.encode(np.array([0]), np.array([2]), edges, ones, np.array([-1, 0], stack.dtype), ones)
    return stack


def test_members_that_encode_the_inputs(rng, dtype):
    """The gathered rows are wider than X; members with other bins are refused."""
    X, y = data_of(rng, dtype)
    X = X[:, :5].copy()
    ours, theirs = ([encoded(member(n, dtype, 0)[0], 0.1) for n in ("wide", "dropout")] for _ in range(2))
    ours += [encoded(equal_member("adamw", dtype, i)[0], 0.1) for i in range(16)]
    theirs += [encoded(equal_member("adamw", dtype, i)[0], 0.1) for i in range(16)]
    data, rates = (X, y, [Objective("mse")] * 18, rng.permutation(ROWS)), np.full(6, 0.01)
    train_together(ours, *data, rates, batch_size=10)
    for mine, lone in zip(ours, theirs, strict=True):
        alone(lone, X, y, Objective("mse"), [data[-1]], rates, 10)
        assert_same_state(mine, lone)
    encoded(ours[3], 0.2)
    with pytest.raises(ValueError, match="member 3 and member 0 encode"):
        train_together(ours, *data, rates, batch_size=10)
