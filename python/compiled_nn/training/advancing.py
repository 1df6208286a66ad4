"""Training of several networks up to an epoch without callbacks, as searches and tasks of other processes need it."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..data.arrays import Array

if TYPE_CHECKING:
    from ..common.protocols import History
    from .member import Member
    from .together import Together

_OVERHEAD = 100  # parameters whose work is about that of a network without any


class Call(NamedTuple):
    """Epochs of one call of the core.

    Attributes
    ----------
    members : list of Member
        Members that were trained.
    columns : dict of lists
        Means over them, for each epoch, as in a history.
    seconds : ndarray (n_members,)
        Share of each member in the time.
    """

    members: list[Member]
    columns: History
    seconds: Array


def advance(together: Together, last: int, deadline: float) -> Iterator[Call]:
    """Train until the epoch `last`, the deadline, or until no member is trained further; yield the calls of the core.

    Members that diverge are marked as dropped, also the last ones.
    """
    optimizer, validates = together.members[0].configuration.optimizer, together.held_out is not None
    while together.epoch < last and (active := together.active) and perf_counter() < deadline:
        start = perf_counter()
        most = 1 if validates else min(min(m.limit or last, last) - m.epoch for m in active)
        columns, failure = together.run(optimizer, most, deadline)
        if failure is not None:
            for member in active:
                member.dropped = "diverged"
            return
        if not columns["loss"]:
            continue
        if validates:
            try:
                columns |= together.validate(deadline)
            except TimeoutError:
                return
        work = np.array([work_of(member) for member in active], np.float64)
        seconds = (perf_counter() - start) * work / work.sum()
        ended = range(together.epoch - len(columns["loss"]), together.epoch)
        yield Call(active, columns | {"epoch": [epoch + 1 for epoch in ended]}, seconds)


def work_of(member: Member) -> int:
    """Return the work of a row in training, in parameters."""
    return member.trainer.stack.n_parameters + _OVERHEAD
