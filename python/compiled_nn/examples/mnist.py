"""Handwritten digits, 1 or 2: one layer of 196 sigmoids, full batch, with training and validation curves."""

from __future__ import annotations

from pathlib import Path

import compiled_nn as cnn

from ..callbacks import TrainingScore
from ..plotting import LossCurveDisplay, PredictionGridDisplay, ScoreCurveDisplay


def main(data: str | None = None, out: str = ".", seed: int = 42, epochs: int = 100) -> None:
    """Train on MNIST; without the data and without a folder, the digits of the package are used."""
    try:
        digits = cnn.datasets.load_mnist(data)
    except FileNotFoundError as error:
        if data is not None:
            raise
        print(
            f"{error}\nThe digits of the package are used instead, of 8 x 8 pixels, so the results differ.\n"
        )
        digits = cnn.datasets.load_digits()
    digits = cnn.datasets.only_classes(digits, {1, 2})
    train, test = (digits.X_train, digits.y_train), (digits.X_test, digits.y_test)
    for name, (X, _) in (("train", train), ("test", test)):
        print(f"{name}_x's shape: {X.reshape(len(X), -1).shape}")

    net = cnn.Network(
        [cnn.Dense(196, "sigmoid", init="lecun_normal"), cnn.Dense(1, init="lecun_normal")],
        loss="binary_cross_entropy",
        optimizer=cnn.SGD(0.1),
        input_scale=digits.input_scale,
        seed=seed,
    )
    net.fit(*train, epochs=epochs, batch_size="full", validation_data=test, callback=TrainingScore(*train))
    print(*net.history["loss"][::10], sep="\n")
    print(f"Accuracy: {net.score(*train)}")
    print(f"Accuracy: {net.score(*test)}")

    for name, curve in (("cost", LossCurveDisplay), ("accuracy", ScoreCurveDisplay)):
        curve.from_estimator(net, val_label="test").figure_.savefig(Path(out) / f"mnist-{name}.png")
    wrong = net.predict(test[0]) != test[1]
    if wrong.any():
        white = 1 / digits.input_scale
        grid = PredictionGridDisplay.from_estimator(net, test[0][wrong], test[1][wrong], vmax=white)
        grid.figure_.savefig(Path(out) / "mnist-mistakes.png")


if __name__ == "__main__":
    from ..cli import script

    script(main)
