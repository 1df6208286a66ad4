"""Exclusive or: three hidden sigmoids, one linear output, squared error, no biases."""

from __future__ import annotations

from pathlib import Path

import compiled_nn as cnn

from ..plotting import DecisionBoundaryDisplay, LossCurveDisplay


def main(data: str | None = None, out: str = ".", seed: int = 1, epochs: int = 50000) -> None:
    """Train on four rows; `data` is ignored."""
    X, y = cnn.datasets.xor().X_train, cnn.datasets.xor().y_train
    even = cnn.Uniform(0, 1)
    layers = [cnn.Dense(3, "sigmoid", bias=False, init=even), cnn.Dense(1, bias=False, init=even)]
    # The tutorial sums half squares over four rows, with a rate of 0.1: the same steps as 0.2 on their mean.
    net = cnn.Network(layers, loss="mse", optimizer=cnn.SGD(0.2), dtype="float64", seed=seed)
    net.fit(X, y, epochs=0)
    for done in range(0, epochs, 5000):
        error = y - net.predict(X)
        print(f"error sum {error.sum():.8g}, largest {abs(error).max():.2g}")
        net.fit(X, y, epochs=min(5000, epochs - done), batch_size="full", warm_start=True)
    for row, value in zip(X, net.predict(X), strict=True):
        print(f"{row} gives {value:.6f}")

    curve = LossCurveDisplay.from_estimator(net)
    curve.figure_.savefig(Path(out) / "xor-loss.png")
    plane = DecisionBoundaryDisplay.from_estimator(net, X, y, margin=0.3)
    plane.figure_.savefig(Path(out) / "xor-plane.png")


if __name__ == "__main__":
    from ..cli import script

    script(main)
