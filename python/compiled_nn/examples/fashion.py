"""Fashion-MNIST, ten kinds of clothes: 50 sigmoids and one output per class, on raw and on standardised pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import compiled_nn as cnn

from ..plotting import LossCurveDisplay, PredictionGridDisplay, ProbabilityBarsDisplay, WeightImagesDisplay


def main(data: str | None = None, out: str = ".", seed: int = 0, epochs: int = 300) -> None:
    """Train twice; without the data and without a folder, the digits of the package are used."""
    try:
        clothes = cnn.datasets.load_fashion_mnist(data)
    except FileNotFoundError as error:
        if data is not None:
            raise
        print(f"{error}\nThe digits of the package are used instead, so the results differ.\n")
        clothes = cnn.datasets.load_digits()
    X, y, X_test, y_test = clothes.X_train, clothes.y_train, clothes.X_test, clothes.y_test
    even, rows, white = cnn.Uniform(-1, 1), -(-len(X) // 25), 1 / clothes.input_scale
    axes: Any = None
    for standardize, style in ((False, "--"), (True, "-")):
        print(f"\nstandardize={standardize}")
        net = cnn.Network(
            [cnn.Dense(50, "sigmoid", bias=False, init=even), cnn.Dense(10, bias=False, init=even)],
            loss="binary_cross_entropy",
            optimizer=cnn.SGD(0.001 * rows),  # the tutorial sums gradients over the rows of a batch,
            l2=0.5 / rows,  # and adds the penalty once to that sum
            standardize=standardize,
            seed=seed,
        )
        if findings := net.diagnose(X):
            print(findings)
        net.fit(X, y, epochs=epochs, n_batches=25, shuffle=False)
        print(f"Train Accuracy: {net.score(X, y):.2%}")
        print(f"Test Accuracy: {net.score(X_test, y_test):.2%}")

        curve = LossCurveDisplay.from_estimator(net, axes, linestyle=style, color=f"C{standardize:d}")
        curve.lines_[0].set_label(f"standardize={standardize}")
        axes = curve.ax_
        grid = PredictionGridDisplay.from_estimator(
            net, X_test, y_test, class_names=clothes.class_names, n_images=15, vmax=white
        )
        grid.figure_.savefig(Path(out) / f"fashion-{'standardised' if standardize else 'raw'}.png")
    axes.legend()
    axes.figure.savefig(Path(out) / "fashion-loss.png")
    shares, image = net.predict_proba(X_test[:1])[0], X_test[0] / white
    bars = ProbabilityBarsDisplay.from_predictions(
        shares, y_test[0], class_names=clothes.class_names, image=image
    )
    bars.figure_.savefig(Path(out) / "fashion-probabilities.png")
    WeightImagesDisplay.from_estimator(net).figure_.savefig(Path(out) / "fashion-weights.png")


if __name__ == "__main__":
    from ..cli import script

    script(main)
