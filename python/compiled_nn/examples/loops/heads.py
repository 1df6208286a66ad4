"""Two heads on one trunk: digits are classified, and the share of dark pixels is predicted, from the same features."""

from __future__ import annotations

import numpy as np

import compiled_nn as cnn


def train(seed: int = 1, epochs: int = 8) -> tuple[float, float]:
    """Train for `epochs` passes; return accuracy and R2 of the test rows.

    The gradient of the features is the sum of those of the heads with respect to their inputs.
    """
    digits = cnn.datasets.load_digits()
    rng = np.random.default_rng(seed)
    X, labels = digits.X_train.reshape(-1, 64) / 16, digits.y_train
    dark = X.mean(axis=1, keepdims=True) * 10
    trunk = cnn.Network([cnn.Dense(64, "relu"), cnn.Dense(32, "relu")], loss="mse", seed=seed)
    classes = cnn.Network([cnn.Dense(10)], loss="softmax_cross_entropy", seed=seed)
    share = cnn.Network([cnn.Dense(1)], loss="mse", seed=seed)
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(len(X)), len(X) // 32):
            features, tape = trunk.forward(X[rows], training=True)
            p, of_classes = classes.forward(features, training=True)
            value, of_share = share.forward(features, training=True)
            p = np.exp(p - p.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            first = classes.backward(of_classes, (p - np.eye(10)[labels[rows]]) / len(rows), inputs=True)
            second = share.backward(of_share, (value - dark[rows]) / len(rows), inputs=True)
            trunk.step(trunk.backward(tape, first["inputs"] + second["inputs"]))
            classes.step(first)
            share.step(second)
    test = digits.X_test.reshape(-1, 64) / 16
    features = trunk.predict(test)
    accuracy = float((classes.predict(features) == digits.y_test).mean())
    true = test.mean(axis=1) * 10
    r2 = float(1 - ((share.predict(features) - true) ** 2).mean() / true.var())
    print(f"Accuracy {accuracy:.4f}, R2 of the share of dark pixels {r2:.4f}")
    return accuracy, r2


if __name__ == "__main__":
    train()
