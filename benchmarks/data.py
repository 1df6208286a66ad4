"""Random data in the shapes of a workload; the seed is fixed, so that all peers get the same data."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from workloads import Workload

SEED = 20240


@dataclass(frozen=True)
class Task:
    """A workload with its data, as a peer gets it.

    Attributes
    ----------
    workload : Workload
        Shapes and hyperparameters.
    dtype : str
        Dtype of X and of the weights, ``"float32"`` or ``"float64"``.
    threads : int
        Number of threads that the peer may use.
    X : ndarray of shape (rows, inputs)
        Samples, C-contiguous, uniform in [0, 1).
    y : ndarray of shape (rows,), int64
        Random class indices.
    weights : list of (ndarray (inputs, units), ndarray (units,))
        Initial weights and biases; a peer copies them before it modifies them.
    """

    workload: Workload
    dtype: str
    threads: int
    X: np.ndarray
    y: np.ndarray
    weights: list[tuple[np.ndarray, np.ndarray]]

    def column(self) -> np.ndarray:
        """Return the binary labels as a column of floats.

        Returns
        -------
        ndarray of shape (rows, 1)
        """
        return self.y[:, None].astype(self.dtype)


def make_task(workload: Workload, dtype: str, threads: int) -> Task:
    """Draw the data and the initial weights of a workload.

    Parameters
    ----------
    workload : Workload
        Workload.
    dtype : str
        Dtype, ``"float32"`` or ``"float64"``.
    threads : int
        Number of threads that the peer may use.

    Returns
    -------
    Task
    """
    rng = np.random.default_rng(SEED)
    weights = []
    for k, n in pairwise(workload.sizes):
        sigma = np.sqrt(2.0 / (k if workload.hidden == "relu" else k + n))
        W = rng.standard_normal((k, n)) * sigma
        # Not zero, so that --check detects wrong biases; positive, so that no narrow relu layer outputs only zeros.
        b = rng.uniform(0.05, 0.15, n)
        weights.append((W.astype(dtype), b.astype(dtype)))
    X = rng.random((workload.rows, workload.sizes[0]), dtype=np.dtype(dtype))
    # Every class occurs, because scikit-learn counts the classes itself.
    y = rng.permutation(np.arange(workload.rows) % max(2, workload.sizes[-1]))
    return Task(workload, dtype, threads, X, y, weights)


def logits(task: Task, weights: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return the logits of the network in float64: the reference of the checks.

    Parameters
    ----------
    task : Task
        Samples and activation.
    weights : list of (ndarray, ndarray)
        Weights and biases.

    Returns
    -------
    ndarray of shape (rows, outputs), float64
    """
    A = task.X.astype(np.float64)
    for layer, (W, b) in enumerate(weights):
        Z = A @ W.astype(np.float64) + b.astype(np.float64)
        last = layer == len(weights) - 1
        A = Z if last else np.maximum(Z, 0) if task.workload.hidden == "relu" else 1 / (1 + np.exp(-Z))
    return A


def probabilities(task: Task) -> np.ndarray:
    """Return the probabilities of the initial network in float64.

    Parameters
    ----------
    task : Task
        Samples, weights and activation.

    Returns
    -------
    ndarray of shape (rows, outputs), float64
    """
    Z = logits(task, task.weights)
    if Z.shape[1] == 1:
        return 1 / (1 + np.exp(-Z))
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


def loss(task: Task, weights: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Return the mean loss with penalty in float64.

    Parameters
    ----------
    task : Task
        Samples, labels and hyperparameters.
    weights : list of (ndarray, ndarray)
        Weights and biases.

    Returns
    -------
    float
    """
    Z = logits(task, weights)
    if Z.shape[1] == 1:
        data = np.logaddexp(0.0, Z) - task.y[:, None] * Z
    else:
        data = np.logaddexp.reduce(Z, axis=1) - Z[np.arange(len(Z)), task.y]
    penalty = sum(float((W.astype(np.float64) ** 2).sum()) for W, _ in weights)
    return float(data.mean()) + task.workload.l2 / 2 * penalty
