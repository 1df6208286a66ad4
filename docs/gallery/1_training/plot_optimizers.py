"""
Seven optimizers on one problem
===============================

The same network is trained from the same initial weights on the same batches, with a third of the learning rate that
a range test suggests for each optimizer. With a suitable learning rate, most optimizers are good enough for a problem
like this one.
"""

from dataclasses import replace

import matplotlib.pyplot as plt

import compiled_nn as cnn
from compiled_nn.rates import find_learning_rate

data = cnn.datasets.load_digits()
optimizers = {
    "SGD": cnn.SGD(),
    "SGD, momentum 0.9": cnn.SGD(momentum=0.9),
    "Adagrad": cnn.Adagrad(),
    "RMSprop": cnn.RMSprop(),
    "Adam": cnn.Adam(),
    "NAdam": cnn.NAdam(),
    "Lion": cnn.Lion(),
}

fig, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
for name, optimizer in optimizers.items():
    net = cnn.Network(
        [cnn.Dense(32, "relu"), cnn.Dense(10)],
        optimizer=optimizer,
        input_scale=data.input_scale,
        seed=0,
    )
    test = find_learning_rate(
        net, data.X_train, data.y_train, batch_size=64
    )
    rate = test.suggestion / 3
    net.optimizer = replace(optimizer, learning_rate=rate)
    net.fit(data.X_train, data.y_train, epochs=20, batch_size=64)
    history, label = net.history, f"{name} ({rate:.2g})"
    ax.plot(history["epoch"], history["loss"], label=label)
ax.set(xlabel="epoch", ylabel="training loss", yscale="log")
ax.legend(
    title="optimizer (learning rate)",
    frameon=False,
    loc="upper left",
    bbox_to_anchor=(1, 1),
)
ax.grid(alpha=0.3)
