"""Parameters of fit besides its data, checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..callbacks.base import Callback, as_callback
from ..callbacks.stopping import EarlyStopping, Target
from ..common import checks
from .averaging import SWA
from .batches import Batches, make_batches

if TYPE_CHECKING:
    from ..data.arrays import Array
    from ..metrics import Metric

Gram: TypeAlias = bool | Literal["auto"]
OnInterrupt: TypeAlias = Literal["raise", "return"]
ENDINGS: tuple[OnInterrupt, ...] = ("raise", "return")


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan:
    """Parameters of one call of fit or partial_fit besides its data. Those of fit that are not named here are as there.

    Attributes
    ----------
    callbacks : tuple of Callback
        In the order in which they run; those of the parameters of fit that stop training are among them.
    deadline : float
        Time of `perf_counter` at which training ends.
    metrics : tuple of Metric
    resume : bool
        Whether training goes on from the present weights.
    """

    epochs: int
    batch_size: object
    shuffle: object
    n_batches: object = None
    accumulate: object = 1
    drop_last: object = False
    sample_weight: Any = None
    class_weight: Any = None
    classes: Any = None
    validation_data: Any = None
    validation_fraction: Any = None
    validation_groups: Any = None
    metrics: tuple[Metric, ...] = ()
    callbacks: tuple[Callback, ...] = ()
    averaging: SWA | None = None
    deadline: float = math.inf
    on_interrupt: OnInterrupt = "raise"
    verbose: int = 0
    resume: bool = True
    gram: Gram = False

    def cut(self, n_rows: int, rows: Array | None = None) -> Batches:
        """Return how this many rows, `rows` of X or all of them, are cut into batches."""
        return make_batches(
            n_rows, self.batch_size, self.n_batches, self.shuffle, self.drop_last, rows, self.accumulate
        )


def make_plan(
    *,
    epochs: object,
    verbose: object,
    callbacks: object,
    callback: object,
    early_stopping: object,
    target: object,
    time_limit: object,
    averaging: object,
    on_interrupt: object,
    warm_start: object,
    metrics: object,
    **others: Any,
) -> Plan:
    """Return the plan of the parameters of fit, checked; `others` are those that are checked with the data."""
    start = perf_counter()
    watched = metrics_of(metrics)
    validates = any(
        others[name] is not None for name in ("validation_data", "validation_fraction", "validation_groups")
    )
    seconds = math.inf if time_limit is None else checks.real("fit", "time_limit", time_limit, above=0)
    if averaging is not None and not isinstance(averaging, SWA):
        raise TypeError(f"The 'averaging' parameter of fit must be an SWA. Got {averaging!r} instead.")
    verbose = int(verbose) if isinstance(verbose, bool) else verbose
    return Plan(
        callbacks=_callbacks(callbacks, callback, early_stopping, target, validates, averaging is not None),
        epochs=checks.integer("fit", "epochs", epochs, minimum=0),
        verbose=checks.integer("fit", "verbose", verbose, minimum=0),
        averaging=averaging,
        deadline=start + seconds,
        on_interrupt=checks.choice("fit", "on_interrupt", on_interrupt, ENDINGS),
        resume=checks.flag("fit", "warm_start", warm_start),
        metrics=watched,
        **others,
    )


def _callbacks(
    callbacks: object,
    callback: object,
    early_stopping: object,
    target: object,
    validates: bool,
    averages: bool,
) -> tuple[Callback, ...]:
    """Return all callbacks in their order; `validates` is whether the history has columns of validation."""
    if isinstance(callbacks, str) or not isinstance(callbacks, Sequence):
        raise TypeError(f"The 'callbacks' parameter of fit must be a list. Got {callbacks!r} instead.")
    given = [as_callback(f"{i}th of callbacks", value) for i, value in enumerate(callbacks)]
    if callback is not None:
        given.append(as_callback("'callback' parameter of fit", callback))
    watchers: list[EarlyStopping | Target] = [*_early_stopping(early_stopping), *_target(target)]
    for watcher in watchers:
        if watcher.monitor.needs_validation and not validates:
            raise ValueError(
                f"{watcher.monitor.column!r} is monitored: give validation_data or validation_fraction."
            )
    everyone = (*given, *watchers)
    if averages and any(isinstance(each, EarlyStopping) and each.restore_best for each in everyone):
        raise ValueError(
            "averaging and early stopping with restore_best=True each choose the weights: take one."
        )
    return everyone


def _early_stopping(value: object) -> tuple[EarlyStopping, ...]:
    if isinstance(value, EarlyStopping):
        return (value,)
    if value is None or isinstance(value, bool):
        return (EarlyStopping(),) if value else ()
    raise TypeError(
        f"The 'early_stopping' parameter of fit must be a bool or an EarlyStopping. Got {value!r} instead."
    )


def _target(value: object) -> tuple[Target, ...]:
    if value is None:
        return ()
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(
            f"The 'target' parameter of fit must be a pair, as ('val_loss', 0.1). Got {value!r} instead."
        )
    return (Target(*value),)


def metrics_of(values: object) -> tuple[Metric, ...]:
    """Return the metrics that the parameter of fit names.

    Raises
    ------
    TypeError, ValueError
        When it is no sequence, or one is unknown or comes twice.
    """
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise TypeError(
            f"The 'metrics' parameter of fit must be a list of names or functions. Got {values!r} instead."
        )
    if not values:
        return ()
    from .. import metrics  # few runs name any

    found = tuple(metrics.resolve(value) for value in values)
    names = [metric.name for metric in found]
    if len(set(names)) < len(names):
        raise ValueError(f"The metrics of fit must have different names. Got {names}.")
    return found
