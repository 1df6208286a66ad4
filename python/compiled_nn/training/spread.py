"""Networks that are trained on the same rows, divided over the workers of an engine.

Each worker has the rows. A task gets the states of some networks, trains these up to an epoch, and returns their states
and the numbers of the epochs. It depends on nothing else, so that it can be computed again anywhere. Between two rounds
of tasks the networks are with the driver, the process that calls fit, and can be divided in another way: as they share
nothing but the order of the rows, their bits are those of a training in one process.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from ..common import threads
from ..common.engine import hold_value
from ..data.arrays import Array
from .advancing import advance, work_of
from .history import append_epochs, new_history
from .member_rows import set_objectives
from .member_states import layers_of, member_of, stack_of, state_of
from .together import Failure, Monitored, Together
from .weights import assign_layers, layer_views

if TYPE_CHECKING:
    from numpy.random import Generator

    from ..common.engine import Engine
    from .batches import Data
    from .member import Member
    from .targets import Targets
    from .validation import Validation


class ReadData(Protocol):
    """Data that a call of fit of an ensemble has read."""

    @property
    def targets(self) -> Targets: ...
    @property
    def held_out(self) -> Validation | None: ...
    @property
    def weights(self) -> Array | None: ...
    @property
    def masks(self) -> Array | None: ...


_NOT_SENT = (
    "rng",
    "statistics",
    "clipped",
    "encoding",
    "dropout_key",
    "seed",
)  # parts of a state that do not change


_PLAIN = (
    "value",
    "epoch",
    "best_epoch",
    "has_ended",
    "dropped",
)  # attributes of a member that training changes


class Rows(NamedTuple):
    """Rows of networks that are trained together, as a call of fit has prepared them.

    Attributes
    ----------
    data : Data
        Rows, targets and batches.
    targets : Targets
        Encoding of y.
    held_out : Validation or None
        Rows from which the members' own are validated.
    weights : ndarray (m,), or None
        Weights of the rows.
    masks : ndarray of bool (n, m), or None
        Validation rows of the members, which use them in turn.
    """

    data: Data
    targets: Targets
    held_out: Validation | None
    weights: Array | None
    masks: Array | None

    @classmethod
    def of(cls, data: Data, read: ReadData) -> Rows:
        """Return the rows of a call of fit."""
        return cls(data, read.targets, read.held_out, read.weights, read.masks)


class Tables:
    """Rows of several trainings, which workers hold as one object, so that what they have in common is sent once."""

    def __init__(self, rows: Sequence[Rows]) -> None:
        self.rows = tuple(rows)

    @property
    def nbytes(self) -> int:
        """Number of bytes, about."""
        arrays = {id(X): X for each in self.rows for X in (each.data.X, each.data.y, each.masks)}
        return sum(getattr(each, "nbytes", 0) for each in arrays.values())

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + self.nbytes


class Portion(NamedTuple):
    """Members for a task, and how they are trained.

    Attributes
    ----------
    place : int
        Index of their rows in the tables.
    validates : bool
        Whether they are validated, and not trained on their validation rows.
    states : list of dict
        States of the members.
    rng : Generator
        Generator of the order of the rows.
    epoch, last : int
        Number of epochs so far, and after the task.
    """

    place: int
    validates: bool
    states: list[dict[str, Any]]
    rng: Generator
    epoch: int
    last: int
    monitor: Monitored
    patience: int | None
    n_threads: int | None


class Trained(NamedTuple):
    """Result of a task for a portion.

    Attributes
    ----------
    states : list of dict
        Changed parts of the states of the members, with "history", the numbers of the epochs of this task, and
        "time", the seconds of training.
    """

    states: list[dict[str, Any]]
    rng: Generator
    epoch: int
    failures: list[Failure]


def train(tables: Tables, portions: Sequence[Portion], seconds: float) -> list[Trained]:
    """Train the members of portions: the task.

    Parameters
    ----------
    tables : Tables
        Rows of all trainings.
    portions : sequence of Portion
        Members of some of them.
    seconds : float
        Time after which training ends.
    """
    deadline = perf_counter() + seconds
    return [_train(tables.rows[portion.place], portion, deadline) for portion in portions]


def _train(rows: Rows, portion: Portion, deadline: float) -> Trained:
    members = [member_of(state) for state in portion.states]
    together = Together(members, portion.rng)
    together.epoch, together.warns = portion.epoch, False
    held_out, masks = (rows.held_out, rows.masks) if portion.validates else (None, None)
    set_objectives(members, rows.weights, masks, held_out, portion.n_threads)
    together.prepare(
        rows.data,
        rows.targets,
        held_out,
        monitor=portion.monitor,
        patience=portion.patience,
        halving=None,
        n_threads=portion.n_threads,
    )
    places = {member.index: i for i, member in enumerate(members)}
    times = np.zeros(len(members))
    for call in advance(together, portion.last, deadline):
        np.add.at(times, [places[member.index] for member in call.members], call.seconds)
    together.write_histories()
    states = [_changes(member, validates=held_out is not None) for member in members]
    states = [state | {"time": time} for state, time in zip(states, times.tolist(), strict=True)]
    return Trained(states, together.rng, together.epoch, together.failures)


def _changes(member: Member, *, validates: bool) -> dict[str, Any]:
    """Return the parts of the state of a member that a task has changed."""
    trainer = member.trainer.state()
    return {
        "index": member.index,
        "trainer": {name: value for name, value in trainer.items() if name not in _NOT_SENT},
        **{name: getattr(member, name) for name in (*_PLAIN, "history")},
        "best": layers_of(member.best),
        "last_finite": None if validates else layers_of(member.last_finite),
    }


def _update(member: Member, changes: dict[str, Any]) -> None:
    """Make the changes of a task to a member of the driver."""
    trainer, stack, state = member.trainer, member.trainer.stack, changes["trainer"]
    if changes["dropped"] == "diverged":  # `restore` refuses numbers that are not finite
        with stack.changing():
            assign_layers(layer_views(stack), state["layers"])
    else:
        trainer.restore({name: state[name] for name in ("layers", "average", "optimizer") if name in state})
        trainer.epochs = state["epochs"]
    for name in _PLAIN:
        setattr(member, name, changes[name])
    for name in ("best", "last_finite"):
        if changes[name] is not None:
            setattr(member, name, stack_of(changes[name], stack, member.configuration))
    append_epochs(member.history, changes["history"])


# ---- the driver


class Work(NamedTuple):
    """Training up to an epoch.

    Attributes
    ----------
    together : Together
        Networks, which are with the driver.
    place : int
        Index of their rows in those of the workers.
    last : int
        Last epoch.
    """

    together: Together
    place: int
    last: int


class Round(NamedTuple):
    """Epochs of one training in a round of tasks.

    Attributes
    ----------
    columns : dict of lists
        Means over the members that were trained, for each epoch, as in a history.
    failures : list of Failure
        Members that have diverged, in the order of epochs and members.
    seconds : dict of float
        Time of training by index of the member.
    """

    columns: dict[str, list[Any]]
    failures: list[Failure]
    seconds: dict[int, float]


class Spreading:
    """Workers that hold rows, and train networks on them.

    Parameters
    ----------
    engine : Engine
        Where tasks run.
    rows : sequence of Rows
        Rows of all trainings; each worker gets them once.
    """

    def __init__(self, engine: Engine, rows: Sequence[Rows]) -> None:
        self._engine = engine
        tables, n = Tables(rows), engine.n_workers
        # Without a known number of workers, the processes of the engine share one handle.
        self.n_groups = n or threads.get_num_threads()
        self._handles = hold_value(engine, tables, range(n or 1))

    def advance(self, works: Sequence[Work], deadline: float) -> list[Round]:
        """Train, in one round of tasks, and return the epochs of each training.

        Parameters
        ----------
        works : sequence of Work
            Trainings; their members are changed.
        deadline : float
            Time of `perf_counter` at which training ends.
        """
        groups = _divided(works, self.n_groups)
        seconds = deadline - perf_counter()
        found: list[list[Trained]] = [[] for _ in works]
        if groups and seconds > 0:
            handles = self._handles
            tasks = [
                (
                    handles[rank % len(handles)],
                    [_portion(works[place], members) for place, members in group.items()],
                    seconds,
                )
                for rank, group in enumerate(groups)
            ]
            for group, results in zip(groups, self._engine.map(train, tasks, range(len(tasks))), strict=True):
                for place, result in zip(group, results, strict=True):
                    found[place].append(result)
        return [_merged(work.together, results) for work, results in zip(works, found, strict=True)]

    def close(self) -> None:
        """Release the rows of the workers."""
        self._engine.release(self._handles)


def _portion(work: Work, members: Sequence[Member]) -> Portion:
    together = work.together
    return Portion(
        work.place,
        together.held_out is not None,
        [state_of(member, kept=False) for member in members],
        deepcopy(together.rng),
        together.epoch,
        work.last,
        together.monitor,
        together.patience,
        1 if together.n_threads is None else together.n_threads,
    )


def _divided(works: Sequence[Work], n_groups: int) -> list[dict[int, list[Member]]]:
    """Return groups of members of about the same work, by place among `works`; those with the most work go first."""
    items: list[tuple[int, int, Member]] = []
    for place, work in enumerate(works):
        together = work.together
        rows = len(together.data.X) * (work.last - together.epoch)
        if rows > 0:
            items += [(rows * work_of(member), place, member) for member in together.active]
    groups: list[dict[int, list[Member]]] = [{} for _ in range(min(n_groups, len(items)))]
    loads = [0] * len(groups)
    for load, place, member in sorted(items, key=lambda item: -item[0]):
        i = loads.index(min(loads))
        loads[i] += load
        groups[i].setdefault(place, []).append(member)
    return [
        {place: sorted(members, key=lambda member: member.index) for place, members in sorted(group.items())}
        for group in groups
    ]


def _merged(together: Together, results: Sequence[Trained]) -> Round:
    """Make the changes of the tasks of a round to the members of the driver."""
    first, seconds = together.epoch, {}
    histories = []
    members = {member.index: member for member in together.members}
    states = sorted((state for each in results for state in each.states), key=lambda state: state["index"])
    for state in states:
        member = members[state["index"]]
        steps = member.trainer.stack.steps
        _update(member, state)
        together.has_stepped = together.has_stepped or steps != member.trainer.stack.steps
        seconds[state["index"]] = state["time"]
        histories.append(state["history"])
    if results:
        furthest = max(results, key=lambda each: each.epoch)
        together.epoch, together.rng = furthest.epoch, furthest.rng
    failures = sorted(failure for each in results for failure in each.failures)
    return Round(_means(histories, first, together.epoch), failures, seconds)


def _means(histories: Sequence[dict[str, list[Any]]], first: int, last: int) -> dict[str, list[Any]]:
    """Return the columns of the history of all members, from those of the epochs after `first` of each."""
    columns: dict[str, list[Any]] = {name: [] for name in (*new_history(), "n_members")}
    for epoch in range(first + 1, last + 1):
        i = epoch - first - 1
        rows = [history for history in histories if i < len(history["epoch"])]
        for name in dict.fromkeys(name for history in rows for name in history):
            values = [history[name][i] for history in rows]
            own = epoch if name == "epoch" else max(values) if name == "seconds" else float(np.mean(values))
            columns.setdefault(name, []).append(own)
        columns["n_members"].append(len(rows))
    return columns
