"""Check for an emulated processor: `python emulated.py ISA`, where ISA is the instruction set that must be chosen.

It compares predictions with stored outputs, then trains on the digits. An instruction that the emulated processor does
not have ends the process.
"""

import itertools
import sys

import compiled_nn as cnn
import numpy as np

import cnn_core

# Probabilities for `weights()` and `inputs()`, computed by the reference in float64.
EXPECTED = [
    [0.099937186765241, 0.000072095518667, 0.003416983812517, 0.896573733903575],
    [0.023332089270973, 0.001337098796830, 0.969491806332576, 0.005839005599621],
    [0.595960439484866, 0.402422863127617, 0.001592309130106, 0.000024388257411],
    [0.365632008992608, 0.037570505693051, 0.004563917641647, 0.592233567672694],
    [0.863408330911111, 0.003813521862248, 0.095845428079910, 0.036932719146731],
]
# Rounding of two layers, with room for sums in another order.
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
SIZES = (6, 37, 4)


def wave(*shape):
    """Return numbers in [-1, 1] without a random generator."""
    return np.sin(np.arange(1, np.prod(shape) + 1) ** 1.5).reshape(shape)


def weights():
    return [(wave(k, n), wave(n) / 2) for k, n in itertools.pairwise(SIZES)]


def inputs():
    return 2 * wave(5, SIZES[0])


def check_predictions(dtype):
    layers = [cnn.Dense(SIZES[1], "tanh"), cnn.Dense(SIZES[2])]
    net = cnn.Network(layers, loss="softmax_cross_entropy", dtype=dtype)
    net.set_weights(weights())
    error = np.abs(net.predict_proba(inputs()) - EXPECTED).max()
    assert error < TOLERANCE[dtype], f"{dtype}: predictions differ by {error}"


def check_training():
    digits = cnn.datasets.load_digits()
    net = cnn.Network(
        [cnn.Dense(16, "relu"), cnn.Dense(10)], optimizer=cnn.Adam(0.01), input_scale=1 / 16, seed=0
    )
    accuracy = net.fit(digits.X_train, digits.y_train, epochs=8).score(digits.X_test, digits.y_test)
    assert accuracy > 0.8, f"accuracy {accuracy} on digits"


def main(isa):
    assert cnn_core.isa == isa, f"{cnn_core.isa} was chosen from {cnn_core.available()}; expected {isa}"
    assert cnn_core.low_precision == isa, (
        f"{cnn_core.low_precision} was chosen for low precision; expected {isa}"
    )
    for dtype in TOLERANCE:
        check_predictions(dtype)
    check_training()
    print(f"{isa}: chosen, predicts and trains")


if __name__ == "__main__":
    main(sys.argv[1])
