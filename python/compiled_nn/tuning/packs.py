"""Training of candidates: those with the same inputs share each pass over the rows, and the worse half is dropped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..common.errors import located
from ..data.arrays import Array
from ..estimators.adoption import MemberNetwork
from ..network.ensemble import Ensemble
from ..network.ensemble_results import kept
from ..training import member_rows
from ..training.ensemble_plan import make_ensemble_plan
from .options import Options
from .subjects import Candidate, described

if TYPE_CHECKING:
    from ..network.ensemble_data import EnsembleData
    from ..network.network import Network
    from ..training.ensemble_plan import EnsemblePlan
    from ..training.member import Member
    from ..training.targets import Targets
    from ..training.together import Together

_FEWEST = 4  # candidates that are trained for all epochs, at least, if there are as many
_OVERHEAD = 100  # parameters whose work is about that of a network without any
_FIRST_RUNG = 2  # epochs before candidates are dropped, at least

Status = Literal["completed", "dropped", "diverged", "stopped"]


class Pack(Ensemble):
    """Networks of candidates that are trained in the same pass.

    Parameters
    ----------
    candidates : sequence of Candidate
        Candidates whose networks can be trained together.
    options : Options
        Data and options.
    size : int
        Number of networks of each candidate.
    """

    def __init__(self, candidates: Sequence[Candidate], options: Options, size: int) -> None:
        networks = [each.network for each in candidates for _ in range(size)]
        n_threads = networks[0].n_threads if options.n_threads is None else options.n_threads
        super().__init__(networks, calibrated=False, seed=options.seed, n_threads=n_threads)
        self._networks = tuple(networks)
        self.candidates, self.options, self.size = list(candidates), options, size
        self.fit_options = candidates[0].fit
        self.epochs: int = self.fit_options["epochs"]
        self.seconds = np.zeros(len(candidates))

    def start(self, *, validates: bool = True) -> None:
        """Read the data, and draw the initial weights."""
        o = self.options
        own = (
            (o.validation, o.validation_fraction, o.validation_groups, o.validation_data)
            if validates
            else (None, None, None, None)
        )
        self.plan = make_ensemble_plan(
            n_members=len(self._networks),
            combine="mean",
            validation=own[0],
            validation_fraction=own[1],
            validation_groups=own[2],
            validation_data=own[3],
            n_folds=self.size if self.size > 1 and isinstance(own[0], str) else None,
            monitor=o.monitor if validates else "val_loss",
            **self.fit_options | ({} if validates else {"patience": None}),
            halving=None,
            refit=False,
            sample_weight=o.sample_weight,
            classes=None,
            time_limit=None,
            callbacks=(),
            on_interrupt="raise",
            warm_start=False,
            gram=False,
            verbose=0,
        )
        rows, targets = o.rows(self._configuration), self.candidates[0].targets
        if targets is not None and targets.has_one_class:
            rows = rows.replace(targets=targets)
        together, self.read = self._prepare(rows, o.y, self.plan)
        together.warns = False
        self.together: Together = together

    def _masks_for(self, plan: EnsemblePlan, y: Array, targets: Targets, resume: bool) -> Array | None:
        """Return the masks (size, m) of the validation rows, which are the same for all candidates."""
        way, groups, seed = plan.validation, plan.plan.validation_groups, self.options.seed
        if way is None:
            return None
        if not isinstance(way, str):
            return member_rows.given_masks(way, self.size, len(y))
        if way == "folds":
            return member_rows.fold_masks(y, targets, self.size, groups, self.size, seed)
        return member_rows.random_masks(y, targets, plan.fraction, groups, [seed])

    def _set_objectives(self, members: Sequence[Member], read: EnsembleData) -> None:
        super()._set_objectives(members, read)
        for member in members:
            if isinstance(self._networks[member.index], MemberNetwork):
                member.objective = member.objective.replace(penalty_per_row=True)

    def advance(self, last: int) -> None:
        """Train until the epoch `last`, the deadline, or until no candidate is trained further."""
        together, deadline = self.together, self.options.deadline
        optimizer, validates = self._configuration.optimizer, together.held_out is not None
        while together.epoch < last and (active := together.active) and perf_counter() < deadline:
            start = perf_counter()
            most = 1 if validates else min((m.limit or last) - m.epoch for m in active)
            columns, failure = together.run(optimizer, most, deadline)
            if failure is not None:
                for member in active:
                    member.dropped = "diverged"
                return
            if not columns["loss"]:
                continue
            if validates:
                try:
                    together.validate(deadline)
                except TimeoutError:
                    return
            work = np.array([member.trainer.stack.n_parameters + _OVERHEAD for member in active])
            shares = (perf_counter() - start) * work / work.sum()
            np.add.at(self.seconds, [member.index // self.size for member in active], shares)

    def finish(self) -> None:
        """Set the weights and the histories of the members, after training."""
        self.together.finish()

    def members_of(self, place: int) -> list[Member]:
        """Return the members of the candidate at a place."""
        return self.together.members[place * self.size : (place + 1) * self.size]

    def network(self, member: Member) -> Network:
        """Return the network of a member, with the weights that it has kept."""
        net = self._network(kept([member], [1.0])[0])
        net.epochs_planned_ = self.epochs if member.limit is None else member.limit
        net.stop_reason_ = "max_iter" if member.epoch >= net.epochs_planned_ else "early_stopping"
        if perf_counter() >= self.options.deadline:
            net.stop_reason_ = "time_limit"
        return net


@dataclass
class Entry:
    """Candidate in a comparison, and its result so far.

    Attributes
    ----------
    candidate : Candidate
        The candidate.
    pack : Pack
        Networks with which it is trained.
    place : int
        Its place among the candidates of the pack.
    dropped_after : int or None
        Epoch after which it was dropped by successive halving.
    """

    candidate: Candidate
    pack: Pack
    place: int
    dropped_after: int | None = None

    @property
    def members(self) -> list[Member]:
        """Members of the pack that are networks of the candidate."""
        return self.pack.members_of(self.place)

    @property
    def status(self) -> Status:
        """State of the candidate after the comparison."""
        if any(member.dropped == "diverged" for member in self.members):
            return "diverged"
        if self.dropped_after is not None:
            return "dropped"
        together = self.pack.together
        is_complete = together.epoch >= self.pack.epochs or not any(
            member in together.active for member in self.members
        )
        return "completed" if is_complete else "stopped"

    @property
    def value(self) -> float:
        """Mean over the networks of the monitored value at the best epoch, where lower is better; inf without one."""
        if self.status == "diverged":
            return math.inf
        return sum(member.value for member in self.members) / len(self.members)

    @property
    def best_epoch(self) -> int:
        """Best epoch, of several networks the rounded mean; 0 without one."""
        return round(sum(member.best_epoch for member in self.members) / len(self.members))

    @property
    def seconds(self) -> float:
        """Share of the candidate in the time of training."""
        return float(self.pack.seconds[self.place])

    def drop(self) -> None:
        """End the training of the candidate."""
        self.dropped_after = self.pack.together.epoch
        for member in self.members:
            member.dropped = member.dropped or "halving"


def packed(candidates: Sequence[Candidate], options: Options) -> list[Entry]:
    """Put candidates into packs, start these, and return the candidates in their order."""
    groups: list[list[Candidate]] = []
    for candidate in candidates:
        group = next((each for each in groups if each[0].shares_pass(candidate)), None)
        if group is None:
            groups.append([candidate])
        else:
            group.append(candidate)
    entries = []
    for group in groups:
        pack = Pack(group, options, options.n_folds)
        if group is groups[0]:
            pack.start()
        else:  # what is wrong with all packs is found in the first one
            with located(described(group[0].index, group[0].params)):
                pack.start()
        entries += [Entry(candidate, pack, place) for place, candidate in enumerate(group)]
    return sorted(entries, key=lambda entry: entry.candidate.index)


def compare(entries: Sequence[Entry], options: Options) -> None:
    """Train candidates; after each fraction of the epochs, the worse half of those of all packs is dropped."""
    packs = list({id(entry.pack): entry.pack for entry in entries}.values())
    epochs = max(pack.epochs for pack in packs)
    rungs = options.halving
    if rungs == "auto":
        rungs = automatic_rungs(len(entries), epochs)
    for fraction in (*rungs, 1.0):
        for pack in packs:
            pack.advance(max(1, round(fraction * pack.epochs)))
        alive = [entry for entry in entries if entry.dropped_after is None and entry.status != "diverged"]
        if options.verbose:
            best = min((entry.value for entry in alive), default=math.inf)
            best = -best if options.monitor == "val_score" else best
            print(
                f"{fraction:4.0%} of the epochs: {len(alive)} candidates, best {options.monitor} {best:.4g}"
            )
        if fraction < 1:
            order = sorted(alive, key=lambda entry: entry.value)
            for entry in order[(len(order) + 1) // 2 :]:
                entry.drop()
    for pack in packs:
        pack.finish()


def automatic_rungs(n_candidates: int, epochs: int) -> tuple[float, ...]:
    """Return the fractions of the epochs after which the worse half of the candidates is dropped.

    Each rung has twice the epochs of the one before, so that all of them take about the same time.
    """
    rungs: list[float] = []
    fraction = 0.5
    while n_candidates >= 2 * _FEWEST and fraction * epochs >= _FIRST_RUNG:
        rungs.append(fraction)
        n_candidates, fraction = (n_candidates + 1) // 2, fraction / 2
    return tuple(reversed(rungs))


def members_on_all(entries: Sequence[Entry], options: Options) -> list[Member] | None:
    """Return the members of candidates of one pack, trained on all rows for their best numbers of epochs.

    None if the deadline passes before, or one of them diverges.
    """
    pack = _pack_on_all(entries, options)
    members = pack.together.members
    return None if any(m.epoch != m.limit or m.dropped for m in members) else members


def trained_on_all(entry: Entry, options: Options) -> Network | None:
    """Return the network of a candidate, trained on all rows for its best number of epochs; None as above."""
    pack = _pack_on_all([entry], options)
    (member,) = pack.together.members
    return None if member.epoch != member.limit or member.dropped else pack.network(member)


def _pack_on_all(entries: Sequence[Entry], options: Options) -> Pack:
    pack = Pack([entry.candidate for entry in entries], options, 1)
    pack.start(validates=False)
    for entry, member in zip(entries, pack.together.members, strict=True):
        member.limit = max(1, entry.best_epoch)
    pack.advance(max(member.limit or 0 for member in pack.together.members))
    pack.finish()
    return pack
