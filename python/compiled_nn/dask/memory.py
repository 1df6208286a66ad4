"""Whether the rows of all parts fit into the memory of the workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dask.sizeof import sizeof

from ..distributed.parts import read_part
from .engine import DaskEngine

_SHARE = 0.3  # of the memory of all workers: rows as they are read, and converted, exist at the same time
_SAMPLE = 3  # parts that are read where the number of bytes is not known


def fits(engine: DaskEngine, sources: Sequence[Any], n_bytes: float | None) -> bool:
    """Return whether all rows can be kept on the workers.

    Parameters
    ----------
    engine : DaskEngine
        Engine.
    sources : sequence
        Parts.
    n_bytes : float or None
        Number of bytes of all parts; None to estimate it from a few of them.
    """
    if n_bytes is None:
        step = max(1, len(sources) // _SAMPLE)
        found = engine.map(_size, [(source, number) for number, source in enumerate(sources)][::step])
        n_bytes = sum(found) / len(found) * len(sources)
    return bool(n_bytes <= _SHARE * engine.client.run_on_scheduler(_memory))


def _size(source: Any, number: int) -> int:
    """Return the number of bytes of a part, on a worker."""
    return sum(sizeof(each) for each in read_part(source, number))


def _memory(dask_scheduler: Any = None) -> float:
    """Return, on the scheduler, the number of bytes that all workers may use.

    Workers without a limit count with an equal share of the memory of a machine like this one.
    """
    from distributed.system import MEMORY_LIMIT

    workers = dask_scheduler.workers.values()
    return float(sum(worker.memory_limit or MEMORY_LIMIT / len(workers) for worker in workers))
