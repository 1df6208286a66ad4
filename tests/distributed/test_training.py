"""Training over shards: the numbers of one process, to the bit or to rounding, for any way to run the tasks."""

from concurrent.futures import ThreadPoolExecutor

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.distributed import ShardedRows
from compiled_nn.distributed.order import Sequences, rows_of, share

SIZES = (5, 1, 40, 0, 31, 23)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(sum(SIZES), 7))
    return X, X[:, 0] - np.sin(X[:, 1]) + 0.1 * rng.normal(size=len(X)), rng.uniform(size=len(X))


def cut(*arrays, sizes=SIZES):
    """Return the parts of arrays with one item per row."""
    ends = np.cumsum(sizes)
    return [tuple(array[end - size : end] for array in arrays) for size, end in zip(sizes, ends, strict=True)]


def weights_of(net):
    return np.concatenate([array.ravel() for array in walk(net.get_state())])


def walk(value):
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from walk(each)
    elif isinstance(value, list):
        for each in value:
            yield from walk(each)


def network(loss="mse", outputs=1, optimizer=None, layers=None, **parameters):
    parameters = {"dtype": "float64", "seed": 3} | parameters
    layers = layers or [cnn.Dense(9, "tanh"), cnn.Dense(6, "relu")]
    return cnn.Network(
        [*layers, cnn.Dense(outputs)], loss=loss, optimizer=optimizer or cnn.Adam(0.01), **parameters
    )


def synchronous_order(shards, size, seed):
    """Return the rows of each step, as the joined batch of all shards; `shards` have (number, first row, rows) of
    parts."""
    sequences = Sequences([[(number, n) for number, _, n in parts] for parts in shards], seed)
    firsts = {number: (first, n) for parts in shards for number, first, n in parts}
    total = sum(sequences.n_rows)
    n_steps = -(-total // size)
    steps = []
    for step in range(n_steps):
        rows = []
        for rank, m in enumerate(sequences.n_rows):
            for piece in sequences.pieces(rank, share(m, step, n_steps), share(m, step + 1, n_steps)):
                first, n = firsts[piece.part]
                rows.append(first + np.arange(n)[rows_of(piece, n)])
        steps.append(np.concatenate(rows))
    return steps


def shards_of(n_shards, sizes=SIZES):
    starts = np.cumsum([0, *sizes[:-1]]).tolist()
    return [[(i, starts[i], sizes[i]) for i in range(rank, len(sizes), n_shards)] for rank in range(n_shards)]


class Steps(cnn.callbacks.Callback):
    """Weights after each step."""

    def __init__(self):
        self.weights, self.losses = [], []

    def on_batch_end(self, net, epoch, batch, loss):
        self.weights.append(np.concatenate([array.ravel() for array in walk(net.snapshot()["layers"])]))
        self.losses.append(loss)


LAYERS = [cnn.Dense(8, "tanh", norm="layer"), cnn.Dense(8, "relu", residual=True), cnn.Dense(8, "gelu")]
CASES = {
    "adam": {},
    "adamw": {"optimizer": cnn.AdamW(0.01, weight_decay=0.1)},
    "momentum": {"optimizer": cnn.SGD(0.05, momentum=0.9, nesterov=True)},
    "nadam": {"optimizer": cnn.NAdam(0.01)},
    "rprop": {"optimizer": cnn.Rprop()},
    "lion": {"optimizer": cnn.Lion(1e-3, weight_decay=0.1)},
    "schedule": {"optimizer": cnn.SGD(cnn.schedules.Cosine(0.1, 8))},
    "clip_norm": {"clip_norm": 0.1},
    "clip_value": {"clip_value": 0.01},
    "l1": {"l1": 1e-3, "l2": 1e-2},
    "proximal": {"l1": 1e-2, "proximal": True, "optimizer": cnn.SGD(0.1)},
    "ema": {"ema": 0.9},
    "layers": {"layers": LAYERS},
    "standardize": {"standardize": True, "scale_targets": True},
    "frozen": {"layers": [cnn.Dense(9, "tanh", trainable=False), cnn.Dense(6, "relu")]},
    "poisson": {"loss": "poisson"},
    "huber": {"loss": "huber"},
    "gaussian_nll": {"loss": "gaussian_nll", "outputs": 2},
    "binary_cross_entropy": {"loss": "binary_cross_entropy"},
    "softmax_cross_entropy": {"loss": "softmax_cross_entropy", "outputs": 3},
    "ordinal": {"loss": "ordinal", "outputs": 2},
}


def targets(loss, y):
    if loss == "poisson":
        return np.round(np.abs(y))
    if loss == "binary_cross_entropy":
        return y > 0
    return np.digitize(y, [-0.5, 0.5]) if loss in ("softmax_cross_entropy", "ordinal") else y


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_each_synchronous_step_is_that_of_the_joined_batch(name, weighted, data):
    """Sums of gradients differ in the last bits only: 1e-12 is some thousand times the rounding of float64."""
    case, (X, y, w) = CASES[name], data
    y, w = targets(case.get("loss"), y), np.where(np.arange(len(X)) % 7 == 2, 0, w)
    rows = ShardedRows(cut(X, y, w) if weighted else cut(X, y), n_shards=3, mode="synchronous")
    sharded, steps = network(**case), Steps()
    sharded.fit(rows, batch_size=17, epochs=2, shuffle=False, callbacks=[steps])

    expected, at = network(**case), 0
    expected.fit(X, y, epochs=0, sample_weight=w if weighted else None)
    for _ in range(2):
        for chosen in synchronous_order(shards_of(3), 17, None):
            expected.partial_fit(
                X[chosen], y[chosen], batch_size="full", sample_weight=w[chosen] if weighted else None
            )
            wanted = np.concatenate([array.ravel() for array in walk(expected.snapshot()["layers"])])
            np.testing.assert_allclose(steps.weights[at], wanted, rtol=0, atol=1e-12 * (at + 1))
            at += 1
    assert at == len(steps.weights) == 12
    np.testing.assert_allclose(weights_of(sharded), weights_of(expected), rtol=1e-9, atol=1e-11)
    np.testing.assert_array_equal(sharded.predict(X).shape, expected.predict(X).shape)


def test_synchronous_epochs_have_the_loss_penalty_and_rate_of_one_process(data):
    X, y, _ = data
    parameters = {"l2": 0.1, "clip_norm": 1.0, "optimizer": cnn.SGD(cnn.schedules.Cosine(0.1, 20))}
    net = network(**parameters).fit(
        ShardedRows(cut(X, y), mode="synchronous", n_shards=2), epochs=3, batch_size="full"
    )
    expected = network(**parameters).fit(X, y, epochs=3, batch_size="full")
    assert net.history.keys() == expected.history.keys()
    for name in net.history.keys() - {"seconds"}:
        np.testing.assert_allclose(net.history[name], expected.history[name], rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("name", [name for name in CASES if name != "standardize"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_shard_that_averages_has_the_bits_of_one_process(name, dtype, data):
    case, (X, y, w) = CASES[name], data
    y, w = targets(case.get("loss"), y), np.where(np.arange(len(X)) % 7 == 2, 0, w)
    nets = []
    for rows in (
        {"X": ShardedRows(cut(X, y, w), n_shards=1, steps_per_average=3)},
        {"X": X, "y": y, "sample_weight": w},
    ):
        nets.append(network(**case | {"dtype": dtype}).fit(**rows, batch_size=8, epochs=3, shuffle=False))
    np.testing.assert_array_equal(weights_of(nets[0]), weights_of(nets[1]))
    for name in nets[1].history.keys() - {"seconds"}:
        np.testing.assert_allclose(nets[0].history[name], nets[1].history[name], rtol=1e-14, err_msg=name)


@pytest.mark.parametrize("mode", ["synchronous", "averaging"])
def test_shuffled_rows_are_those_of_the_order(mode, data):
    """Two shards of one batch each: a synchronous step, and the mean of two separate steps."""
    X, y, _ = data
    rows = ShardedRows(cut(X, y), n_shards=1, mode=mode, steps_per_average=2)
    net = network().fit(rows, batch_size=8, epochs=1)
    seed = cnn.Network([cnn.Dense(1)], loss="mse", seed=3, dtype="float64").fit(X, y, epochs=0)
    drawn = network().fit(X, y, epochs=0)._trainer.draw_seed()
    assert seed is not None
    if mode == "synchronous":
        order = np.concatenate(synchronous_order(shards_of(1), 8, drawn))
    else:
        sequences = Sequences([[(i, n) for i, n in enumerate(SIZES)]], drawn)
        starts = np.cumsum([0, *SIZES[:-1]])
        order = np.concatenate(
            [starts[p.part] + rows_of(p, SIZES[p.part]) for p in sequences.pieces(0, 0, len(X))]
        )
        expected = network().fit(X[order], y[order], batch_size=8, epochs=1, shuffle=False)
        np.testing.assert_array_equal(weights_of(net), weights_of(expected))
    assert sorted(order.tolist()) == list(range(len(X)))
    assert (order != np.arange(len(X))).any()


@pytest.mark.parametrize("mode", ["synchronous", "averaging"])
def test_bits_do_not_depend_on_where_tasks_run(mode, data):
    X, y, w = data
    layers = [cnn.Dense(9, "tanh", dropout=0.3), cnn.Dense(6, "relu")]

    def trained(run, **options):
        rows = ShardedRows(cut(X, y, w), n_shards=4, mode=mode, steps_per_average=2, map=run, **options)
        net = network(layers=layers, input_dropout=0.1, standardize=True)
        return weights_of(net.fit(rows, batch_size=8, epochs=3))

    expected = trained(map)
    with ThreadPoolExecutor(3) as pool:
        np.testing.assert_array_equal(trained(pool.map), expected)
    np.testing.assert_array_equal(trained(lambda f, tasks: [f(task) for task in tasks][::1]), expected)
    np.testing.assert_array_equal(trained(reversed_map), expected)
    np.testing.assert_array_equal(trained(map, cache_bytes=0), expected)
    np.testing.assert_array_equal(trained(map, in_memory=False), expected)
    np.testing.assert_array_equal(trained(map, n_threads=2), expected)


def reversed_map(function, tasks):
    return [function(task) for task in reversed(list(tasks))][::-1]


def test_batch_normalisation_averages_its_statistics(data):
    """One local step of each of two shards: the means of both states, running statistics included."""
    X, y, _ = data
    parts = cut(X, y, sizes=(60, 40))
    layers = [cnn.Dense(9, "tanh", norm="batch"), cnn.Dense(6, "relu")]
    options = {"batch_size": "full", "epochs": 1}
    net = network(layers=layers).fit(ShardedRows(parts, steps_per_average=1), **options)
    states = [network(layers=layers).fit(*each, **options).get_state() for each in parts]
    expected = cnn.merge_states(states, [60, 40])
    for value, wanted in zip(walk(net.get_state()), walk(expected), strict=True):
        np.testing.assert_array_equal(value, wanted)
    assert any("mean" in layer.get("norm", {}) for layer in expected["layers"])


@pytest.mark.parametrize("steps", [1, 2, 3, 100])
def test_averages_are_those_of_merge_states(steps, data):
    """Two shards, the smaller with half of the batches of the other, in rounds of some steps."""
    X, y, w = data
    parts = cut(X, y, w, sizes=(64, 36))
    net = network().fit(ShardedRows(parts, steps_per_average=steps), batch_size=9, epochs=1, shuffle=False)
    local = [network(), network()]
    for each, (a, b, _) in zip(local, parts, strict=True):
        each.fit(a, b, epochs=0)
    batches = [8, 4]
    at = 0
    while at < 8:
        left = 8 - at
        n = -(-left // -(-left // min(steps, 8)))
        trained, weights = [], []
        for each, (a, b, c), total in zip(local, parts, batches, strict=True):
            first, last = share(total, at, 8) * 9, share(total, at + n, 8) * 9
            if first < min(last, len(a)):
                each.partial_fit(a[first:last], b[first:last], sample_weight=c[first:last], batch_size=9)
                trained.append(each.get_state())
                weights.append(c[first:last].sum())
        merged = cnn.merge_states(trained, weights)
        for each in local:
            each.set_state(merged)
        at += n
    np.testing.assert_array_equal(weights_of(net), weights_of(local[0]))


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_penalties_per_row_are_divided_by_the_rows_of_a_step(data):
    """As in estimators, for which alpha is divided by the number of rows of each batch."""
    X, y, _ = data
    options = {"alpha": 5.0, "batch_size": 100, "max_iter": 3, "shuffle": False, "random_state": 0, "tol": 0}
    options |= {"hidden_layer_sizes": (5,), "dtype": "float64", "n_iter_no_change": 10}
    expected = cnn.MLPRegressor(**options).fit(X, y)
    for mode in ("synchronous", "averaging"):
        rows = ShardedRows(cut(X, y), n_shards=2 if mode == "synchronous" else 1, mode=mode)
        net = cnn.MLPRegressor(**options).fit(rows)
        for W, wanted in zip(net.coefs_, expected.coefs_, strict=True):
            np.testing.assert_allclose(W, wanted, rtol=1e-9, atol=1e-12)  # sums are rounded differently
        assert net.loss_curve_ == pytest.approx(expected.loss_curve_, rel=1e-12)


def test_sparse_rows_have_the_bits_of_dense_ones(data):
    """A batch of the core expands them, whether its rows are of one part or of several."""
    sparse = pytest.importorskip("scipy.sparse", reason="sparse matrices are those of SciPy")
    X, y, w = data
    X = np.where(X > 0.3, X, 0)
    for mode in ("synchronous", "averaging"):
        nets = []
        for form in (np.asarray, sparse.csr_matrix):
            parts = [(form(rows), *others) for rows, *others in cut(X, y, w)]
            rows = ShardedRows(parts, n_shards=2, mode=mode, steps_per_average=2)
            nets.append(network().fit(rows, batch_size=8, epochs=2))
        np.testing.assert_array_equal(weights_of(nets[0]), weights_of(nets[1]))


def test_an_average_ignores_shards_whose_weights_are_0(data):
    X, y, _ = data
    parts = [(X[:60], y[:60], np.ones(60)), (X[60:], y[60:], np.zeros(40))]
    for mode in ("synchronous", "averaging"):
        net = network().fit(ShardedRows(parts, mode=mode), batch_size=100, epochs=3, shuffle=False)
        expected = network().fit(X[:60], y[:60], batch_size=100, epochs=3, shuffle=False)
        tolerance = {"rtol": 1e-9, "atol": 1e-12} if mode == "synchronous" else {"rtol": 0}
        np.testing.assert_allclose(weights_of(net), weights_of(expected), **tolerance)
