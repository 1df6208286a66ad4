"""Training: batches, history, output, callbacks, interrupts, divergence."""

import _thread
import math
import threading
import time

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.training.history import trim_columns
from small import bits, blobs, classifier, regressor


@pytest.mark.parametrize(
    ("arguments", "steps"),
    [
        ({}, 3),
        ({"batch_size": "full"}, 1),
        ({"batch_size": 1000}, 1),
        ({"batch_size": 90}, 1),
        ({"batch_size": 89}, 2),
        ({"batch_size": 1}, 90),
        ({"n_batches": 25}, 23),
        ({"n_batches": 9}, 9),
        ({"n_batches": 1000}, 90),
    ],
)
def test_batches(arguments, steps):
    X, y = blobs()
    seen = []
    optimizer = cnn.SGD(lambda step: seen.append(step) or 0.01)
    classifier(optimizer=optimizer).fit(X, y, epochs=2, **arguments)
    assert sorted(set(seen)) == list(range(2 * steps))


def test_a_single_batch_has_no_order():
    X, y = blobs()
    shuffled, ordered = (
        classifier().fit(X, y, batch_size="full", shuffle=shuffle) for shuffle in (True, False)
    )
    assert bits(shuffled) == bits(ordered)
    assert bits(classifier().fit(X, y)) != bits(classifier().fit(X, y, shuffle=False))


def test_history():
    X, y = blobs()
    net = classifier(optimizer=cnn.SGD(lambda step: 1 / (10 + step))).fit(
        X, y, epochs=4, batch_size=45, validation_data=(X[:30], y[:30])
    )
    assert list(net.history) == [
        "epoch",
        "loss",
        "penalty",
        "learning_rate",
        "seconds",
        "val_loss",
        "val_score",
    ]
    assert {len(column) for column in net.history.values()} == {4}
    assert net.history["epoch"] == [1, 2, 3, 4]
    assert net.history["learning_rate"] == pytest.approx([1 / 11, 1 / 13, 1 / 15, 1 / 17])
    assert net.history["val_loss"][-1] == net.loss(X[:30], y[:30])
    assert net.history["val_score"][-1] == net.score(X[:30], y[:30])
    assert all(
        type(value) is float for name in ("loss", "seconds", "val_loss") for value in net.history[name]
    )


def test_validation_may_begin_and_end_midway():
    X, y = blobs()
    net = classifier().fit(X, y, epochs=1)
    net.fit(X, y, epochs=1, warm_start=True, validation_data=(X, y)).fit(X, y, epochs=1, warm_start=True)
    before, during, after = net.history["val_loss"]
    assert math.isnan(before)
    assert math.isnan(after)
    assert during > 0


def test_quiet_unless_asked(capfd):
    X, y = blobs()
    classifier().fit(X, y, epochs=3).partial_fit(X, y).predict(X)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("verbose", "epochs"), [(1, [1, 2, 3, 4, 5]), (True, [1, 2, 3, 4, 5]), (3, [3, 5]), (False, [])]
)
def test_a_line_an_epoch(verbose, epochs, capsys):
    X, y = blobs()
    net = classifier().fit(X, y, epochs=5, verbose=verbose, validation_data=(X, y))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == [f"epoch {epoch}/5" for epoch in epochs]
    if verbose:
        assert f"loss {net.history['loss'][-1]:.4g}" in lines[-1]
        assert f"val_score {net.history['val_score'][-1]:.4g}" in lines[-1]


def test_callback_sees_each_epoch_and_stops():
    X, y = blobs()
    seen = []

    def callback(net, epoch, history):
        seen.append((epoch, len(history["loss"]), net.score(X, y)))
        return epoch == 3

    net = classifier().fit(X, y, epochs=10, callback=callback)
    assert [entry[:2] for entry in seen] == [(1, 1), (2, 2), (3, 3)]
    assert net.history["epoch"] == [1, 2, 3]


def test_callback_may_change_optimizer_and_weights():
    X, y = blobs()
    net = classifier()
    start = net.fit(X, y, epochs=0).get_weights()
    before = bits(net)

    def callback(net, epoch, history):
        net.optimizer = cnn.SGD(0.01 / epoch)
        net.set_weights(start)

    net.fit(X, y, epochs=2, callback=callback)
    assert net.history["learning_rate"] == [0.02, 0.01]
    assert bits(net) == before


def test_an_exception_in_a_callback_leaves_a_usable_network():
    X, y = blobs()
    net = classifier()

    def callback(net, epoch, history):
        if epoch == 2:
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        net.fit(X, y, epochs=5, callback=callback)
    assert net.history["epoch"] == [1, 2]
    assert bits(net.fit(X, y, epochs=3, warm_start=True)) == bits(classifier().fit(X, y, epochs=5))


def test_interrupt_keeps_a_usable_network():
    X, y = blobs()
    net = classifier(optimizer=cnn.SGD(1e-6))
    threading.Timer(0.1, _thread.interrupt_main).start()
    start = time.process_time()
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, y, epochs=10**9)
    assert time.process_time() - start < 5
    assert len({len(column) for column in net.history.values()}) == 1
    assert np.isfinite(net.predict_proba(X)).all()
    net.fit(X, y, epochs=1, warm_start=True)


def test_an_interrupt_between_two_columns_is_mended():
    history = {"epoch": [1, 2, 3], "loss": [0.5, 0.4, 0.3], "val_loss": [0.5, 0.4]}
    trim_columns(history)
    assert history == {"epoch": [1, 2], "loss": [0.5, 0.4], "val_loss": [0.5, 0.4]}


@pytest.mark.parametrize("name", ["sgd", "nesterov", "adam"])
def test_divergence_keeps_the_last_finite_epoch(name):
    X, y = blobs()
    optimizers = {
        "sgd": cnn.SGD,
        "nesterov": lambda rate: cnn.SGD(rate, momentum=0.9, nesterov=True),
        "adam": cnn.Adam,
    }
    net = regressor(optimizer=optimizers[name](lambda step: 1e-3 if step < 6 else 1e38), seed=1)
    with pytest.raises(
        cnn.DivergenceError, match=r"^Solver produced non-finite .*Epoch 3, learning rate 1e\+38"
    ):
        net.fit(X, y, epochs=20)
    expected = regressor(optimizer=optimizers[name](1e-3), seed=1).fit(X, y, epochs=2)
    assert bits(net) == bits(expected)
    assert net.history["epoch"] == [1, 2]
    net.optimizer = cnn.Adam(1e-3)
    assert math.isfinite(net.fit(X, y, epochs=1, warm_start=True).history["loss"][-1])


def test_divergence_goes_back_to_the_momenta_of_the_last_finite_epoch():
    X, y = blobs()
    net = regressor(optimizer=cnn.Adam(lambda step: 1e-3 if step < 3 else 1e38)).fit(X, y, epochs=1)
    twin = regressor(optimizer=cnn.Adam(1e-3)).fit(X, y, epochs=1)
    with pytest.raises(cnn.DivergenceError):
        net.partial_fit(X, y)
    net.optimizer = cnn.Adam(1e-3)
    assert bits(net.partial_fit(X, y)) == bits(twin.partial_fit(X, y))


def test_many_epochs_in_one_call_are_the_same_as_one_by_one():
    X, y = blobs()
    together = regressor(l2=0.1).fit(X, y, epochs=300, batch_size="full")
    one_by_one = regressor(l2=0.1).fit(X, y, epochs=300, batch_size="full", callback=lambda *_: None)
    assert bits(together) == bits(one_by_one)
    for name in ("epoch", "loss", "penalty", "learning_rate"):
        assert together.history[name] == one_by_one.history[name]


@pytest.mark.parametrize("first_bad", [0, 1, 6, 18])
def test_divergence_among_many_epochs_is_that_of_one_by_one(first_bad):
    X, y = blobs()
    nets, messages = [], []
    for callback in (None, lambda *_: None):
        net = regressor(optimizer=cnn.Adam(lambda step: 1e-3 if step < first_bad else 1e38))
        with pytest.raises(cnn.DivergenceError, match=r"Epoch \d+, learning rate 1e\+38") as caught:
            net.fit(X, y, epochs=20, batch_size="full", callback=callback)
        nets.append(net)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert bits(nets[0]) == bits(nets[1])
    assert nets[0].history["loss"] == nets[1].history["loss"]
    assert len(nets[0].history["loss"]) >= first_bad
