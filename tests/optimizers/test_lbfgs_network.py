"""LBFGS as an optimizer of Network, and as the solver of the estimators: the same loop as every optimizer."""

import _thread
import threading
import time

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.callbacks import Callback, EarlyStopping, Plateau
from long_steps import BIG, LABELS, SOON, big
from small import bits, blobs, classifier, regressor

X, y = blobs()
VALUES = 3 * X[:, 0] + X[:, 1] ** 2


def quadratic(**options):
    """A network without hidden layers: a linear regression."""
    return cnn.Network([cnn.Dense(1)], loss="mse", seed=0, optimizer=cnn.LBFGS(tol=1e-9), **options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_the_minimum_of_a_linear_regression(dtype, l2, rng):
    weight = rng.uniform(0.5, 2, len(X))
    net = quadratic(dtype=dtype, l2=l2).fit(X, VALUES, sample_weight=weight)
    assert net.stop_reason_ == "tol"
    # mse is half of the square: the normal equations of the weighted rows
    A = np.c_[X, np.ones(len(X))].astype(float)
    share = weight / weight.sum()
    penalty = np.diag([l2] * X.shape[1] + [0.0])
    matrix, right = (A.T * share) @ A, (A.T * share) @ VALUES
    found = np.r_[net.get_weights()[0][0][:, 0], net.get_weights()[0][1]]
    candidates = [np.linalg.solve(k * matrix + penalty, k * right) for k in (1, 2)]
    np.testing.assert_allclose(found, candidates[0 if half_of_square() else 1], rtol=1e-4, atol=1e-6)


def half_of_square():
    """Whether the loss mse is half of the squared error."""
    net = regressor().fit(X, VALUES, epochs=0)
    return net.loss(X, VALUES) < 0.75 * np.mean((net.predict(X) - VALUES) ** 2)


def test_history_has_one_entry_per_step_and_the_loss_after_it():
    net = cnn.Network([cnn.Dense(4, "tanh"), cnn.Dense(3)], l2=0.01, seed=0, optimizer="lbfgs").fit(
        X, y, epochs=5
    )
    assert (net.history["epoch"], net.stop_reason_) == ([1, 2, 3, 4, 5], "max_iter")
    assert net.history["loss"][-1] == pytest.approx(net.loss(X, y), rel=1e-5)  # float32
    total = np.add(net.history["loss"], net.history["penalty"])
    assert (np.diff(total) < 0).all()
    assert net.fit(X, y).history["epoch"][-1] <= 200


def test_estimators_use_the_same_steps():
    model = cnn.MLPClassifier(
        hidden_layer_sizes=4, solver="lbfgs", alpha=0.0, max_iter=8, random_state=0, tol=1e-4
    )
    model.fit(X, y)
    net = cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(3)], optimizer=cnn.LBFGS(max_iter=8))
    start = cnn.MLPClassifier(hidden_layer_sizes=4, max_iter=0, random_state=0).fit(X, y)
    net.set_weights(list(zip(start.coefs_, start.intercepts_, strict=True)))
    net.fit(X, y)
    assert net.history["loss"] == pytest.approx(model.history_["loss"], rel=1e-9)
    assert model.loss_curve_ == pytest.approx(model.history_["loss"], rel=1e-9)


class Everything(Callback):
    def __init__(self):
        self.calls = []

    def on_train_begin(self, net):
        self.calls.append("begin")

    def on_epoch_begin(self, net, epoch, history):
        self.calls.append(f"{epoch} begin")

    def on_batch_end(self, net, epoch, batch, loss):
        self.calls.append(f"{epoch} batch {batch}")

    def on_epoch_end(self, net, epoch, history):
        self.calls.append(f"{epoch} end")
        return epoch == 2

    def on_train_end(self, net):
        self.calls.append("end")


def test_callbacks_are_called_for_each_step():
    steps = ["1 begin", "1 batch 1", "1 end", "2 begin", "2 batch 1", "2 end"]
    in_network, in_estimator = Everything(), Everything()
    net = classifier(optimizer=cnn.LBFGS()).fit(X, y, callbacks=[in_network])
    model = cnn.MLPClassifier(solver="lbfgs", callbacks=[in_estimator]).fit(X, y)
    assert in_network.calls == in_estimator.calls == ["begin", *steps, "end"]
    assert net.stop_reason_ == model.stop_reason_ == "callback"
    assert model.n_iter_ == 2


def test_verbose_prints_lines(capsys):
    classifier(optimizer=cnn.LBFGS()).fit(X, y, epochs=2, verbose=1)
    cnn.MLPClassifier(solver="lbfgs", max_iter=2, verbose=True).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"] * 2


def test_early_stopping_restores_the_best_step(rng):
    noise = rng.integers(0, 3, len(X))
    layers = [cnn.Dense(50, "tanh"), cnn.Dense(3)]
    net = cnn.Network(layers, seed=0, optimizer=cnn.LBFGS(tol=1e-9))
    net.fit(X, noise, validation_fraction=0.3, early_stopping=EarlyStopping(patience=5))
    assert net.stop_reason_ == "early_stopping"
    best = int(np.argmin(net.history["val_loss"]))
    assert net.best_epoch_ == best + 1 < net.history["epoch"][-1]


def test_a_warm_start_continues_from_the_weights():
    net = classifier(optimizer=cnn.LBFGS()).fit(X, y, epochs=3)
    loss = net.loss(X, y)
    net.fit(X, y, epochs=2, warm_start=True)
    assert net.history["epoch"] == [1, 2, 3, 4, 5]
    assert net.loss(X, y) < loss
    again = classifier(optimizer=cnn.LBFGS()).fit(X, y, epochs=3)
    assert bits(again) == bits(classifier(optimizer=cnn.LBFGS()).fit(X, y, epochs=3))
    net.optimizer = cnn.Adam()
    net.fit(X, y, epochs=1, warm_start=True).partial_fit(X, y)


def test_files_have_the_optimizer(tmp_path):
    net = classifier(optimizer=cnn.LBFGS(max_iter=7, tol=1e-3)).fit(X, y)
    net.save(tmp_path / "net")
    assert cnn.load(tmp_path / "net").optimizer == cnn.LBFGS(max_iter=7, tol=1e-3)
    net.save_checkpoint(tmp_path / "checkpoint")
    read = cnn.load_checkpoint(tmp_path / "checkpoint")
    first, second = (each.fit(X, y, epochs=2, warm_start=True) for each in (net, read))
    assert bits(first) == bits(second)
    model = cnn.MLPClassifier(solver="lbfgs", max_iter=3).fit(X, y)
    model.save(tmp_path / "model")
    assert (cnn.MLPClassifier.load(tmp_path / "model").predict(X) == model.predict(X)).all()


# ---- Ctrl-C, the clock, failures


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_evaluation_is_interrupted_and_limited(dtype):
    net = big(dtype=dtype, optimizer=cnn.LBFGS()).fit(BIG[:300], LABELS[:300], epochs=2)
    before = bits(net)
    threading.Timer(0.5, _thread.interrupt_main).start()
    start = time.process_time()
    net.fit(BIG, LABELS, warm_start=True, on_interrupt="return")
    assert time.process_time() - start < 0.7 + SOON
    assert (net.stop_reason_, bits(net)) == ("interrupted", before)
    start = time.process_time()
    with pytest.warns(cnn.CompiledNNWarning, match="before the first step"):
        net.fit(BIG, LABELS, warm_start=True, time_limit=0.7)
    assert time.process_time() - start < 0.7 + SOON
    assert (net.stop_reason_, bits(net)) == ("time_limit", before)


def test_ctrl_c_in_an_estimator_returns_the_best_so_far():
    def interrupt(net, epoch, history):
        if epoch == 3:
            raise KeyboardInterrupt

    model = cnn.MLPClassifier(solver="lbfgs", callbacks=[interrupt], random_state=0)
    with pytest.warns(cnn.CompiledNNWarning, match="interrupted"):
        model.fit(X, y)
    assert (model.stop_reason_, len(model.history_["epoch"])) == ("interrupted", 3)
    plain = cnn.MLPClassifier(solver="lbfgs", max_iter=3, random_state=0).fit(X, y)
    assert (model.coefs_[0] == plain.coefs_[0]).all()
    with pytest.raises(KeyboardInterrupt):
        model.set_params(on_interrupt="raise").fit(X, y)


def test_a_start_that_is_not_finite_is_a_divergence():
    def loss(true, outputs):
        return np.full(len(true), np.inf), np.zeros_like(outputs)

    net = cnn.Network([cnn.Dense(1)], loss=cnn.losses.CustomLoss(loss), seed=0, optimizer=cnn.LBFGS())
    with pytest.raises(
        cnn.DivergenceError, match=r"Epoch 1, loss inf, the largest weights, .* in layer 0\. Stand"
    ):
        net.fit(X, VALUES, epochs=3)
    assert np.isfinite(net.predict(X)).all()


# ---- refusals


@pytest.mark.parametrize(
    ("options", "how", "words"),
    [
        ({}, {"batch_size": 10}, "batch_size=10"),
        ({}, {"n_batches": 2}, "n_batches=2"),
        ({}, {"accumulate": 2}, "accumulate=2"),
        ({}, {"drop_last": True}, "drop_last=True"),
        ({}, {"averaging": cnn.SWA()}, "averaging=SWA"),
        ({}, {"callbacks": [Plateau("loss")]}, "the callback Plateau"),
        ({"clip_norm": 1.0}, {}, r"clip_norm=1\.0"),
        ({"clip_value": 1.0}, {}, r"clip_value=1\.0"),
        ({"ema": 0.9}, {}, r"ema=0\.9"),
        ({"input_dropout": 0.1}, {}, "dropout"),
    ],
)
def test_what_has_no_effect_is_refused(options, how, words):
    net = classifier(optimizer=cnn.LBFGS(), **options)
    with pytest.raises(ValueError, match=f"all rows in each step, so it does not support {words}"):
        net.fit(X, y, **how)


def test_streams_single_passes_and_other_layers_are_refused():
    with pytest.raises(ValueError, match="does not support X without y"):
        classifier(optimizer=cnn.LBFGS()).fit([(X, y)])
    with pytest.raises(ValueError, match="partial_fit takes one step per batch, but LBFGS uses all rows"):
        classifier(optimizer=cnn.LBFGS()).partial_fit(X, y)
    with pytest.raises(ValueError, match="norm='batch'"):
        cnn.Network([cnn.Dense(4, "relu", norm="batch"), cnn.Dense(3)], optimizer=cnn.LBFGS()).fit(X, y)
    with pytest.raises(ValueError, match="has no learning rate"):
        cnn.rates.find_learning_rate(classifier(optimizer=cnn.LBFGS()), X, y)


@pytest.mark.parametrize("options", [{"max_iter": 0}, {"max_fun": 0}, {"tol": -1.0}, {"memory": 0}])
def test_bad_parameters(options):
    with pytest.raises(ValueError, match=f"'{next(iter(options))}' parameter of LBFGS"):
        cnn.LBFGS(**options)
