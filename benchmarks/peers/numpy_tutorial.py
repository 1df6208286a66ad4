"""NumPy in the style of the tutorials, with correct formulas: one function per formula, a new array per operation."""

import numpy as np
from data import Task
from protocol import openblas, serve


def versions() -> dict[str, str]:
    """Return the versions of the libraries."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {"numpy": np.__version__, blas["name"]: blas["version"]}


def blas() -> str:
    """Return OpenBLAS and its kernels."""
    return openblas()


def sigmoid(Z: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-Z))."""
    return 1 / (1 + np.exp(-Z))


def softmax(Z: np.ndarray) -> np.ndarray:
    """Return rows of probabilities, computed without overflow."""
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


def relu(Z: np.ndarray) -> np.ndarray:
    """Return max(Z, 0)."""
    return np.maximum(Z, 0)


class Training:
    """Forward propagation, back-propagation and update of the tutorials.

    Parameters
    ----------
    task : Task
        Workload and data.
    """

    def __init__(self, task: Task) -> None:
        self.task, workload = task, task.workload
        self.parameters = [array.copy() for pair in task.weights for array in pair]
        self.moments = [[np.zeros_like(p) for p in self.parameters] for _ in range(2)]
        self.step = 0
        self.rng = np.random.default_rng(0)
        self.binary = workload.sizes[-1] == 1
        # One-hot labels are made once, as in the tutorials.
        self.Y = task.column() if self.binary else np.eye(workload.sizes[-1], dtype=task.dtype)[task.y]
        self.updates = {"sgd": self.sgd, "momentum": self.momentum, "adam": self.adam}

    def run(self, units: int) -> float:
        """Train for `units` epochs; return the mean loss of the last one."""
        workload, update = self.task.workload, self.updates[self.task.workload.optimizer]
        X, Y, m = self.task.X, self.Y, workload.rows
        for _ in range(units):
            total = 0.0
            order = self.rng.permutation(m) if workload.shuffle else None
            for start in range(0, m, workload.batch_size):
                rows = slice(start, start + workload.batch_size)
                batch = rows if order is None else order[rows]
                loss, gradients = self.gradients(X[batch], Y[batch])
                update(gradients)
                total += loss * len(range(m)[rows])
        return total / m

    def gradients(self, X: np.ndarray, Y: np.ndarray) -> tuple[float, list[np.ndarray]]:
        """Return the loss of a batch, and the gradients of all parameters."""
        m, l2 = len(X), self.task.workload.l2
        hidden = self.task.workload.hidden
        W, b = self.parameters[::2], self.parameters[1::2]
        A = [X]
        for layer in range(len(W) - 1):
            Z = A[-1] @ W[layer] + b[layer]
            A.append(relu(Z) if hidden == "relu" else sigmoid(Z))
        Z = A[-1] @ W[-1] + b[-1]
        P = sigmoid(Z) if self.binary else softmax(Z)
        tiny = np.finfo(P.dtype).tiny
        if self.binary:
            loss = -np.mean(Y * np.log(P + tiny) + (1 - Y) * np.log(1 - P + tiny))
        else:
            loss = -np.sum(Y * np.log(P + tiny)) / m
        gradients: list[np.ndarray] = []
        dZ = (P - Y) / m
        for layer in reversed(range(len(W))):
            dW = A[layer].T @ dZ
            if l2:
                dW += l2 * W[layer]
                loss += l2 / 2 * np.sum(W[layer] ** 2)
            gradients[:0] = [dW, dZ.sum(axis=0)]
            if layer:
                dA = dZ @ W[layer].T
                dZ = dA * (A[layer] > 0) if hidden == "relu" else dA * A[layer] * (1 - A[layer])
        return float(loss), gradients

    def sgd(self, gradients: list[np.ndarray]) -> None:
        """Update the parameters: w -= rate g."""
        rate = self.task.workload.learning_rate
        for p, g in zip(self.parameters, gradients, strict=True):
            p -= rate * g

    def momentum(self, gradients: list[np.ndarray]) -> None:
        """Update the parameters: v = mu v - rate g, w += v."""
        rate, mu = self.task.workload.learning_rate, self.task.workload.momentum
        for p, g, v in zip(self.parameters, gradients, self.moments[0], strict=True):
            v *= mu
            v -= rate * g
            p += v

    def adam(self, gradients: list[np.ndarray]) -> None:
        """Update the parameters by Adam, with both bias corrections."""
        self.step += 1
        rate = self.task.workload.learning_rate / (1 - 0.9**self.step)
        correction = 1 - 0.999**self.step
        for p, g, v, s in zip(self.parameters, gradients, *self.moments, strict=True):
            v[...] = 0.9 * v + (1 - 0.9) * g
            s[...] = 0.999 * s + (1 - 0.999) * g**2
            p -= rate * v / (np.sqrt(s / correction) + 1e-8)

    def weights(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the current weights and biases."""
        return list(zip(self.parameters[::2], self.parameters[1::2], strict=True))


def training(task: Task, option: str) -> Training:
    """Return a training that starts from the initial weights."""
    return Training(task)


def inference(task: Task, option: str):
    """Return a function from X to the probabilities of the initial network."""
    hidden = relu if task.workload.hidden == "relu" else sigmoid
    link = sigmoid if task.workload.sizes[-1] == 1 else softmax
    *body, (W_last, b_last) = task.weights

    def predict(X: np.ndarray) -> np.ndarray:
        for W, b in body:
            X = hidden(X @ W + b)
        return link(X @ W_last + b_last)

    return predict


def gemm(order: str, dtype: str, m: int, n: int, k: int, threads: int):
    """Return a function, and its arguments, that computes a product into an existing array."""
    rng = np.random.default_rng(0)
    A = rng.random((k, m) if order == "TN" else (m, k)).astype(dtype)
    B = rng.random((n, k) if order == "NT" else (k, n)).astype(dtype)
    out = np.empty((m, n), dtype)
    return np.matmul, A.T if order == "TN" else A, B.T if order == "NT" else B, out


if __name__ == "__main__":
    serve(__name__)
