"""Comparison of candidates: all of them are trained, and the worse half is dropped at some epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..common.errors import located
from .options import Options
from .packs import Pack, Runner
from .subjects import Candidate, described

if TYPE_CHECKING:
    from ..network.network import Network
    from ..training.member import Member

_FEWEST = 4  # candidates that are trained for all epochs, at least, if there are as many
_GROWTH = 1.25  # of the number of epochs after which all packs have been trained as far, with a time limit
_FIRST_RUNG = 2  # epochs before candidates are dropped, at least

Status = Literal["completed", "dropped", "diverged", "stopped"]


@dataclass
class Entry:
    """Candidate in a comparison, and its result so far.

    Attributes
    ----------
    candidate : Candidate
        The candidate.
    pack : Runner
        Networks with which it is trained.
    place : int
        Its place among the candidates of the pack.
    dropped_after : int or None
        Epoch after which it was dropped by successive halving.
    """

    candidate: Candidate
    pack: Runner
    place: int
    dropped_after: int | None = None

    @property
    def members(self) -> list[Member]:
        """Members of the pack that are networks of the candidate."""
        return self.pack.members_of(self.place)

    @property
    def has_diverged(self) -> bool:
        """Whether one of the networks has diverged; of an ensemble, whether all have."""
        diverged = [member.dropped == "diverged" for member in self.members]
        return all(diverged) if self.pack.is_ensemble else any(diverged)

    @property
    def status(self) -> Status:
        """State of the candidate after the comparison."""
        if self.has_diverged:
            return "diverged"
        if self.dropped_after is not None:
            return "dropped"
        members, active = self.members, self.pack.together.active
        trained = max(member.epoch for member in members)
        is_complete = trained >= self.pack.epochs or not any(member in active for member in members)
        return "completed" if is_complete else "stopped"

    @property
    def value(self) -> float:
        """Mean over the networks of the monitored value at the best epoch, where lower is better; inf without one."""
        if self.has_diverged:
            return math.inf
        values = [member.value for member in self.members if member.dropped != "diverged"]
        return sum(values) / len(values)

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


def compare(entries: Sequence[Entry], options: Options, ends: Callable[[], bool] = lambda: False) -> None:
    """Train candidates; after each fraction of the epochs, the worse half of those of all packs is dropped.

    `ends` is called whenever candidates were compared, and returns whether training ends.
    """
    packs = list({id(entry.pack): entry.pack for entry in entries}.values())
    epochs = max(pack.epochs for pack in packs)
    rungs = options.halving
    if rungs == "auto":
        rungs = automatic_rungs(len(entries), epochs)
    stops = [(fraction, True) for fraction in rungs] + [(1.0, False)]
    if options.deadline < math.inf:  # the deadline is to find all packs after about as many epochs
        stops += [(fraction, False) for fraction in _growing(1 / epochs)]
    options.spread(packs)
    for fraction, drops in sorted(stops):
        options.advance(packs, [max(1, round(fraction * pack.epochs)) for pack in packs])
        alive = [entry for entry in entries if entry.dropped_after is None and not entry.has_diverged]
        if options.verbose and (drops or fraction == 1):
            best = min((entry.value for entry in alive), default=math.inf)
            best = -best if options.monitor == "val_score" else best
            print(
                f"{fraction:4.0%} of the epochs: {len(alive)} candidates, best {options.monitor} {best:.4g}"
            )
        if drops:
            order = sorted(alive, key=lambda entry: entry.value)
            for entry in order[(len(order) + 1) // 2 :]:
                entry.drop()
            if ends():
                break
    for pack in packs:
        pack.together.finish()


def _growing(fraction: float) -> list[float]:
    """Return fractions below 1 that grow from the first one by a factor."""
    fractions = []
    while fraction < 1:
        fractions.append(fraction)
        fraction *= _GROWTH
    return fractions


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
    return None if pack is None else pack.together.members


def trained_on_all(entry: Entry, options: Options) -> Network | None:
    """Return the network of a candidate, trained on all rows for its best number of epochs; None as above."""
    pack = _pack_on_all([entry], options)
    return None if pack is None else pack.network(pack.together.members[0])


def _pack_on_all(entries: Sequence[Entry], options: Options) -> Pack | None:
    pack = Pack([entry.candidate for entry in entries], options, 1)
    pack.start(validates=False)
    members, limits = pack.together.members, [max(1, entry.best_epoch) for entry in entries]
    for member, limit in zip(members, limits, strict=True):
        member.limit = limit
    options.advance([pack], [max(limits)], entries[0].pack)
    pack.together.finish()
    return None if any(m.epoch != m.limit or m.dropped for m in members) else pack
