"""Options of a search, checked, and the rows that its candidates share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..artefact.read_rows import ReadRows
from ..common import checks
from ..common.engine import engine_of
from ..common.text import short
from ..estimators.random_draws import random_state as state_of
from ..training.together import MONITORED

if TYPE_CHECKING:
    from ..common.engine import Engine
    from ..spec.configuration import Configuration
    from ..training.spread_epochs import Place
    from ..training.together import Monitored
    from .spread import Divisible, SpreadPacks

_DEFAULT_FOLDS = 5
# Parameters of a network by which X is read.
_READING = (
    *("dtype", "input_scale", "standardize", "categorical_features", "min_frequency", "column_types"),
    "numeric_embeddings",
)


@dataclass(kw_only=True)
class Options:
    """Data and options of a comparison of candidates, documented at :func:`compiled_nn.search`.

    Attributes
    ----------
    seed : int
        Seed of the order of the rows, of validation rows, and of networks without one.
    n_folds : int
        Number of networks of each candidate: that of the folds, or 1.
    deadline : float
        Time of `perf_counter` at which training ends.
    callbacks : tuple of callable
        Functions of the results so far, which end the search by returning True.
    engine : Engine or None
        Where the networks are trained; None: in this process.
    """

    X: Any
    y: Any
    sample_weight: Any
    validation: Any
    validation_fraction: Any
    n_folds: int
    validation_groups: Any
    validation_data: Any
    monitor: Monitored
    halving: tuple[float, ...] | Literal["auto"]
    seed: int
    n_threads: int | None
    deadline: float
    verbose: int
    callbacks: tuple[Callable[[Any], object], ...] = ()
    engine: Engine | None = None
    _spread: SpreadPacks | None = None
    _known: list[tuple[list[Any], ReadRows]] = field(default_factory=list)

    def rows(self, configuration: Configuration) -> ReadRows:
        """Return X as a network reads it; it is read once for all networks that read it in the same way."""
        key = [getattr(configuration, name) for name in _READING]
        for known, rows in self._known:
            if known == key:
                return rows
        rows = ReadRows.of(configuration, self.X)
        self._known.append((key, rows))
        return rows

    def spread(self, packs: Sequence[Divisible]) -> None:
        """Send the rows of packs to the workers of the engine, if there is one."""
        if self.engine is not None:
            from .spread import SpreadPacks  # imported here because most searches do not need it

            self._spread = SpreadPacks(self.engine, packs)

    def advance(
        self, packs: Sequence[Divisible], lasts: Sequence[int], like: Divisible | None = None
    ) -> None:
        """Train packs up to an epoch of each; `like`: the pack whose rows they have, if it is another one."""
        if self._spread is not None:
            self._spread.advance(packs, lasts, self.deadline, like)
            return
        for pack, last in zip(packs, lasts, strict=True):
            pack.advance(last)

    def place_of(self, pack: Divisible) -> Place | None:
        """Return the workers that have the rows of a pack; None without an engine."""
        return None if self._spread is None else self._spread.place_of(pack)

    def close(self) -> None:
        """Release the rows of the workers."""
        if self._spread is not None:
            self._spread.close()
            self._spread = None


def make_options(
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    validation: Any = "random",
    validation_fraction: Any = None,
    n_folds: Any = None,
    validation_groups: Any = None,
    validation_data: Any = None,
    monitor: Any = "val_loss",
    halving: Any = None,
    time_limit: Any = None,
    random_state: Any = None,
    n_threads: Any = None,
    verbose: Any = 0,
    callbacks: Any = (),
    map: Any = None,
) -> Options:
    """Check the options of a search, and return them."""
    start = perf_counter()
    seconds = math.inf if time_limit is None else checks.real("search", "time_limit", time_limit, above=0)
    checks.choice("search", "monitor", monitor, MONITORED)
    if validation_data is not None and isinstance(validation, str) and validation == "random":
        validation = None
    if isinstance(validation, str):
        checks.choice("search", "validation", validation, ("random", "folds"))
    elif validation is None and validation_data is None:
        raise ValueError("validation is None, but a search compares candidates on validation rows.")
    is_folds = isinstance(validation, str) and validation == "folds"
    if n_folds is not None and not is_folds:
        raise ValueError(f"n_folds={n_folds!r} has no effect without validation='folds'; leave it out.")
    n_sets = 1
    if is_folds:
        n_sets = checks.integer(
            "search", "n_folds", _DEFAULT_FOLDS if n_folds is None else n_folds, minimum=2
        )
    elif not isinstance(validation, str) and validation is not None and np.ndim(validation) == 2:
        n_sets = len(validation)
        if not n_sets:
            raise ValueError("validation has no set of validation rows; expected at least 1.")
    return Options(
        X=X,
        y=y,
        sample_weight=sample_weight,
        validation=validation,
        validation_fraction=validation_fraction,
        n_folds=n_sets,
        validation_groups=validation_groups,
        validation_data=validation_data,
        monitor=monitor,
        halving=_fractions(halving),
        seed=_seed(random_state),
        n_threads=checks.optional_integer("search", "n_threads", n_threads, minimum=1),
        deadline=start + seconds,
        verbose=int(verbose)
        if isinstance(verbose, bool)
        else checks.integer("search", "verbose", verbose, minimum=0),
        callbacks=_functions(callbacks),
        engine=engine_of("search", map),
    )


def _functions(callbacks: Any) -> tuple[Callable[[Any], object], ...]:
    if not isinstance(callbacks, Sequence) or not all(callable(each) for each in callbacks):
        raise TypeError(
            "The 'callbacks' parameter of search must be a list of functions of the results so far. Got"
            f" {short(callbacks)} instead."
        )
    return tuple(callbacks)


def _seed(random_state: Any) -> int:
    """Return a seed as an int, the same one for an int."""
    random = state_of(random_state)
    return int(random_state) if isinstance(random_state, (int, np.integer)) else int(random.randint(1 << 31))


def _fractions(halving: Any) -> Any:
    if isinstance(halving, str):
        return checks.choice("search", "halving", halving, ("auto",))
    if halving is None:
        return ()
    if not isinstance(halving, Sequence):
        raise TypeError(
            "The 'halving' parameter of search must be a list of fractions of the epochs, such as (0.25, 0.5), 'auto'"
            f" or None. Got {short(halving)} instead."
        )
    return tuple(sorted(checks.real("search", "halving", each, above=0, below=1) for each in halving))
