"""
Learning-rate schedules
=======================

Above is the learning rate of each epoch, below the training loss. With a constant rate the loss fluctuates up to the
end; with each of the schedules the rate falls, and the loss becomes steady.
"""

import matplotlib.pyplot as plt
import numpy as np

import compiled_nn as cnn
from compiled_nn.schedules import Cosine, Exponential, OneCycle, Step

rng = np.random.default_rng(0)
X = rng.uniform(-3, 3, (1500, 1))
y = np.sin(2 * X[:, 0]) + 0.3 * rng.normal(size=1500)

EPOCHS, BATCH, RATE = 40, 32, 0.03
steps = EPOCHS * -(-len(X) // BATCH)
schedules = {
    "constant": RATE,
    "Step": Step(RATE, 15, factor=0.2, per="epoch"),
    "Exponential": Exponential(RATE, 0.9, per="epoch"),
    "Cosine": Cosine(RATE, over=steps),
    "OneCycle": OneCycle(RATE, over=steps),
}

fig, (above, below) = plt.subplots(
    2, figsize=(7.5, 5.6), sharex=True, layout="constrained"
)
for name, rate in schedules.items():
    net = cnn.Network(
        [cnn.Dense(32, "tanh"), cnn.Dense(32, "tanh"), cnn.Dense(1)],
        loss="mse",
        optimizer=cnn.Adam(rate),
        seed=0,
    )
    net.fit(X, y, epochs=EPOCHS, batch_size=BATCH)
    above.plot(
        net.history["epoch"], net.history["learning_rate"], label=name
    )
    below.plot(net.history["epoch"], net.history["loss"], label=name)
above.set(ylabel="learning rate")
below.set(xlabel="epoch", ylabel="training loss", ylim=(0.09, 0.2))
above.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
