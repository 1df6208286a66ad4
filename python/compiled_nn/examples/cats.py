"""Cat or not: colour images of 64 x 64 pixels, 20-7-5-1 units, with three kinds of initial weights."""

from __future__ import annotations

from pathlib import Path

import compiled_nn as cnn

from ..plotting import LossCurveDisplay, PredictionGridDisplay


def main(data: str | None = None, out: str = ".", seed: int = 1, epochs: int = 2500) -> None:
    """Train by full-batch gradient descent from three kinds of initial weights; draw plots of the last network."""
    cats = cnn.datasets.load_catvnoncat(data)
    # Standard deviations of the weights: 0.01, as in the tutorial; sqrt(2 / inputs); sqrt(1 / inputs).
    for init in (cnn.Normal(0.01), "he_normal", "lecun_normal"):
        print(f"\nInitial weights: {init}")
        layers = [cnn.Dense(units, "relu", init=init) for units in (20, 7, 5)] + [cnn.Dense(1, init=init)]
        net = cnn.Network(
            layers,
            loss="binary_cross_entropy",
            optimizer=cnn.SGD(0.0075),
            input_scale=cats.input_scale,
            seed=seed,
        )
        if findings := net.diagnose(cats.X_train):
            print(findings)
        net.fit(cats.X_train, cats.y_train, epochs=epochs, batch_size="full")
        for i in range(0, epochs, 100):
            print(f"Cost at #{i}: {net.history['loss'][i]:.6f}")
        print(f"Train accuracy: {net.score(cats.X_train, cats.y_train):.4f}")
        print(f"Test accuracy: {net.score(cats.X_test, cats.y_test):.4f}")

    LossCurveDisplay.from_estimator(net, ylabel="cost").figure_.savefig(Path(out) / "cats-cost.png")
    grid = PredictionGridDisplay.from_estimator(net, cats.X_test, cats.y_test, class_names=cats.class_names)
    grid.figure_.savefig(Path(out) / "cats-predictions.png")


if __name__ == "__main__":
    from ..cli import script

    script(main)
