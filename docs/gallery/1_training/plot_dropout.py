"""
Dropout
=======

A wide network is trained on 600 rows, with 0, 20 and 50 % of the hidden units dropped in each step. Without dropout,
the dashed validation loss soon rises. With dropout, the validation loss is lower; the solid training loss is higher,
because it is measured with dropped units.
"""

import matplotlib.pyplot as plt
import numpy as np

import compiled_nn as cnn

rng = np.random.default_rng(0)
X = rng.normal(size=(2300, 20))
noise = 0.5 * rng.normal(size=2300)
y = (X[:, 0] * X[:, 1] + X[:, 2] + noise > 0).astype(int)
train, validation = (X[:600], y[:600]), (X[600:], y[600:])

fig, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
for number, dropout in enumerate((0.0, 0.2, 0.5)):
    hidden = [cnn.Dense(128, "relu", dropout=dropout) for _ in range(2)]
    net = cnn.Network(
        [*hidden, cnn.Dense(1)], loss="binary_cross_entropy", seed=0
    )
    history = net.fit(*train, epochs=40, validation_data=validation).history
    epochs, label = history["epoch"], f"dropout {dropout}, training"
    ax.plot(epochs, history["loss"], f"C{number}-", label=label)
    ax.plot(epochs, history["val_loss"], f"C{number}--", label="validation")
ax.set(xlabel="epoch", ylabel="loss")
ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
ax.grid(alpha=0.3)
