"""Checkpoint(resume=True): a call of fit that was ended by an error continues, with the bits of one that was not."""

import io
import json

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.callbacks import Callback, Checkpoint, EarlyStopping, Plateau
from compiled_nn.files import safetensors_file
from small import bits, blobs

X, Y = blobs(120)
LEVELS = np.arange(120) * 0.01
STOPPING = {"validation_fraction": 0.2, "early_stopping": True}


class CrashError(Exception):
    """Error of a callback, in place of the end of a process."""


class Crash(Callback):
    """Callback that raises a CrashError after an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, net, epoch, history):
        if epoch == self.epoch:
            raise CrashError


class NoEpoch(Callback):
    """Callback that fails if an epoch is trained."""

    def on_epoch_begin(self, net, epoch, history):
        pytest.fail(f"epoch {epoch} was trained")


def network(**parameters):
    layers = [cnn.Dense(8, "relu", dropout=0.2, norm="batch"), cnn.Dense(3)]
    rate = cnn.schedules.Cosine(0.05, over=60)
    return cnn.Network(layers, **{"optimizer": cnn.Adam(rate), "seed": 3, "standardize": True} | parameters)


def train_network(path, *more, parameters=None, data=(X, Y), **arguments):
    arguments = {"epochs": 9, "batch_size": 20, **arguments}
    callbacks = [Checkpoint(path, resume=True), *more]
    return network(**parameters or {}).fit(*data, callbacks=callbacks, **arguments)


def train_estimator(path, *more, kind=cnn.MLPClassifier, y=Y, **parameters):
    parameters = {"hidden_layer_sizes": 8, "max_iter": 9, "random_state": 1, "batch_size": 20} | parameters
    return kind(callbacks=[*more, Checkpoint(path, resume=True)], **parameters).fit(X, y)


def described(model):
    """Return everything that a fit has determined, except for times."""
    net = getattr(model, "network_", model)
    columns = {name: repr(column) for name, column in net.history.items() if name != "seconds"}
    names = ("n_iter_", "t_", "loss_curve_", "best_iter_", "loss_", "best_loss_", "validation_scores_")
    found = {name: repr(getattr(model, name, None)) for name in (*names, "best_validation_score_")}
    return found | columns | {"stop": net.stop_reason_, "best": net.best_epoch_, "bits": bits(net)}


NETWORKS = {
    "plain": {},
    "early stopping": {"validation_fraction": 0.2, "early_stopping": EarlyStopping(patience=2), "epochs": 30},
    "score": {"validation_fraction": 0.2, "early_stopping": EarlyStopping("val_score", patience=3)},
    "ema": {**STOPPING, "parameters": {"ema": 0.8}},
    "averaging": {"averaging": cnn.SWA(4)},
    "target": {"target": ("loss", 0.6), "epochs": 30},
    "stream": {"data": (lambda: ((X[i : i + 40], Y[i : i + 40]) for i in (0, 40, 80)), None)},
    "sgd": {"parameters": {"optimizer": cnn.SGD(0.1, momentum=0.9), "seed": None}},
}
ESTIMATORS = {
    "plain": {},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 2, "max_iter": 30},
    "ema": {"early_stopping": True, "ema": 0.8, "dropout": 0.1},
    "adaptive": {
        **{"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.5},
        **{"n_iter_no_change": 1, "max_iter": 25},
    },
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5},
    "averaging": {"averaging": cnn.SWA(0.5)},
    "regressor": {"kind": cnn.MLPRegressor, "y": LEVELS, "early_stopping": True, "scale_targets": True},
}
CALLS = {
    **{f"Network {name}": (train_network, options) for name, options in NETWORKS.items()},
    **{f"estimator {name}": (train_estimator, options) for name, options in ESTIMATORS.items()},
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_crashes_again_and_again_ends_with_the_same_bits(name, tmp_path):
    train, options = CALLS[name]
    path = tmp_path / "c"
    if name == "Network sgd":  # the first call draws the seed, so that one file is the start of both
        with pytest.raises(CrashError):
            train(path, Crash(2), **options)
        (tmp_path / "whole").write_bytes(path.read_bytes())
    whole = train(tmp_path / "whole", **options)
    for epoch in (1, 2, 5):
        if epoch <= len(whole.history["epoch"] if hasattr(whole, "history") else whole.history_["epoch"]):
            try:
                train(path, Crash(epoch), **options)
            except CrashError:
                continue
    assert described(train(path, **options)) == described(whole)
    assert described(train(path, NoEpoch(), **options)) == described(whole)


def test_a_rate_that_a_callback_has_lowered(tmp_path):
    def train(path, *more):
        return train_network(path, Plateau("loss", patience=1, min_delta=0.1), *more)

    whole = train(tmp_path / "whole")
    assert whole.learning_rate_scale < 1
    with pytest.raises(CrashError):
        train(tmp_path / "c", Crash(6))
    assert described(train(tmp_path / "c")) == described(whole)


def test_without_a_seed_the_one_in_the_file_counts(tmp_path):
    options = {"random_state": None, "early_stopping": True}
    with pytest.raises(CrashError):
        train_estimator(tmp_path / "c", Crash(3), **options)
    (tmp_path / "copy").write_bytes((tmp_path / "c").read_bytes())
    one, other = (train_estimator(tmp_path / name, **options) for name in ("c", "copy"))
    assert described(one) == described(other) != described(train_estimator(tmp_path / "new", **options))


def test_a_file_every_third_epoch_and_at_the_end(tmp_path):
    def train(*more):
        checkpoint = Checkpoint(tmp_path / "c", every=3, resume=True)
        return network().fit(X, Y, epochs=7, callbacks=[checkpoint, *more])

    with pytest.raises(CrashError):
        train(Crash(5))
    assert cnn.load_checkpoint(tmp_path / "c").history["epoch"] == [1, 2, 3]
    assert described(train()) == described(network().fit(X, Y, epochs=7))
    assert cnn.load_checkpoint(tmp_path / "c").history["epoch"] == [1, 2, 3, 4, 5, 6, 7]


def test_ctrl_c_and_time_limits_leave_a_run_that_continues(tmp_path):
    def press(net, epoch, history):
        if epoch == 4:
            raise KeyboardInterrupt

    whole = train_network(tmp_path / "whole")
    stopped = train_network(tmp_path / "c", press, on_interrupt="return")
    assert stopped.stop_reason_ == "interrupted"
    assert described(train_network(tmp_path / "c")) == described(whole)


def test_a_callback_that_stops_training_has_ended_the_run(tmp_path):
    stopped = train_network(tmp_path / "c", lambda net, epoch, history: epoch == 4)
    again = train_network(tmp_path / "c", NoEpoch())
    assert again.stop_reason_ == stopped.stop_reason_ == "callback"
    assert bits(again) == bits(stopped)


CHANGES = {
    "argument.epochs": (train_network, {"epochs": 10}),
    "argument.batch_size": (train_network, {"batch_size": 30}),
    "argument.shuffle": (train_network, {"shuffle": False}),
    "optimizer.learning_rate.initial": (
        train_network,
        {"parameters": {"optimizer": cnn.Adam(cnn.schedules.Cosine(0.04, over=60))}},
    ),
    "rows.hash of X": (train_network, {"data": (X + np.eye(120, 4, dtype=np.float32), Y)}),
    "rows.hash of y": (train_network, {"data": (X, (Y + (np.arange(120) == 0)) % 3)}),
    "rows.hash of the weights": (train_network, {"sample_weight": np.arange(120) + 1.0}),
    "validation rows": (train_network, {"validation_data": (X[:9], Y[:9])}),
    "callbacks": (train_network, {"target": ("loss", 0.001)}),
    "network.standardize": (train_network, {"parameters": {"standardize": False}}),
    "parameter.hidden_layer_sizes": (train_estimator, {"hidden_layer_sizes": 9}),
    "parameter.alpha": (train_estimator, {"alpha": 0.5}),
    "parameter.random_state": (train_estimator, {"random_state": 2}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_another_run_is_refused(what, tmp_path):
    train, change = CHANGES[what]
    path = tmp_path / "c"
    before = described(train(path))
    content = path.read_bytes()
    with pytest.raises(ValueError, match=rf"c is the checkpoint of another run: {what}.* differs") as refused:
        train(path, **change)
    assert "in this call" in str(refused.value) or what == "callbacks"
    assert path.read_bytes() == content
    assert described(train(path)) == before


def test_a_network_that_is_refused_stays_as_it_was(tmp_path):
    train_network(tmp_path / "c")
    (tmp_path / "damaged").write_bytes((tmp_path / "c").read_bytes()[:-50])
    net = network(seed=5).fit(X, Y, epochs=2)
    before = described(net)
    for name, words in (("c", "another run"), ("damaged", "not a readable network")):
        with pytest.raises(ValueError, match=words):
            net.fit(X, Y, epochs=9, batch_size=20, callbacks=[Checkpoint(tmp_path / name, resume=True)])
        assert described(net) == before


def test_calls_that_cannot_be_continued(tmp_path):
    resuming = Checkpoint(tmp_path / "c", resume=True)
    fitted = network().fit(X, Y, epochs=1)
    with pytest.raises(ValueError, match="starts from the initial weights"):
        fitted.fit(X, Y, epochs=1, warm_start=True, callbacks=[resuming])
    with pytest.raises(ValueError, match="cannot continue 'lbfgs'"):
        cnn.Network([cnn.Dense(3)], optimizer=cnn.LBFGS(3)).fit(X, Y, callbacks=[resuming])
    with pytest.raises(ValueError, match="needs a seed"):
        network(seed=None).fit(X, Y, validation_fraction=0.2, callbacks=[resuming])
    with pytest.raises(ValueError, match="callbacks has 2 Checkpoints with resume=True"):
        network().fit(X, Y, callbacks=[resuming, Checkpoint(tmp_path / "d", resume=True)])
    with pytest.raises(ValueError, match="contradict one another"):
        Checkpoint(tmp_path / "c", keep_best="loss", resume=True)
    model = cnn.MLPClassifier(callbacks=[resuming], warm_start=True, max_iter=1).fit(X, Y)
    with pytest.raises(ValueError, match="continues from the fitted ones"):
        model.fit(X, Y)
    with pytest.raises(ValueError, match="partial_fit trains for one pass"):
        model.partial_fit(X, Y)


def test_files_of_other_kinds(tmp_path):
    path = tmp_path / "c"
    network().fit(X, Y, epochs=1, callbacks=[Checkpoint(path)])
    with pytest.raises(ValueError, match="it was not written with resume=True"):
        train_network(path)
    network().fit(X, Y, epochs=1).save(path)
    with pytest.raises(ValueError, match="it is not a checkpoint"):
        train_network(path)


def test_the_file_is_also_a_model_and_a_checkpoint(tmp_path):
    whole, path = train_estimator(tmp_path / "c", early_stopping=True), tmp_path / "c"
    assert cnn.load(path).predict(X).shape == cnn.MLPClassifier.load(path).predict(X).shape == Y.shape
    assert cnn.read_card(path)["checkpoint"]["epochs"] == whole.n_iter_


WRONG = {
    "description is not an object": lambda run: run.update(description=[]),
    "stop_reason of another type": lambda run: run.update(stop_reason=3),
    "an unknown key": lambda run: run.update(more=1),
    "no best weights of the callback": lambda run: run.update(best=[]),
    "the state of a generator": lambda run: run["generator"]["state"].update(pos=700),
    "the number of rows": lambda run: run.update(n_rows=7),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_values_in_the_record(what, tmp_path):
    path = tmp_path / "c"
    with pytest.raises(CrashError):
        train_estimator(path, Crash(3), early_stopping=True)
    with safetensors_file.open_tensors(path) as file:
        documents = {key: json.loads(text) for key, text in file.metadata().items()}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    WRONG[what](documents["compiled_nn_run"])
    safetensors_file.write_tensors(path, tensors, documents)
    with pytest.raises(ValueError, match="c is not a readable network"):
        train_estimator(path, early_stopping=True)


def test_an_order_with_a_row_twice(tmp_path):
    path = tmp_path / "c"
    with pytest.raises(CrashError):
        train_estimator(path, Crash(3))
    with safetensors_file.open_tensors(path) as file:
        documents = {key: json.loads(text) for key, text in file.metadata().items()}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    tensors["training.run.order"][:4] = tensors["training.run.order"][4:8]
    safetensors_file.write_tensors(path, tensors, documents)
    with pytest.raises(ValueError, match="does not have each row number once"):
        train_estimator(path)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (cnn.Adam(cnn.schedules.Cosine(0.05, over=60)), cnn.SGD(0.1, momentum=0.9)),
        (cnn.SGD(0.1, momentum=0.9), cnn.SGD(0.02, momentum=0.9)),
        (cnn.SGD(lambda step: 0.1), cnn.Adam(0.01)),
    ],
)
@pytest.mark.parametrize("crash", [1, 2, 3, 5])
def test_an_optimizer_that_a_callback_has_assigned(tmp_path, before, after, crash):
    def assign(net, epoch, history):
        if epoch == 2:
            net.optimizer = after

    parameters = {"optimizer": before}
    expected = train_network(tmp_path / "whole", assign, parameters=parameters)
    with pytest.raises(CrashError):
        train_network(tmp_path / "file", assign, Crash(crash), parameters=parameters)
    assert described(train_network(tmp_path / "file", assign, parameters=parameters)) == described(expected)


def halve(net, epoch, history):
    """Callback that sets weights after the second epoch."""
    if epoch == 2:
        net.set_weights([(W * np.float32(0.5), b) for W, b in net.get_weights()])


def test_an_optimizer_that_changes_the_format_of_the_file(tmp_path):
    def assign(net, epoch, history):
        if epoch == 2:
            net.optimizer = cnn.Adam(cnn.schedules.Cosine(0.05, over=60))

    def train(path, *more):
        callbacks = [Checkpoint(path, resume=True), assign, *more]
        return cnn.Network([cnn.Dense(3)], seed=3).fit(X, Y, epochs=4, batch_size=20, callbacks=callbacks)

    expected = train(tmp_path / "whole")
    with pytest.raises(CrashError):
        train(tmp_path / "c", Crash(3))
    assert described(train(tmp_path / "c")) == described(expected)


@pytest.mark.parametrize("crash", [2, 3, 5])
def test_weights_that_a_callback_has_set(tmp_path, crash):
    expected = train_network(tmp_path / "whole", halve)
    with pytest.raises(CrashError):
        train_network(tmp_path / "file", halve, Crash(crash))
    assert described(train_network(tmp_path / "file", halve)) == described(expected)


ONES, PHASES = np.ones((4, 8)), np.arange(8.0)
INITIALIZERS = {
    "default": None,
    "name": "he_uniform",
    "constant": cnn.Constant(0.25),
    "array": ONES,
    "another array": 2 * ONES,
    "arrays": (ONES, PHASES),
    "other biases": (ONES, -PHASES),
    "drawn, and biases": ("he_uniform", PHASES),
    "drawn, and other biases": ("he_uniform", -PHASES),
}


@pytest.mark.parametrize("epochs", [2, 3, 4])
def test_a_call_of_the_same_network_again(tmp_path, epochs):
    """Weights that a callback has set are not where the next call starts."""
    expected = bits(network().fit(X, Y, epochs=4, callbacks=[halve]))
    net = network()
    callbacks = [Checkpoint(tmp_path / "c", resume=True), halve]
    if epochs < 4:
        with pytest.raises(CrashError):
            net.fit(X, Y, epochs=4, callbacks=[*callbacks, Crash(epochs)])
    else:
        assert bits(net.fit(X, Y, epochs=4, callbacks=callbacks)) == expected
    assert bits(net.fit(X, Y, epochs=4, callbacks=callbacks)) == expected
    assert bits(net.fit(X, Y, epochs=4, callbacks=[halve])) == expected


def trained_on_other_rows(net):
    net.partial_fit(X[:40] + 1, Y[:40])


def loaded(net):
    buffer = io.BytesIO()
    net.fit(X, Y, epochs=1).save(buffer)
    return cnn.load(buffer.getvalue())


def without_epochs(net):
    net.fit(X, Y, epochs=0)


@pytest.mark.parametrize("before", [trained_on_other_rows, loaded, without_epochs])
def test_present_weights_are_refused(tmp_path, before):
    net = network()
    net = before(net) or net
    start = bits(net)
    with pytest.raises(ValueError, match=r"continues from the present ones \(warm_start=True\)"):
        net.fit(X, Y, epochs=1, warm_start=True, callbacks=[Checkpoint(tmp_path / "c", resume=True)])
    assert bits(net) == start
    assert not (tmp_path / "c").exists()


def train_from(path, init, *more):
    net = cnn.Network([cnn.Dense(8, "relu", init=init), cnn.Dense(3)], seed=3)
    return net.fit(X, Y, epochs=4, batch_size=20, callbacks=[Checkpoint(path, resume=True), halve, *more])


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initializers_after_a_callback_has_set_weights(name, tmp_path):
    init = INITIALIZERS[name]
    expected = train_from(tmp_path / "whole", init)
    with pytest.raises(CrashError):
        train_from(tmp_path / "c", init, Crash(3))
    content = (tmp_path / "c").read_bytes()
    for other, changed in INITIALIZERS.items():
        if other != name:
            with pytest.raises(ValueError, match=r"of another run: initial weights\[0\].* differs"):
                train_from(tmp_path / "c", changed)
    assert (tmp_path / "c").read_bytes() == content
    assert described(train_from(tmp_path / "c", init)) == described(expected)


@pytest.mark.parametrize("norm", [None, "layer"])
def test_weights_that_were_set_before_training(tmp_path, norm):
    def train(path, weights, *more):
        net = cnn.Network([cnn.Dense(8, "relu", norm=norm), cnn.Dense(3)], seed=3)
        if weights is not None:
            net.set_weights(weights)
        return net.fit(X, Y, epochs=4, batch_size=20, callbacks=[Checkpoint(path, resume=True), *more])

    start = train(tmp_path / "start", None).snapshot()["layers"]
    other = [{**state, "bias": state["bias"] + 1} for state in start]
    expected = train(tmp_path / "whole", start)
    with pytest.raises(CrashError):
        train(tmp_path / "c", start, Crash(3))
    for changed in (other, None):
        with pytest.raises(ValueError, match=r"of another run: initial weights.* differs"):
            train(tmp_path / "c", changed)
    assert described(train(tmp_path / "c", start)) == described(expected)
