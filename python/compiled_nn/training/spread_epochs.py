"""Epochs of an ensemble whose members are divided over the workers of an engine, for the loop of fit."""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from .spread import Round, Spreading, Work
from .together import Diverged, Failure, Together

if TYPE_CHECKING:
    from ..common.protocols import History
    from ..optimizers.base import Optimizer

_SHORTEST = 2.0  # seconds of training that a round is to take, at least
_OVERHEADS = 5  # times as long as what a round takes besides the training


class Place(NamedTuple):
    """Workers, and the number of the rows of a training among those that they hold."""

    spreading: Spreading
    rows: int

    def advance(self, together: Together, last: int, deadline: float) -> Round:
        """Train up to an epoch, or the deadline, in one round of tasks."""
        (found,) = self.spreading.advance([Work(together, self.rows, last)], deadline)
        return found


class SpreadEpochs:
    """Epochs of several networks that workers train; several epochs are one round of tasks.

    The results do not depend on the number of epochs of a round. It is chosen so that training takes most of the time.

    Parameters
    ----------
    place : Place
        Workers, which have the rows.
    together : Together
        The networks, prepared for a call of fit.
    last : int
        Last epoch.
    most : int or None
        Largest number of epochs of a round: 1 if callbacks run after each epoch; None for any number.
    """

    def __init__(self, place: Place, together: Together, last: int, most: int | None) -> None:
        self._place, self._together, self._last, self._most = place, together, last, most
        self._length = 1
        self._columns: dict[str, list[Any]] = {
            "loss": []
        }  # epochs that were trained, and are not reported yet
        self._failure: Diverged | None = None

    @property
    def has_stepped(self) -> bool:
        """Whether a step was taken."""
        return self._together.has_stepped

    @property
    def finished(self) -> str | None:
        """Reason to end training: no member is trained further."""
        return None if self._columns["loss"] or self._failure else self._together.finished

    def run(
        self,
        _optimizer: Optimizer,
        most: int,
        deadline: float,
        _on_step: Callable[[int, float], bool] | None = None,
    ) -> tuple[History, Diverged | None]:
        """Return the next epochs, at most `most`, with the columns of their validation; as ``InMemory.run``."""
        if not self._columns["loss"] and self._failure is None:
            self._train(deadline)
        if not self._columns["loss"]:
            return {"loss": []}, self._failure
        columns = {name: column[:most] for name, column in self._columns.items()}
        self._columns = {name: column[most:] for name, column in self._columns.items()}
        return columns, None

    def _train(self, deadline: float) -> None:
        """Train for a round, and drop the members that diverge or that halving drops."""
        together, first, start = self._together, self._together.epoch, perf_counter()
        last = min(first + self._length, self._last)
        if self._most is not None:
            last = min(last, first + self._most)
        if together.halving is not None:
            last = min(last, together.halving.next(first))
        found = self._place.advance(together, last, deadline)
        self._columns = found.columns
        self._failure = _failure(together, found.failures)
        if together.halving is not None and together.epoch > first:
            together.halving.drop(together.members, together.epoch)
        if found.columns["loss"]:
            slowest = max(found.columns["seconds"])
            overhead = perf_counter() - start - sum(found.columns["seconds"])
            self._length = max(1, math.ceil(max(_SHORTEST, _OVERHEADS * overhead) / max(slowest, 1e-6)))


def _failure(together: Together, failures: list[Failure]) -> Diverged | None:
    """Warn of members that were dropped; if no member is left, return the divergence of the last one in its place."""
    if not failures:
        return None
    is_left = any(member.dropped is None for member in together.members)
    ended = failures[-1].epoch
    members = {member.index: member for member in together.members}
    for failure in failures:
        if is_left or failure.epoch < ended:
            failure.warn()
        else:
            members[
                failure.member
            ].dropped = None  # the ensemble keeps the last finite weights of the last ones
    if is_left:
        return None
    return Diverged(failures[-1].divergence, members[failures[-1].member], len(members))
