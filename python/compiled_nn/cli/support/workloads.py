"""Workloads of ``compiled-nn bench``: networks and data, with their least arithmetic and memory traffic.

T1-T9 train, I1-I7 predict, G1 and G2 are complete runs of full-batch descent with far more features than rows.
Times are those of a *unit*: one epoch of training (one step for a full batch), one call of prediction, or one
complete run.

Standard library only: the programs in `benchmarks` read this file too, in environments without this package.
"""

from bisect import bisect_left
from dataclasses import dataclass, replace
from itertools import pairwise
from math import exp, log
from typing import Any, Literal

ITEMSIZE = {"float32": 4, "float64": 8}
STATE = {"sgd": 0, "momentum": 1, "adam": 2}
OPTIMIZERS = {"sgd": "SGD", "momentum": "momentum", "adam": "Adam"}
# Name of a row, by the number of inputs.
NOUNS = {784: "image", 12288: "image", 30000: "image", 32: "table row"}


@dataclass(frozen=True)
class Workload:
    """A network, the shape of its data, and the operation: training, prediction or a complete run.

    Attributes
    ----------
    name : str
        Short name, used by ``--only``.
    kind : str
        ``"training"``, ``"inference"`` or ``"run"``, a complete run from the initial weights.
    sizes : tuple of int
        Number of inputs, then the units of each layer.
    hidden : str
        Activation of the hidden layers, ``"relu"`` or ``"sigmoid"``.
    rows : int
        Number of rows of X; for inference, the rows of one call.
    batch : int or None
        Rows per step. Default None: all rows.
    optimizer : str
        ``"sgd"`` (default), ``"momentum"`` or ``"adam"``.
    learning_rate, momentum, l2 : float
        Hyperparameters; l2 / 2 * sum(W**2) is added to the mean loss. Default 0.1, 0.9 and 0.
    shuffle : bool
        Whether each epoch visits the rows in a new random order. Default False.
    steps : int
        Number of steps of a complete run; 0 for the other kinds.
    dtypes : tuple of str
        Data types to measure. Default float32 only.
    """

    name: str
    kind: str
    sizes: tuple[int, ...]
    hidden: Literal["relu", "sigmoid"]
    rows: int
    batch: int | None = None
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    momentum: float = 0.9
    l2: float = 0.0
    shuffle: bool = False
    steps: int = 0
    dtypes: tuple[str, ...] = ("float32",)

    @property
    def title(self) -> str:
        """Operation and network in words, for example "train 784-100-10 with Adam"."""
        net = "-".join(map(str, self.sizes))
        if self.kind == "inference":
            return f"predict {'one row' if self.rows == 1 else f'{self.rows:,} rows'} with {net}"
        return f"train {net} {f'in {self.steps:,} steps' if self.steps else f'with {OPTIMIZERS[self.optimizer]}'}"

    @property
    def details(self) -> str:
        """Rows and batches in words, for example "60,000 images, batches of 200"."""
        rows = f"{self.rows:,} {NOUNS.get(self.sizes[0], 'row')}{'s' if self.rows > 1 else ''}"
        if self.kind == "inference":
            return f"{rows} per call"
        return f"{rows}, {f'batches of {self.batch:,}' if self.batch else 'full batch'}"

    @property
    def loss(self) -> Literal["binary_cross_entropy", "softmax_cross_entropy"]:
        """Name of the loss: binary cross-entropy for one output, softmax cross-entropy for several."""
        return "binary_cross_entropy" if self.sizes[-1] == 1 else "softmax_cross_entropy"

    @property
    def batch_size(self) -> int:
        """Number of rows per step."""
        return self.batch or self.rows

    @property
    def steps_per_unit(self) -> int:
        """Number of optimizer steps per unit; 0 for inference."""
        if self.kind == "inference":
            return 0
        return self.steps or -(-self.rows // self.batch_size)

    @property
    def n_parameters(self) -> int:
        """Number of weights and biases."""
        return sum((k + 1) * n for k, n in pairwise(self.sizes))

    def flops(self) -> int:
        """Necessary floating-point operations of the matrix products of one unit.

        2 m k n per layer in the forward pass; in training the same again for dW, and for dA of every layer except
        the first. Activations, losses and optimizers are not counted, so that the limit is a lower bound.

        Returns
        -------
        int
        """
        layers = [2 * self.rows * k * n for k, n in pairwise(self.sizes)]
        if self.kind == "inference":
            return sum(layers)
        return (2 * sum(layers) + sum(layers[1:])) * max(self.steps, 1)

    def streams(self, dtype: str) -> list[tuple[int, int]]:
        """Necessary memory traffic of one unit.

        Parameters
        ----------
        dtype : str
            ``"float32"`` or ``"float64"``.

        Returns
        -------
        list of (int, int)
            For each operand its size in bytes, which determines the level of memory that holds it, and the number
            of bytes read and written: X is read once; the parameters and the optimizer's state are read and written
            once per step. For inference the parameters are read once.
        """
        item = ITEMSIZE[dtype]
        if self.kind == "inference":
            size = self.n_parameters * item
            return [(size, size)]
        X = self.rows * self.sizes[0] * item
        state = self.n_parameters * item * (1 + STATE[self.optimizer])
        return [(X, X * max(self.steps, 1)), (state, 2 * state * self.steps_per_unit)]

    def gemms(self) -> list[tuple[str, int, int, int]]:
        """Matrix products of one step or call.

        Returns
        -------
        list of (str, int, int, int)
            Order and the m, n, k of an (m, k) by (k, n) product: NN forward, TN the gradient of the weights,
            NT that of the inputs.
        """
        m, products = self.batch_size, []
        for layer, (k, n) in enumerate(pairwise(self.sizes)):
            products.append(("NN", m, n, k))
            if self.kind != "inference":
                products.append(("TN", k, n, m))
                if layer:
                    products.append(("NT", m, k, n))
        return products

    def scaled(self, scale: float) -> "Workload":
        """Return the same workload on a share of the rows (and steps), for smoke tests.

        Parameters
        ----------
        scale : float
            Share in (0, 1]. Batches keep their size, and there are at least as many rows as classes.

        Returns
        -------
        Workload
        """
        if scale == 1.0 or self.kind == "inference":
            return self
        if self.batch is None:
            return replace(self, rows=max(4, round(self.rows * scale)), steps=round(self.steps * scale))
        rows = max(self.batch, self.sizes[-1], round(self.rows * scale))
        if self.rows % self.batch == 0:
            rows = -(-rows // self.batch) * self.batch
        return replace(self, rows=rows)

    def for_check(self) -> "Workload":
        """Return a workload of three steps in a fixed order, on at most 512 rows if the batch is full.

        Returns
        -------
        Workload
            Three batches; with a full batch, `units_of_check` units have three steps.
        """
        if self.batch is None:
            return replace(self, rows=min(self.rows, 512), steps=3 if self.steps else 0)
        return replace(self, rows=3 * self.batch, shuffle=False)

    @property
    def units_of_check(self) -> int:
        """Number of units of `for_check` that have three steps."""
        return 3 // self.steps_per_unit


BOTH = ("float32", "float64")
BEANS = (30000, 4, 3, 2, 1)
CATS = (12288, 20, 7, 5, 1)

WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("T1", "training", (784, 50, 10), "sigmoid", 60000, 2400, l2=1e-4),
        Workload("T2", "training", (784, 196, 1), "sigmoid", 12700, dtypes=BOTH),
        Workload("T3", "training", BEANS, "relu", 1034, learning_rate=0.0075, dtypes=BOTH),
        Workload("T4", "training", CATS, "relu", 209, learning_rate=0.0075),
        Workload("T5", "training", (2, 3, 1), "sigmoid", 4, learning_rate=1.0),
        Workload("T6", "training", (784, 100, 10), "relu", 60000, 200, "adam", 1e-3, shuffle=True),
        Workload("T7", "training", (784, 512, 512, 10), "relu", 12800, 128, "adam", 1e-3),
        Workload("T8", "training", (32, 64, 64, 1), "relu", 100000, 64, "momentum", 0.01),
        Workload("T9", "training", (1024, 2048, 2048, 1000), "relu", 8192, 512, learning_rate=0.01),
        Workload("I1", "inference", (784, 50, 10), "sigmoid", 1),
        Workload("I2", "inference", (784, 128, 10), "relu", 1),
        Workload("I3", "inference", (32, 64, 64, 1), "relu", 1),
        Workload("I4", "inference", (784, 512, 512, 10), "relu", 1),
        Workload("I5", "inference", (784, 128, 10), "relu", 64),
        Workload("I6", "inference", (784, 512, 512, 10), "relu", 10000),
        Workload("I7", "inference", (784, 512, 512, 10), "relu", 32),
        Workload("G1", "run", BEANS, "relu", 1034, learning_rate=0.0075, steps=1000, dtypes=BOTH),
        Workload("G2", "run", CATS, "relu", 209, learning_rate=0.0075, steps=2500, dtypes=BOTH),
    )
}


def bandwidth(size: float, threads: int, read: list[list[float]]) -> float:
    """Return the rate of reading, in bytes per second, from the level of memory that can hold an operand.

    Parameters
    ----------
    size : float
        Size of the operand in bytes, divided equally among the threads.
    threads : int
        Number of threads that read in parallel.
    read : list of [bytes per thread, bytes per second of all threads]
        Measured rates in order of size. Between two sizes, the logarithm of the rate is interpolated.

    Returns
    -------
    float
    """
    share = size / threads
    at = bisect_left([point[0] for point in read], share)
    if at == 0:
        return read[0][1]
    if at == len(read):
        return read[-1][1]
    (low, slow), (high, fast) = read[at - 1], read[at]
    part = log(share / low) / log(high / low)
    return exp(log(slow) + part * log(fast / slow))


def limit(workload: Workload, dtype: str, threads: int, machine: dict[str, Any]) -> float | None:
    """Return a lower bound of the seconds per unit: the arithmetic at peak speed, or the memory traffic.

    Parameters
    ----------
    workload : Workload
        Workload to be bounded.
    dtype : str
        ``"float32"`` or ``"float64"``.
    threads : int
        Number of threads.
    machine : dict
        Peak speeds "fma" and rates "read" of the machine, measured with that number of threads.

    Returns
    -------
    float or None
        None where the bound would not be meaningful: very few rows, where latency dominates, and complete runs,
        whose steps a program may combine.
    """
    if workload.kind == "run" or workload.flops() < 10_000:
        return None
    arithmetic: float = workload.flops() / machine["fma"][dtype]
    traffic = sum(
        moved / bandwidth(size, threads, machine["read"]) for size, moved in workload.streams(dtype)
    )
    return max(arithmetic, traffic)
