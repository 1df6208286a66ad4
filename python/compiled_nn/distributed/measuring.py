"""Measurement of the constants of the model of costs: training on the workers, and messages to them and back."""

from __future__ import annotations

import builtins
import copy
import time
from collections.abc import Callable, Iterable, Iterator
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import checks
from ..data import rows
from ..network.network import Network
from .cost import Costs, Estimate, check_steps
from .engine import MapEngine
from .pace import spent
from .states import mean_of

if TYPE_CHECKING:
    from .cost import Mode, Steps
    from .engine import Engine

_REPEATS = 7  # measurements of each kind, whose median counts
_STEPS = 8  # smallest number of steps, and of rows of all steps, of an epoch that is measured
_ROWS = 4096
_EPOCHS = 4  # epochs that are measured, of which the fastest counts
_MOST = 32  # number of workers that are searched for if the number is not given by the engine
_PAUSE = 0.005  # seconds of a task while workers are counted


def estimate(
    net: Any,
    X: Any,
    y: Any,
    *,
    n_rows: int,
    batch_size: int = 32,
    mode: Mode = "averaging",
    steps_per_average: Steps = "auto",
    n_shards: int | None = None,
    map: Callable[..., Iterable[Any]] = builtins.map,
    engine: Engine | None = None,
    n_workers: int | None = None,
) -> Estimate:
    """Measure what distributed training costs here, and return the estimate for any number of workers.

    It takes some seconds, in which nothing else should run: a copy of the network is trained on the sample by all
    workers at the same time, and arrays with as many bytes as its state are sent to them and back.

    Parameters
    ----------
    net : Network, or a fitted MLPClassifier or MLPRegressor
        Model to train. It is not changed.
    X : array-like or table
        Sample of the rows: some hundred are enough.
    y : array-like
        Targets of the sample.
    n_rows : int
        Number of training rows of all shards.
    batch_size : int, default 32
        Rows of a batch: of all shards together in synchronous mode, of each shard in averaging mode.
    mode : {"averaging", "synchronous"}, default "averaging"
        Mode of training, documented in :class:`ShardedRows`.
    steps_per_average : int or "auto", default "auto"
        Number of local steps between averages; "auto": chosen for each number of workers.
    n_shards : int, optional
        Number of shards. Default: one for each worker.
    map : callable, default builtins.map
        Function like the builtin `map` that runs tasks on the workers.
    engine : Engine, optional
        Engine in place of `map`.
    n_workers : int, optional
        Number of workers. Default: as many as `engine` has, or as run tasks of `map`.

    Returns
    -------
    Estimate
        Prediction by the model of costs; ``print`` shows it as a table.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not valid, or the network does not take the sample.

    Examples
    --------
    >>> import numpy as np
    >>> import compiled_nn as cnn
    >>> net = cnn.Network([cnn.Dense(64, "relu"), cnn.Dense(1)], loss="mse")
    >>> X = np.random.default_rng(0).normal(size=(500, 10))
    >>> print(cnn.distributed.estimate(net, X, X[:, 0], n_rows=10_000_000, batch_size=64))
    10,000,000 rows, 769 parameters, batches of 64, averaging
    workers  steps/round  rounds  MB/round  s/epoch  overhead  speedup
    ...
    """
    engine = MapEngine(map) if engine is None else engine
    n_workers = checks.optional_integer("estimate", "n_workers", n_workers, minimum=1)
    batch_size = checks.integer("estimate", "batch_size", batch_size, minimum=1)
    check_steps("estimate", steps_per_average)
    net = getattr(net, "network_", net)
    trained = Network._of_configuration(net._configuration, n_threads=1)
    trained.fit(X, y, epochs=1, batch_size=batch_size)
    state = trained.snapshot()
    return Estimate(
        measure(engine, trained, X, y, batch_size, n_workers),
        n_rows=n_rows,
        batch_size=batch_size,
        n_parameters=trained.n_parameters,
        mode=mode,
        steps_per_average=steps_per_average,
        n_shards=n_shards,
        n_moments=len(state["optimizer"]["moments"]),
        itemsize=state["layers"][0]["weight"].itemsize,
    )


def measure(engine: Engine, net: Any, X: Any, y: Any, batch_size: int, n_workers: int | None = None) -> Costs:
    """Return the constants of the model of costs.

    Parameters
    ----------
    engine : Engine
        Where tasks run.
    net : Network
        Network that was trained on the sample.
    X, y : array-like or table
        Sample of the rows.
    batch_size : int
        Rows of a batch.
    n_workers : int, optional
        Number of workers. Default: that of the engine, or as many as run tasks.
    """
    workers = n_workers or engine.n_workers or count_workers(engine)
    arrays = list(_arrays(net.snapshot()))
    state = np.concatenate([array.ravel() for array in arrays])
    row, step = _training(engine, net, X, y, batch_size, workers)
    latency, task, byte, worker_byte = link(
        lambda tasks, size: _exchange(engine, tasks, size), workers, state.nbytes
    )
    merging = _median_seconds(lambda: mean_of([state, -state], [1.0, 1.0])) / (2 * state.nbytes)
    return Costs(row, step, latency, task, byte, worker_byte, merging)


def link(
    seconds: Callable[[int, int], float], n_workers: int, n_bytes: int
) -> tuple[float, float, float, float]:
    """Return latency, seconds per task, and seconds per byte at the driver and at a worker.

    Parameters
    ----------
    seconds : callable
        Function of a number of tasks and of bytes that measures a round: each task gets this number of bytes, and
        returns as many.
    n_workers : int
        Number of workers.
    n_bytes : int
        Number of bytes of a message.
    """
    several = max(n_workers, 2)
    one, many = seconds(1, 0), seconds(several, 0)
    one_full, many_full = seconds(1, n_bytes), seconds(several, n_bytes)
    task = max((many - one) / (several - 1), 0.0)
    both = max(one_full - one, 0.0) / (
        2 * n_bytes
    )  # a byte of a lone message, at the driver and at the worker
    # Workers receive at the same time, so that what each further message adds is the driver's; with one worker all is.
    further = max(many_full - many - (one_full - one), 0.0) / (several - 1) / (2 * n_bytes)
    at_driver = min(further, both)
    return max(one - task, 0.0), task, at_driver, both - at_driver


def count_workers(engine: Engine) -> int:
    """Return the number of workers that run tasks of an engine whose `n_workers` is None."""
    found: set[str] = set()
    for _ in range(2):  # in the first round some workers may still be starting
        found |= {name for name, _ in engine.map(_pause, [(_PAUSE,)] * _MOST)}
    return len(found)


def _pause(seconds: float) -> tuple[str, float]:
    start = perf_counter()
    time.sleep(seconds)
    return spent(start)


def _echo(array: Any) -> Any:
    return array


def _exchange(engine: Engine, tasks: int, n_bytes: int) -> float:
    """Return the median seconds of a round of tasks that get an array and return it."""
    arguments = [(np.zeros(n_bytes, np.uint8),) for _ in range(tasks)]
    return _median_seconds(lambda: engine.map(_echo, arguments, range(tasks)))


def _median_seconds(work: Callable[[], Any]) -> float:
    work()
    times = []
    for _ in range(_REPEATS):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return median(times)


def _training(
    engine: Engine, net: Any, X: Any, y: Any, batch_size: int, n_workers: int
) -> tuple[float, float]:
    """Return the seconds of a row and of a step, on the slowest worker while all of them train."""
    sizes = (max(batch_size // 4, 1), max(batch_size, 2))
    epochs = engine.map(_time_epochs, [(net, X, y, sizes)] * n_workers, range(n_workers))
    (n_rows, small), (_, large) = max(epochs, key=lambda each: each[1][1])
    steps_of_small, steps_of_large = (-(-n_rows // size) for size in sizes)
    step = max((small - large) / (steps_of_small - steps_of_large), 0.0)
    step = min(step, large / steps_of_large)
    return (large - steps_of_large * step) / n_rows, step


def _time_epochs(net: Any, X: Any, y: Any, sizes: tuple[int, ...]) -> list[tuple[int, float]]:
    """Return for each size of batches the number of rows of an epoch, and the seconds of the fastest one."""
    net = copy.deepcopy(net)  # threads, and the builtin map, share their arguments
    X, y = rows.of(X), rows.of(y, "y")
    n = rows.shape(X)[0]
    n_rows = max(n, _STEPS * max(sizes), _ROWS)
    repeated = np.resize(np.arange(n), n_rows)
    X, y = rows.take(X, repeated), rows.take(y, repeated)
    found = []
    for size in sizes:
        net.fit(X, y, epochs=_EPOCHS, batch_size=size, warm_start=True)
        found.append((n_rows, min(net.history["seconds"][-_EPOCHS:])))
    return found


def _arrays(state: Any) -> Iterator[Any]:
    """Yield the arrays of floats in nested dicts and lists."""
    if isinstance(state, dict):
        state = list(state.values())
    if isinstance(state, (list, tuple)):
        for each in state:
            yield from _arrays(each)
    elif isinstance(state, np.ndarray) and state.dtype.kind == "f":
        yield state
