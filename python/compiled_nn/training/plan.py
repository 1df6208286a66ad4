"""Parameters of fit besides its data, checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from ..callbacks.base import Callback, as_callback
from ..callbacks.stopping import EarlyStopping, Target
from ..common import checks
from .averaging import SWA

if TYPE_CHECKING:
    from ..common.protocols import History
    from ..network.network import Network


class Plan(NamedTuple):
    """What a call of fit asks for besides its data, checked.

    Attributes
    ----------
    epochs : int
        To be added to the history.
    verbose : int
        Print a line every so many epochs; 0: none.
    callbacks : tuple of Callback
        In the order they are asked in; those of the other parameters of fit are among them.
    deadline : float
        The time of `perf_counter` at which training ends.
    on_interrupt : {"raise", "return"}
    """

    epochs: int
    verbose: int
    callbacks: tuple[Callback, ...]
    deadline: float
    on_interrupt: str


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
    validates: bool,
) -> Plan:
    """Check parameters of fit, documented there; `validates` is whether there are columns of validation."""
    start = perf_counter()
    if isinstance(callbacks, str) or not isinstance(callbacks, Sequence):
        raise TypeError(f"The 'callbacks' parameter of fit must be a list. Got {callbacks!r} instead.")
    asked = [as_callback(f"{i}th of callbacks", value) for i, value in enumerate(callbacks)]
    if callback is not None:
        asked.append(as_callback("'callback' parameter of fit", callback))
    watchers: list[EarlyStopping | Target] = [*_early_stopping(early_stopping), *_target(target)]
    for watcher in watchers:
        if watcher.monitor.needs_validation and not validates:
            raise ValueError(
                f"{watcher.monitor.column!r} is monitored: give validation_data or validation_fraction."
            )
    averages = _averaging(averaging)
    if averages and any(
        isinstance(each, EarlyStopping) and each.restore_best for each in (*asked, *watchers)
    ):
        raise ValueError(
            "averaging and early stopping with restore_best=True each choose the weights: take one."
        )
    seconds = math.inf if time_limit is None else checks.real("fit", "time_limit", time_limit, above=0)
    return Plan(
        epochs=checks.integer("fit", "epochs", epochs, minimum=0),
        verbose=checks.integer(
            "fit", "verbose", int(verbose) if isinstance(verbose, bool) else verbose, minimum=0
        ),
        callbacks=(*asked, *watchers, *averages),
        deadline=start + seconds,
        on_interrupt=checks.choice("fit", "on_interrupt", on_interrupt, ("raise", "return")),
    )


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


def _averaging(value: object) -> tuple[Averaging, ...]:
    if value is None:
        return ()
    if not isinstance(value, SWA):
        raise TypeError(f"The 'averaging' parameter of fit must be an SWA. Got {value!r} instead.")
    return (Averaging(value),)


class Averaging(Callback):
    """Averages weights after late epochs; in the end the network has the mean."""

    def __init__(self, swa: SWA) -> None:
        self._swa = swa

    def on_epoch_end(self, net: Network, epoch: int, history: History) -> None:
        """Take in the weights of a late epoch."""
        if epoch > self._swa.first_epoch(net.epochs_planned_):
            net._known_trainer().average_on()
        else:
            net._known_trainer().average = None

    def on_train_end(self, net: Network) -> None:
        """Give the network the mean."""
        net._known_trainer().lend_average()
        net._settle()
