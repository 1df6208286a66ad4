"""Model of what distributed training costs: seconds of an epoch for any number of workers, from measured constants.

    epoch = rounds x (training in a round + overhead of a round)

With S shards on W workers, the slowest worker goes through ceil(S / W) shards in each round, one after the other:

    training = ceil(S / W) x steps x (seconds_per_step + rows of a step x seconds_per_row)
    overhead = latency + S x (seconds_per_task + seconds_per_byte x (bytes sent + bytes received)
                              + seconds_per_merged_byte x bytes received)
               + ceil(S / W) x worker_seconds_per_byte x (bytes sent + bytes received)

The part in the first brackets is work of the driver and the scheduler, one task after the other: it grows with the
number of shards, whatever the number of workers. In synchronous mode a round is one step, whose rows are divided over
the shards, and the step itself is one more step of the optimizer at the driver. In averaging mode a round is N local
steps of each shard.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from ..common import checks

Mode: TypeAlias = Literal["synchronous", "averaging"]
MODES: tuple[Mode, ...] = get_args(Mode)
Steps: TypeAlias = int | Literal["auto"]

# Share of the time of a round that overhead may take before more local steps are made between averages.
OVERHEAD = 0.1
_NEWLY = 1.05  # factor by which an epoch must get shorter for a larger number of workers to be called better
_LARGEST = 64  # number of workers up to which the best number is searched


def check_steps(owner: str, steps: object) -> Steps:
    """Return `steps` as a value of the parameter steps_per_average: an int of at least 1, or "auto"."""
    if isinstance(steps, str):
        checks.choice(owner, "steps_per_average", steps, ("auto",))
        return "auto"
    return checks.integer(owner, "steps_per_average", steps, minimum=1)


@dataclass(frozen=True)
class Costs:
    """Measured constants of one network on one engine; ``measure`` returns them.

    Parameters
    ----------
    seconds_per_row : float
        Seconds of training for one row on one worker, without what each step costs.
    seconds_per_step : float
        Seconds of one step that do not depend on its rows: the update by the optimizer, the call.
    latency : float, default 0
        Seconds of a round that do not depend on the number of tasks.
    seconds_per_task : float, default 0
        Seconds that the driver and the scheduler need for one task without data.
    seconds_per_byte : float, default 0
        Seconds that the driver and the scheduler need for one byte sent or received: to serialise it, and to pass it
        on.
    worker_seconds_per_byte : float, default 0
        Seconds that a worker needs for one byte received or sent, while other workers do the same.
    seconds_per_merged_byte : float, default 0
        Seconds that the driver needs to merge one byte of a result with those of other shards.

    Examples
    --------
    >>> from compiled_nn.distributed.cost import Costs
    >>> Costs(seconds_per_row=2e-6, seconds_per_step=1e-4).seconds_of_steps(10, 100)
    0.003
    """

    seconds_per_row: float
    seconds_per_step: float
    latency: float = 0.0
    seconds_per_task: float = 0.0
    seconds_per_byte: float = 0.0
    worker_seconds_per_byte: float = 0.0
    seconds_per_merged_byte: float = 0.0

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = checks.real("Costs", name, getattr(self, name), minimum=0)
            object.__setattr__(self, name, value)

    def seconds_of_steps(self, steps: float, rows_per_step: float) -> float:
        """Return the seconds of some steps on one worker.

        Parameters
        ----------
        steps : float
            Number of steps.
        rows_per_step : float
            Number of rows of each step.

        Returns
        -------
        float
            Seconds.
        """
        return steps * (self.seconds_per_step + rows_per_step * self.seconds_per_row)

    def with_network(self, bytes_per_second: float, latency: float) -> Costs:
        """Return the costs if a network connects the driver and workers that were measured on one machine.

        Parameters
        ----------
        bytes_per_second : float
            Bandwidth of the connection of the driver, which all messages share: 125e6 for 1 Gbit/s.
        latency : float
            Seconds from the driver to a worker and back, once in a round.

        Examples
        --------
        >>> from compiled_nn.distributed.cost import Costs
        >>> Costs(1e-6, 1e-4, seconds_per_byte=2e-9).with_network(125e6, 0.001).seconds_per_byte
        1e-08
        """
        checks.real("with_network", "bytes_per_second", bytes_per_second, above=0)
        checks.real("with_network", "latency", latency, minimum=0)
        per_byte = self.seconds_per_byte + 1 / bytes_per_second
        return replace(self, latency=self.latency + latency, seconds_per_byte=per_byte)


@dataclass(frozen=True)
class Round:
    """Seconds of one round: of the slowest worker in training, and of everything else.

    Attributes
    ----------
    training : float
        Seconds in which the slowest worker trains.
    overhead : float
        Seconds of messages, of the scheduler, and of the driver.
    """

    training: float
    overhead: float


@dataclass(frozen=True)
class Estimate:
    """Seconds of an epoch that the model of costs predicts, for any number of workers.

    ``print(estimate)`` shows a table. All workers are as fast as the measured one, and the connections of further
    machines as those that were measured; :meth:`with_network` replaces the latter.

    Parameters
    ----------
    costs : Costs
        Measured constants.
    n_rows : int
        Number of training rows of all shards.
    batch_size : int
        Rows of a batch: of all shards together in synchronous mode, of each shard in averaging mode.
    n_parameters : int
        Number of parameters of the network.
    mode : {"averaging", "synchronous"}, default "averaging"
        Mode of training: a round is some local steps and an average, or one step with the gradients of all shards.
    steps_per_average : int or "auto", default "auto"
        Number of local steps between averages; "auto": as it is chosen for each number of workers.
    n_shards : int, optional
        Number of shards. Default: one for each worker.
    n_moments : int, default 2
        Number of vectors of the optimizer's state: 2 for Adam.
    itemsize : int, default 4
        Bytes of a number: 4 for float32, 8 for float64.

    See Also
    --------
    estimate : Estimate from measured times.

    Examples
    --------
    >>> from compiled_nn.distributed.cost import Costs, Estimate
    >>> costs = Costs(seconds_per_row=1e-5, seconds_per_step=0, seconds_per_task=0.001)
    >>> print(Estimate(costs, n_rows=1_000_000, batch_size=100, n_parameters=1000))
    1,000,000 rows, 1,000 parameters, batches of 100, averaging
    workers  steps/round  rounds  MB/round   s/epoch  overhead  speedup
          1           16     625     0.024      10.6        6%     0.94
          2           32     157     0.048      5.31        6%     1.88
          4           64      40     0.096      2.66        6%     3.76
          8          128      10     0.192      1.33        6%     7.52
         16          256       3     0.384     0.673        7%    14.86
         32          313       1     0.768     0.345        9%    28.99
         58          173       1      1.39     0.231       25%    43.29
    Best number of workers: 58. One process without exchanges: 10 s per epoch.
    """

    costs: Costs
    n_rows: int
    batch_size: int
    n_parameters: int
    mode: Mode = "averaging"
    steps_per_average: Steps = "auto"
    n_shards: int | None = None
    n_moments: int = 2
    itemsize: int = 4

    def __post_init__(self) -> None:
        checks.choice("Estimate", "mode", self.mode, MODES)
        for name in ("n_rows", "batch_size", "n_parameters", "itemsize"):
            checks.integer("Estimate", name, getattr(self, name), minimum=1)
        checks.integer("Estimate", "n_moments", self.n_moments, minimum=0)
        checks.optional_integer("Estimate", "n_shards", self.n_shards, minimum=1)
        check_steps("Estimate", self.steps_per_average)

    def with_network(self, bytes_per_second: float, latency: float) -> Estimate:
        """Return the estimate for a network between driver and workers; documented in :meth:`Costs.with_network`."""
        return replace(self, costs=self.costs.with_network(bytes_per_second, latency))

    @property
    def bytes_per_message(self) -> int:
        """Bytes that a shard gets in a round, and as many that it returns: gradients, or weights and moments."""
        vectors = 1 if self.mode == "synchronous" else 1 + self.n_moments
        return self.n_parameters * self.itemsize * vectors

    def bytes_per_round(self, n_workers: int) -> int:
        """Return the bytes that the driver sends and receives in a round.

        Parameters
        ----------
        n_workers : int
            Number of workers.

        Returns
        -------
        int
            Number of bytes.
        """
        return 2 * self.bytes_per_message * self._shards(n_workers)

    def steps_per_epoch(self, n_workers: int) -> int:
        """Return the number of steps of an epoch: of all shards together, or local ones of the largest shard."""
        rows = self.n_rows if self.mode == "synchronous" else -(-self.n_rows // self._shards(n_workers))
        return -(-rows // self.batch_size)

    def steps_per_round(self, n_workers: int) -> int:
        """Return the number of steps between two exchanges.

        Parameters
        ----------
        n_workers : int
            Number of workers.

        Returns
        -------
        int
            Number of steps.
        """
        if self.mode == "synchronous":
            return 1
        steps = self.steps_per_epoch(n_workers)
        if self.steps_per_average == "auto":
            return choose_steps(self._overhead(n_workers), self._seconds_of_steps(n_workers, 1), steps)
        return min(self.steps_per_average, steps)

    def rounds(self, n_workers: int) -> int:
        """Return the number of exchanges in an epoch.

        Parameters
        ----------
        n_workers : int
            Number of workers.

        Returns
        -------
        int
            Number of exchanges.
        """
        return -(-self.steps_per_epoch(n_workers) // self.steps_per_round(n_workers))

    def round(self, n_workers: int) -> Round:
        """Return the seconds of a round.

        Parameters
        ----------
        n_workers : int
            Number of workers.

        Returns
        -------
        Round
            Seconds of training and of everything else.
        """
        steps = self.steps_per_round(n_workers)
        return Round(self._seconds_of_steps(n_workers, steps), self._overhead(n_workers))

    def seconds_per_epoch(self, n_workers: int) -> float:
        """Return the seconds of an epoch on some workers.

        Parameters
        ----------
        n_workers : int
            Number of workers, of one thread each.
        """
        steps = self.steps_per_epoch(n_workers)
        return self._seconds_of_steps(n_workers, steps) + self.rounds(n_workers) * self._overhead(n_workers)

    def seconds_alone(self) -> float:
        """Return the seconds of an epoch of ``fit`` in one process with one thread, without any exchange."""
        return self.costs.seconds_of_steps(-(-self.n_rows // self.batch_size), self.batch_size)

    def speedup(self, n_workers: int) -> float:
        """Return the time of one process without exchanges, relative to that of some workers.

        Parameters
        ----------
        n_workers : int
            Number of workers.

        Returns
        -------
        float
            Ratio; above 1 if the workers are faster.
        """
        return self.seconds_alone() / self.seconds_per_epoch(n_workers)

    def overhead(self, n_workers: int) -> float:
        """Return the share of the time of an epoch in which no worker trains, from 0 to 1.

        Parameters
        ----------
        n_workers : int
            Number of workers.

        Returns
        -------
        float
            Share of the time.
        """
        return self.rounds(n_workers) * self._overhead(n_workers) / self.seconds_per_epoch(n_workers)

    def best_n_workers(self, largest: int = _LARGEST) -> int:
        """Return the smallest number of workers whose epochs are at most 5 % longer than the shortest.

        Parameters
        ----------
        largest : int, default 64
            Largest number of workers. 1 is also the answer if no number of workers is faster than one process.
        """
        checks.integer("best_n_workers", "largest", largest, minimum=1)
        seconds = [self.seconds_alone(), *(self.seconds_per_epoch(n) for n in range(2, largest + 1))]
        return 1 + next(i for i, each in enumerate(seconds) if each <= min(seconds) * _NEWLY)

    def __str__(self) -> str:
        """Return a table of some numbers of workers, and a sentence about the best one."""
        best = self.best_n_workers()
        shown = sorted({1, 2, 4, 8, 16, 32, best})
        lines = [
            f"{self.n_rows:,} rows, {self.n_parameters:,} parameters, batches of {self.batch_size}, {self.mode}"
        ]
        lines += ["workers  steps/round  rounds  MB/round   s/epoch  overhead  speedup"]
        lines += [
            f"{n:7d}  {self.steps_per_round(n):11d}  {self.rounds(n):6d}  {self.bytes_per_round(n) / 1e6:8.3g}"
            f"  {self.seconds_per_epoch(n):8.3g}  {self.overhead(n):8.0%}  {self.speedup(n):7.2f}"
            for n in shown
        ]
        alone = f"{self.seconds_alone():.3g} s per epoch"
        if best == 1:
            return "\n".join(
                [*lines, f"One process without exchanges ({alone}) is as fast as any number of workers."]
            )
        return "\n".join([*lines, f"Best number of workers: {best}. One process without exchanges: {alone}."])

    def _shards(self, n_workers: int) -> int:
        checks.integer("Estimate", "n_workers", n_workers, minimum=1)
        return self.n_shards or n_workers

    def _turns(self, n_workers: int) -> int:
        """Return the number of shards that the slowest worker goes through."""
        return -(-self._shards(n_workers) // n_workers)

    def _seconds_of_steps(self, n_workers: int, steps: int) -> float:
        """Return the seconds in which the slowest worker makes some steps of each of its shards."""
        rows = self.batch_size / (self._shards(n_workers) if self.mode == "synchronous" else 1)
        return self._turns(n_workers) * self.costs.seconds_of_steps(steps, rows)

    def _overhead(self, n_workers: int) -> float:
        """Return the seconds of a round in which no worker trains."""
        costs, n_bytes = self.costs, self.bytes_per_message
        at_driver = costs.seconds_per_task + n_bytes * (
            2 * costs.seconds_per_byte + costs.seconds_per_merged_byte
        )
        step = costs.seconds_per_step if self.mode == "synchronous" else 0.0
        at_worker = self._turns(n_workers) * 2 * n_bytes * costs.worker_seconds_per_byte
        return costs.latency + self._shards(n_workers) * at_driver + at_worker + step


def choose_steps(overhead: float, seconds_per_step: float, most: int) -> int:
    """Return a number of local steps between two averages.

    It is the smallest power of two with which the overhead is at most a tenth of the time of a round, and at most
    `most`.

    Parameters
    ----------
    overhead : float
        Seconds of a round besides its local steps.
    seconds_per_step : float
        Seconds of a local step of all shards of a worker.
    most : int
        Largest number: that of an epoch, so that the weights are averaged at least once per epoch.

    Examples
    --------
    >>> from compiled_nn.distributed.cost import choose_steps
    >>> choose_steps(0.002, 0.001, 250)
    32
    >>> choose_steps(0.2, 0.001, 250)
    250
    """
    needed = _needed(overhead, seconds_per_step)
    if needed >= most:
        return most
    return min(1 << max(math.ceil(math.log2(max(needed, 1))), 0), most)


def _needed(overhead: float, seconds_per_step: float) -> float:
    """Return the number of steps with which the overhead takes just its allowed share of the time."""
    if not overhead:
        return 1.0
    return overhead * (1 - OVERHEAD) / (OVERHEAD * seconds_per_step) if seconds_per_step else math.inf
