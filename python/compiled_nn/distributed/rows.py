"""Sharded rows: the parts of all shards, and where and how models are trained on them."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..common import checks
from ..common.errors import count
from ..training.sharded import Learned, Request, Sharded
from .cost import MODES, Mode, check_steps
from .engine import CACHE_BYTES, Engine, MapEngine
from .parts import Part, Shards

if TYPE_CHECKING:
    from numpy.random import Generator

    from cnn_core.stack import Objective

    from ..spec.configuration import Configuration
    from ..training.batches import Batches
    from ..training.loop import ClosingSource
    from ..training.member import Member
    from ..training.plan import Plan
    from ..training.together import Together
    from ..training.trainer import Trainer
    from .pace import Pace

_OWNER = "ShardedRows"


class ShardedRows(Sharded):
    """Rows in parts that several processes train on, in place of X, with y=None.

    Each part is loaded by the process that needs it. A shard is a list of parts that is gone through as one sequence;
    the parts ``parts[rank::n_shards]`` are those of shard `rank`. The result depends on the shards and the seed of the
    model, not on the number of processes, or where a task ran.

    Parameters
    ----------
    parts : sequence
        Parts: each a pair (X, y) or triple (X, y, sample_weight) of arrays or tables, or a function without arguments
        that returns one. Such a function is called by the process that needs the rows, and again after that process has
        dropped them; for other processes it must be one that pickle can store, such as a `functools.partial` of a
        function of a module.
    map : callable, default builtins.map
        Function of a function and an iterable that returns results in order, such as the `map` of an executor of
        `concurrent.futures`, or of pools of other libraries.
    n_shards : int, optional
        Number of shards, at most that of the parts. Default: the number of parts, and at most the number of workers if
        the engine states it.
    mode : {"averaging", "synchronous"}, default "averaging"
        "synchronous": each step is taken with the gradient of rows of all shards, as :meth:`Network.fit` takes it.
        "averaging": each shard takes separate steps on batches of `batch_size` rows, and the weights are averaged
        every `steps_per_average` steps.
    steps_per_average : int or "auto", default "auto"
        Number of steps of each shard between two averages; "auto": chosen from times that are measured in the first
        rounds, so that results depend on these times. Not used in synchronous mode.
    max_validation_rows : int, default 100_000
        Largest number of rows that `validation_fraction` holds out of all parts; they are gathered in the process that
        calls fit.
    in_memory : bool, default True
        Whether workers keep the converted rows of all parts, as far as `cache_bytes` allows. False: only those in use,
        and those that are next.
    cache_bytes : int, default 2**30
        Number of bytes of rows that each process keeps; not used with `engine`.
    folder : path, optional
        Folder for parts that are arrays and are sent to other processes, documented in
        :class:`MapEngine`; not used with `engine`.
    n_threads : int, default 1
        Number of threads of each task.
    engine : Engine, optional
        Engine in place of `map`. Parts may then be handles of it, or have them in place of arrays.

    Attributes
    ----------
    pace_ : Pace
        Times of the rounds of the last call of fit: `chosen` is the number of steps between averages, ``report()``
        says why, and whether more workers would help, and ``estimate()`` predicts times for other numbers of workers.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not valid.

    Examples
    --------
    >>> import numpy as np
    >>> import compiled_nn as cnn
    >>> X = np.linspace(-1, 1, 64)[:, np.newaxis]
    >>> parts = [(X[:32], X[:32, 0] > 0), (X[32:], X[32:, 0] > 0)]
    >>> rows = cnn.distributed.ShardedRows(parts, mode="synchronous")
    >>> net = cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(1)], loss="binary_cross_entropy", seed=0)
    >>> net.fit(rows, epochs=200).predict([[-0.5], [0.5]])
    array([False,  True])
    """

    pace_: Pace

    def __init__(
        self,
        parts: Sequence[Any],
        *,
        map: Callable[..., Iterable[Any]] = builtins.map,
        n_shards: int | None = None,
        mode: Mode = "averaging",
        steps_per_average: int | Literal["auto"] = "auto",
        max_validation_rows: int = 100_000,
        in_memory: bool = True,
        cache_bytes: int = CACHE_BYTES,
        folder: str | Path | None = None,
        n_threads: int = 1,
        engine: Engine | None = None,
    ) -> None:
        if not callable(map):
            raise TypeError(
                f"The 'map' parameter of ShardedRows must be a function like the builtin map, such as the map of an"
                f" executor of concurrent.futures. Got {map!r} instead."
            )
        members = ("n_workers", "map", "hold", "release")
        if engine is not None and not all(hasattr(engine, name) for name in members):
            raise TypeError(
                "The 'engine' parameter of ShardedRows must have n_workers, map, hold and release. Got"
                f" {engine!r} instead. Pass the map of an executor or a pool as map=."
            )
        if engine is None:
            cache_bytes = checks.integer(_OWNER, "cache_bytes", cache_bytes, minimum=0)
            engine = MapEngine(map, cache_bytes=cache_bytes, folder=folder)
        elif map is not builtins.map:
            raise ValueError(
                "ShardedRows has map and engine, which both say where tasks run. Pass one of them."
            )
        if isinstance(parts, (str, bytes)) or not isinstance(parts, Sequence):
            raise TypeError(
                f"The 'parts' parameter of ShardedRows must be a list of parts. Got {type(parts).__name__} instead."
            )
        if not parts:
            raise ValueError("ShardedRows has no parts. Pass at least one pair (X, y).")
        if n_shards is None:
            n_shards = min(len(parts), engine.n_workers or len(parts))
        n_shards = checks.integer(_OWNER, "n_shards", n_shards, minimum=1)
        if n_shards > len(parts):
            raise ValueError(
                f"n_shards is {n_shards}, but ShardedRows has {count(len(parts), 'part')}, and each shard needs"
                " one. Pass a smaller n_shards, or more parts."
            )
        check_steps(_OWNER, steps_per_average)
        self.mode: Mode = checks.choice(_OWNER, "mode", mode, MODES)
        self.max_validation_rows = checks.integer(
            _OWNER, "max_validation_rows", max_validation_rows, minimum=1
        )
        self.shards = Shards(
            engine=engine,
            parts=[Part(i, i % n_shards, source) for i, source in enumerate(parts)],
            n_shards=n_shards,
            steps_per_average=steps_per_average,
            in_memory=checks.flag(_OWNER, "in_memory", in_memory),
            n_threads=checks.integer(_OWNER, "n_threads", n_threads, minimum=1),
        )

    def __repr__(self) -> str:
        return f"ShardedRows({len(self.shards.parts)} parts, n_shards={self.shards.n_shards}, mode={self.mode!r})"

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(
            "ShardedRows is not an array. Pass it to fit in place of X, without y, which its parts have; other methods"
            " take arrays or tables, such as those of one part."
        )

    def check_plan(self, plan: Plan, configuration: Configuration) -> None:
        """Raise ValueError if a parameter of fit, or of the network, cannot be used with sharded rows."""
        from . import refusals  # imported here because most programs do not use it

        refusals.check_plan(self.mode, plan, configuration)

    def learn(self, request: Request) -> Learned:
        """Return properties of all rows, see ``distributed.learning.learn``."""
        from . import learning  # imported here because most programs do not use it

        shards = self.shards
        return learning.learn(
            shards.engine, shards.parts, request, max_validation_rows=self.max_validation_rows
        )

    def epochs(
        self,
        trainer: Trainer,
        learned: Learned,
        plan: Plan,
        configuration: Configuration,
        objective: Objective,
    ) -> ClosingSource:
        """Return the object that runs epochs over the shards, see ``Sharded.epochs``."""
        from . import averaging, full_batch, source  # imported here because most programs do not use it

        if configuration.optimizer.name == "lbfgs":
            return full_batch.FullBatchOfShards(self.shards, trainer, learned, objective, configuration)
        kind = source.Synchronous if self.mode == "synchronous" else averaging.Averaging
        found = kind(self.shards, trainer, learned, plan, configuration, objective)
        self.pace_ = found.pace
        return found

    def trained(self, learned: Learned, fraction: float | None) -> tuple[int, int]:
        """Return about the numbers of training rows of all shards, and of the longest; see ``Sharded.trained``."""
        n_rows = self.shards.rows_of(learned)
        held_out = 0.0 if fraction is None else min(fraction, self.max_validation_rows / sum(n_rows))
        n_all, longest = (max(1, round(n * (1 - held_out))) for n in (sum(n_rows), max(n_rows)))
        return n_all, longest

    def members(
        self, members: Sequence[Member], rng: Generator, learned: Learned, plan: Plan
    ) -> tuple[Together, Batches]:
        """Return the object that trains several networks together, see ``Sharded.members``."""
        from . import members as together  # imported here because most programs do not use it

        found = together.members_of(self.shards, self.mode, members, rng, learned, plan)
        self.pace_ = found.pace
        return found, found.batches
