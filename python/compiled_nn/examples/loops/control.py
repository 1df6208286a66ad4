"""Reinforcement learning: a pole is balanced on a cart by proximal policy optimisation (Schulman et al. 2017)."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import compiled_nn as cnn

Array: TypeAlias = NDArray[Any]


CARTS, STEPS = 32, 64  # carts that move at the same time, and their steps before each update
LIMIT = 200  # most steps of an episode
DISCOUNT, TRACE, CLIP, ENTROPY = 0.99, 0.95, 0.2, 0.01


class Carts:
    """Carts with a pole each (Barto, Sutton and Anderson 1983): a step pushes them to the left or to the right.

    An episode ends when the pole or the cart is too far from the middle, or after LIMIT steps; the reward of each step
    is 1.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        # Place and speed of the cart, angle and speed of the pole:
        self.state = rng.uniform(-0.05, 0.05, (CARTS, 4))
        self.ages = np.zeros(CARTS, int)
        self.lengths: list[int] = []  # of episodes that have ended

    def move(self, actions: Array) -> Array:
        """Push each cart; return which episodes have ended. New ones begin."""
        _, speed, angle, turning = self.state.T
        sine, cosine = np.sin(angle), np.cos(angle)
        pushed = (20.0 * actions - 10 + 0.05 * turning**2 * sine) / 1.1
        turned = (9.8 * sine - cosine * pushed) / (0.5 * (4 / 3 - 0.1 * cosine**2 / 1.1))
        slope = np.stack([speed, pushed - 0.05 * turned * cosine / 1.1, turning, turned], axis=1)
        self.state = self.state + 0.02 * slope
        self.ages += 1
        ended: Array = (abs(self.state[:, 0]) > 2.4) | (abs(self.state[:, 2]) > 0.21) | (self.ages == LIMIT)
        self.lengths += self.ages[ended].tolist()
        self.state[ended] = self.rng.uniform(-0.05, 0.05, (int(ended.sum()), 4))
        self.ages[ended] = 0
        return ended


def log_probabilities(logits: Array) -> Array:
    """Return the logarithms of the probabilities of the actions."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def of_policy(logits: Array, actions: Array, before: Array, advantages: Array) -> Array:
    """Return the gradient of the loss of the policy with respect to its logits.

    The loss is the mean of -min(r a, clip(r) a) - ENTROPY h, with the ratio r of new and old probability of the
    action, its advantage a, and the entropy h.
    """
    log_p = log_probabilities(logits)
    p, rows = np.exp(log_p), np.arange(len(actions))
    ratio = np.exp(log_p[rows, actions] - before)
    counts = np.where(advantages > 0, ratio < 1 + CLIP, ratio > 1 - CLIP)
    chosen = np.eye(2)[actions]
    gradient = (-advantages * ratio * counts)[:, np.newaxis] * (chosen - p)
    entropy = -(p * log_p).sum(axis=1, keepdims=True)
    result: Array = (gradient + ENTROPY * p * (log_p + entropy)) / len(actions)
    return result


def advantages_of(values: Array, ended: Array) -> Array:
    """Return the advantages (STEPS, CARTS) of the actions, from the values (STEPS + 1, CARTS) of the states."""
    result, trace = np.zeros_like(values[:-1]), np.zeros(CARTS)
    for t in reversed(range(STEPS)):
        going = ~ended[t]
        trace = 1 + DISCOUNT * values[t + 1] * going - values[t] + DISCOUNT * TRACE * going * trace
        result[t] = trace
    return result


def train(seed: int = 1, epochs: int = 30) -> float:
    """Train for `epochs` updates; return the mean length of the last 50 episodes."""
    rng = np.random.default_rng(seed)
    policy = cnn.Network([cnn.Dense(32, "tanh"), cnn.Dense(2)], optimizer=cnn.Adam(3e-3), seed=seed)
    value = cnn.Network(
        [cnn.Dense(32, "tanh"), cnn.Dense(1)], loss="mse", optimizer=cnn.Adam(3e-3), seed=seed
    )
    carts = Carts(rng)
    for update in range(epochs):
        states, actions = np.empty((STEPS + 1, CARTS, 4)), np.empty((STEPS, CARTS), int)
        before, ended = np.empty((STEPS, CARTS)), np.empty((STEPS, CARTS), bool)
        for t in range(STEPS):
            states[t] = carts.state
            log_p = log_probabilities(policy.forward(states[t])[0])
            actions[t] = rng.random(CARTS) < np.exp(log_p[:, 1])
            before[t] = log_p[np.arange(CARTS), actions[t]]
            ended[t] = carts.move(actions[t])
        states[STEPS] = carts.state
        values = value.forward(states.reshape(-1, 4))[0].reshape(STEPS + 1, CARTS)
        advantages = advantages_of(values, ended)
        targets = (advantages + values[:-1]).ravel()
        scaled = ((advantages - advantages.mean()) / advantages.std()).ravel()
        X = states[:-1].reshape(-1, 4)
        for _ in range(4):
            for rows in np.array_split(rng.permutation(len(X)), 8):
                logits, tape = policy.forward(X[rows], training=True)
                d = of_policy(logits, actions.ravel()[rows], before.ravel()[rows], scaled[rows])
                policy.step(policy.backward(tape, d))
                found, tape = value.forward(X[rows], training=True)
                value.step(value.backward(tape, (found - targets[rows, np.newaxis]) / len(rows)))
        if update % 5 == 4:
            print(f"Update {update + 1}: episodes of {np.mean(carts.lengths[-50:]):.1f} steps")
    return float(np.mean(carts.lengths[-50:]))


if __name__ == "__main__":
    train()
