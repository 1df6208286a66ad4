"""Number of local steps between averages, chosen from the times of the first rounds, and what the rounds cost."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias

from ..common.errors import count
from ..training.report import logger
from .cost import OVERHEAD, Costs, Estimate, choose_steps

if TYPE_CHECKING:
    from .cost import Mode, Steps

# Local steps of the first rounds. The first of them is not measured: workers import and allocate in it.
_FIRST = (1, 2, 4, 8, 16)

Spent: TypeAlias = tuple[str, float]  # name of the worker that ran a task, and the seconds that it needed


def spent(start: float) -> Spent:
    """Return the name of this worker and the seconds since `start`, which a task returns beside its result.

    Parameters
    ----------
    start : float
        Time of `perf_counter` at which the task began.
    """
    name = f"{platform.node()}/{os.getpid()}/{threading.get_ident()}"
    return name, perf_counter() - start


class Pace:
    """Number of local steps of each round, and the times of the rounds.

    The source of epochs reads `steps` before a round and calls :meth:`record` after it.

    Parameters
    ----------
    steps : int or "auto"
        Number of local steps between averages; "auto": chosen after the first rounds, and kept.
    n_rows : int
        Training rows of all shards.
    batch_size : int
        Rows of a batch.
    n_shards : int
        Number of shards.
    steps_per_epoch : int
        Local steps of an epoch, of the largest shard; all steps in synchronous mode.
    mode : {"averaging", "synchronous"}, default "averaging"
        Mode of training; each round is one step in synchronous mode.
    n_parameters : int, default 1
        Number of parameters of the network.
    most : int, optional
        Largest number of local steps to choose, because the rows of a round have to fit into the memory of a worker.
        Default: no limit.

    Attributes
    ----------
    steps : int
        Number of local steps of the next round.
    chosen : int or None
        Number of local steps between averages, None before it is chosen.
    """

    def __init__(
        self,
        steps: Steps,
        *,
        n_rows: int,
        batch_size: int,
        n_shards: int,
        steps_per_epoch: int,
        mode: Mode = "averaging",
        n_parameters: int = 1,
        most: int | None = None,
    ) -> None:
        self._n_rows, self._batch_size, self._n_parameters = n_rows, batch_size, n_parameters
        self._n_shards, self._n_workers = n_shards, 1
        self._steps_per_epoch, self._mode = steps_per_epoch, mode
        self._measured: list[
            tuple[float, float, int]
        ] = []  # seconds, seconds of training, steps: of first rounds
        self._seconds = self._training = 0.0
        self._warm = False
        self._automatic = steps == "auto" and mode == "averaging"
        self._is_limited = most is not None and most < steps_per_epoch
        self._loads = most is not None
        self._most = min(most or steps_per_epoch, steps_per_epoch)
        self.chosen: int | None = None if steps == "auto" else steps
        if mode == "synchronous" or (steps == "auto" and self._most == 1):
            self.chosen = 1
        self.steps: int = self.chosen or _FIRST[0]

    def record(self, seconds: float, tasks: Sequence[Spent], steps: int) -> None:
        """Note the times of a round, and set the number of steps of the next one.

        Parameters
        ----------
        seconds : float
            Seconds of the round at the driver, from one set of weights to the next.
        tasks : sequence of (str, float)
            Worker and seconds of each task, as :func:`spent` returns them.
        steps : int
            Number of local steps of the round.
        """
        if not self._warm:
            self._warm = True
            self._set_next()
            return
        # A worker goes through its shards one after the other, and the driver waits for the slowest worker.
        workers: dict[str, float] = {}
        for worker, each in tasks:
            workers[worker] = workers.get(worker, 0.0) + each
        self._n_workers = max(self._n_workers, len(workers))
        training = min(max(workers.values()), seconds)
        self._seconds, self._training = self._seconds + seconds, self._training + training
        if len(self._measured) < len(_FIRST) - 1:
            self._measured.append((seconds, training, steps))
            self._set_next()

    def _set_next(self) -> None:
        """Set the number of steps of the next round: one of the first rounds, or the choice after them."""
        if self.chosen is not None:
            return
        number = len(self._measured) + 1
        if number < len(_FIRST):
            self.steps = min(_FIRST[number], self._most)
            return
        self.steps = self.chosen = choose_steps(*self._times(), self._most)
        log = logger()
        if log is not None:
            log.info("%s", self.report())

    def _times(self) -> tuple[float, float]:
        """Return the overhead of a round and the seconds of a step, from the first rounds."""
        # Smallest numbers: other programs, and parts that workers load in the meantime, make some rounds longer.
        step = min(training / steps for _, training, steps in self._measured)
        overhead = min(seconds - steps * step for seconds, _, steps in self._measured)
        return max(overhead, 0.0), step

    @property
    def overhead(self) -> float:
        """Share of the time of all rounds so far in which no worker trained, from 0 to 1."""
        return 1 - self._training / self._seconds if self._seconds else 0.0

    def estimate(self) -> Estimate:
        """Return the estimate for other numbers of workers, with one shard each.

        The overhead of a round is taken as proportional to the number of shards, as if all of it were work of the
        driver: the true speedup is not lower, if further workers are as fast and as close as these.
        """
        if not self._measured:
            raise ValueError("no round has been measured yet. Train for at least two rounds.")
        overhead, step = self._times()
        shards_per_worker = -(-self._n_shards // self._n_workers)
        of_shard = step / shards_per_worker
        costs = Costs(0.0, of_shard, seconds_per_task=overhead / self._n_shards)
        if self._mode == "synchronous":  # the rows of a step are divided over the shards
            rows = self._batch_size / self._n_shards
            costs = replace(costs, seconds_per_row=of_shard / rows, seconds_per_step=0.0)
        return Estimate(
            costs,
            n_rows=self._n_rows,
            batch_size=self._batch_size,
            n_parameters=self._n_parameters,
            mode=self._mode,
            steps_per_average="auto" if self._automatic and not self._is_limited else self.steps,
        )

    def report(self) -> str:
        """Return sentences: what was chosen and why, what a round costs, and whether more workers would help."""
        if not self._measured:
            return f"steps_per_average={self.steps}: no round has been measured yet"
        overhead, step = self._times()
        share = overhead / (overhead + self.steps * step) if overhead else 0.0
        text = [self._choice(overhead, step)] if self._mode == "averaging" else ["synchronous mode"]
        text += [
            f"a step takes {_time(step)} and the rest of a round {_time(overhead)}, {share:.0%} of the time",
            self._advice(),
        ]
        return "; ".join(text)

    def _choice(self, overhead: float, step: float) -> str:
        if not self._automatic:
            return f"steps_per_average={self.steps}, as given"
        if self.steps < self._most or self.steps * step * OVERHEAD >= overhead * (1 - OVERHEAD):
            return f"steps_per_average={self.steps} was chosen so that overhead is at most {OVERHEAD:.0%}"
        if self._is_limited:
            return (
                f"steps_per_average={self.steps} was chosen because a round has at most as many rows as one part, so"
                " that workers keep few of them (in_memory=False), although a larger number would have less overhead"
            )
        return (
            f"steps_per_average={self.steps} was chosen because an epoch of {count(self._steps_per_epoch, 'step')} is"
            " averaged at least once, although a larger number would have less overhead"
        )

    def _advice(self) -> str:
        if self._loads:
            return "this rest has the loading of parts too, so that there is no estimate for other numbers of workers"
        estimate, present = self.estimate(), self._n_workers
        best, now = estimate.best_n_workers(), estimate.speedup(present)
        verb = "trains" if present == 1 else "train"
        text = f"{count(present, 'worker')} {verb} {now:.2f} times as fast as one process without exchanges"
        if best > present:
            return f"{text}, {best} workers would train {estimate.speedup(best):.2f} times as fast"
        return f"{text}, more workers would not be faster"


def _time(seconds: float) -> str:
    """Return seconds with three digits, in a readable unit."""
    factor, unit = next(
        (each for each in ((1.0, "s"), (1e3, "ms")) if seconds * each[0] >= 0.9995), (1e6, "us")
    )
    return f"{seconds * factor:.3g} {unit}"
