"""Training of candidates: those with the same inputs share each pass over the rows, and the worse half is dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import Parameter, signature
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.arrays import Array
from ..estimators.adoption import MemberNetwork
from ..network.ensemble import Ensemble
from ..network.ensemble_results import kept
from ..training import member_rows
from ..training.advancing import advance
from ..training.ensemble_plan import make_ensemble_plan
from ..training.history import append_epochs
from .options import Options
from .subjects import Candidate, described

if TYPE_CHECKING:
    from ..artefact.inputs import Inputs
    from ..common.protocols import History
    from ..network.ensemble_data import EnsembleData
    from ..network.network import Network
    from ..preprocessing.standardization import Statistics
    from ..training.ensemble_plan import EnsemblePlan
    from ..training.member import Member
    from ..training.targets import Targets
    from ..training.together import Together

_COLUMNS = ("loss", "penalty", "learning_rate")  # columns of a history without validation
FIT_DEFAULTS = {
    name: each.default
    for name, each in signature(Ensemble.fit).parameters.items()
    if each.kind is Parameter.KEYWORD_ONLY and name != "map"
}


class Runner:
    """Networks of one or several candidates in training.

    Attributes
    ----------
    options : Options
        Data and options.
    size : int
        Number of networks of each candidate.
    epochs : int
        Number of epochs.
    seconds : ndarray (n_candidates,)
        Time of training that each candidate has taken.
    together : Together
        The networks.
    read : EnsembleData
        Data of the networks.
    history : dict of lists
        Means over the networks in training, for each epoch.
    is_ensemble : bool
        Whether the networks of a candidate are an ensemble, which is left if one of them diverges.
    """

    options: Options
    size: int
    epochs: int
    seconds: Array
    together: Together
    read: EnsembleData
    history: History
    is_ensemble = False

    def advance(self, last: int) -> None:
        """Train until the epoch `last`, the deadline, or until no candidate is trained further."""
        for call in advance(self.together, last, self.options.deadline):
            indices = [member.index for member in call.members]
            self.record(call.columns, dict(zip(indices, call.seconds.tolist(), strict=True)))

    def record(self, columns: History, seconds: Mapping[int, float]) -> None:
        """Record epochs: their columns in the history, and the time of training by index of the member."""
        append_epochs(self.history, columns)
        for index, time in seconds.items():
            self.seconds[index // self.size] += time

    def stop_reason(self, epoch: int, epochs: int) -> str:
        """Return why training has ended after an epoch, of a number of planned ones."""
        if perf_counter() >= self.options.deadline:
            return "time_limit"
        return "max_iter" if epoch >= epochs else "early_stopping"

    def members_of(self, place: int) -> list[Member]:
        """Return the members of the candidate at a place."""
        return self.together.members[place * self.size : (place + 1) * self.size]


class Pack(Runner, Ensemble):
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
        own: dict[str, Any] = {"validation": None, "patience": None}
        if validates:
            own = {
                "validation": o.validation,
                "validation_fraction": o.validation_fraction,
                "validation_groups": o.validation_groups,
                "validation_data": o.validation_data,
                "n_folds": self.size if self.size > 1 and isinstance(o.validation, str) else None,
                "monitor": o.monitor,
            }
        given = {"sample_weight": o.sample_weight} | self.fit_options | own
        self.plan = make_ensemble_plan(
            n_members=len(self._networks), combine="mean", gram=False, **FIT_DEFAULTS | given
        )
        rows, targets = o.rows(self._configuration), self.candidates[0].targets
        if targets is not None and targets.has_one_class:
            rows = rows.replace(targets=targets)
        together, self.read = self._prepare(rows, o.y, self.plan)
        together.warns = False
        if validates:
            self._set_targets(together)
        self.together: Together = together

    def _set_targets(self, together: Together) -> None:
        """Set the values at which the training of candidates ends."""
        columns = *_COLUMNS, *dict.fromkeys(("val_loss", self.options.monitor))
        for member in together.members:
            candidate = self.candidates[member.index // self.size]
            member.target = candidate.target
            if member.target is not None and member.target.monitor.column not in columns:
                raise ValueError(
                    f"{described(candidate.index, candidate.params)}: target monitors"
                    f" {member.target.monitor.column!r}, but a search with monitor={self.options.monitor!r} has the"
                    f" columns {', '.join(map(repr, columns))}."
                )

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

    def _new_members(self, inputs: Inputs, statistics: Statistics | None) -> list[Member]:
        members = super()._new_members(inputs, statistics)
        for member in members:
            member.penalty_per_row = isinstance(self._networks[member.index], MemberNetwork)
        return members

    def network(self, member: Member) -> Network:
        """Return the network of a member, with the weights that it has kept."""
        net = self._network(kept([member], [1.0])[0])
        net.epochs_planned_ = self.epochs if member.limit is None else member.limit
        net.stop_reason_ = (
            "target" if member.has_ended else self.stop_reason(member.epoch, net.epochs_planned_)
        )
        return net
