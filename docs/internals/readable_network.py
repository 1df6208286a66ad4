"""A dense network for classes in 100 lines of NumPy, written to be read: the ideas of compiled-nn without its speed."""

from itertools import pairwise

import numpy as np

ACTIVATIONS = {  # f(z), and f'(z) computed from a = f(z)
    "relu": (lambda z: np.maximum(z, 0), lambda a: a > 0),
    "tanh": (np.tanh, lambda a: 1 - a**2),
    "sigmoid": (lambda z: 0.5 + 0.5 * np.tanh(0.5 * z), lambda a: a * (1 - a)),
}


def log_softmax(logits):
    """Return the logarithms of the probabilities. With the largest logit subtracted, exp cannot overflow."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def cross_entropy(logits, codes):
    """Return the mean loss over the rows, and its gradient with respect to the logits."""
    rows, log_p = np.arange(len(codes)), log_softmax(logits)
    d_logits = np.exp(log_p)  # softmax
    d_logits[rows, codes] -= 1  # minus 1 for the class of the row
    return -log_p[rows, codes].mean(), d_logits / len(codes)


class SGD:
    def __init__(self, rate=0.1):
        self.rate = rate

    def step(self, weights, gradients):
        for w, g in zip(weights, gradients, strict=True):
            w -= self.rate * g  # in place


class Adam:
    def __init__(self, rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        self.rate, self.beta_1, self.beta_2, self.epsilon = rate, beta_1, beta_2, epsilon
        self.t, self.moments = 0, None

    def step(self, weights, gradients):
        if self.moments is None:
            self.moments = [(np.zeros_like(w), np.zeros_like(w)) for w in weights]
        self.t += 1
        for w, g, (m, v) in zip(weights, gradients, self.moments, strict=True):
            m += (1 - self.beta_1) * (g - m)  # average of the gradients
            v += (1 - self.beta_2) * (g**2 - v)  # average of their squares
            m_hat = m / (1 - self.beta_1**self.t)  # both averages started from 0
            v_hat = v / (1 - self.beta_2**self.t)
            w -= self.rate * m_hat / (np.sqrt(v_hat) + self.epsilon)


class Network:
    """Network with the given numbers of hidden units, one activation for all of them, and a softmax."""

    def __init__(self, hidden=(32,), activation="relu", optimizer=None, seed=0):
        self.hidden, self.rng = hidden, np.random.default_rng(seed)
        self.f, self.derivative = ACTIVATIONS[activation]
        self.optimizer = Adam() if optimizer is None else optimizer
        self.layers = []  # pairs W (inputs, units), b (units,)

    def draw_weights(self, sizes):
        for k, n in pairwise(sizes):
            self.layers.append((self.rng.normal(0, np.sqrt(2 / k), (k, n)), np.zeros(n)))

    def forward(self, X):
        """Return X, the activations of each hidden layer, and the logits."""
        outputs = [X]
        for i, (W, b) in enumerate(self.layers):
            z = outputs[-1] @ W + b
            outputs.append(z if i == len(self.layers) - 1 else self.f(z))
        return outputs

    def gradient(self, X, codes):
        """Return the mean loss, and its gradients [dW, db, dW, db, ...] in the order of the layers."""
        outputs = self.forward(X)
        (loss, dZ), gradients = cross_entropy(outputs[-1], codes), []
        for i in reversed(range(len(self.layers))):
            gradients = [outputs[i].T @ dZ, dZ.sum(axis=0), *gradients]
            if i > 0:
                dZ = (dZ @ self.layers[i][0].T) * self.derivative(outputs[i])
        return loss, gradients

    def fit(self, X, y, epochs=10, batch_size=32, shuffle=True):
        self.classes_, codes = np.unique(y, return_inverse=True)
        if not self.layers:
            self.draw_weights([X.shape[1], *self.hidden, len(self.classes_)])
        weights = [w for layer in self.layers for w in layer]
        for _ in range(epochs):
            order = self.rng.permutation(len(X)) if shuffle else np.arange(len(X))
            for rows in np.split(order, range(batch_size, len(X), batch_size)):
                self.optimizer.step(weights, self.gradient(X[rows], codes[rows])[1])
        return self

    def predict_proba(self, X):
        return np.exp(log_softmax(self.forward(X)[-1]))

    def predict(self, X):
        return self.classes_[self.forward(X)[-1].argmax(axis=1)]
