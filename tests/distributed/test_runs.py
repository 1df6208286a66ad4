"""Calls of fit on sharded rows: validation, callbacks, checkpoints, limits, interruptions and failures."""

import weakref
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.distributed import ShardedRows

import cnn_core

MODES = ("synchronous", "averaging")
N_PARTS, ROWS = 6, 24


def part(number, rows=ROWS):
    """Return the rows of a part, which is made where it is used."""
    rng = np.random.default_rng(number)
    X = rng.normal(size=(rows, 5))
    return X, X[:, 0] + X[:, 1] > 0


PARTS = [part(number) for number in range(N_PARTS)]


def joined():
    return tuple(np.concatenate(arrays) for arrays in zip(*PARTS, strict=True))


def sharded(mode, parts=PARTS, **options):
    return ShardedRows(parts, **{"mode": mode, "n_shards": 2, "steps_per_average": 2} | options)


def network(optimizer=None, layers=(8,), **parameters):
    layers = [*(cnn.Dense(n, "tanh", dropout=0.2) for n in layers), cnn.Dense(1)]
    optimizer = optimizer or cnn.Adam(0.02)
    return cnn.Network(layers, loss="binary_cross_entropy", optimizer=optimizer, seed=1, **parameters)


def weights_of(net):
    return np.concatenate([array.ravel() for pair in net.get_weights() for array in pair])


class Interrupting:
    """A map that fails in a call of a task, after some complete rounds."""

    def __init__(self, rounds, error=KeyboardInterrupt):
        self.rounds, self.error = rounds, error
        self.done = -1  # the first call learns from the rows

    def __call__(self, function, tasks):
        results = list(map(function, tasks))
        self.done += 1
        if self.done > self.rounds:
            raise self.error
        return results


class States(cnn.callbacks.Callback):
    """Calls of a callback, and the weights at each of them."""

    def __init__(self):
        self.calls, self.weights = [], []

    def on_epoch_begin(self, net, epoch, history):
        self.calls.append(("begin", epoch))

    def on_batch_end(self, net, epoch, batch, loss):
        self.calls.append((epoch, batch))
        self.weights.append(weights_of(net))
        assert np.isfinite(loss)

    def on_epoch_end(self, net, epoch, history):
        self.calls.append(("end", epoch, len(history["loss"])))


@pytest.mark.parametrize("mode", MODES)
def test_validation_early_stopping_and_history_are_those_of_one_process(mode):
    held_out = part(100, 50)
    options = {"validation_data": held_out, "metrics": ["roc_auc"], "epochs": 40}
    net = network().fit(sharded(mode), early_stopping=cnn.callbacks.EarlyStopping(patience=3), **options)
    expected = network().fit(*joined(), **options | {"epochs": 1})
    assert net.history.keys() == expected.history.keys()
    n = len(net.history["epoch"])
    assert net.history["epoch"] == list(range(1, n + 1))
    assert net.stop_reason_ == ("early_stopping" if n < 40 else "max_iter")
    best = net.best_epoch_ - 1
    assert net.history["val_loss"][best] == min(net.history["val_loss"])
    assert net.score(*held_out) == net.history["val_score"][best] > 0.8


@pytest.mark.parametrize(("mode", "batches"), [("synchronous", 9), ("averaging", 5)])
def test_callbacks_run_after_each_round_and_epoch(mode, batches, capsys):
    """Averaging: 72 rows of a shard are 5 batches of 16, of which a round has at most 2."""
    states = States()
    net = network().fit(sharded(mode), epochs=2, batch_size=16, callbacks=[states], verbose=1)
    steps = list(range(1, batches + 1)) if mode == "synchronous" else [2, 4, 5]
    assert states.calls == [
        call for e in (1, 2) for call in (("begin", e), *((e, step) for step in steps), ("end", e, e))
    ]
    assert (states.weights[-1] == weights_of(net)).all()
    assert len({each.tobytes() for each in states.weights}) == len(states.weights)
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert net.get_state()["optimizer"]["step"] == 2 * batches


@pytest.mark.parametrize("mode", MODES)
def test_a_callback_stops_within_an_epoch(mode):
    class Stop(cnn.callbacks.Callback):
        def on_batch_end(self, net, epoch, batch, loss):
            return epoch == 2

    net = network().fit(sharded(mode), epochs=5, batch_size=16, callbacks=[Stop()])
    assert net.history["epoch"] == [1]
    assert net.stop_reason_ == "callback"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("parameters", [{}, {"ema": 0.9, "standardize": True}])
def test_training_from_a_checkpoint_continues_with_the_same_bits(mode, parameters, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    schedule = cnn.NAdam(cnn.schedules.Cosine(0.02, 60))
    whole = network(schedule, **parameters).fit(sharded(mode), epochs=6)
    saving = cnn.callbacks.Checkpoint(path)
    network(schedule, **parameters).fit(sharded(mode), epochs=4, callbacks=[saving])
    resumed = cnn.load_checkpoint(path)
    resumed.optimizer = schedule
    resumed.fit(sharded(mode), epochs=2, warm_start=True)
    np.testing.assert_array_equal(weights_of(resumed), weights_of(whole))
    for name in whole.history.keys() - {"seconds"}:
        assert resumed.history[name] == whole.history[name]
    again = whole.fit(sharded(mode), epochs=6)
    np.testing.assert_array_equal(weights_of(again), weights_of(resumed))


@pytest.mark.parametrize("mode", MODES)
def test_an_interruption_leaves_the_last_complete_round(mode):
    states = States()
    network().fit(sharded(mode), epochs=2, batch_size=16, callbacks=[states])
    net = network()
    with pytest.raises(KeyboardInterrupt):
        net.fit(sharded(mode, map=Interrupting(4)), epochs=2, batch_size=16)
    np.testing.assert_array_equal(weights_of(net), states.weights[3])
    net = network().fit(sharded(mode, map=Interrupting(4)), epochs=2, batch_size=16, on_interrupt="return")
    assert net.stop_reason_ == "interrupted"
    np.testing.assert_array_equal(weights_of(net), states.weights[3])


class Failing(cnn.callbacks.Callback):
    """A loader that fails after the first epoch."""

    fails = False

    def __call__(self, *arguments):
        if self.fails:
            raise OSError("no such host")
        return part(3)

    def on_epoch_end(self, net, epoch, history):
        self.fails = True


@pytest.mark.parametrize("mode", MODES)
def test_a_part_that_cannot_be_read_is_named_and_the_network_keeps_the_last_round(mode):
    parts = [partial(part, number) for number in range(N_PARTS)]
    failing = parts[3] = Failing()
    states, net = States(), network()
    with pytest.raises(OSError, match="no such host") as caught:
        net.fit(
            sharded(mode, parts, in_memory=False),
            epochs=3,
            batch_size=16,
            callbacks=[states, failing],
            shuffle=False,
        )
    notes = " ".join(caught.value.__notes__)
    assert "part 3 of the rows" in notes
    assert "shard 1" in notes
    np.testing.assert_array_equal(weights_of(net), states.weights[-1])
    assert len(net.history["epoch"]) == 1
    net.fit(sharded(mode), epochs=1, warm_start=True)
    assert net.history["epoch"] == [1, 2]


@pytest.mark.parametrize("mode", MODES)
def test_an_error_within_a_task_names_the_shard(mode):
    def loss(y, z):
        if len(y) == 5:
            raise ZeroDivisionError
        return (z - y)[:, 0] ** 2, 2 * (z - y)

    rows = [(X, X[:, :1]) for X, _ in PARTS[:3]]
    rows[2] = rows[2][0][:5], rows[2][1][:5]
    net = cnn.Network([cnn.Dense(1)], loss=cnn.losses.CustomLoss(loss), seed=0)
    with pytest.raises(ZeroDivisionError) as caught:
        net.fit(ShardedRows(rows, mode=mode), epochs=1, batch_size="full")
    assert "shard 2, with rows of the parts 2" in " ".join(caught.value.__notes__)


@pytest.mark.parametrize("mode", MODES)
def test_a_divergence_restores_the_last_finite_weights(mode):
    class Faster(cnn.callbacks.Callback):
        def on_epoch_end(self, net, epoch, history):
            self.weights = weights_of(net)
            if epoch == 2:
                net.optimizer = cnn.SGD(1e300)

    faster = Faster()
    X, _ = joined()
    parts = [(X, X[:, 0]) for X, _ in PARTS]
    net = cnn.Network([cnn.Dense(8, "relu"), cnn.Dense(1)], loss="mse", optimizer=cnn.SGD(0.01), seed=0)
    with pytest.raises(cnn.DivergenceError, match=r"Epoch 3, learning rate 1e\+300"):
        net.fit(sharded(mode, parts), epochs=5, callbacks=[faster])
    np.testing.assert_array_equal(weights_of(net), faster.weights)
    assert net.history["epoch"] == [1, 2]
    assert np.isfinite(net.predict(X)).all()


@pytest.mark.parametrize("mode", MODES)
def test_a_time_limit_ends_between_rounds(mode):
    with pytest.warns(cnn.CompiledNNWarning, match="before the first step"):
        net = network().fit(sharded(mode, map=slow_map), epochs=5, time_limit=0.05)
    assert net.stop_reason_ == "time_limit"
    assert net.history["epoch"] == []
    net = network().fit(sharded(mode), epochs=10**6, time_limit=0.3)
    assert net.stop_reason_ == "time_limit"
    assert net.history["epoch"]


def slow_map(function, tasks):
    """Return the results after the time limit."""
    from time import sleep

    results = list(map(function, tasks))
    sleep(0.06)
    return results


class Counting:
    """Loader of parts that counts its calls, and the parts that exist at the same time."""

    def __init__(self, number, log):
        self.number, self.log = number, log

    def __call__(self):
        X, y = part(self.number)
        rows = Tracked(X.shape)
        rows[...] = X
        self.log["alive"].add(rows)
        self.log["calls"].append(self.number)
        self.log["most"] = max(self.log["most"], len(self.log["alive"]))
        return rows, y


class Tracked(np.ndarray):
    """Array that a set of weak references can hold, by identity."""

    __hash__ = object.__hash__

    def __eq__(self, other):
        return self is other


@pytest.mark.parametrize("steps", [1, 100])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("n_shards", [1, 2])
def test_parts_are_loaded_as_they_are_needed_and_dropped(mode, n_shards, steps):
    """Workers have at most two parts of a shard at a time, also where a round has rows of all of them."""
    log = {"alive": weakref.WeakSet(), "calls": [], "most": 0}
    parts = [Counting(number, log) for number in range(N_PARTS)]
    rows = sharded(mode, parts, n_shards=n_shards, in_memory=False, steps_per_average=steps)
    net = network(dtype="float64").fit(rows, epochs=0)
    learning = len(log["calls"])
    log["calls"].clear()
    net = network(dtype="float64").fit(rows, epochs=3, batch_size=8)
    assert log["most"] <= 2 * n_shards + 1
    assert 3 * N_PARTS - 2 * n_shards <= len(log["calls"]) - learning <= 3 * N_PARTS
    assert not log["alive"]
    kept = sharded(mode, parts, n_shards=n_shards, steps_per_average=steps)
    log["calls"].clear()
    expected = network(dtype="float64").fit(kept, epochs=3, batch_size=8)
    assert len(log["calls"]) == learning + N_PARTS
    assert log["most"] >= N_PARTS, "without in_memory=False, all of them are kept"
    np.testing.assert_array_equal(weights_of(net), weights_of(expected))
    assert net.history["loss"] == expected.history["loss"]


@pytest.mark.parametrize("mode", MODES)
def test_other_processes_give_the_same_bits(mode):
    """Parts that are arrays travel once; those that are functions are loaded by the processes."""
    expected = network(standardize=True).fit(sharded(mode, n_shards=3), epochs=2)
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for parts in (PARTS, [partial(part, number) for number in range(N_PARTS)]):
            rows = sharded(mode, parts, n_shards=3, map=pool.map)
            net = network(standardize=True).fit(rows, epochs=2)
            np.testing.assert_array_equal(weights_of(net), weights_of(expected))
            for name in expected.history.keys() - {"seconds"}:
                assert net.history[name] == expected.history[name]


@pytest.mark.parametrize("mode", MODES)
def test_processes_with_other_instructions_give_the_same_bits(mode, monkeypatch):
    """The vectors that travel have the same layout for each width of a register."""
    if cnn_core.isa != "x86_v4":
        pytest.skip("x86_v4 and x86_v3 are compared")
    expected = network(layers=(17, 5, 40)).fit(sharded(mode), epochs=2)
    monkeypatch.setenv("CNN_CORE_ISA", "x86_v3")
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert list(pool.map(instructions, [0])) == ["x86_v3"]
        net = network(layers=(17, 5, 40)).fit(sharded(mode, map=pool.map), epochs=2)
    np.testing.assert_array_equal(weights_of(net), weights_of(expected))


def instructions(_):
    return cnn_core.isa
