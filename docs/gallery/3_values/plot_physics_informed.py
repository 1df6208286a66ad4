"""
Physics-informed fit
====================

A network solves the differential equation :math:`u' + u = \\cos(t)` with :math:`u(0) = 0`, without any value of the
solution: its loss is the residual of the equation at random points. The lower picture is the error.
"""

import matplotlib.pyplot as plt
import numpy as np

import compiled_nn as cnn

H, END, STEPS = 1e-3, 4.0, 1500
rng = np.random.default_rng(0)
net = cnn.Network(
    [cnn.Dense(24, "tanh"), cnn.Dense(24, "tanh"), cnn.Dense(1)],
    loss="mse",
    optimizer=cnn.Adam(cnn.schedules.Cosine(1e-2, over=STEPS)),
    dtype="float64",
    seed=1,
)
for _ in range(STEPS):
    t = rng.uniform(0, END, (64, 1))
    points = np.concatenate([t - H, t, t + H, [[0.0]]])
    out, tape = net.forward(points, training=True)
    # u' is a difference of outputs; the last point is for u(0) = 0.
    before, u, after = np.split(out[:-1], 3)
    residual = (after - before) / (2 * H) + u - np.cos(t)
    # The gradient of the loss, which is the mean of residual**2, plus u(0)**2.
    d = 2 * residual / len(t)
    d_out = np.concatenate([-d / (2 * H), d, d / (2 * H), 2 * out[-1:]])
    net.step(net.backward(tape, d_out))

t = np.linspace(0, END, 200)
exact = (np.cos(t) + np.sin(t) - np.exp(-t)) / 2
predicted = net.predict(t[:, np.newaxis])
fig, (above, below) = plt.subplots(
    2, figsize=(6.6, 5), height_ratios=(2, 1), layout="constrained"
)
above.plot(t, exact, color="0.6", linewidth=5, label="exact solution")
above.plot(t, predicted, label="network")
above.set(ylabel="u")
above.legend(frameon=False)
below.plot(t, predicted - exact, color="C3")
below.set(xlabel="t", ylabel="error")
