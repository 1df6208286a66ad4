"""A user's mistakes, which mypy and pyright report: each marked line, and no other line."""

from __future__ import annotations

import compiled_nn as cnn
import numpy as np
from compiled_nn import (
    callbacks,
    datasets,
    functional,
    losses,
    metrics,
    plotting,
    preprocessing,
    schedules,
    tutorials,
)
from compiled_nn.rates import find_learning_rate

dense = cnn.Dense(1)
X, y = np.zeros((4, 2)), np.zeros(4)


class Wrong(callbacks.Callback):
    def on_epoch_end(self, net: cnn.Network, epoch: str, history: dict[str, list[float]]) -> bool:  # error
        return True


def layers() -> None:
    cnn.Dense(8, "relu")
    cnn.Dense(8, "rellu")  # error
    cnn.Dense(8, norm="bach")  # error
    cnn.Dense(8, init="he_norml")  # error
    cnn.Dense("8")  # error


def networks() -> None:
    net = cnn.Network([dense], loss="mse", dtype="float32")
    cnn.Network([dense], loss="mze")  # error
    cnn.Network([dense], optimizer="admm")  # error
    cnn.Network([dense], dtype="float16")  # error
    cnn.Network([dense], standardize="mimax")  # error
    cnn.Network([dense], categorical_features="all")  # error
    cnn.Network([dense], categorical_features=["color"], embeddings="atuo")  # error
    net.optimizer = "sdg"  # error
    net.fit(X, y, batch_size="all")  # error
    net.fit(X, y, class_weight="balance")  # error
    net.fit(X, y, metrics=["f1_marco"])  # error
    net.fit(X, y, metrics="f1")  # error
    net.fit(X, y, on_interrupt="stop")  # error
    net.fit(X, y, gram="atuo")  # error
    net.partial_fit(X, y, batch_size="auto")  # error
    find_learning_rate(net, X, y, batch_size="auto")  # error


def parts() -> None:
    losses.Focal(link="relu")  # error
    losses.CustomLoss(lambda y, z: (z, z), link="sigmod")  # error
    schedules.Cosine(0.1, over=10, per="batch")  # error
    schedules.WarmUp(0.1, over=10, per="batch")  # error
    callbacks.EarlyStopping(mode="least")  # error
    callbacks.Target("loss", 0.1, mode="least")  # error
    callbacks.Plateau(mode="least")  # error
    callbacks.Checkpoint("net.ckpt.safetensors", mode="least")  # error
    preprocessing.Tabular("all")  # error
    metrics.precision(y, y, average="marco")  # error
    metrics.recall(y, y, average="marco")  # error
    metrics.f1(y, y, average="marco")  # error
    metrics.roc_auc(y, y, average="binary")  # error
    metrics.roc_auc(y, y, multi_class="ova")  # error
    metrics.average_precision(y, y, average="binary")  # error
    metrics.resolve("f1_marco")  # error
    datasets.read_image_folder("leaves", color="grey")  # error
    datasets.from_hugging_face({}, "image", "label", color="grey")  # error
    functional.activate("rellu", X)  # error
    functional.derivative("softmax", X)  # error
    functional.linear_activation_forward(X, X, None, "rellu")  # error
    functional.initialize_parameters_deep([2, 1], init="he_norml")  # error
    functional.initialize_parameters_deep([2, 1], dtype="float16")  # error
    functional.initialise_parameters(2, [], dtype="float16")  # error
    plotting.ActivationDisplay.from_name("softmax")  # error
    plotting.LossFunctionDisplay.from_name("huber")  # error
    plotting.ConfusionMatrixDisplay.from_predictions(y, y, normalize="rows")  # error
    tutorials.NeuralNet([1], dtype="float16")  # error
    tutorials.NNClassifier(2, 2, dtype="float16")  # error


def estimators() -> None:
    cnn.MLPClassifier(activation="rellu")  # error
    cnn.MLPClassifier(activation="softmax")  # error
    cnn.MLPClassifier(activation=["relu", "rellu"])  # error
    cnn.MLPClassifier(solver="lbgfs")  # error
    cnn.MLPClassifier(batch_size="fll")  # error
    cnn.MLPClassifier(learning_rate="invscalling")  # error
    cnn.MLPClassifier(learning_rate=0.1)  # error
    cnn.MLPClassifier(loss="mse")  # error
    cnn.MLPClassifier(class_weight="balance")  # error
    cnn.MLPClassifier(norm="bach")  # error
    cnn.MLPClassifier(init="he_norml")  # error
    cnn.MLPClassifier(optimizer="admm")  # error
    cnn.MLPClassifier(schedule="cosine")  # error
    cnn.MLPClassifier(standardize="mimax")  # error
    cnn.MLPClassifier(categorical_features="all")  # error
    cnn.MLPClassifier(metrics=["f1_marco"])  # error
    cnn.MLPClassifier(dtype="float16")  # error
    cnn.MLPRegressor(loss="log_loss")  # error
    cnn.MLPRegressor(activation="rellu")  # error
    cnn.MLPRegressor(dtype="float16")  # error
