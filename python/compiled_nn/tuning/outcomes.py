"""Outcomes of the candidates of a search, and the table of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..common.errors import DivergenceError, count
from ..data.arrays import Array

if TYPE_CHECKING:
    from ..training.together import Monitored
    from .comparison import Entry, Status
    from .space import Params

Results = dict[str, Array]


class Outcome(NamedTuple):
    """Outcome of a candidate.

    Attributes
    ----------
    params : dict
        Its values of the parameters in the space.
    value : float
        Monitored value at its best epoch, where lower is better: the loss, or the negative score. inf without one.
    splits : list of float
        This value for each set of validation rows.
    curve : list of float
        Monitored value after each epoch, with its own sign; empty if there are several sets of validation rows.
    best_epoch, epochs : int
        Best epoch, and number of epochs that were trained.
    status : {"completed", "dropped", "diverged", "stopped"}
        Why its training has ended.
    seconds : float
        Time of training.
    """

    params: Params
    value: float
    splits: list[float]
    curve: list[float]
    best_epoch: int
    epochs: int
    status: Status
    seconds: float


def outcome(entry: Entry, monitor: Monitored) -> Outcome:
    """Return the outcome of a candidate that was trained in a pack."""
    members = entry.members
    return Outcome(
        entry.candidate.params,
        entry.value,
        [entry.value] if entry.pack.is_ensemble else [member.value for member in members],
        list(members[0].history.get(monitor, [])) if len(members) == 1 else [],
        entry.best_epoch,
        max(member.epoch for member in members),
        entry.status,
        entry.seconds,
    )


def table(outcomes: Sequence[Outcome], monitor: Monitored) -> Results:
    """Return the results of a search, documented at :func:`compiled_nn.search`."""
    sign = -1.0 if monitor == "val_score" else 1.0
    values = np.array([each.value for each in outcomes])
    found = {"params": _objects([each.params for each in outcomes])}
    for name in dict.fromkeys(name for each in outcomes for name in each.params):
        found[f"param_{name}"] = _objects([each.params.get(name) for each in outcomes])
    found[monitor] = _finite(sign * values)
    n_splits = max(len(each.splits) for each in outcomes)
    for i in range(n_splits if n_splits > 1 else 0):
        found[f"split{i}_{monitor}"] = _finite(sign * np.array([each.splits[i] for each in outcomes]))
    found["rank"] = np.array([1 + int((values < value).sum()) for value in values])
    found["best_epoch"] = np.array([each.best_epoch for each in outcomes])
    found["epochs"] = np.array([each.epochs for each in outcomes])
    found["status"] = np.array([each.status for each in outcomes])
    found["seconds"] = np.array([each.seconds for each in outcomes])
    return found


def _objects(values: list[Any]) -> Array:
    """Return values as an array of objects; np.array would make a matrix of tuples."""
    result: Array = np.empty(len(values), object)
    for i, value in enumerate(values):
        result[i] = value
    return result


def _finite(values: Array) -> Array:
    return np.where(np.isfinite(values), values, np.nan)


def best_of(outcomes: Sequence[Outcome], monitor: Monitored) -> int:
    """Return the index of the best outcome, the first of several.

    Raises
    ------
    DivergenceError
        If all candidates have diverged.
    TimeoutError
        If no candidate was validated before the time limit.
    ValueError
        If no candidate has a finite value.
    """
    best = min(range(len(outcomes)), key=lambda i: outcomes[i].value)
    if outcomes[best].value < math.inf:
        return best
    n = count(len(outcomes), "candidate")
    if all(each.status == "diverged" for each in outcomes):
        raise DivergenceError(
            f"All of {n} of the search have diverged: the loss or a weight was not finite. Search lower learning rates,"
            " or scale X by standardize=True."
        )
    if any(each.status == "stopped" for each in outcomes):
        raise TimeoutError(
            f"time_limit has passed before the first epoch of {n} was validated. Pass a larger time_limit, or fewer"
            " candidates."
        )
    raise ValueError(f"{monitor} of {n} is not a finite number in any epoch; no candidate can be chosen.")
