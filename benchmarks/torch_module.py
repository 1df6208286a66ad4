"""Compare a training loop of PyTorch with compiled_nn.torch.Module and with nn.Sequential.

    taskset -c 0 python benchmarks/torch_module.py --threads 1
    taskset -c 0,1 python benchmarks/torch_module.py --threads 2

Both models start from the same weights and take turns in one process: `--seconds` of steps of one, then of the other.
A step is zero_grad, forward, loss, backward and the step of the optimizer. The columns have the medians of the time of
a step, the median of the ratios of neighbouring turns, and the largest difference of the losses of the first 20 steps.
The optimizer is Adam of PyTorch in its three implementations, on both sides the same; "ours" is `Module.step` against
the fused one, which is the fastest of PyTorch. It needs an environment with torch and this package.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any

import compiled_nn as cnn
import numpy as np
import torch
from compiled_nn.torch import Module
from timing import estimate, seconds_of
from torch import nn

WORKLOADS = {
    "32-64-64-1, 64": ((32, 64, 64, 1), 64),
    "784-128-10, 128": ((784, 128, 10), 128),
    "784-512-512-10, 128": ((784, 512, 512, 10), 128),
}
OPTIMIZERS = {
    "loop": {"foreach": False, "fused": False},
    "foreach": {"foreach": True},
    "fused": {"fused": True},
}
RATE, COMPARED = 1e-3, 20


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.2, help="time of a turn")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--parameters", choices=["flat", "layers"], default="flat")
    parser.add_argument("--only", type=lambda text: text.split(";"), default=list(WORKLOADS))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cnn.set_num_threads(options.threads)
    print(
        "| network, batch | Adam | Sequential, us | Module, us | times faster | largest difference of losses |"
    )
    print("|---|---|---|---|---|---|")
    for name in options.only:
        for adam in (*OPTIMIZERS, "ours"):
            if options.parameters == "layers" and adam == "fused":
                continue  # refused
            theirs, ours, ratio, difference = compare(*WORKLOADS[name], adam, options)
            print(
                f"| {name} | {adam} | {theirs:.0f} | {ours:.0f} | {ratio:.2f} | {difference:.0e} |",
                flush=True,
            )


def compare(
    sizes: tuple[int, ...], batch: int, adam: str, options: argparse.Namespace
) -> tuple[float, float, float, float]:
    """Return the microseconds of a step of both models, the ratio, and the difference of the losses."""
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(batch, sizes[0], generator=generator)
    y = torch.randint(sizes[-1], (batch,), generator=generator) if sizes[-1] > 1 else torch.randn(batch, 1)
    criterion = nn.CrossEntropyLoss() if sizes[-1] > 1 else nn.MSELoss()
    steps = []
    for is_ours in (False, True):
        module = Module(sizes, seed=0, parameters=options.parameters)
        model: nn.Module = module if is_ours else sequential(module)
        module.network.optimizer = cnn.Adam(RATE)
        given = OPTIMIZERS.get(adam, {"fused": True})
        optimizer = torch.optim.Adam(model.parameters(), RATE, **given)
        take = module.step if is_ours and adam == "ours" else optimizer.step
        steps.append(loop(model, criterion, X, y, take))
    losses = np.array([[step(1) for _ in range(COMPARED)] for step in steps])
    turns = [max(1, int(options.seconds / estimate(step))) for step in steps]
    times: list[list[float]] = [[], []]
    for _ in range(options.rounds):
        for taken, step, n in zip(times, steps, turns, strict=True):
            taken.append(seconds_of(step, n) / n)
    theirs, ours = (statistics.median(taken) * 1e6 for taken in times)
    # Each turn of ours is between two of theirs.
    before, after = times[0][:-1], times[0][1:]
    ratio = statistics.median((a + b) / 2 / c for a, b, c in zip(before, after, times[1][:-1], strict=True))
    return theirs, ours, ratio, float(abs(losses[0] - losses[1]).max())


def sequential(module: Module) -> nn.Sequential:
    """Return an nn.Sequential with the weights of a module."""
    layers: list[nn.Module] = []
    for layer in module.layers:
        linear = nn.Linear(layer.weight.shape[1], layer.weight.shape[0])
        linear.load_state_dict({"weight": layer.weight, "bias": layer.bias})
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def loop(
    model: nn.Module, criterion: nn.Module, X: torch.Tensor, y: torch.Tensor, take: Callable[[], Any]
) -> Callable[[int], float]:
    """Return a function that takes some steps and returns the loss before the last one."""

    def run(n: int) -> float:
        for _ in range(n):
            model.zero_grad()
            loss = criterion(model(X), y)
            loss.backward()
            take()
        return loss.item()

    return run


if __name__ == "__main__":
    main()
