"""PyTorch in eager mode; ``fused`` has the optimizer in one kernel.

``compiled`` in addition uses torch.compile, and ``bfloat16`` automatic mixed precision.
"""

import os
import re
import tempfile

import numpy as np
import torch
from data import Task
from protocol import openblas, serve
from torch import nn

DTYPE = {"float32": torch.float32, "float64": torch.float64}


def versions() -> dict[str, str]:
    """Return the versions of the libraries."""
    return {"torch": torch.__version__, "MKL": mkl_version() or "none", "numpy": np.__version__}


def mkl_version() -> str | None:
    """Return the version of the MKL with which torch was built, or None."""
    found = re.search(r"Math Kernel Library Version (\S+)", torch.__config__.show())
    return found[1] if found else None


def mkl_kernels() -> str:
    """Return the instruction sets that MKL names in the log of a product, such as ``"AVX-512 AMX"``."""
    A = torch.ones(64, 64)
    with tempfile.TemporaryFile("w+") as log:
        standard = os.dup(1)
        os.dup2(log.fileno(), 1)
        try:
            with torch.backends.mkl.verbose(torch.backends.mkl.VERBOSE_ON):
                torch.mm(A, A)
        finally:
            os.dup2(standard, 1)
            os.close(standard)
        log.seek(0)
        found = re.findall(r"\(Intel\(R\) (AVX-512|AVX2?|AMX|SSE4\.2)\)", log.read())
    return " ".join(dict.fromkeys(found))


def blas() -> str:
    """Return MKL with its kernels; on other processors torch uses OpenBLAS."""
    mkl = mkl_version()
    return f"MKL {mkl} {mkl_kernels()}".rstrip() if mkl else openblas()


def prepare(threads: int) -> None:
    """Set the number of threads."""
    torch.set_num_threads(threads)


def network(task: Task) -> nn.Sequential:
    """Return the network of a workload with its initial weights; its outputs are logits."""
    layers: list[nn.Module] = []
    for W, b in task.weights:
        layer = nn.Linear(*W.shape, dtype=DTYPE[task.dtype])
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(W.T))
            layer.bias.copy_(torch.from_numpy(b))
        layers += [layer, nn.ReLU() if task.workload.hidden == "relu" else nn.Sigmoid()]
    return nn.Sequential(*layers[:-1])


def optimizer(task: Task, model: nn.Module, fused: bool) -> torch.optim.Optimizer:
    """Return the optimizer of a workload; the penalty applies to weights, not to biases."""
    workload = task.workload
    groups = [
        {"params": [p for p in model.parameters() if p.ndim == 2], "weight_decay": workload.l2},
        {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    # With None, and unlike False, torch chooses between its loop and its batched implementation.
    choice = True if fused else None
    if workload.optimizer == "adam":
        return torch.optim.Adam(groups, workload.learning_rate, fused=choice)
    momentum = workload.momentum if workload.optimizer == "momentum" else 0.0
    return torch.optim.SGD(groups, workload.learning_rate, momentum=momentum, fused=choice)


class Training:
    """Training by a loop over batches of tensors in memory, without a DataLoader.

    Parameters
    ----------
    task : Task
        Workload and data.
    option : str
        Variant: ``""``, ``"fused"``, or ``"compiled"`` and ``"bfloat16"``, which are fused too.
    """

    def __init__(self, task: Task, option: str) -> None:
        self.task, self.model = task, network(task)
        self.optimizer = optimizer(task, self.model, fused=bool(option))
        self.forward = torch.compile(self.model) if option == "compiled" else self.model
        self.low = option == "bfloat16"
        self.X = torch.from_numpy(task.X)
        binary = task.workload.sizes[-1] == 1
        self.y = torch.from_numpy(task.column() if binary else task.y)
        self.criterion = nn.BCEWithLogitsLoss() if binary else nn.CrossEntropyLoss()

    def run(self, units: int) -> float:
        """Train for `units` epochs; return the mean loss of the last one, without the penalty."""
        workload, size = self.task.workload, self.task.workload.batch_size
        for _ in range(units):
            total = torch.zeros(())
            order = torch.randperm(workload.rows) if workload.shuffle else None
            for start in range(0, workload.rows, size):
                batch = slice(start, start + size) if order is None else order[start : start + size]
                X, y = self.X[batch], self.y[batch]
                self.optimizer.zero_grad()
                with torch.autocast("cpu", torch.bfloat16, enabled=self.low):
                    loss = self.criterion(self.forward(X), y)
                loss.backward()
                self.optimizer.step()
                total += loss.detach() * len(X)
        return float(total) / workload.rows

    def weights(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the current weights and biases."""
        layers = [layer for layer in self.model if isinstance(layer, nn.Linear)]
        return [(layer.weight.detach().numpy().T, layer.bias.detach().numpy()) for layer in layers]


def training(task: Task, option: str) -> Training:
    """Return a training that starts from the initial weights."""
    return Training(task, option)


def inference(task: Task, option: str):
    """Return a function from X to the probabilities of the initial network."""
    link = nn.Sigmoid() if task.workload.sizes[-1] == 1 else nn.Softmax(dim=1)
    model = nn.Sequential(*network(task), link).eval()
    if option == "compiled":
        model = torch.compile(model)

    def predict(X: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model(torch.from_numpy(X)).numpy()

    # Weights in bfloat16 are rounded once; with autocast they would be rounded in each call.
    low = model.to(torch.bfloat16) if option == "bfloat16" else model

    def predict_low(X: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return low(torch.from_numpy(X).to(torch.bfloat16)).float().numpy()

    return predict_low if option == "bfloat16" else predict


def gemm(order: str, dtype: str, m: int, n: int, k: int, threads: int):
    """A product into an existing tensor: a function and its arguments."""
    A = torch.rand((k, m) if order == "TN" else (m, k), dtype=DTYPE[dtype])
    B = torch.rand((n, k) if order == "NT" else (k, n), dtype=DTYPE[dtype])
    out = torch.empty((m, n), dtype=DTYPE[dtype])
    A, B = A.T if order == "TN" else A, B.T if order == "NT" else B

    def multiply() -> None:
        torch.mm(A, B, out=out)

    return (multiply,)


if __name__ == "__main__":
    serve(__name__)
