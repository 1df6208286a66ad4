"""Early stopping, targets, time limits, plateaus, interrupts: when training ends, and with which weights."""

import _thread
import math
import threading
import time

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.callbacks import Callback, EarlyStopping, Plateau, Target
from small import bits, blobs, classifier, regressor

X, y = blobs()


class Scripted(Callback):
    """Writes given values to a column of the history, and keeps the weights of each epoch."""

    def __init__(self, values, name="scripted"):
        self.values, self.name, self.weights = values, name, []

    def on_epoch_end(self, net, epoch, history):
        history.setdefault(self.name, [math.nan] * len(history["epoch"]))[-1] = self.values[epoch - 1]
        self.weights.append(bits(net))


def stopped(values, epochs=20, **parameters):
    """A network that was trained with early stopping on a scripted curve, and its weights of each epoch."""
    script = Scripted(values + [9.0] * epochs)
    parameters = {"monitor": "scripted", "mode": "min", **parameters}
    net = classifier().fit(X, y, epochs=epochs, callbacks=[script, EarlyStopping(**parameters)])
    return net, script.weights


def test_it_stops_at_the_known_epoch_with_the_best_weights():
    net, weights = stopped([3.0, 2.0, 1.0, 1.5, 1.0, 2.0, 2.0], patience=3)
    assert net.stop_reason_ == "early_stopping"
    assert net.history["epoch"][-1] == 6
    assert net.best_epoch_ == 3
    assert bits(net) == weights[2]
    assert bits(net) != weights[5]


@pytest.mark.parametrize(
    ("values", "parameters", "best", "last"),
    [
        ([3.0, 2.0, 1.95, 1.9], {"patience": 2, "min_delta": 0.5}, 2, 4),
        ([1.0, 2.0, 3.0, 2.0, 2.0], {"patience": 2, "mode": "max"}, 3, 5),
        ([math.nan, 2.0, math.nan, 3.0], {"patience": 2}, 2, 4),
        ([1.0, 0.5], {"patience": 1}, 2, 3),
    ],
)
def test_what_is_better(values, parameters, best, last):
    net, _ = stopped(values, **parameters)
    assert (net.best_epoch_, net.history["epoch"][-1]) == (best, last)


def test_best_weights_come_back_when_all_epochs_are_done():
    net, weights = stopped([3.0, 1.0, 2.0], epochs=3)
    assert net.stop_reason_ == "max_iter"
    assert bits(net) == weights[1]


def test_without_restoring_the_last_weights_stay():
    net, weights = stopped([1.0], patience=2, restore_best=False)
    assert bits(net) == weights[-1]


def test_true_is_the_default_on_validation_loss():
    net = classifier(optimizer=cnn.Adam(0.1)).fit(
        X, y, epochs=1000, validation_data=(X[:20], (y[:20] + 1) % 3), early_stopping=True
    )
    best = int(np.argmin(net.history["val_loss"])) + 1
    assert net.best_epoch_ == best
    assert net.history["epoch"][-1] == best + 10
    assert net.loss(X[:20], (y[:20] + 1) % 3) == min(net.history["val_loss"])


def test_best_weights_come_back_with_their_standardisation():
    net = classifier(standardize=True, optimizer=cnn.Adam(0.1))
    net.fit(X * 50 + 7, y, epochs=60, validation_fraction=0.3, early_stopping=EarlyStopping(patience=60))
    twin = classifier(standardize=True, optimizer=cnn.Adam(0.1))
    twin.fit(X * 50 + 7, y, epochs=net.best_epoch_, validation_fraction=0.3)
    assert bits(net) == bits(twin)
    np.testing.assert_array_equal(net.predict_proba(X * 50 + 7), twin.predict_proba(X * 50 + 7))


def test_an_exception_leaves_the_last_weights():
    script = Scripted([1.0, 2.0, 3.0])

    def fail(net, epoch, history):
        if epoch == 3:
            raise RuntimeError("mine")

    net = classifier()
    with pytest.raises(RuntimeError, match="mine"):
        net.fit(X, y, callbacks=[script, EarlyStopping("scripted", mode="min"), fail])
    assert net.stop_reason_ is None
    assert bits(net) == script.weights[2]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"early_stopping": True}, ValueError, "'val_loss' is monitored, but there are no validation rows"),
        ({"early_stopping": 5}, TypeError, "bool or an EarlyStopping. Got 5"),
        ({"target": "loss"}, TypeError, "must be a pair"),
        ({"target": ("loss", "x")}, TypeError, "'value' parameter of target"),
        ({"time_limit": 0}, ValueError, "'time_limit'.*> 0. Got 0"),
        ({"on_interrupt": "go"}, ValueError, "'on_interrupt'"),
    ],
)
def test_refusals(arguments, error, message):
    net = classifier()
    with pytest.raises(error, match=message):
        net.fit(X, y, **arguments)
    assert not hasattr(net, "stop_reason_")


def test_refusals_of_early_stopping():
    with pytest.raises(ValueError, match=r"monitors 'los', but it is unknown whether larger or smaller"):
        EarlyStopping("los")
    with pytest.raises(ValueError, match="'patience'"):
        EarlyStopping(patience=0)
    with pytest.raises(ValueError, match=r"monitors 'mine'; the history has 'epoch', 'loss'"):
        classifier().fit(X, y, callbacks=[EarlyStopping("mine", mode="min")])


def test_target():
    free = classifier().fit(X, y, epochs=30).history["loss"]
    net = classifier().fit(X, y, epochs=30, target=("loss", free[7]))
    assert net.stop_reason_ == "target"
    assert net.history["loss"] == free[:8]
    rising = classifier().fit(X, y, epochs=30, validation_data=(X, y), target=("val_score", 0.9))
    assert rising.history["val_score"][-1] >= 0.9 > rising.history["val_score"][-2]
    assert Target("val_accuracy", 0.5).monitor.reaches(0.6, 0.5)


def test_all_epochs_done():
    assert classifier().fit(X, y, epochs=0).stop_reason_ == "max_iter"
    assert classifier().fit(X, y, epochs=2, time_limit=1e9).stop_reason_ == "max_iter"


def test_time_limit_of_many_short_epochs():
    start, of_process = time.perf_counter(), time.process_time()
    net = classifier(optimizer=cnn.SGD(1e-6)).fit(X, y, epochs=10**9, time_limit=0.2)
    assert net.stop_reason_ == "time_limit"
    assert time.perf_counter() - start >= 0.2
    assert time.process_time() - of_process < 2
    assert len(net.history["loss"]) > 10


def test_time_limit_in_the_midst_of_an_epoch():
    """An epoch of many seconds ends with the limit."""
    rng = np.random.default_rng(0)
    big, labels = rng.normal(size=(40000, 400)).astype("float32"), np.arange(40000) % 10
    net = cnn.Network([cnn.Dense(2000, "relu"), cnn.Dense(2000, "relu"), cnn.Dense(10)], seed=0, n_threads=1)
    start = time.process_time()
    net.fit(big, labels, time_limit=1.0)
    assert time.process_time() - start < 3
    assert net.stop_reason_ == "time_limit"
    assert net.history["loss"] == []
    assert np.isfinite(net.predict_proba(big[:5])).all()


def test_time_limit_in_the_span_of_the_rows(rng):
    wide, values = rng.normal(size=(10, 5000)).astype("float32"), rng.normal(size=10)
    net = regressor(optimizer=cnn.SGD(1e-6))
    net.fit(wide, values, epochs=10**9, batch_size="full", gram=True, time_limit=0.2)
    assert net.stop_reason_ == "time_limit"
    done = len(net.history["loss"])
    direct = regressor(optimizer=cnn.SGD(1e-6)).fit(wide, values, epochs=50, batch_size="full", gram=False)
    assert done > 50
    assert net.history["loss"][:50] == pytest.approx(direct.history["loss"], rel=1e-4)
    with pytest.raises(ValueError, match="the batch has 6 of the 10 rows"):
        net.fit(wide, values, batch_size=6, drop_last=True, gram=True)


def test_plateau_halves_exactly_after_patience():
    script = Scripted([3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0])
    net = classifier(optimizer=cnn.SGD(0.8))
    net.fit(X, y, epochs=9, callbacks=[script, Plateau("scripted", patience=2, mode="min")])
    assert net.history["learning_rate"] == [0.8] * 4 + [0.4] * 2 + [0.2] * 3
    assert net.learning_rate_scale == 0.125


def test_plateau_scales_schedules_and_has_a_smallest_rate():
    script = Scripted([1.0] * 9)
    net = classifier(optimizer=cnn.SGD(cnn.schedules.Step(0.8, 4, 0.5, per="epoch")))
    net.fit(X, y, epochs=8, callbacks=[script, Plateau("scripted", 0.1, 3, smallest=0.05, mode="min")])
    assert net.history["learning_rate"] == pytest.approx([0.8] * 4 + [0.04] * 4)
    net = classifier(optimizer=cnn.SGD(0.8))
    net.fit(X, y, epochs=6, callbacks=[script, Plateau("scripted", 0.1, 2, smallest=0.05, mode="min")])
    assert net.history["learning_rate"] == pytest.approx([0.8] * 3 + [0.08] * 2 + [0.05])


def test_plateau_goes_on_where_it_was_and_starts_anew():
    values = [3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    whole, parts = classifier(), classifier()

    def watch():
        return [Scripted(values), Plateau("scripted", patience=2, mode="min")]

    whole.fit(X, y, epochs=8, callbacks=watch())
    parts.fit(X, y, epochs=3, callbacks=watch()).fit(X, y, epochs=5, warm_start=True, callbacks=watch())
    assert parts.history["learning_rate"] == whole.history["learning_rate"]
    assert bits(parts) == bits(whole)
    assert parts.fit(X, y, epochs=1).history["learning_rate"] == [0.02]


def test_an_interrupt_may_return():
    net = classifier(optimizer=cnn.SGD(1e-6))
    threading.Timer(0.1, _thread.interrupt_main).start()
    start = time.process_time()
    net.fit(X, y, epochs=10**9, on_interrupt="return")
    assert time.process_time() - start < 5
    assert net.stop_reason_ == "interrupted"
    assert np.isfinite(net.predict_proba(X)).all()


def test_an_interrupt_that_returns_gives_the_best_weights():
    script = Scripted([1.0, 2.0, 3.0])

    def interrupt(net, epoch, history):
        if epoch == 3:
            raise KeyboardInterrupt

    net = classifier()
    watch = [script, EarlyStopping("scripted", mode="min"), interrupt]
    net.fit(X, y, callbacks=watch, on_interrupt="return")
    assert net.stop_reason_ == "interrupted"
    assert bits(net) == script.weights[0]


def test_divergence_names_the_layer():
    net = regressor(optimizer=cnn.SGD(1e30))
    with pytest.raises(
        cnn.DivergenceError, match=r"Epoch \d+, learning rate 1e\+30, loss \S+, first in layer 0\."
    ):
        net.fit(X, y, epochs=5)
    assert net.stop_reason_ is None
    assert np.isfinite(net.predict(X)).all()
