"""A user's program with types: Python, mypy and pyright accept every line of it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import compiled_nn as cnn
import numpy as np
from compiled_nn import (
    callbacks,
    conformal,
    datasets,
    functional,
    losses,
    metrics,
    optimizers,
    preprocessing,
    schedules,
)
from compiled_nn.losses import LossName
from compiled_nn.optimizers import Optimizer
from compiled_nn.rates import find_learning_rate
from compiled_nn.spec.activations import ActivationName
from numpy.typing import NDArray

History = dict[str, list[Any]]


class Patience(callbacks.Callback):
    """A user-defined callback."""

    stop_reason = "patience"

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.weights: list[float] = []

    def on_train_begin(self, net: cnn.Network) -> None:
        self.weights.clear()

    def on_epoch_end(self, net: cnn.Network, epoch: int, history: History) -> bool:
        W, _ = net.get_weights()[0]
        self.weights.append(float(np.abs(W).max()))
        return epoch >= self.epochs

    def on_train_end(self, net: cnn.Network) -> None:
        assert net.stop_reason_ is not None


def report(net: cnn.Network, epoch: int, history: History) -> None:
    assert len(history["loss"]) == epoch


def stop_early(net: cnn.Network, epoch: int, history: History) -> bool:
    return epoch == 3


def absolute(y: NDArray[Any], z: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    return np.abs(z - y).sum(axis=1), np.sign(z - y)


def within_one(y: NDArray[Any], predicted: NDArray[Any]) -> float:
    return float((np.abs(y - predicted) <= 1).mean())


def hidden(units: int, activation: ActivationName | cnn.Activation) -> cnn.Dense:
    return cnn.Dense(units, activation, norm="layer", dropout=0.1)


def classes(folder: Path) -> None:
    data = datasets.load_digits()
    sine = cnn.register_activation("typed_sine", np.sin, np.cos)
    net = cnn.Network(
        [
            hidden(16, "relu"),
            hidden(16, sine),
            cnn.Dense(16, "swish", init="he_normal", residual=True),
            cnn.Dense(10, init=cnn.Normal(0.1)),
        ],
        loss=losses.SoftmaxCrossEntropy(label_smoothing=0.1),
        optimizer=cnn.Adam(schedules.WarmUp(schedules.Cosine(0.01, over=100, per="epoch"), over=2)),
        dtype="float64",
        standardize="robust",
        seed=np.random.default_rng(0),
    )
    net.optimizer = "nadam"
    watch = Patience(2)
    net.fit(
        data.X_train,
        data.y_train,
        epochs=5,
        batch_size="full",
        class_weight="balanced",
        validation_data=(data.X_test, data.y_test),
        metrics=["f1_macro", within_one, metrics.accuracy],
        early_stopping=callbacks.EarlyStopping("val_score", mode="max"),
        target=("val_loss", 0.01),
        callbacks=[
            watch,
            report,
            callbacks.Checkpoint(folder / "net.ckpt.safetensors", mode="min", keep_best="loss"),
        ],
        callback=stop_early,
        on_interrupt="return",
        gram="auto",
    )
    assert net.stop_reason_ == "patience"
    assert len(watch.weights) == 2
    state = net.snapshot()
    net.fit(
        data.X_train,
        data.y_train,
        epochs=1,
        warm_start=True,
        class_weight={0: 2.0},
        gram=False,
        batch_size=64,
    )
    net.restore(state)
    net.calibrate(data.X_test, data.y_test)
    labels: NDArray[Any] = net.predict(data.X_test)
    f1 = metrics.f1(data.y_test, labels, average="macro")
    area: float = metrics.roc_auc(
        data.y_test, net.predict_proba(data.X_test), multi_class="ovo", average="weighted"
    )
    assert isinstance(f1, float)
    assert 0 <= area <= 1
    again: cnn.Network = cnn.load_checkpoint(folder / "net.ckpt.safetensors")
    assert again.history["epoch"]


def values(folder: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    y = X.sum(axis=1)
    candidates: list[LossName] = ["mse", "huber"]
    chosen: list[Optimizer] = [
        cnn.SGD(0.01, momentum=0.9),
        optimizers.Adam(schedules.Step(0.01, every=2, factor=0.5)),
    ]
    for loss in candidates:
        for optimizer in chosen:
            net = cnn.Network(
                [cnn.Dense(4, "tanh", init=np.ones((3, 4))), cnn.Dense(1)], loss=loss, optimizer=optimizer
            )
            net.fit(X, y, epochs=2)
            net.save(str(folder / "net.safetensors"))
            assert (cnn.load(folder / "net.safetensors").predict(X) == net.predict(X)).all()
    own = cnn.Network(
        [cnn.Dense(1, init=[[0.0], [0.5], [1.0]])], loss=losses.CustomLoss(absolute, link="identity"), seed=0
    )
    found = find_learning_rate(own, X, y, batch_size=8, steps=20)
    own.optimizer = cnn.SGD(found.suggestion)
    own.fit(X, y, averaging=cnn.SWA(0.5), callbacks=[callbacks.Plateau("loss", mode="min")])
    assert conformal.threshold(conformal.absolute(own.predict(X), y), 0.9) >= 0


def tables() -> None:
    X = np.array([[1.0, "red"], [2.0, "blue"], [3.0, "red"]] * 5, dtype=object)
    y = ["no", "yes", "yes"] * 5
    widths = {1: 2}
    net = cnn.Network(
        [cnn.Dense(1)], loss="binary_cross_entropy", categorical_features="auto", embeddings=widths, seed=0
    )
    net.fit(X, y)
    columns = [1]
    encoder = preprocessing.Tabular(categorical_features=columns).fit(X)
    assert encoder.n_columns_ == 3


def estimators(folder: Path) -> None:
    data = datasets.load_digits()
    model = cnn.MLPClassifier(
        hidden_layer_sizes=(16, 8),
        activation=["logistic", "relu"],
        solver="sgd",
        learning_rate="invscaling",
        batch_size="auto",
        loss="log_loss",
        class_weight="balanced",
        norm="batch",
        dtype="float64",
        standardize="minmax",
        metrics=["f1_macro"],
        monitor="val_f1_macro",
        early_stopping=True,
        max_iter=3,
    )
    model.fit(data.X_train, data.y_train)
    model.save(folder / "model.safetensors")
    again: cnn.MLPClassifier = cnn.MLPClassifier.load(folder / "model.safetensors")
    assert again.score(data.X_test, data.y_test) == model.score(data.X_test, data.y_test)
    regressor = cnn.MLPRegressor(
        hidden_layer_sizes=4,
        activation=cnn.Activation(np.sin, np.cos),
        loss=losses.Huber(),
        optimizer="lion",
        schedule=schedules.Linear(0.01, over=10),
        callbacks=[report],
        max_iter=5,
    )
    regressor.set_params(solver="adam").fit([[0.0], [1.0]], [0.0, 1.0])


def mathematics() -> None:
    A, cache = functional.linear_activation_forward(
        np.ones((2, 1)), np.ones((3, 2)), np.zeros((3, 1)), "relu"
    )
    functional.linear_activation_backward(A, cache, "relu")
    W: NDArray[Any] = functional.initialize_parameters_deep([2, 3, 1], init="zeros", dtype="float32")["W1"]
    assert functional.activate("softmax", W).shape == (3, 2)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        classes(Path(name))
        values(Path(name))
        estimators(Path(name))
    tables()
    mathematics()
    sys.exit(0)
