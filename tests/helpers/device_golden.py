"""The model of the golden files for C and JSON, and the program that writes them: `python -P device_golden.py`."""

from pathlib import Path

import compiled_nn as cnn
import numpy as np

FOLDER = Path(__file__).parent / "golden"
X = np.array([[0.0, 0.0, 0.0], [1.5, -2.0, 0.25], [-3.0, 4.0, 8.0], [0.1, 0.2, -0.3]])


def model():
    """Return a network with weights that are exact in every dtype."""
    layers = [cnn.Dense(4, "silu"), cnn.Dense(4, "tanh", residual=True), cnn.Dense(3)]
    net = cnn.Network(layers, dtype="float32", input_scale=0.5)
    shapes = [(3, 4), (4, 4), (4, 3)]
    pairs = [
        (np.cos(np.arange(k * n) * (i + 2.0)).reshape(k, n).round(2), np.sin(np.arange(n) + i).round(2))
        for i, (k, n) in enumerate(shapes)
    ]
    net.set_weights(pairs)
    return net


if __name__ == "__main__":
    model().to_c(FOLDER / "device.c")
    model().to_json(FOLDER / "device.json")
