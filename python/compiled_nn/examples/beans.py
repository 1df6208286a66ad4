"""Photographs of bean leaves, 100 x 100 pixels: diseased or healthy; then three classes, with softmax."""

from __future__ import annotations

from pathlib import Path

import compiled_nn as cnn

from ..plotting import ConfusionMatrixDisplay, LossCurveDisplay, PredictionGridDisplay


def main(data: str | None = None, out: str = ".", seed: int = 1, epochs: int = 1000) -> None:
    """Train by full-batch gradient descent, then with Adam on three classes."""
    if data is not None and (Path(data) / "train").is_dir():  # folder with the published photographs
        beans = cnn.datasets.read_image_folder(data, size=100)
    else:
        beans = cnn.datasets.load_beans(data)
    diseased = cnn.datasets.relabel(beans, {"healthy": 0}, others=1)
    X, y, X_dev, y_dev = diseased.X_train, diseased.y_train, diseased.X_validation, diseased.y_validation
    shape = [{"nodes": n, "activation": "relu", "init": "he_normal"} for n in (4, 3, 2)]
    shape.append({"nodes": 1, "activation": "sigmoid", "init": "he_normal"})
    print("Number of layers: ", len(shape))
    print("Number of examples: ", len(X))

    net = cnn.Network.from_shape(shape, optimizer=cnn.SGD(0.001), input_scale=diseased.input_scale, seed=seed)
    net.fit(X, y, epochs=epochs, batch_size="full")
    for i in range(0, epochs, 100):
        print(f"Cost at #{i}: {net.history['loss'][i]}")
    print("Accuracy on the training set: ", net.score(X, y))
    print("Accuracy on the dev set: ", net.score(X_dev, y_dev))
    print("Share of diseased leaves, the accuracy of always predicting this class: ", y.mean())
    if findings := net.diagnose(X, y):
        print(findings)
    LossCurveDisplay.from_estimator(net, ylabel="cost").figure_.savefig(Path(out) / "beans-cost.png")

    print("\nThree classes, with softmax")
    net = cnn.Network(
        [cnn.Dense(64, "relu"), cnn.Dense(3)], standardize=True, optimizer=cnn.Adam(1e-4), seed=seed
    )
    net.fit(beans.X_train, beans.y_train, epochs=20)
    print("Accuracy on the dev set: ", net.score(X_dev, beans.y_validation))
    print("Accuracy on the test set: ", net.score(beans.X_test, beans.y_test))
    table = ConfusionMatrixDisplay.from_estimator(
        net, X_dev, beans.y_validation, class_names=beans.class_names
    )
    table.figure_.savefig(Path(out) / "beans-classes.png")
    grid = PredictionGridDisplay.from_estimator(
        net, X_dev[::9], beans.y_validation[::9], class_names=beans.class_names
    )
    grid.figure_.savefig(Path(out) / "beans-leaves.png")


if __name__ == "__main__":
    from ..cli import script

    script(main)
