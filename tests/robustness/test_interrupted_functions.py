"""Ctrl-C at the beginning of every function that training calls, where Python handles signals: the network has the
weights of one whole step, and the next call trains as if nothing had happened."""

import pickle
import sys
import warnings
from pathlib import Path

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.callbacks import Callback
from compiled_nn.common import exclusive
from compiled_nn.training import trainer
from small import blobs

X, LABELS = blobs(24)
VALUES = np.stack([X[:, 0] * X[:, 1], X[:, 2]], 1)
PACKAGE = str(Path(cnn.__file__).parent)


def network(optimizer, **options):
    layers = [cnn.Dense(4, "tanh"), cnn.Dense(2)]
    return cnn.Network(layers, loss="mse", optimizer=optimizer, seed=1, n_threads=1, **options)


def estimator(kind=cnn.MLPRegressor, **options):
    return kind(hidden_layer_sizes=(4,), max_iter=2, random_state=1, batch_size=12, **options)


def fit(y=VALUES, **options):
    def train(model, callbacks=()):
        if isinstance(model, cnn.Network):
            model.fit(X, y, **({"epochs": 3, "batch_size": 12, "callbacks": callbacks} | options))
        else:
            model.set_params(callbacks=list(callbacks) or None).fit(X, y)

    return train


def on_stream(net, callbacks=()):
    net.fit([(X, VALUES)] * 2, epochs=2, callbacks=callbacks)


CASES = {
    "adam": (lambda: network(cnn.Adam()), fit()),
    "early stopping": (
        lambda: network(cnn.Adam(), standardize=True),
        fit(early_stopping=True, validation_fraction=0.2),
    ),
    "averaging": (lambda: network(cnn.SGD(0.1)), fit(averaging=cnn.SWA())),
    "ema": (lambda: network(cnn.SGD(0.1), ema=0.9), fit()),
    "lbfgs": (lambda: network(cnn.LBFGS()), fit(batch_size=32)),
    "stream": (lambda: network(cnn.Adam()), on_stream),
    "regressor": (estimator, fit()),
    "classifier": (lambda: estimator(cnn.MLPClassifier, early_stopping=True), fit(LABELS)),
}


def weights(model):
    net = getattr(model, "network_", model)
    return b"".join(array.tobytes() for pair in net.get_weights() for array in pair)


class Steps(Callback):
    """Callback that records the weights after every step."""

    def __init__(self):
        self.seen = set()

    def record(self, net, *_):
        self.seen.add(weights(net))

    on_train_begin = on_epoch_begin = on_batch_end = on_epoch_end = on_train_end = record


def has_weights(model):
    net = getattr(model, "network_", None) if not isinstance(model, cnn.Network) else model
    return net is not None and net._trainer is not None


def interrupted(call, index):
    """Call a function; a KeyboardInterrupt comes where the function of the package with this index begins.

    Returns whether there was one.
    """
    count = 0

    def trace(frame, event, _):
        nonlocal count
        if (
            frame.f_code.co_filename.startswith(PACKAGE) and frame.f_code.co_flags & 0x20 == 0
        ):  # no generators
            count += 1
            if count == index:
                raise KeyboardInterrupt

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(previous)
    return count >= index


@pytest.mark.parametrize("name", CASES)
def test_ctrl_c_at_the_beginning_of_each_function(name, effort):
    make, train = CASES[name]
    steps, reference = Steps(), make()
    train(make(), [steps])
    train(reference)
    legal, final = steps.seen | {weights(reference)}, weights(reference)
    index, stride = 1, effort.count(3, 1)
    while True:
        model = make()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", cnn.CompiledNNWarning)  # the estimators return after Ctrl-C
            if not interrupted(lambda model=model: train(model), index):
                break
        if has_weights(model):
            assert weights(model) in legal, index
            copy = pickle.loads(pickle.dumps(model))
            assert model.predict(X).tobytes() == copy.predict(X).tobytes()
        train(model)
        assert weights(model) == final, index
        index += stride
    assert index > 50  # functions have been interrupted


@pytest.mark.parametrize("method", ["add", "discard"])
@pytest.mark.parametrize("kind", ["network", "estimator"])
def test_ctrl_c_while_training_begins_or_ends(kind, method, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    model = estimator() if kind == "estimator" else network(cnn.Adam())
    running = type("Interrupted", (set,), {method: interrupt})()
    with monkeypatch.context() as patch:
        patch.setattr(exclusive, "_running", running)
        with pytest.raises(KeyboardInterrupt):
            fit()(model)
    fit()(model)
    other = estimator() if kind == "estimator" else network(cnn.Adam())
    fit()(other)
    assert weights(model) == weights(other)


def test_a_signal_handler_trains_while_training_ends(monkeypatch):
    net, calls = network(cnn.Adam()), []

    def getattr_then_train(model, *names):  # a signal is handled after this call
        value = getattr(model, *names)
        if isinstance(value, exclusive.Training) and value.has_ended and not calls:
            calls.append(1)
            fit()(model)
        return value

    monkeypatch.setattr(exclusive, "getattr", getattr_then_train, raising=False)
    fit()(net)
    assert calls
    other = network(cnn.Adam())
    fit()(other)
    assert weights(net) == weights(other)
    assert exclusive.training_of(net) is None


def test_a_signal_handler_restores_weights_while_the_mean_is_set(monkeypatch):
    net = network(cnn.SGD(0.1))
    original = trainer.copy_layers

    def copy_then_restore(layers, *dtype):  # a signal is handled after this call
        copy = original(layers, *dtype)
        if net._trainer.average is not None:
            monkeypatch.setattr(trainer, "copy_layers", original)
            net.restore({"layers": copy})
        return copy

    monkeypatch.setattr(trainer, "copy_layers", copy_then_restore)
    fit(averaging=cnn.SWA())(net)
    assert trainer.copy_layers is original
    reference = network(cnn.SGD(0.1))
    fit(averaging=cnn.SWA())(reference)
    assert weights(net) == weights(reference)


def test_an_average_of_no_epoch_is_not_applied():
    net = network(cnn.SGD(0.1))

    class FullError(Exception):
        pass

    def no_memory(*_):
        raise FullError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("compiled_nn.training.averaging.Average.add", no_memory)
        with pytest.raises(FullError):
            fit(averaging=cnn.SWA())(net)
    assert np.isfinite(net.predict(X)).all()
