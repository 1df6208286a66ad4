"""Ensemble of the best candidates of a search."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING

import numpy as np

from ..common.errors import CompiledNNWarning, warn
from ..network.ensemble import Ensemble
from ..network.ensemble_results import results
from .comparison import Entry, members_on_all
from .options import Options
from .packs import Pack

if TYPE_CHECKING:
    from ..training.ensemble_plan import Combination


def ensemble_of(
    entries: Sequence[Entry],
    best: Entry,
    options: Options,
    n_kept: int,
    combine: Combination,
    refit: bool,
) -> Ensemble:
    """Return an ensemble of the best candidates.

    Parameters
    ----------
    entries : sequence of Entry
        Candidates after training.
    best : Entry
        Best candidate; those trained in another pass than it are left out, because their inputs or batches differ.
    options : Options
        Data and options.
    n_kept : int
        Number of candidates to keep.
    combine : {"mean", "greedy"}
        How they are combined.
    refit : bool
        Whether they are trained again on all rows; not with folds, whose networks are all kept.
    """
    pack = best.pack
    assert isinstance(pack, Pack)
    usable = [
        entry
        for entry in entries
        if entry.pack is pack and entry.dropped_after is None and entry.value < math.inf
    ]
    chosen = sorted(usable, key=lambda entry: entry.value)[:n_kept]
    part, size = copy(pack.together), pack.size
    part.members = [copy(member) for entry in chosen for member in entry.members]
    for index, member in enumerate(part.members):
        member.index = index
    networks = [entry.candidate.network for entry in chosen for _ in range(size)]
    ensemble = Ensemble(networks, combine=combine, seed=options.seed, n_threads=pack.n_threads)
    found = results(part, pack.plan, greedy=combine == "greedy", calibrated=True, n_threads=pack.n_threads)
    kept = found.members
    if refit and size == 1 and options.validation_data is None:
        again = members_on_all(chosen, options)
        if again is None:
            warn(
                "time_limit has passed, or training has diverged, while the best candidates were trained again on all"
                " rows (refit=True). The ensemble has the networks as they were compared.",
                CompiledNNWarning,
            )
        else:
            kept = tuple(each._replace(stack=again[each.place].kept) for each in kept)
    masks = None if pack._masks is None else np.tile(pack._masks, (len(chosen), 1))
    ensemble._begin_with(
        _inputs=pack._inputs,
        _outputs=pack._outputs,
        _kept=kept,
        _weights=found.weights,
        _oof=found.oof,
        _marks=found.marks,
        _masks=masks,
        _together=None,
        history={name: list(column) for name, column in pack.history.items()},
    )
    ensemble.stop_reason_, ensemble.epochs_planned_ = "max_iter", pack.epochs
    return ensemble
