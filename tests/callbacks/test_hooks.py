"""Methods of callbacks: all of them are called, in every way to train; other names are refused."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.callbacks import Callback, EarlyStopping, Plateau, from_sklearn
from small import bits, blobs, classifier

X, y = blobs()
BATCHES = -(-len(X) // 16)


class Everything(Callback):
    def __init__(self):
        self.calls, self.losses = [], []

    def on_train_begin(self, net):
        self.calls.append("train_begin")

    def on_epoch_begin(self, net, epoch, history):
        assert len(history["epoch"]) == epoch - 1
        self.calls.append(f"epoch_begin {epoch}")

    def on_batch_end(self, net, epoch, batch, loss):
        assert net.predict(X[:1]).shape == (1,)
        self.calls.append(f"batch {epoch}.{batch}")
        self.losses.append(loss)

    def on_epoch_end(self, net, epoch, history):
        self.calls.append(f"epoch_end {epoch}")

    def on_train_end(self, net):
        self.calls.append("train_end")


def expected(epochs, batches):
    middle = []
    for epoch in range(1, epochs + 1):
        middle += [
            f"epoch_begin {epoch}",
            *(f"batch {epoch}.{b}" for b in range(1, batches + 1)),
            f"epoch_end {epoch}",
        ]
    return ["train_begin", *middle, "train_end"]


def test_all_are_called_in_memory():
    watch = Everything()
    classifier().fit(X, y, epochs=2, batch_size=16, callbacks=[watch])
    assert watch.calls == expected(2, BATCHES)


def test_all_are_called_with_streams():
    watch = Everything()
    items = [(X[:20], y[:20]), (X[20:], y[20:])]
    classifier().fit(items, epochs=2, batch_size=16, classes=[0, 1, 2], callbacks=[watch])
    assert watch.calls == expected(2, 2 + -(-(len(X) - 20) // 16))


@pytest.mark.parametrize("kind", [cnn.MLPClassifier, cnn.MLPRegressor])
def test_all_are_called_in_estimators(kind):
    watch = Everything()
    kind(hidden_layer_sizes=4, max_iter=2, batch_size=16, callbacks=[watch]).fit(X, y)
    assert watch.calls == expected(2, BATCHES)


def test_methods_of_an_object_of_another_class_are_called():
    class Mine:
        on_epoch_begin, on_batch_end = Everything.on_epoch_begin, Everything.on_batch_end

        def __init__(self):
            self.calls, self.losses = [], []

    in_network, in_estimator = Mine(), Mine()
    classifier().fit(X, y, epochs=1, batch_size=len(X), callbacks=[in_network])
    cnn.MLPClassifier(max_iter=1, callbacks=[in_estimator]).fit(X, y)
    assert in_network.calls == in_estimator.calls == ["epoch_begin 1", "batch 1.1"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimizer": "nadam", "clip_norm": 0.5},
        {"l1": 1e-3, "l2": 1e-2, "ema": 0.9},
        {"input_dropout": 0.2},
    ],
)
def test_batches_one_by_one_give_the_same_bits(options, rng):
    weight = rng.integers(0, 3, len(X))
    how = {"epochs": 4, "batch_size": 7, "sample_weight": weight, "validation_data": (X, y)}
    watch = Everything()
    single = classifier(**options).fit(X, y, **how, callbacks=[watch])
    plain = classifier(**options).fit(X, y, **how)
    assert bits(single) == bits(plain)
    for name in plain.history.keys() - {"seconds"}:
        assert single.history[name] == plain.history[name], name
    assert len(watch.losses) == 4 * -(-len(X) // 7)


def test_the_loss_of_a_batch_is_that_before_its_step(rng):
    weight = rng.uniform(0.5, 2, len(X))
    watch = Everything()
    net = classifier().fit(X, y, epochs=0)
    first = net.loss(X[:16], y[:16], weight[:16])
    net.fit(X, y, epochs=1, batch_size=16, shuffle=False, sample_weight=weight, callbacks=[watch])
    assert watch.losses[0] == pytest.approx(first, rel=1e-6)  # float32


def test_a_callback_stops_after_a_batch():
    class Third(Callback):
        stop_reason = "third"

        def on_batch_end(self, net, epoch, batch, loss):
            return (epoch, batch) == (2, 3)

    net = classifier().fit(X, y, epochs=5, batch_size=8, callbacks=[Third()])
    assert (net.stop_reason_, net.history["epoch"]) == ("third", [1])
    assert net._trainer.stack.steps == -(-len(X) // 8) + 3
    streamed = classifier().fit(
        [(X[:40], y[:40]), (X[40:], y[40:])], epochs=5, batch_size=20, callbacks=[Third()]
    )
    assert (streamed.stop_reason_, streamed.history["epoch"]) == ("third", [1])


def test_training_between_two_batches_is_refused():
    class Nested(Callback):
        def on_batch_end(self, net, epoch, batch, loss):
            net.partial_fit(X, y)

    net = classifier().fit(X, y, epochs=1)
    with pytest.raises(
        RuntimeError, match="is being trained, so another call of fit or partial_fit is refused"
    ):
        net.fit(X, y, epochs=1, batch_size=16, warm_start=True, callbacks=[Nested()])
    net.predict(X)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("on_epoch_ends", "on_epoch_end"),
        ("on_batch_begin", "on_batch_end"),
        ("on_train_epoch_end", "on_epoch_end"),
        ("on_fit_begin", "on_train_begin"),
    ],
)
def test_a_method_that_would_never_be_called_is_refused(name, hint):
    wrong = type("Mine", (Callback,), {name: lambda self, net: None})()
    for train in (
        lambda: classifier().fit(X, y, callbacks=[wrong]),
        lambda: classifier().fit(X, y, callback=wrong),
        lambda: cnn.MLPClassifier(callbacks=[wrong]).fit(X, y),
    ):
        with pytest.raises(TypeError, match=rf"Mine has a method '{name}'.*Did you mean '{hint}'\?"):
            train()


# ---- exceptions


@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_batch_end", "on_epoch_end", "on_train_end"])
def test_an_exception_leaves_the_weights_of_the_last_step(hook):
    def fail(self, net, epoch=1, *rest):
        if epoch == 2 or hook == "on_train_end":
            raise OSError("mine")

    fails = type("Mine", (Callback,), {hook: fail})()
    net = classifier()
    with pytest.raises(OSError, match="mine"):
        net.fit(X, y, epochs=2, batch_size=16, callbacks=[fails])
    steps = {"on_epoch_begin": BATCHES, "on_batch_end": BATCHES + 1}.get(hook, 2 * BATCHES)
    assert net._trainer.stack.steps == steps
    model = cnn.MLPClassifier(hidden_layer_sizes=4, batch_size=16, max_iter=2, callbacks=[fails])
    with pytest.raises(OSError, match="mine"):
        model.fit(X, y)
    assert model.network_._trainer.stack.steps == steps
    assert model.predict(X).shape == y.shape
    assert model.stop_reason_ is None
    assert model.n_iter_ == len(model.loss_curve_)


def test_an_exception_of_a_metric_and_of_a_stream():
    def metric(true, predicted):
        raise OSError("mine")

    for model in (classifier(), cnn.MLPClassifier(metrics=[metric], early_stopping=True)):
        how = {} if isinstance(model, cnn.MLPClassifier) else {"metrics": [metric], "validation_data": (X, y)}
        with pytest.raises(OSError, match="mine"):
            model.fit(X, y, **how)
        model.predict(X)

    def items():
        yield X, y
        if calls.append(1) or len(calls) == 2:
            raise OSError("mine")

    calls, net = [], classifier()
    with pytest.raises(OSError, match="mine"):
        net.fit(items, epochs=3)
    net.predict(X)


def test_an_estimator_that_fails_before_the_first_step_is_as_before():
    class Fails(Callback):
        def on_train_begin(self, net):
            raise OSError("mine")

    model = cnn.MLPClassifier(max_iter=1, callbacks=[Fails()])
    with pytest.raises(OSError, match="mine"):
        model.fit(X, y)
    with pytest.raises(cnn.NotFittedError):
        model.predict(X)


# ---- parameters of callbacks


class Scripted(Callback):
    def __init__(self, values):
        self.values = values

    def on_epoch_end(self, net, epoch, history):
        history.setdefault("scripted", []).append(self.values[epoch - 1])


@pytest.mark.parametrize(
    ("options", "last", "best"),
    [
        ({}, 3, 1),
        ({"start_from_epoch": 1}, 4, 2),
        ({"start_from_epoch": 3}, 7, 5),
        ({"baseline": 1.5}, 7, 5),
        ({"baseline": 0.5}, 2, None),
    ],
)
def test_early_stopping_from_an_epoch_and_below_a_baseline(options, last, best):
    values = [2.0, 3.0, 3.0, 3.0, 1.0, 3.0, 3.0, 3.0]
    if "baseline" in options and options["baseline"] > 1:
        values[2] = 1.4
        last, best = 5, 3
        values[4] = 3.0
        options = options | {"start_from_epoch": 1}
    stopping = EarlyStopping("scripted", patience=2, mode="min", **options)
    net = classifier().fit(X, y, epochs=8, callbacks=[Scripted(values), stopping])
    assert (net.history["epoch"][-1], net.best_epoch_) == (last, best)


@pytest.mark.parametrize(
    ("cooldown", "values", "rates"),
    [
        (0, [1.0] * 7, [8, 8, 8, 4, 4, 2, 2]),
        (2, [1.0] * 8, [8, 8, 8, 4, 4, 4, 4, 2]),
        # an improvement during the cooldown is remembered, but the cooldown continues
        (2, [1.0, 1.0, 1.0, 0.5, 0.7, 0.7, 0.7, 0.7], [8, 8, 8, 4, 4, 4, 4, 2]),
    ],
)
def test_plateau_with_a_cooldown(cooldown, values, rates):
    plateau = Plateau("scripted", 0.5, patience=2, mode="min", cooldown=cooldown)
    net = classifier(optimizer=cnn.SGD(0.8))
    net.fit(X, y, epochs=len(values), callbacks=[Scripted(values), plateau])
    assert net.history["learning_rate"] == [rate / 10 for rate in rates]


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (EarlyStopping, {"start_from_epoch": -1}, "'start_from_epoch' parameter of EarlyStopping"),
        (EarlyStopping, {"baseline": "low"}, "'baseline' parameter of EarlyStopping"),
        (Plateau, {"cooldown": -1}, "'cooldown' parameter of Plateau"),
    ],
)
def test_refused_parameters(kind, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        kind(**options)


# ---- scikit-learn


@pytest.mark.parametrize("kind", ["classifier", "regressor", "network"])
def test_the_scoring_monitor_of_scikit_learn(kind):
    theirs = pytest.importorskip("sklearn.callback")
    scoring = "r2" if kind == "regressor" else ["accuracy", "neg_log_loss"]
    monitor = theirs.ScoringMonitor(scoring=scoring)
    watch = from_sklearn(monitor)
    if kind == "network":
        model = classifier().fit(X, y, epochs=3, callbacks=[watch])
    else:
        model = cnn.MLPRegressor() if kind == "regressor" else cnn.MLPClassifier()
        model.set_params(hidden_layer_sizes=4, max_iter=3, callbacks=[watch]).fit(X, y)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(rows) == 3
    name = "r2" if kind == "regressor" else "accuracy"
    assert rows[-1][name] == pytest.approx(model.score(X, y))
    classifier().fit([(X, y)], epochs=1, callbacks=[watch])  # a stream has no X and y: nothing is scored
    np.testing.assert_equal(len(monitor.get_logs("all")), 1)
