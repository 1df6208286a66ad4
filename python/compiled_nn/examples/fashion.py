"""Fashion-MNIST, ten kinds of clothes: 50 sigmoids and one a class, with pixels as they are and standardised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import compiled_nn as cnn
from compiled_nn.plotting import (
    LossCurveDisplay,
    PredictionGridDisplay,
    ProbabilityBarsDisplay,
    WeightImagesDisplay,
)


def main(data: str | None = None, out: str = ".", seed: int = 0, epochs: int = 300) -> None:
    """Train twice; where the clothes are not on this machine, and no folder is named, on the package's digits."""
    try:
        clothes = cnn.datasets.load_fashion_mnist(data)
    except FileNotFoundError as error:
        if data is not None:
            raise
        print(f"{error}\nInstead, the digits of the package: other pictures, other numbers.\n")
        clothes = cnn.datasets.load_digits()
    X_test, y_test, names = clothes.X_test, clothes.y_test, clothes.class_names
    even, rows = cnn.Uniform(-1, 1), -(-len(clothes.X_train) // 25)
    axes: Any = None
    for standardize in (False, True):
        print(f"\nstandardize={standardize}")
        net = cnn.Network(
            [cnn.Dense(50, "sigmoid", bias=False, init=even), cnn.Dense(10, bias=False, init=even)],
            loss="binary_cross_entropy",
            optimizer=cnn.SGD(
                0.001 * rows
            ),  # the text sums gradients over a batch, and takes l2 = 0.5 once a batch
            l2=0.5 / rows,
            standardize=standardize,
            seed=seed,
        )
        if findings := net.diagnose(clothes.X_train):
            print(findings)
        net.fit(clothes.X_train, clothes.y_train, epochs=epochs, n_batches=25, shuffle=False)
        print(f"Train Accuracy: {net.score(clothes.X_train, clothes.y_train):.2%}")
        print(f"Test Accuracy: {net.score(X_test, y_test):.2%}")
        style = {"color": "C0", "linestyle": "-"} if standardize else {"color": "C1", "linestyle": "--"}
        axes = LossCurveDisplay.from_estimator(net, axes, label=f"standardize={standardize}", **style).ax_
        grid = PredictionGridDisplay.from_estimator(net, X_test, y_test, class_names=names)
        grid.figure_.savefig(
            Path(out) / f"fashion-predictions-{'standardised' if standardize else 'raw'}.png"
        )
    axes.legend()
    axes.figure.savefig(Path(out) / "fashion-loss.png")
    bars = ProbabilityBarsDisplay.from_estimator(net, X_test[0], y_test[0], class_names=names)
    bars.figure_.savefig(Path(out) / "fashion-probabilities.png")
    WeightImagesDisplay.from_estimator(net).figure_.savefig(Path(out) / "fashion-weights.png")


if __name__ == "__main__":
    from compiled_nn.cli import script

    script(main)
