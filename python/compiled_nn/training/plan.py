"""Plan: the checked parameters of a call of fit, except for its data."""

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
from .batches import DEFAULT_BATCH_SIZE, Batches, make_batches

if TYPE_CHECKING:
    from ..data.arrays import Array
    from ..metrics import Metric

Gram: TypeAlias = bool | Literal["auto"]
OnInterrupt: TypeAlias = Literal["raise", "return"]
ENDINGS: tuple[OnInterrupt, ...] = ("raise", "return")


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan:
    """Parameters of one call of fit or partial_fit, except for its data.

    Attributes that are not listed here are documented as parameters of :meth:`compiled_nn.Network.fit`.

    Attributes
    ----------
    callbacks : tuple of Callback
        Callbacks in the order in which they run, including those made from `early_stopping` and `target`.
    deadline : float
        Time of `perf_counter` at which training ends.
    metrics : tuple of Metric
        Metrics that are computed on the validation rows.
    resume : bool
        Whether training continues from the present weights.
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

    def check_averages(self, ema: float | None) -> None:
        """Raise a ValueError if both `averaging` and the parameter `ema` of the network determine the weights."""
        if self.averaging is not None and ema is not None:
            raise ValueError(
                f"averaging={self.averaging!r} would have no effect: with ema={ema!r}, the network predicts with the"
                " exponential average of its weights. Leave out one of them."
            )

    def cut(self, n_rows: int, rows: Array | None = None, *, batch_norm: bool) -> Batches:
        """Return the division of `n_rows` rows into batches; `rows` are their indices in X, None for all rows."""
        return make_batches(
            n_rows,
            self.batch_size,
            self.n_batches,
            self.shuffle,
            self.drop_last,
            rows,
            self.accumulate,
            batch_norm=batch_norm,
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
    """Check the parameters of fit and return them as a plan; `others` are checked later, together with the data."""
    start = perf_counter()
    metrics_to_compute = metrics_of(metrics)
    validates = any(
        others[name] is not None for name in ("validation_data", "validation_fraction", "validation_groups")
    )
    seconds = math.inf if time_limit is None else checks.real("fit", "time_limit", time_limit, above=0)
    if averaging is not None and not isinstance(averaging, SWA):
        raise TypeError(
            f"The 'averaging' parameter of fit must be an SWA or None. Got {averaging!r} instead."
        )
    _check_batches(**others)
    verbose = int(verbose) if isinstance(verbose, bool) else verbose
    return Plan(
        callbacks=_callbacks(callbacks, callback, early_stopping, target, validates, averaging is not None),
        epochs=checks.integer("fit", "epochs", epochs, minimum=0),
        verbose=checks.integer("fit", "verbose", verbose, minimum=0),
        averaging=averaging,
        deadline=start + seconds,
        on_interrupt=checks.choice("fit", "on_interrupt", on_interrupt, ENDINGS),
        resume=checks.flag("fit", "warm_start", warm_start),
        metrics=metrics_to_compute,
        **others,
    )


def _check_batches(
    *, batch_size: object, n_batches: object, accumulate: object, drop_last: object, **_: object
) -> None:
    """Raise ValueError for a parameter of batches that another one leaves without an effect."""
    if n_batches is not None and batch_size != DEFAULT_BATCH_SIZE:
        raise ValueError(
            f"batch_size={batch_size!r} has no effect with n_batches={n_batches!r}; leave one of them out."
        )
    if n_batches is None and (batch_size is None or batch_size == "full"):
        for name, value, default in (("accumulate", accumulate, 1), ("drop_last", drop_last, False)):
            if value != default:
                raise ValueError(
                    f"{name}={value!r} has no effect with batch_size={batch_size!r}: a batch has all rows. Leave one of"
                    " them out."
                )


def _callbacks(
    callbacks: object,
    callback: object,
    early_stopping: object,
    target: object,
    validates: bool,
    averages: bool,
) -> tuple[Callback, ...]:
    """Return all callbacks in the order in which they run.

    `validates` is whether fit has validation rows, `averages` whether it averages weights.
    """
    if isinstance(callbacks, str) or not isinstance(callbacks, Sequence):
        raise TypeError(f"The 'callbacks' parameter of fit must be a list. Got {callbacks!r} instead.")
    given = [
        as_callback(f"entry {i} of the 'callbacks' parameter of fit", value)
        for i, value in enumerate(callbacks)
    ]
    if callback is not None:
        given.append(as_callback("'callback' parameter of fit", callback))
    stopping: list[EarlyStopping | Target] = [*_early_stopping(early_stopping), *read_target(target)]
    for each in stopping:
        if each.monitor.needs_validation and not validates:
            raise ValueError(
                f"{each.monitor.column!r} is monitored, but there are no validation rows."
                " Pass validation_data or validation_fraction."
            )
    merged = (*given, *stopping)
    if averages and any(isinstance(each, EarlyStopping) and each.restore_best for each in merged):
        raise ValueError(
            "averaging and early stopping with restore_best=True both set the final weights: pass only one of them,"
            " or restore_best=False."
        )
    return merged


def _early_stopping(value: object) -> tuple[EarlyStopping, ...]:
    if isinstance(value, EarlyStopping):
        return (value,)
    if value is None or isinstance(value, bool):
        return (EarlyStopping(),) if value else ()
    raise TypeError(
        f"The 'early_stopping' parameter of fit must be a bool or an EarlyStopping. Got {value!r} instead."
    )


def read_target(value: object) -> tuple[Target, ...]:
    """Return the callback of the parameter `target`, if it is not None.

    Raises
    ------
    TypeError, ValueError
        If it is not a pair of a column and a value.
    """
    if value is None:
        return ()
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(
            f"The 'target' parameter of fit must be a pair such as ('val_loss', 0.1). Got {value!r} instead."
        )
    return (Target(*value),)


def metrics_of(values: object) -> tuple[Metric, ...]:
    """Return the metrics in the `metrics` parameter of fit, given as names or functions.

    Raises
    ------
    TypeError, ValueError
        If `values` is not a sequence, a metric is unknown, or two have the same name.
    """
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise TypeError(
            f"The 'metrics' parameter of fit must be a list of names or functions. Got {values!r} instead."
        )
    if not values:
        return ()
    from .. import metrics  # imported here to keep `import compiled_nn` fast

    found = tuple(metrics.resolve(value, "fit", "metrics") for value in values)
    names = [metric.name for metric in found]
    if len(set(names)) < len(names):
        raise ValueError(f"The metrics of fit must have different names. Got {names}.")
    return found
