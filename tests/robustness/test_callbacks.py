"""Calls that would change a model while it is trained: refused wherever they come from, and training continues as if
they had not been made. The calls that crashed the process once run in child processes."""

import copy
import io
import pickle
import subprocess
import sys
import threading
import warnings

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.callbacks import Callback
from small import bits, blobs

from cnn_core.gram import make_gram_stack
from cnn_core.stack import Objective, Stack

X, LABELS = blobs(40)
VALUES = np.linspace(-1, 1, 80, dtype="float32").reshape(40, 2)

NETWORK_CHANGES = {
    "fit": lambda net, state: net.fit(X, VALUES, epochs=1),
    "warm fit": lambda net, state: net.fit(X, VALUES, epochs=1, warm_start=True),
    "fit on a stream": lambda net, state: net.fit([(X, VALUES)], epochs=1),
    "partial_fit": lambda net, state: net.partial_fit(X, VALUES),
    "set_weights": lambda net, state: net.set_weights(state["layers"]),
    "other inputs": lambda net, state: net.set_weights(
        [(np.ones((9, 8)), np.ones(8)), (np.ones((8, 2)), None)]
    ),
    "restore": lambda net, state: net.restore(state),
    "set_state": lambda net, state: net.set_state(state),
    "optimizer": lambda net, state: setattr(net, "optimizer", "sgd"),
    "the crash": lambda net, state: (setattr(net, "optimizer", "sgd"), net.partial_fit(X, VALUES)),
}
ESTIMATOR_CHANGES = {
    "fit": lambda model, state: model.fit(X, VALUES),
    "partial_fit": lambda model, state: model.partial_fit(X, VALUES),
    "coefs_": lambda model, state: setattr(model, "coefs_", [np.ones((4, 8)), np.ones((8, 2))]),
    "intercepts_": lambda model, state: model.intercepts_.__setitem__(0, np.ones(8)),
    "fit of the network": lambda model, state: model.network_.fit(X, VALUES, epochs=1),
    "optimizer of the network": lambda model, state: setattr(model.network_, "optimizer", "sgd"),
    "parameters of the network": lambda model, state: setattr(model.network_, "parameters", 0.0),
}


class Attack:
    """Function that makes a call when it runs for the second time, and counts refusals and other outcomes."""

    def __init__(self, change, elsewhere=False):
        self.change, self.elsewhere = change, elsewhere
        self.model = self.state = None
        self.calls = self.refused = 0
        self.outcome = None

    def __call__(self):
        self.calls += 1
        if self.model is None or self.calls != 2:
            return
        if self.elsewhere:
            thread = threading.Thread(target=self.attempt)
            thread.start()
            thread.join(30)
            assert not thread.is_alive()
        else:
            self.attempt()

    def attempt(self):
        try:
            self.change(self.model, self.state)
        except BaseException as error:
            if isinstance(error, RuntimeError) and "is being trained" in str(error):
                self.refused += 1
            else:
                self.outcome = error


def harmless():
    return Attack(lambda model, state: None)


class AtBatch(Callback):
    def __init__(self, attack):
        self.attack = attack

    def on_batch_end(self, net, epoch, batch, loss):
        self.attack()


def loss_with(attack):
    def loss(y, z):
        attack()
        return ((y - z) ** 2).sum(axis=1), 2 * (z - y)

    return cnn.losses.CustomLoss(loss)


def activation_with(attack):
    def f(Z):
        attack()
        return np.tanh(Z)

    return cnn.Activation(f, lambda Z: 1 - np.tanh(Z) ** 2)


def metric_with(attack):
    def metric(y, predicted):
        attack()
        return 0.0

    return metric


def stream_with(attack):
    for _ in range(2):
        attack()
        yield X, VALUES


PLACES = ["loss", "activation", "derivative", "batch", "metric", "stream", "lbfgs", "gram"]


def network(place, attack, **parameters):
    hidden = activation_with(attack) if place == "activation" else "tanh"
    if place == "derivative":
        own = activation_with(attack)
        hidden = cnn.Activation(np.tanh, lambda Z: (own.f(Z), 1 - np.tanh(Z) ** 2)[1])
    loss = loss_with(attack) if place in ("loss", "lbfgs", "gram") else "mse"
    optimizer = {"lbfgs": "lbfgs", "gram": cnn.SGD(0.001)}.get(place, "adam")
    return cnn.Network(
        [cnn.Dense(8, hidden), cnn.Dense(2)], loss=loss, optimizer=optimizer, seed=3, **parameters
    )


def train(net, place, attack):
    """Train with the attack in one place."""
    options = {"epochs": 2, "warm_start": True}
    if place == "batch":
        options["callbacks"] = [AtBatch(attack)]
    if place == "metric":
        options |= {"validation_data": (X, VALUES), "metrics": [metric_with(attack)]}
    if place == "stream":
        return net.fit(lambda: stream_with(attack), **options)
    if place == "gram":
        options |= {"batch_size": "full", "gram": True}
    elif place != "lbfgs":
        options["batch_size"] = 10
    return net.fit(X, VALUES, **options)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["itself", "thread"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", NETWORK_CHANGES)
def test_a_network_refuses_changes_within_an_epoch(name, place, elsewhere):
    quiet, attack = harmless(), Attack(NETWORK_CHANGES[name], elsewhere)
    expected = train(network(place, quiet).fit(X, VALUES, epochs=0), place, quiet)
    net = network(place, attack).fit(X, VALUES, epochs=0)
    attack.calls, attack.state, attack.model = 0, net.snapshot(), net
    train(net, place, attack)
    assert (attack.refused, attack.outcome) == (1, None)
    assert bits(net) == bits(expected)
    assert net.optimizer == expected.optimizer
    net.set_weights(attack.state["layers"])  # afterwards it is allowed again
    net.optimizer = "adam"
    net.partial_fit(X, VALUES)


def estimator(place, attack):
    options = {"max_iter": 2, "batch_size": 10, "hidden_layer_sizes": 8, "random_state": 0}
    if place == "batch":
        options["callbacks"] = [AtBatch(attack)]
    elif place == "activation":
        options["activation"] = activation_with(attack)
    else:
        options["loss"] = loss_with(attack)
    if place == "lbfgs":
        options |= {"solver": "lbfgs", "batch_size": "auto"}
    return cnn.MLPRegressor(**options)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["itself", "thread"])
@pytest.mark.parametrize("place", ["loss", "activation", "batch", "lbfgs"])
@pytest.mark.parametrize("name", ESTIMATOR_CHANGES)
@pytest.mark.parametrize("way", ["fit", "partial_fit"])
def test_an_estimator_refuses_changes_within_an_epoch(name, place, elsewhere, way):
    if place == "lbfgs" and "partial_fit" in (way, name):
        pytest.skip("lbfgs has no partial_fit")
    quiet, attack = harmless(), Attack(ESTIMATOR_CHANGES[name], elsewhere)
    expected, model = estimator(place, quiet), estimator(place, attack)
    getattr(expected, way)(X, VALUES)
    attack.model = model
    getattr(model, way)(X, VALUES)
    assert (attack.refused, attack.outcome) == (1, None)
    assert bits(model.network_) == bits(expected.network_)
    attack.model = None
    getattr(model.set_params(warm_start=True), way)(X, VALUES)  # afterwards it is allowed again


@pytest.mark.parametrize("train", ["fit", "partial_fit"])
def test_training_is_refused_between_epochs_too(train):
    def nested(net, epoch, history):
        with pytest.raises(RuntimeError, match="another call of fit or partial_fit is refused"):
            getattr(net, train)(X, VALUES)

    net = network("", None).fit(X, VALUES, epochs=3, callbacks=[nested])
    assert bits(net) == bits(network("", None).fit(X, VALUES, epochs=3))
    model = estimator("batch", harmless()).set_params(callbacks=[lambda *_: nested(model, 0, 0)])
    assert model.fit(X, VALUES).n_iter_ == 2


WIDER = [(np.ones((5, 8)), np.ones(8)), (np.ones((8, 2)), np.ones(2))]
OTHER_TRAINING = {
    "number of inputs": (cnn.Adam(), lambda net: net.set_weights(WIDER), "weights for 5 inputs is refused"),
    "to LBFGS": (cnn.Adam(), lambda net: setattr(net, "optimizer", "lbfgs"), "from adam to lbfgs is refused"),
    "from LBFGS": (
        cnn.LBFGS(),
        lambda net: setattr(net, "optimizer", "adam"),
        "from lbfgs to adam is refused",
    ),
}


@pytest.mark.parametrize("event", ["on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_end"])
@pytest.mark.parametrize("name", OTHER_TRAINING)
def test_what_training_relies_on_is_kept_between_epochs(name, event):
    optimizer, change, message = OTHER_TRAINING[name]
    refused = []

    def attempt(self, net, *_):
        with pytest.raises(RuntimeError, match=message):
            change(net)
        refused.append(event)

    def fit(*callbacks):
        net = cnn.Network([cnn.Dense(8), cnn.Dense(2)], loss="mse", optimizer=optimizer, seed=0)
        return net.fit(X, VALUES, epochs=2, callbacks=callbacks)

    net = fit(type("Changing", (Callback,), {event: attempt})())
    assert refused
    assert bits(net) == bits(fit())
    change(net)  # after training


def test_what_callbacks_may_do_between_epochs(tmp_path):
    calls = []

    class All(Callback):
        def use(self, net):
            state = net.snapshot()
            net.set_weights(state["layers"])
            net.restore(state)
            net.set_state(net.get_state())
            net.optimizer = cnn.Adam(0.01)
            net.learning_rate_scale *= 0.5
            net.n_threads = 1
            net.predict(X), net.score(X, VALUES), net.loss(X, VALUES), net.gradients(X, VALUES)
            net.save(tmp_path / "net")
            net.save_checkpoint(tmp_path / "net.ckpt")
            calls.append(bits(copy.deepcopy(net)) == bits(net) == bits(pickle.loads(pickle.dumps(net))))

        def on_train_begin(self, net):
            self.use(net)

        def on_epoch_begin(self, net, epoch, history):
            self.use(net)

        def on_epoch_end(self, net, epoch, history):
            self.use(net)

        def on_train_end(self, net):
            self.use(net)

    network("", None).fit(X, VALUES, epochs=2, callbacks=[All()])
    assert calls == [True] * 6


@pytest.mark.parametrize("place", ["loss", "activation", "batch", "stream", "metric", "lbfgs"])
@pytest.mark.parametrize("elsewhere", [False, True], ids=["itself", "thread"])
@pytest.mark.parametrize("ema", [None, 0.5])
def test_reading_is_allowed_everywhere(place, elsewhere, ema):
    """All methods use one state: that of the last whole step."""
    if place == "lbfgs" and ema:
        pytest.skip("lbfgs has no averages")

    def read(net, _):
        expected = net.get_weights()
        assert bits(copy.deepcopy(net)) == bits(net)
        file = io.BytesIO()
        if place not in ("loss", "lbfgs", "activation"):  # those with functions that are not stored
            assert bits(pickle.loads(pickle.dumps(net))) == bits(net)
            net.save(file)
            assert bits(cnn.load(file.getvalue())) == bits(net)
        (
            net.predict(X),
            net.score(X, VALUES),
            net.gradients(X, VALUES),
            net.input_gradient(X),
            net.transform(X),
        )
        layers = net.snapshot()["average" if ema and net.history["epoch"] else "layers"]
        assert net.n_parameters == 58
        assert all(len(pair[0]) == len(layer["weight"]) for pair, layer in zip(expected, layers, strict=True))
        read.outputs = net.decision_function(X), net.loss(X, VALUES)

    quiet, attack = harmless(), Attack(read, elsewhere)
    expected = train(network(place, quiet, ema=ema).fit(X, VALUES, epochs=0), place, quiet)
    net = network(place, attack, ema=ema).fit(X, VALUES, epochs=0)
    attack.calls, attack.model = 0, net
    train(net, place, attack)
    assert attack.outcome is None
    assert np.isfinite(read.outputs[0]).all()
    assert np.isfinite(read.outputs[1])
    assert bits(net) == bits(expected)


@pytest.mark.parametrize("norm", [None, "batch"])
def test_weights_in_a_loss_are_those_before_its_batch(norm):
    """Each call reads the bits of weights and running statistics after the same number of steps."""
    watched, seen, steps = [], [], []

    def loss(y, z):
        seen.extend(flat(net.snapshot(optimizer=False)["layers"]) for net in watched)
        return ((y - z) ** 2).sum(axis=1), 2 * (z - y)

    class Each(Callback):
        def on_batch_end(self, net, epoch, batch, loss):
            steps.append(flat(net.snapshot(optimizer=False)["layers"]))

    layers = [cnn.Dense(8, "tanh", norm=norm), cnn.Dense(2)]
    net = cnn.Network(layers, loss=cnn.losses.CustomLoss(loss), seed=0).fit(X, VALUES, epochs=0)
    steps.append(flat(net.snapshot(optimizer=False)["layers"]))
    watched.append(net)
    net.fit(X, VALUES, epochs=1, batch_size=10, warm_start=True, callbacks=[Each()])
    assert len(seen) == 4
    assert seen == steps[:4]


def flat(layers):
    return [
        value.tobytes()
        for state in layers
        for value in (state["weight"], state["bias"], *state.get("norm", {}).values())
    ]


def test_a_failing_loss_leaves_running_statistics_of_the_last_step():
    calls = []

    def loss(y, z):
        calls.append(1)
        if len(calls) == 3:
            raise OSError("mine")
        return ((y - z) ** 2).sum(axis=1), 2 * (z - y)

    layers = [cnn.Dense(8, "tanh", norm="batch"), cnn.Dense(2)]
    net = cnn.Network(layers, loss=cnn.losses.CustomLoss(loss), seed=0)
    with pytest.raises(OSError, match="mine"):
        net.fit(X, VALUES, epochs=1, batch_size=10, shuffle=False)
    same = cnn.Network(layers, loss=cnn.losses.CustomLoss(lambda y, z: loss(y, z)), seed=0)
    calls[:] = [1] * 3
    same.fit(X[:20], VALUES[:20], epochs=1, batch_size=10, shuffle=False)
    assert flat(net.snapshot()["layers"]) == flat(same.snapshot()["layers"])


def test_two_threads_train_one_network():
    net, errors = network("", None).fit(X, VALUES, epochs=0), []
    barrier = threading.Barrier(2)

    def work(name):
        barrier.wait()
        for _ in range(100):
            try:
                net.optimizer = name
                net.partial_fit(X, VALUES, batch_size=4)
            except RuntimeError as error:
                errors.append(str(error))

    threads = [threading.Thread(target=work, args=(name,)) for name in ("sgd", "adam")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all("is being trained" in error for error in errors)
    assert np.isfinite(net.predict(X)).all()
    net.fit(X, VALUES, epochs=1)


@pytest.mark.parametrize("kind", [cnn.MLPClassifier, cnn.MLPRegressor])
def test_two_threads_train_one_estimator(kind):
    model, errors, rows = kind(hidden_layer_sizes=8), [], []

    def work():
        for _ in range(50):
            try:
                model.partial_fit(X, LABELS, **({"classes": [0, 1, 2]} if kind is cnn.MLPClassifier else {}))
                rows.append(len(X))
            except RuntimeError as error:
                errors.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows) + len(errors) == 100
    assert all(f"This {kind.__name__} is being trained" in error for error in errors)
    assert model.t_ == sum(rows)


CRASHES = """
import threading, numpy as np, compiled_nn as cnn
X, Y = np.random.rand(200, 300).astype("f4"), np.random.rand(200, 2).astype("f4")
calls = []
def loss(y, z):
    calls.append(1)
    if len(calls) % 2 == 0:
        try:
            net.optimizer = "sgd"
        except RuntimeError: pass
        try:
            net.partial_fit(X, Y)
        except RuntimeError: pass
    return ((y - z) ** 2).sum(axis=1), 2 * (z - y)
net = cnn.Network([cnn.Dense(512, "relu"), cnn.Dense(512, "relu"), cnn.Dense(2)], loss=cnn.losses.CustomLoss(loss))
net.fit(X, Y, epochs=2, batch_size=50)
net = cnn.Network([cnn.Dense(512, "relu"), cnn.Dense(2)], loss="mse").fit(X, Y, epochs=1)
def work(name):
    for _ in range(30):
        try:
            net.optimizer = name
            net.partial_fit(X, Y)
        except RuntimeError: pass
threads = [threading.Thread(target=work, args=(name,)) for name in ("sgd", "adam", cnn.SGD(0.1, momentum=0.9))]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("whole")
"""


def test_what_crashed_the_process():
    done = subprocess.run([sys.executable, "-c", CRASHES], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, "whole"), done.stderr


# ---- the core


def stack(n=2):
    made, rng = Stack((4, 8, n), ("tanh", "identity")), np.random.default_rng(0)
    for W, _ in made.views():
        W[...] = rng.normal(size=W.shape)
    made.set_update()
    made.set_optimizer("adam")
    return made


SETTERS = {
    "set_optimizer": lambda s: s.set_optimizer("sgd"),
    "set_update": lambda s: s.set_update(clip_norm=1.0),
    "set_mask": lambda s: s.set_mask(np.ones((4, 8), bool), np.zeros((4, 8), "f4")),
    "set_dropout": lambda s: s.set_dropout([0.5, 0, 0], 1),
    "standardize": lambda s: s.standardize(np.zeros(4), np.ones(4)),
    "steps": lambda s: setattr(s, "steps", 5),
    "changing": lambda s: s.changing().__enter__(),
    "train": lambda s: s.train(X[:20], VALUES[:20], Objective("mse"), None, np.ones(1), batch_size=20),
    "gradient": lambda s: s.gradient(X[:20], VALUES[:20], Objective("mse")),
    "gram": lambda s: make_gram_stack(s, X[:20]),
}


@pytest.mark.parametrize("name", SETTERS)
@pytest.mark.parametrize("where", ["step", "loss", "gradient", "evaluation", "gram"])
def test_the_core_refuses_changes_during_a_pass(name, where):
    made, refused = stack(), []
    if "gram" in (where, name):
        made.set_optimizer("sgd")

    def attempt(*_):
        with pytest.raises(RuntimeError, match="in use by a pass"):
            SETTERS[name](made)
        refused.append(name)

    def loss(y, z):
        attempt()
        return ((y - z) ** 2).sum(axis=1), 2 * (z - y)

    before, Y = made.parameters.copy(), VALUES[:20]
    if where == "step":
        made.train_epochs(
            X[:20], Y, Objective("mse"), None, np.full(2, 0.1), epochs=1, batch_size=10, on_step=attempt
        )
    elif where == "loss":
        made.train(X[:20], Y, Objective(loss), None, np.full(2, 0.1), batch_size=10)
    elif where == "gradient":
        made.gradient(X[:20], Y, Objective(loss))
    elif where == "evaluation":
        made.loss(X[:20], Y, Objective(loss))
    else:
        held = make_gram_stack(made, X[:20])
        attempt()
        held.write_back()
    assert refused
    if where in ("gradient", "evaluation", "gram"):
        assert (made.parameters == before).all()
    SETTERS["set_optimizer"](made)
    SETTERS["train"](made)


def test_a_deleted_gram_stack_lets_go_of_its_home():
    made = stack()
    made.set_optimizer("sgd")
    held = make_gram_stack(made, X[:20])
    with pytest.raises(RuntimeError, match="in use"):
        made.set_optimizer("sgd")
    del held
    made.set_optimizer("sgd")
    made.set_optimizer("adam")
    with pytest.raises(ValueError, match="gram training needs sgd"):
        make_gram_stack(made, X[:20])
    SETTERS["train"](made)


@pytest.mark.parametrize("what", ["order", "labels", "weights", "rates"])
def test_what_is_checked_is_what_is_used(what):
    """A callback of the pass writes numbers into its arguments that the checks would refuse."""
    given = {
        "order": np.arange(40),
        "labels": LABELS.astype(np.int64),
        "weights": np.ones(40),
        "rates": np.full(8, 0.1),
    }
    bad = {"order": 10**12, "labels": -(10**12), "weights": np.nan, "rates": np.nan}[what]

    def run(spoil):
        made, arguments = stack(n=3), {name: array.copy() for name, array in given.items()}

        def spoiled(*_):
            if spoil:
                arguments[what][...] = bad

        made.train_epochs(
            X,
            arguments["labels"],
            Objective("softmax_cross_entropy", weights=arguments["weights"]),
            arguments["order"],
            arguments["rates"],
            epochs=1,
            batch_size=5,
            on_step=spoiled,
        )
        return made.parameters.tobytes()

    assert run(True) == run(False)


def test_present_states_stay_as_they_are():
    made = stack()
    first = made.present()
    assert np.shares_memory(first.parameters, made.parameters)  # until it changes
    before = first.parameters.copy()
    SETTERS["train"](made)
    assert (first.parameters == before).all()
    assert (made.parameters != before).any()
    second, third = made.present(), made.present().present()
    with made.changing():
        made.parameters[...] = 0
        with made.changing(), pytest.raises(RuntimeError, match="being set by this thread"):
            made.present()
    assert second.parameters.any()
    assert third.parameters.any()
    assert not made.present().parameters.any()
    view = made.present().views()[0][0]
    before = view.copy()
    SETTERS["train"](made)
    assert (view == before).all()  # a view is enough to keep the state
    del first, second, third, view
    kept = made.parameters
    SETTERS["train"](made)
    assert np.shares_memory(made.parameters, kept)  # nobody shares it: nothing is copied


def test_a_trained_present_state_leaves_its_origin_unchanged():
    made = stack()
    other, before = made.present(), made.parameters.copy()
    other.set_update()
    other.set_optimizer("sgd")
    SETTERS["train"](other)
    assert (made.parameters == before).all()
    assert (other.parameters != before).any()


@pytest.mark.parametrize("name", ["input_gradient", "loss", "forward", "present", "copy"])
def test_reading_a_stack_in_a_step(name):
    made = stack()

    def read(*_):
        if name in ("input_gradient", "loss"):
            with pytest.raises(RuntimeError, match="in use"):
                made.loss(X, VALUES, Objective("mse")) if name == "loss" else made.input_gradient(X, VALUES)
        else:
            getattr(made, name)(*([X] if name == "forward" else []))

    made.train_epochs(
        X, VALUES, Objective("mse"), None, np.full(4, 0.1), epochs=1, batch_size=10, on_step=read
    )


def test_errors_before_a_pass_let_go_of_the_stack():
    made = stack()
    for bad in ({"order": np.array([99])}, {"rates": np.ones(5)}):
        arguments = {"order": None, "rates": np.ones(1)} | bad
        with pytest.raises(ValueError, match=next(iter(bad))):
            made.train(X[:20], VALUES[:20], Objective("mse"), batch_size=20, **arguments)
        SETTERS["train"](made)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SETTERS["changing"](made)
