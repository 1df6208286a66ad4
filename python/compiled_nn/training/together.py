"""Training of several networks on the same rows in the same order: one call of the core for all of them per epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from ..common.errors import CompiledNNWarning, DivergenceError, warn
from ..data.arrays import Array
from .batches import Data
from .divergence import Divergence, largest, worst_layer
from .history import append_epochs
from .member import Member
from .selection import Halving
from .stacks import loss_together, train_together
from .targets import Targets
from .validation import Validation

if TYPE_CHECKING:
    from numpy.random import Generator

    from cnn_core.stack import SharedWeights, Stack

    from ..common.protocols import History
    from ..optimizers.base import Optimizer
    from ..spec.configuration import Configuration

Monitored: TypeAlias = Literal["val_loss", "val_score"]
MONITORED: tuple[Monitored, ...] = ("val_loss", "val_score")
# Rows times parameters of all members that one call of the core with several epochs trains, about.
_WORK_PER_CALL = 20_000_000


class Diverged(NamedTuple):
    """Divergence of the last of all members."""

    divergence: Divergence
    member: Member
    n_members: int

    def error(self, when: str, _: Configuration) -> DivergenceError:
        """Return the error to raise; `when` names the epoch."""
        which = (
            f"{when}, in which the last of {self.n_members} members diverged" if self.n_members > 1 else when
        )
        return self.divergence.error(which, self.member.configuration, "ensemble")


class Failure(NamedTuple):
    """Divergence of a member in an epoch."""

    epoch: int
    member: int
    divergence: Divergence

    def warn(self) -> None:
        """Warn that the member is dropped, while others are trained further."""
        warn(
            f"Member {self.member} of the ensemble has diverged in epoch {self.epoch} (learning rate"
            f" {self.divergence.learning_rate:g}, loss {self.divergence.loss:g}) and is dropped; the others are trained"
            " further. Try a lower learning rate for it.",
            CompiledNNWarning,
        )


class _Call(NamedTuple):
    """Numbers of one call of the core, from which the histories of the members are made when training ends."""

    members: list[Member]
    first: int
    numbers: dict[str, Array]
    seconds: float
    validated: dict[str, Array]


def means_of(values: Array) -> list[float]:
    """Return the mean over the members of each column (members, epochs), whose bits are those of the column alone."""
    means: list[float] = np.ascontiguousarray(values.T).mean(axis=1).tolist()
    return means


class Together:
    """Epochs of several networks over the same data in memory.

    Parameters
    ----------
    members : sequence of Member
        All members, in the order of the ensemble.
    rng : numpy.random.Generator
        Generator of the order of the rows.
    shared : SharedWeights, optional
        Weights that the members share. All of them then have the best epoch of their mean.

    Attributes
    ----------
    epoch : int
        Number of epochs that were trained.
    has_stepped : bool
        Whether a step was taken.
    warns : bool
        Whether there is a warning for each member that diverges before the last one.
    failures : list of Failure
        Divergence of each member that has diverged, in order.
    """

    def __init__(
        self, members: Sequence[Member], rng: Generator, shared: SharedWeights | None = None
    ) -> None:
        self.members, self.rng, self.shared = list(members), rng, shared
        self.epoch = 0
        self.warns = True
        self.has_stepped = False
        self.failures: list[Failure] = []
        self._calls: list[_Call] = []

    def prepare(
        self,
        data: Data,
        targets: Targets,
        held_out: Validation | None,
        *,
        monitor: Monitored,
        patience: int | None,
        halving: Halving | None,
        n_threads: int | None,
    ) -> None:
        """Set data and options of a call of fit.

        Parameters
        ----------
        data : Data
            Rows of all members.
        targets : Targets
            Encoding of y.
        held_out : Validation or None
            Rows from which the members' `rows` are validated, with values in units of y; None without validation.
        monitor : {"val_loss", "val_score"}
            Value by which the best epoch is chosen.
        patience : int or None
            Number of epochs without an improvement after which a member is not trained further.
        halving : Halving or None
            Epochs at which members are dropped.
        n_threads : int or None
            Number of threads of all members together.
        """
        self.data, self.targets, self.held_out = data, targets, held_out
        self.monitor, self.patience, self.halving, self.n_threads = monitor, patience, halving, n_threads
        self.has_stepped = False
        self._scaled: Array | None = None
        if held_out is not None and targets.kind == "values":
            self._scaled = targets.standardized(held_out.y).astype(self.members[0].configuration.dtype)
        for member in self.active:
            member.trainer.set_optimizer(member.configuration.optimizer)
            member.last_finite = member.last_finite or member.trainer.stack.present(averaged=True)
        self._steps = [member.trainer.stack.steps for member in self.members]

    def finish(self) -> None:
        """Write the histories of the members, and set the weights that they keep without a best epoch."""
        self.write_histories()
        for member in self.members:
            if member.best is None and largest(member.trainer.stack.parameters) < math.inf:
                member.last_finite = member.trainer.stack.present(averaged=True)

    def write_histories(self) -> None:
        """Write the epochs since the last call to the histories of the members."""
        for call in self._calls:
            ended = call.numbers["loss"].shape[1]
            common = {
                "epoch": list(range(call.first, call.first + ended)),
                "seconds": [call.seconds] * ended,
            }
            numbers = {name: values.tolist() for name, values in (call.numbers | call.validated).items()}
            for i, member in enumerate(call.members):
                own = {name: column if name in common else column[i] for name, column in numbers.items()}
                append_epochs(member.history, own | common)
        self._calls.clear()

    def release(self) -> None:
        """Release the data of a call of fit."""
        self.data, self.held_out, self._scaled = None, None, None  # type: ignore[assignment]

    @property
    def active(self) -> list[Member]:
        """Members that are trained further."""
        return [member for member in self.members if member.dropped is None and not self._is_done(member)]

    @property
    def finished(self) -> str | None:
        """Reason to end training: no member is trained further."""
        return None if self.active else "early_stopping"

    def _is_done(self, member: Member) -> bool:
        if member.has_ended:
            return True
        if member.limit is not None and member.epoch >= member.limit:
            return True
        return self.patience is not None and member.epoch - member.best_epoch >= self.patience

    # ---- epochs

    def run(
        self,
        _optimizer: Optimizer,
        most: int,
        deadline: float,
        _on_step: Callable[[int, float], bool] | None = None,
    ) -> tuple[History, Diverged | None]:
        """Train all active members for one epoch, or for several short ones; as ``InMemory.run``."""
        members = self.active
        if not members:
            return {"loss": []}, None
        batches = self.data.batches
        epochs = self._epochs_together(members, most)
        order = self._order(epochs)
        rates = self._rates(members, batches.steps, epochs)
        start = perf_counter()
        losses, penalties = self._train(
            members, rates, order=order, epochs=epochs, deadline=deadline, n_threads=self.n_threads
        )
        ended = losses.shape[1]
        seconds = (perf_counter() - start) / max(ended, 1)
        if not self.has_stepped:
            self.has_stepped = self._steps != [member.trainer.stack.steps for member in self.members]
        if not ended:
            return {"loss": []}, None
        rates = rates[:, batches.steps - 1 :: batches.steps][:, :ended]
        numbers = {"loss": losses, "penalty": penalties, "learning_rate": rates}
        finite, failure = self._finite(members, losses, rates)
        if failure is not None or not finite:
            return {"loss": []}, failure
        if len(finite) < len(members):
            numbers = {name: values[finite] for name, values in numbers.items()}
            members = [members[i] for i in finite]
        first, self.epoch = self.epoch + 1, self.epoch + ended
        for member in members:
            member.epoch = self.epoch
            member.trainer.epochs += ended
            if self.held_out is None:
                member.last_finite = member.trainer.stack.present(averaged=True)
        self._calls.append(_Call(members, first, numbers, seconds, {}))
        columns = {name: means_of(values) for name, values in numbers.items()}
        return columns | {"seconds": [seconds] * ended, "n_members": [len(members)] * ended}, None

    def _train(self, members: Sequence[Member], rates: Array, **options: Any) -> tuple[Array, Array]:
        """Return the losses and penalties of the members in some epochs."""
        X, y, batches = self.data
        objectives = [member.objective for member in members]
        if self.shared is not None:
            return self.shared.train(X, y, objectives, rates=rates[0], batch_size=batches.size, **options)
        stacks = [member.trainer.stack for member in members]
        return train_together(stacks, X, y, objectives, rates=rates, batch_size=batches.size, **options)

    def _epochs_together(self, members: Sequence[Member], most: int) -> int:
        if most == 1:
            return 1
        n_parameters = sum(member.trainer.stack.n_parameters + 100 for member in members)
        return min(max(_WORK_PER_CALL // (self.data.batches.n_rows * n_parameters), 1), most)

    def _order(self, epochs: int) -> Array | None:
        batches = self.data.batches
        if not batches.shuffles:
            return batches.order(self.rng)
        orders = [self.rng.permutation(batches.n_rows) for _ in range(epochs)]
        return np.stack(orders) if epochs > 1 else orders[0]

    def _rates(self, members: Sequence[Member], steps: int, epochs: int) -> Array:
        """Return the learning rates (members, steps) of some epochs; equal schedules are computed once."""
        rates = np.empty((len(members), steps * epochs))
        found: dict[Any, Array] = {}
        for row, member in zip(rates, members, strict=True):
            trainer, optimizer = member.trainer, member.configuration.optimizer
            rate = getattr(optimizer, "learning_rate", None)
            if not callable(rate):
                row[:] = (
                    trainer.rate_scale * rate if isinstance(rate, float) else trainer.rates(optimizer, 1, 1)
                )
                continue
            key = id(rate), trainer.stack.steps, trainer.epochs, trainer.rate_scale
            if key not in found:
                found[key] = trainer.rates(optimizer, steps * epochs, epochs)
            row[:] = found[key]
        return rates

    def _finite(
        self, members: Sequence[Member], losses: Array, rates: Array
    ) -> tuple[list[int], Diverged | None]:
        """Return the indices of the members with finite values; the others are dropped with a warning.

        If no member is left, the divergence of the last one is returned as well.
        """
        is_finite = np.isfinite(losses.sum(axis=1)).tolist()
        finite, bad = [], []
        for i, member in enumerate(members):
            if is_finite[i] and largest(member.trainer.stack.parameters) < math.inf:
                finite.append(i)
            else:
                bad.append(i)
        if not bad:
            return finite, None
        if self.shared is not None:  # its weights are a part of all members
            finite, bad = [], finite + bad
        failures = []
        for i in bad:
            worst = worst_layer(members[i].trainer.stack)
            divergence = Divergence(float(rates[i, -1]), float(losses[i, -1]), *worst)
            failures.append(Failure(self.epoch + 1, members[i].index, divergence))
        self.failures += failures
        if len(bad) == sum(member.dropped is None for member in self.members):
            return finite, Diverged(failures[-1].divergence, members[bad[-1]], len(self.members))
        for i, failure in zip(bad, failures, strict=True):
            members[i].dropped = "diverged"
            if self.warns:
                failure.warn()
        return finite, None

    # ---- validation

    def validate(self, deadline: float) -> History:
        """Validate the members that were trained, keep their best weights, and return the means of their values.

        Raises
        ------
        TimeoutError
            If the deadline, a value of `perf_counter`, passes during the computation. The epoch is then not recorded.
        """
        call = self._calls[-1]
        stacks = [
            member.trainer.stack
            if member.configuration.ema is None
            else member.trainer.stack.present(averaged=True)
            for member in call.members
        ]
        try:
            values = self._values(call.members, stacks, deadline)
        except TimeoutError:
            self._calls.pop()
            self.epoch -= 1
            for member in call.members:
                member.epoch -= 1
            raise
        call.validated.update({name: column[:, np.newaxis] for name, column in values.items()})
        monitored = values["val_loss"] if self.monitor == "val_loss" else -values["val_score"]
        if self.shared is not None:
            monitored = np.full_like(monitored, monitored.mean())
        for member, stack, value in zip(call.members, stacks, monitored.tolist(), strict=True):
            if value < member.value:
                member.value, member.best_epoch = value, self.epoch
                member.best = stack.present() if stack is member.trainer.stack else stack
            if member.target is not None:
                target, latest = member.target, self._latest(call, member)
                member.has_ended = target.monitor.reaches(target.monitor.latest(latest), target.value)
        if self.halving is not None:
            self.halving.drop(self.members, self.epoch)
        return {name: [float(column.mean())] for name, column in values.items()}

    def _latest(self, call: _Call, member: Member) -> History:
        """Return the last value of each column of the history of a member."""
        i = call.members.index(member)
        return {name: [float(values[i, -1])] for name, values in (call.numbers | call.validated).items()}

    def _values(
        self, members: Sequence[Member], stacks: Sequence[Stack], deadline: float
    ) -> dict[str, Array]:
        """Return the validation values of members: the loss, and the score if it is monitored."""
        held_out = self.held_out
        assert held_out is not None
        if self.monitor == "val_loss":
            y = held_out.y if self._scaled is None else self._scaled
            losses = loss_together(
                stacks,
                held_out.X,
                y,
                [member.validating for member in members],
                [member.rows for member in members],
                deadline=deadline,
                n_threads=self.n_threads,
            )
            return {"val_loss": losses}
        found = [
            self.part(member).columns(stack, self.targets, member.validating, deadline)
            for member, stack in zip(members, stacks, strict=True)
        ]
        return {name: np.array([each[name][0] for each in found]) for name in ("val_loss", "val_score")}

    def part(self, member: Member) -> Validation:
        """Return the validation rows of a member."""
        assert self.held_out is not None
        return self.held_out if member.rows is None else self.held_out.part(member.rows)
