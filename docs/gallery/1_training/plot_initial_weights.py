"""
Initial weights
===============

A network with ten hidden layers (relu) is trained from four kinds of initial weights. If the weights are too small,
the signal vanishes from layer to layer, and the loss stays at ln 10, the loss of guessing; ``he_normal`` is made for
relu.
"""

import matplotlib.pyplot as plt
import numpy as np

import compiled_nn as cnn

data = cnn.datasets.load_digits()
inits = {
    "Normal(0.01)": cnn.Normal(0.01),
    "lecun_normal": "lecun_normal",
    "glorot_uniform": "glorot_uniform",
    "he_normal": "he_normal",
}

fig, (left, right) = plt.subplots(
    1, 2, figsize=(9, 3.8), layout="constrained"
)
for name, init in inits.items():
    hidden = [cnn.Dense(32, "relu", init=init) for _ in range(10)]
    net = cnn.Network(
        [*hidden, cnn.Dense(10, init=init)],
        optimizer=cnn.Adam(1e-3),
        input_scale=data.input_scale,
        seed=0,
    )
    net.fit(data.X_train, data.y_train, epochs=0)  # draws the weights
    signals = [net.transform(data.X_test, layer) for layer in range(10)]
    sizes = [np.abs(signal).mean() for signal in signals]
    left.plot(range(1, 11), sizes, marker="o", label=name)
    net.fit(data.X_train, data.y_train, epochs=15, warm_start=True)
    right.plot(net.history["epoch"], net.history["loss"], label=name)
left.set(
    xlabel="layer", ylabel="mean activation before training", yscale="log"
)
right.set(xlabel="epoch", ylabel="training loss")
right.axhline(np.log(10), color="0.6", linestyle=":")
left.legend(frameon=False)
