"""
Autoencoder
===========

A network is trained to predict its own input, through a layer of two units. The two numbers of this layer are drawn
as one point for each image: images of the same digit are near each other, although the network was trained without
labels.
"""

import matplotlib.pyplot as plt

import compiled_nn as cnn

data = cnn.datasets.load_digits()
X = data.X_train.reshape(len(data.X_train), -1) * data.input_scale
net = cnn.Network(
    [
        cnn.Dense(64, "silu"),
        cnn.Dense(2, "tanh"),
        cnn.Dense(64, "silu"),
        cnn.Dense(64),
    ],
    loss="mse",
    optimizer=cnn.Adam(cnn.schedules.Cosine(0.005, over=100, per="epoch")),
    seed=3,
)
net.fit(X, X, epochs=100)

codes = net.transform(X, 1)
fig, ax = plt.subplots(figsize=(6.6, 5.2), layout="constrained")
points = ax.scatter(
    codes[:, 0],
    codes[:, 1],
    c=data.y_train,
    cmap="tab10",
    s=10,
    vmin=-0.5,
    vmax=9.5,
)
fig.colorbar(points, ticks=range(10), label="digit")
ax.set(xlabel="unit 0", ylabel="unit 1")
