"""compiled-nn: ``Network`` by default; with ``core``, the compiled class that it uses.

``bfloat16`` trains and predicts in mixed precision, and ``int8`` predicts with quantised weights.
"""

import compiled_nn as cnn
import numpy as np
from data import Task
from protocol import SkippedError, serve

# Complete runs are not extrapolated: Gram training has fast steps after an expensive start.
ALWAYS_WHOLE = True

# With full batches of at most FEW_ROWS rows, one call of `Stack.train` runs up to MOST_EPOCHS epochs.
FEW_ROWS = 64
MOST_EPOCHS = 4096


def versions() -> dict[str, str]:
    """Return the versions of the libraries, and the instruction set in use."""
    import cnn_core

    return {"compiled-nn": cnn.__version__, "isa": cnn_core.isa, "numpy": np.__version__}


def blas() -> str:
    """Return "none": the core computes the matrix products."""
    return "none"


def prepare(threads: int) -> None:
    """Set the number of threads."""
    cnn.set_num_threads(threads)


def network(task: Task, option: str = "") -> cnn.Network:
    """Return the network of a workload with its initial weights."""
    workload = task.workload
    if workload.optimizer == "adam":
        optimizer = cnn.Adam(workload.learning_rate)
    else:
        momentum = workload.momentum if workload.optimizer == "momentum" else 0.0
        optimizer = cnn.SGD(workload.learning_rate, momentum=momentum)
    layers = [cnn.Dense(n, workload.hidden) for n in workload.sizes[1:-1]]
    net = cnn.Network(
        [*layers, cnn.Dense(workload.sizes[-1])],
        loss=workload.loss,
        optimizer=optimizer,
        l2=workload.l2,
        dtype=task.dtype,
        seed=0,
        n_threads=task.threads,
        **({"precision": "bfloat16"} if option == "bfloat16" else {}),
    )
    net.set_weights(task.weights)
    return net.quantize(task.X) if option == "int8" else net


def stack(task: Task):
    """Return the network of a workload as a `Stack` of the core."""
    from cnn_core.stack import Stack

    workload = task.workload
    link = "sigmoid" if workload.sizes[-1] == 1 else "softmax"
    hidden = [workload.hidden] * (len(workload.sizes) - 2)
    core = Stack(workload.sizes, (*hidden, link), dtype=task.dtype)
    for (W, b), (W_core, b_core) in zip(task.weights, core.views(), strict=True):
        W_core[...], b_core[...] = W, b
    return core


class NetworkTraining:
    """Training by ``Network.fit``, with one call per sample.

    Parameters
    ----------
    task : Task
        Workload and data.
    option : str
        Variant: ``""`` or ``"bfloat16"``.
    """

    def __init__(self, task: Task, option: str) -> None:
        self.task, self.net = task, network(task, option)

    def run(self, units: int) -> float:
        """Train for `units` epochs; return the mean loss of the last one."""
        workload = self.task.workload
        self.net.fit(
            self.task.X,
            self.task.y,
            epochs=units,
            batch_size=workload.batch or "full",
            shuffle=workload.shuffle,
            warm_start=True,
        )
        return self.net.history["loss"][-1]

    def weights(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the current weights and biases."""
        return self.net.get_weights()


class StackTraining:
    """Training by ``Stack.train``, with one call per epoch, or per many epochs of a few rows.

    Parameters
    ----------
    task : Task
        Workload and data.
    """

    def __init__(self, task: Task) -> None:
        from cnn_core.stack import Objective

        self.task, workload = task, task.workload
        if workload.kind == "run":
            raise SkippedError("complete runs are measured with Network only")
        self.core = stack(task)
        options = {"momentum": workload.momentum} if workload.optimizer == "momentum" else {}
        self.core.set_optimizer(workload.optimizer, **options)
        self.objective = Objective(workload.loss, l2=workload.l2, n_threads=task.threads)
        self.rng = np.random.default_rng(0)
        self.y = task.column() if workload.sizes[-1] == 1 else task.y

    def run(self, units: int) -> float:
        """Train for `units` epochs; return the mean loss of the last call."""
        workload = self.task.workload
        epochs_per_call = MOST_EPOCHS if workload.batch is None and workload.rows <= FEW_ROWS else 1
        loss = 0.0
        for start in range(0, units, epochs_per_call):
            epochs, order = min(epochs_per_call, units - start), None
            if epochs_per_call > 1:
                order = np.tile(np.arange(workload.rows), epochs)
            elif workload.shuffle:
                order = self.rng.permutation(workload.rows)
            loss, _ = self.core.train(
                self.task.X,
                self.y,
                self.objective,
                order,
                np.full(epochs * workload.steps_per_unit, workload.learning_rate),
                batch_size=workload.batch_size,
            )
        return loss

    def weights(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the current weights and biases."""
        return self.core.views()


def training(task: Task, option: str) -> NetworkTraining | StackTraining:
    """Return a training that starts from the initial weights."""
    return StackTraining(task) if option == "core" else NetworkTraining(task, option)


def inference(task: Task, option: str):
    """Return a function from X to the probabilities of the initial network."""
    if option != "core":
        return network(task, option).predict_proba
    core, threads = stack(task), task.threads

    def predict(X: np.ndarray) -> np.ndarray:
        return core.forward(X, n_threads=threads)

    return core.forward if threads == 1 else predict


def gemm(order: str, dtype: str, m: int, n: int, k: int, threads: int):
    """Return a function, and its arguments, that computes a product into an existing array."""
    from cnn_core.functions import matmul

    rng = np.random.default_rng(0)
    A = rng.random((k, m) if order == "TN" else (m, k)).astype(dtype)
    B = rng.random((n, k) if order == "NT" else (k, n)).astype(dtype)
    A, B, out = A.T if order == "TN" else A, B.T if order == "NT" else B, np.empty((m, n), dtype)

    def multiply() -> None:
        matmul(A, B, out, n_threads=threads)

    return (multiply,)


if __name__ == "__main__":
    serve(__name__)
