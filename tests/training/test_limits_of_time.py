"""Time limits and Ctrl-C: training and everything around it ends soon, with the weights of the last whole step."""

import _thread
import pickle
import threading
import time

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.common import clock
from compiled_nn.rates import find_learning_rate
from long_steps import BIG, LABELS, SOON, big
from small import bits, blobs, classifier

X, y = blobs()


def interrupted(after, run):
    """Return the seconds from Ctrl-C, `after` seconds from now, until `run` raises KeyboardInterrupt."""
    times = []

    def press():
        times.append(time.process_time())
        _thread.interrupt_main()

    threading.Timer(after, press).start()
    with pytest.raises(KeyboardInterrupt):
        run()
    return time.process_time() - times[0]


@pytest.mark.parametrize("options", [{}, {"optimizer": "nadam", "clip_norm": 1.0}, {"dtype": "float64"}])
def test_a_full_batch_is_interrupted_before_its_step(options):
    net = big(**options).fit(BIG[:200], LABELS[:200], epochs=1)
    before, steps = bits(net), net._trainer.stack.steps
    how = {"epochs": 3, "batch_size": "full", "warm_start": True}
    assert interrupted(0.5, lambda: net.fit(BIG, LABELS, **how)) < SOON
    assert (bits(net), net._trainer.stack.steps) == (before, steps)
    start = time.process_time()
    with pytest.warns(cnn.CompiledNNWarning, match="before the first step"):
        net.fit(BIG, LABELS, **how, time_limit=0.7)
    assert time.process_time() - start < 0.7 + SOON
    assert (bits(net), net.stop_reason_) == (before, "time_limit")
    net.fit(BIG[:200], LABELS[:200], epochs=1, warm_start=True)
    again = big(**options).fit(BIG[:200], LABELS[:200], epochs=1)
    again.fit(BIG[:200], LABELS[:200], epochs=1, warm_start=True)
    assert [array.tobytes() for pair in net.get_weights() for array in pair if array is not None] == [
        array.tobytes() for pair in again.get_weights() for array in pair if array is not None
    ]


@pytest.mark.parametrize("run", ["predict", "loss", "score", "gradients"])
def test_evaluation_is_interrupted(run):
    net = big().fit(BIG[:200], LABELS[:200], epochs=1)
    arguments = (BIG,) if run == "predict" else (BIG, LABELS)
    assert interrupted(0.3, lambda: getattr(net, run)(*arguments)) < SOON


def test_validation_is_interrupted_and_ends_with_the_limit():
    net = big()
    how = {"epochs": 1, "validation_data": (BIG, LABELS)}
    assert interrupted(0.5, lambda: net.fit(BIG[:50], LABELS[:50], **how)) < SOON
    start = time.process_time()
    net.fit(BIG[:50], LABELS[:50], **how, time_limit=0.7)
    assert time.process_time() - start < 0.7 + SOON
    assert (net.stop_reason_, net.history["epoch"], net.history["loss"]) == ("time_limit", [], [])


def test_a_metric_may_raise_a_timeout_of_its_own():
    def metric(true, predicted):
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        classifier().fit(X, y, validation_data=(X, y), metrics=[metric], time_limit=60)


@pytest.mark.parametrize("batch_size", [7, "full"])
def test_a_limit_changes_no_bit(batch_size):
    how = {"epochs": 3, "batch_size": batch_size}
    limited = classifier().fit(X, y, **how, time_limit=1e6)
    plain = classifier().fit(X, y, **how)
    assert (bits(limited), limited.history["loss"]) == (bits(plain), plain.history["loss"])


def test_batches_in_chunks_have_the_same_bits_with_and_without_checks(monkeypatch):
    """A batch above and below the size from which it is checked within, with rows of weight 0 in addition."""
    rows = BIG[:3000, :20]
    weight = np.ones(40000)
    weight[3000:] = 0
    filled = np.concatenate([rows, np.zeros((37000, 20), "float32")])
    labels = np.concatenate([LABELS[:3000], np.zeros(37000, int)])
    layers = [cnn.Dense(200, "tanh"), cnn.Dense(2)]
    nets = [cnn.Network(layers, seed=0, dtype="float64") for _ in range(2)]
    nets[0].fit(rows, LABELS[:3000], epochs=2, batch_size="full")
    nets[1].fit(filled, labels, epochs=2, batch_size="full", sample_weight=weight)
    for (V, _), (W, _) in zip(nets[0].get_weights(), nets[1].get_weights(), strict=True):
        np.testing.assert_allclose(V, W, rtol=1e-12)  # sums of zeros in other chunks


# ---- reading


@pytest.fixture
def slow(monkeypatch):
    """Let the clock pass the limit in the first check of the data."""
    deadlines = []

    def check():
        deadlines.append(clock._deadline.get())
        if deadlines[-1] < np.inf:
            raise clock.TimeIsUpError("while the data were read")

    monkeypatch.setattr(clock, "check", check)
    return deadlines


def sparse():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    return scipy_sparse.random(5000, 2000, density=0.1, format="csr", random_state=0, dtype="float32")


@pytest.mark.parametrize("kind", ["dense", "sparse", "table", "standardize"])
def test_the_limit_holds_while_data_are_read(kind, slow):
    rows, options = BIG[:, :50], {}
    if kind == "sparse":
        rows = sparse()
    if kind == "table":
        rows, options = [["a"], ["b"]] * 50, {"categorical_features": [0]}
    if kind == "standardize":
        rows, options = BIG[:100, :5], {"standardize": True}
    labels = np.arange(rows.shape[0] if hasattr(rows, "shape") else len(rows)) % 2
    net = cnn.Network([cnn.Dense(2)], **options)
    with pytest.raises(TimeoutError):
        net.fit(rows, labels, time_limit=3.0)
    assert net.history["epoch"] == []
    with pytest.raises(cnn.NotFittedError):
        net.predict(rows)
    model = cnn.MLPClassifier(time_limit=3.0, max_iter=1, **options)
    with pytest.raises(TimeoutError):
        model.fit(rows, labels)
    with pytest.raises(cnn.NotFittedError):
        model.predict(rows)
    assert slow
    net.fit(rows, labels, epochs=1)  # without a limit


def test_the_message_says_what_to_do():
    with pytest.raises(
        TimeoutError, match=r"time_limit has passed while .* larger time_limit, or fewer rows"
    ):
        clock.run_until(time.perf_counter(), clock.check)
    clock.check()


def test_the_clock_starts_with_fit():
    """Reading takes longer than the limit: no step is taken, and the model can be used."""

    class Slow:
        def __array__(self, dtype=None, copy=None):
            time.sleep(0.2)
            return X

    net = classifier()
    with pytest.warns(cnn.CompiledNNWarning, match="before the first step"):
        net.fit(Slow(), y, time_limit=0.1)
    assert (net.stop_reason_, net._trainer.stack.steps) == ("time_limit", 0)
    net.predict(X)


def test_streams_end_with_the_limit():
    def items():
        for start in range(0, len(X), 20):
            time.sleep(0.05)
            yield X[start : start + 20], y[start : start + 20]

    net, start = classifier(), time.process_time()
    net.fit(items, epochs=1000, classes=[0, 1, 2], time_limit=0.7)
    assert time.process_time() - start < 0.7 + SOON
    assert net.stop_reason_ == "time_limit"
    net.predict(X)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_estimators_stop_within_an_epoch(solver):
    model = cnn.MLPClassifier(
        hidden_layer_sizes=(1500, 1500), solver=solver, n_threads=1, time_limit=0.7, batch_size=60000
    )
    start = time.process_time()
    with pytest.warns(cnn.CompiledNNWarning, match="before the first step"):
        model.fit(BIG, LABELS)
    assert time.process_time() - start < 0.7 + SOON
    assert (model.stop_reason_, model.n_iter_) == ("time_limit", 0)
    assert model.predict(BIG[:5]).shape == (5,)
    model.set_params(batch_size=200, time_limit=0.7).fit(BIG, LABELS)
    assert (model.stop_reason_, model.n_iter_) == ("time_limit", 0)
    assert model.t_ == 0
    threading.Timer(0.5, _thread.interrupt_main).start()
    start = time.process_time()
    with pytest.warns(cnn.CompiledNNWarning, match="Training interrupted by user"):
        model.set_params(batch_size=60000, time_limit=None).fit(BIG, LABELS)
    assert time.process_time() - start < 0.7 + SOON
    assert model.stop_reason_ == "interrupted"
    assert model.predict(BIG[:5]).shape == (5,)


# ---- Gram training


def gram_network():
    return cnn.Network([cnn.Dense(16, "tanh"), cnn.Dense(1)], loss="mse", optimizer=cnn.SGD(1e-6), seed=0)


def test_the_gram_matrix_is_interrupted_and_ends_with_the_limit():
    rows = np.resize(BIG, (4000, 24000))  # its Gram matrix takes some seconds
    values = np.arange(4000.0) / 4000
    net = gram_network().fit(rows[:50], values[:50], epochs=1)
    net.n_threads = 1
    before = bits(net)
    how = {"epochs": 3, "batch_size": "full", "gram": True, "warm_start": True}
    assert interrupted(0.3, lambda: net.fit(rows, values, **how)) < SOON
    assert bits(net) == before
    start = time.process_time()
    with pytest.warns(cnn.CompiledNNWarning, match="before the first step"):
        net.fit(rows, values, **how, time_limit=0.7)
    assert time.process_time() - start < 0.7 + SOON
    assert (bits(net), net.stop_reason_) == (before, "time_limit")
    assert np.isfinite(net.predict(rows[:5])).all()


def test_gram_training_ends_with_the_limit():
    """Whole epochs, with the same weights as that many epochs without a limit."""
    rows, values = BIG[:60].reshape(-1, 4500), np.arange(4.0)
    how = {"batch_size": "full", "gram": True}
    net, start = gram_network(), time.process_time()
    net.fit(rows, values, epochs=10**7, **how, time_limit=0.7)
    assert time.process_time() - start < 0.7 + SOON
    epochs = len(net.history["loss"])
    assert net.stop_reason_ == "time_limit"
    assert epochs > 0
    assert bits(net) == bits(gram_network().fit(rows, values, epochs=epochs, **how))


@pytest.mark.parametrize("run", ["calibrate", "calibrate_intervals", "find_learning_rate", "score"])
@pytest.mark.parametrize("kind", ["network", "estimator", "values"])
def test_an_interrupt_leaves_the_model_as_before(run, kind):
    if (run, kind) in (("calibrate", "values"), ("calibrate", "estimator")):
        pytest.skip("not a method of this model")
    y_of = BIG[:, 0] if kind == "values" else LABELS
    if kind == "estimator":
        model = cnn.MLPClassifier(hidden_layer_sizes=(1500, 1500), max_iter=1, n_threads=1)
        model.fit(BIG[:200], y_of[:200])
    elif kind == "values":
        layers = [cnn.Dense(1500, "relu"), cnn.Dense(1500, "relu"), cnn.Dense(1)]
        model = cnn.Network(layers, loss="mse", seed=0, n_threads=1).fit(BIG[:200], y_of[:200], epochs=1)
    else:
        model = big().fit(BIG[:200], y_of[:200], epochs=1)
    before = pickle.dumps(model)

    def call():
        if run == "find_learning_rate":
            find_learning_rate(model, BIG, y_of, batch_size=len(BIG))
        else:
            getattr(model, run)(BIG, y_of)

    assert interrupted(0.3, call) < SOON
    assert pickle.dumps(model) == before
