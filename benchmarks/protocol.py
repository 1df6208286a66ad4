"""Peer's side of the protocol: commands on standard input, one JSON line as the answer to each.

    load T1 float32 1.0             create data and network, and warm up: time of that, estimated time of a unit
    run T1 float32 1.0 0.4          sample of about 0.4 seconds: seconds per unit
    check T1 float32                three steps from the initial weights, or a prediction: numbers to compare
    gemm NN float32 64 64 32 0.1    sample of a matrix product: seconds per call
    quit

The third word of ``load`` and ``run`` is the share of the rows. The file of a peer defines ``versions()``, ``blas()``,
and those of ``training``, ``inference`` and ``gemm`` that it supports, and ends with ``serve(...)``. README.md
describes their signatures.
"""

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from timing import caller, estimate, percentiles, predictor, seconds_of

PERCENTILE_CALLS = 2000


def openblas() -> str:
    """Return the OpenBLAS libraries of this process, with the kernels that they chose.

    Returns
    -------
    str
        Names such as ``"OpenBLAS 0.3.31 SkylakeX"``, separated by commas; ``"none"`` if there are none, and
        ``"unknown"`` without threadpoolctl.
    """
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return "unknown"
    loaded = [library for library in threadpool_info() if library["internal_api"] == "openblas"]
    kernels = {f"OpenBLAS {library['version']} {library['architecture']}" for library in loaded}
    return ", ".join(sorted(kernels)) or "none"


class SkippedError(Exception):
    """A peer does not support a command; the runner records the reason and continues."""


@dataclass
class Loaded:
    """Workload that a peer has loaded."""

    key: tuple[str, ...]
    task: Any
    work: Callable[[int], Any]
    predict: Callable[[Any], Any] | None
    unit: float
    warm_up: float


class Server:
    """Execution of the commands with the functions of a peer's module.

    Parameters
    ----------
    module : module
        Module of the peer.
    option : str
        Variant of the peer.
    threads : int
        Number of threads that the peer may use.
    """

    def __init__(self, module: ModuleType, option: str, threads: int) -> None:
        self.module, self.option, self.threads = module, option, threads
        self.loaded: Loaded | None = None
        self.product: tuple[tuple[str, ...], Callable[[int], Any], float] | None = None

    def make_task(self, name: str, dtype: str, scale: str) -> Any:
        """Draw the data of a workload; `scale` is a share of the rows, or ``check``."""
        # Imported here because machine.py uses this module without NumPy.
        from data import make_task
        from workloads import find

        workload = find(name)
        workload = workload.for_check() if scale == "check" else workload.scaled(float(scale))
        return make_task(workload, dtype, self.threads)

    def start_training(self, task: Any) -> Any:
        """Return a new training of the peer."""
        if not hasattr(self.module, "training"):
            raise SkippedError("the peer has no training")
        return self.module.training(task, self.option)

    def load(self, name: str, dtype: str, scale: str) -> dict[str, Any]:
        """Load a workload in place of the previous one, and warm up."""
        self.loaded = None
        gc.collect()
        task, predict = self.make_task(name, dtype, scale), None
        start = time.perf_counter()
        if task.workload.kind == "inference":
            if not hasattr(self.module, "inference"):
                raise SkippedError("the peer has no prediction")
            predict = self.module.inference(task, self.option)
            work = predictor(predict, task.X)
        else:
            work = self.start_training(task).run
        work(1)
        warm_up = time.perf_counter() - start
        self.loaded = Loaded((name, dtype, scale), task, work, predict, estimate(work), warm_up)
        return {"warm_up": warm_up, "unit": self.loaded.unit}

    def run(self, name: str, dtype: str, scale: str, seconds: str) -> dict[str, Any]:
        """Return a sample of about `seconds`, of at least one unit."""
        if self.loaded is None or self.loaded.key != (name, dtype, scale):
            self.load(name, dtype, scale)
        loaded = self.loaded
        assert loaded is not None
        units = max(1, int(float(seconds) / loaded.unit))
        if loaded.task.workload.kind == "run":
            return self.run_complete(loaded, units)
        answer: dict[str, Any] = {"seconds": seconds_of(loaded.work, units) / units, "units": units}
        if loaded.predict is not None:
            answer |= percentiles(loaded.predict, loaded.task.X, min(units, PERCENTILE_CALLS))
        return answer

    def run_complete(self, loaded: Loaded, steps: int) -> dict[str, Any]:
        """Return a sample of a complete run, extrapolated from `steps` if all steps of the peer take the same time."""
        all_steps = loaded.task.workload.steps
        start = time.perf_counter()
        training = self.start_training(loaded.task)
        prepared = time.perf_counter() - start
        steps = all_steps if getattr(self.module, "ALWAYS_WHOLE", False) else min(steps, all_steps)
        elapsed = seconds_of(training.run, steps)
        seconds = prepared + elapsed * all_steps / steps
        return {"seconds": seconds, "units": 1, "steps": steps, "extrapolated": steps < all_steps}

    def check(self, name: str, dtype: str) -> dict[str, Any]:
        """Return the loss after three steps, or the largest error of the probabilities."""
        import data

        task = self.make_task(name, dtype, "check")
        if task.workload.kind == "inference":
            found = self.module.inference(task, self.option)(task.X)
            distance = found[:, -task.workload.sizes[-1] :] - data.probabilities(task)
            return {"error": float(abs(distance).max())}
        training = self.start_training(task)
        training.run(task.workload.steps or task.workload.units_of_check)
        return {"loss": data.loss(task, training.weights()), "before": data.loss(task, task.weights)}

    def gemm(self, order: str, dtype: str, m: str, n: str, k: str, seconds: str) -> dict[str, Any]:
        """Return a sample of a matrix product."""
        key = (order, dtype, m, n, k)
        if self.product is None or self.product[0] != key:
            if not hasattr(self.module, "gemm"):
                raise SkippedError("the peer has no matrix product")
            work = caller(*self.module.gemm(order, dtype, int(m), int(n), int(k), self.threads))
            work(1)
            self.product = key, work, estimate(work)
        units = max(1, int(float(seconds) / self.product[2]))
        return {"seconds": seconds_of(self.product[1], units) / units, "units": units}


def converse(commands: dict[str, Callable[..., dict[str, Any]]], hello: dict[str, Any]) -> None:
    """Answer commands until ``quit`` or the end of the input.

    Parameters
    ----------
    commands : dict
        Function of each command, which takes the words after it.
    hello : dict
        First line of the answers.
    """
    # Libraries may print to standard output: the answers use a copy of its descriptor, and all other output goes
    # to standard error.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        print(json.dumps(hello), file=answers, flush=True)
        for line in sys.stdin:
            word, *rest = line.split()
            if word == "quit":
                break
            try:
                answer = commands[word](*rest)
            except SkippedError as reason:
                answer = {"skipped": str(reason)}
            except Exception as error:
                answer = {"error_type": type(error).__name__, "message": str(error)}
            print(json.dumps(answer), file=answers, flush=True)


def serve(name: str) -> None:
    """Run the file of a peer as a process: parse the command line, then answer commands.

    Parameters
    ----------
    name : str
        ``__name__`` of the peer's module, usually ``"__main__"``.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--option", default="")
    arguments = parser.parse_args()
    module = sys.modules[name]
    server = Server(module, arguments.option, arguments.threads)
    if hasattr(module, "prepare"):
        module.prepare(arguments.threads)
    commands = {"load": server.load, "run": server.run, "check": server.check, "gemm": server.gemm}
    converse(commands, {"versions": module.versions(), "blas": module.blas()})
