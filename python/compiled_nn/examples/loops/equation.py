"""Physics-informed fit: a network is trained to solve a differential equation, from the equation alone."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import compiled_nn as cnn

Array: TypeAlias = NDArray[Any]


H = 1e-3  # distance of the points between which derivatives are computed
END = 4.0


def residual(t: Array, u: Array, slope: Array) -> tuple[Array, Array, Array]:
    """Return u' + u - cos(t), and its derivatives with respect to u and to u'."""
    return slope + u - np.cos(t), np.ones_like(u), np.ones_like(u)


def solution(t: Array) -> Array:
    """Return the solution of u' + u = cos(t) with u(0) = 0."""
    result: Array = (np.cos(t) + np.sin(t) - np.exp(-t)) / 2
    return result


def train(seed: int = 1, epochs: int = 1500) -> float:
    """Train for `epochs` steps; return the largest error of the solution.

    u' is a difference of two outputs, so that its gradient is one of outputs, too: one forward and one backward pass
    over three points for each t. In float64 the difference has an error of about H**2 / 6.
    """
    rng = np.random.default_rng(seed)
    rate = cnn.schedules.Cosine(1e-2, over=epochs)
    net = cnn.Network(
        [cnn.Dense(24, "tanh"), cnn.Dense(24, "tanh"), cnn.Dense(1)],
        loss="mse",
        optimizer=cnn.Adam(rate),
        dtype="float64",
        seed=seed,
    )
    for step in range(epochs):
        t = rng.uniform(0, END, (64, 1))
        points = np.concatenate([t - H, t, t + H, np.zeros((1, 1))])
        outputs, tape = net.forward(points, training=True)
        below, u, above = np.split(outputs[:-1], 3)
        r, of_u, of_slope = residual(t, u, (above - below) / (2 * H))
        # The loss is the mean of r**2, plus u(0)**2.
        d = 2 * r / len(t)
        through_slope = d * of_slope / (2 * H)
        gradient = np.concatenate([-through_slope, d * of_u, through_slope, 2 * outputs[-1:]])
        net.step(net.backward(tape, gradient))
        if step % 500 == 0:
            print(f"Step {step}: loss {np.mean(r**2) + outputs[-1, 0] ** 2:.2e}")
    t = np.linspace(0, END, 101)[:, np.newaxis]
    error = float(abs(net.predict(t) - solution(t[:, 0])).max())
    print(f"Largest error of u: {error:.1e}")
    return error


if __name__ == "__main__":
    train()
