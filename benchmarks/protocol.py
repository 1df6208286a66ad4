"""The peer's side of the conversation: commands on standard input, one JSON line as answer to each.

    load T1 float32 1.0             make data and network, warm up: the time this took, an estimate of a unit
    run T1 float32 1.0 0.4          one sample of about 0.4 seconds: seconds per unit
    check T1 float32                three steps from the initial weights, or a prediction: a number to compare
    gemm NN float32 64 64 32 0.1    one sample of a matrix product: seconds per call
    quit

The third word of ``load`` and ``run`` is the scale of the rows. A peer's file defines ``versions()``,
``blas()``, ``training``, ``inference`` or ``gemm``, whichever it can, and ends with ``serve(...)``; README.md has their
signatures.
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
    """OpenBLAS libraries of this process with the kernels that they chose.

    Returns
    -------
    str
        ``"OpenBLAS 0.3.31 SkylakeX"``, several separated by commas; ``"none"`` without any, and ``"unknown"``
        without threadpoolctl.
    """
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return "unknown"
    loaded = [library for library in threadpool_info() if library["internal_api"] == "openblas"]
    kernels = {f"OpenBLAS {library['version']} {library['architecture']}" for library in loaded}
    return ", ".join(sorted(kernels)) or "none"


class SkippedError(Exception):
    """Raised by a peer for what it cannot do; the runner notes the reason and goes on."""


@dataclass
class Loaded:
    """The workload a peer holds at the moment."""

    key: tuple[str, ...]
    task: Any
    work: Callable[[int], Any]
    predict: Callable[[Any], Any] | None
    unit: float
    warm_up: float


class Server:
    """Answers the commands with the functions of one peer's module.

    Parameters
    ----------
    module : module
        The peer's file.
    option : str
        Its variant.
    threads : int
        Threads it may use.
    """

    def __init__(self, module: ModuleType, option: str, threads: int) -> None:
        self.module, self.option, self.threads = module, option, threads
        self.loaded: Loaded | None = None
        self.product: tuple[tuple[str, ...], Callable[[int], Any], float] | None = None

    def task(self, name: str, dtype: str, scale: str) -> Any:
        """Draw the data of a workload; ``scale`` is a number, or ``check``."""
        # Here and not above: the machine's own process speaks the protocol without NumPy.
        from data import make_task
        from workloads import WORKLOADS

        workload = WORKLOADS[name]
        workload = workload.for_check() if scale == "check" else workload.scaled(float(scale))
        return make_task(workload, dtype, self.threads)

    def training(self, task: Any) -> Any:
        """A fresh training of the peer's."""
        if not hasattr(self.module, "training"):
            raise SkippedError("does not train")
        return self.module.training(task, self.option)

    def load(self, name: str, dtype: str, scale: str) -> dict[str, Any]:
        """Make a workload ready and warm; the one before is forgotten."""
        self.loaded = None
        gc.collect()
        task, predict = self.task(name, dtype, scale), None
        start = time.perf_counter()
        if task.workload.kind == "inference":
            if not hasattr(self.module, "inference"):
                raise SkippedError("does not predict")
            predict = self.module.inference(task, self.option)
            work = predictor(predict, task.X)
        else:
            work = self.training(task).run
        work(1)
        warm_up = time.perf_counter() - start
        self.loaded = Loaded((name, dtype, scale), task, work, predict, estimate(work), warm_up)
        return {"warm_up": warm_up, "unit": self.loaded.unit}

    def run(self, name: str, dtype: str, scale: str, seconds: str) -> dict[str, Any]:
        """One sample of about so many seconds, at least one unit."""
        if self.loaded is None or self.loaded.key != (name, dtype, scale):
            self.load(name, dtype, scale)
        loaded = self.loaded
        assert loaded is not None
        units = max(1, int(float(seconds) / loaded.unit))
        if loaded.task.workload.kind == "run":
            return self.whole_run(loaded, units)
        answer: dict[str, Any] = {"seconds": seconds_of(loaded.work, units) / units, "units": units}
        if loaded.predict is not None:
            answer |= percentiles(loaded.predict, loaded.task.X, min(units, PERCENTILE_CALLS))
        return answer

    def whole_run(self, loaded: Loaded, steps: int) -> dict[str, Any]:
        """A run from the initial weights: of as many steps as the time allows where all cost the same."""
        whole = loaded.task.workload.steps
        start = time.perf_counter()
        training = self.training(loaded.task)
        prepared = time.perf_counter() - start
        steps = whole if getattr(self.module, "ALWAYS_WHOLE", False) else min(steps, whole)
        taken = seconds_of(training.run, steps)
        seconds = prepared + taken * whole / steps
        return {"seconds": seconds, "units": 1, "steps": steps, "extrapolated": steps < whole}

    def check(self, name: str, dtype: str) -> dict[str, Any]:
        """The loss after three steps, or the probabilities' distance from the oracle."""
        import data

        task = self.task(name, dtype, "check")
        if task.workload.kind == "inference":
            found = self.module.inference(task, self.option)(task.X)
            distance = found[:, -task.workload.sizes[-1] :] - data.probabilities(task)
            return {"error": float(abs(distance).max())}
        training = self.training(task)
        training.run(task.workload.steps or task.workload.units_of_check)
        return {"loss": data.loss(task, training.weights()), "before": data.loss(task, task.weights)}

    def gemm(self, order: str, dtype: str, m: str, n: str, k: str, seconds: str) -> dict[str, Any]:
        """One sample of a matrix product."""
        key = (order, dtype, m, n, k)
        if self.product is None or self.product[0] != key:
            if not hasattr(self.module, "gemm"):
                raise SkippedError("has no matrix product of its own")
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
        Function of each command; takes the words after it.
    hello : dict
        Sent first.
    """
    # Libraries print where they please: the answers get a descriptor of their own, everything else goes to
    # standard error.
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
    """Run a peer's file as a process: read the command line, then answer.

    Parameters
    ----------
    name : str
        The peer module's ``__name__``, as a rule ``"__main__"``.
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
