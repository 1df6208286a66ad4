"""Other libraries that train on two processes, or on one part after the other, for benchmarks/scaling.py."""

from __future__ import annotations

import itertools
import multiprocessing
import socket
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from clusters import pin


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _ddp(
    rank: int, port: int, sizes: tuple[int, ...], batch: int, X: Any, y: Any, epochs: int, queue: Any
) -> None:
    """Train half of the rows of each batch in this process."""
    import torch

    pin(rank)
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    torch.manual_seed(0)
    layers: list[Any] = []
    for k, n in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(k, n), torch.nn.ReLU()]
    net = torch.nn.parallel.DistributedDataParallel(torch.nn.Sequential(*layers[:-1]))
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    loss = torch.nn.functional.cross_entropy
    times = []
    for _ in range(epochs):
        start = perf_counter()
        order = torch.randperm(len(X))
        for first in range(0, len(X) - batch // 2 + 1, batch // 2):
            rows = order[first : first + batch // 2]
            optimizer.zero_grad()
            loss(net(X[rows]), y[rows]).backward()
            optimizer.step()
        times.append(perf_counter() - start)
    if rank == 0:
        queue.put(times)
    torch.distributed.destroy_process_group()


def torch_ddp(sizes: tuple[int, ...], batch: int, X: Any, y: Any, epochs: int) -> list[float]:
    """Return the seconds of epochs of DistributedDataParallel on two processes that exchange gradients by gloo."""
    context = multiprocessing.get_context("spawn")
    queue, port, half = context.Queue(), _free_port(), len(X) // 2
    parts = [(X[:half], y[:half]), (X[half : 2 * half], y[half : 2 * half])]
    ranks = [
        context.Process(target=_ddp, args=(rank, port, sizes, batch, *part, epochs, queue))
        for rank, part in enumerate(parts)
    ]
    for each in ranks:
        each.start()
    times: list[float] = queue.get(timeout=300)
    for each in ranks:
        each.join()
    return times


def _sklearn(sizes: tuple[int, ...], batch: int, X: Any, y: Any, epochs: int, queue: Any) -> None:
    from sklearn.neural_network import MLPClassifier

    pin(0)
    model = MLPClassifier(sizes[1:-1], batch_size=batch, random_state=0)
    half, classes, times = len(X) // 2, np.unique(y), []
    for _ in range(epochs):
        start = perf_counter()
        model.partial_fit(X[:half], y[:half], classes=classes)
        model.partial_fit(X[half:], y[half:])
        times.append(perf_counter() - start)
    queue.put(times)


def sklearn_partial_fit(sizes: tuple[int, ...], batch: int, X: Any, y: Any, epochs: int) -> list[float]:
    """Return the seconds of epochs of `partial_fit`, for one part after the other on one CPU."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_sklearn, args=(sizes, batch, X, y, epochs, queue))
    process.start()
    times: list[float] = queue.get(timeout=300)
    process.join()
    return times


PEERS: dict[str, Callable[..., list[float]]] = {
    "torch DistributedDataParallel, gloo": torch_ddp,
    "scikit-learn partial_fit (Incremental)": sklearn_partial_fit,
}
