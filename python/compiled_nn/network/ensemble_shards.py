"""Preparation of a call of fit of an ensemble on sharded rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..spec.configuration import check_proximal
from ..training.batches import Data
from ..training.member_rows import set_objectives
from ..training.sharded import LearnedRows, Request, refuse_y
from ..training.targets import read_validation_data, targets_with_classes
from ..training.trainer import new_generator
from ..training.validation import Validation
from .ensemble_data import EnsembleData

if TYPE_CHECKING:
    from ..training.ensemble_plan import EnsemblePlan
    from ..training.sharded import Learned, Sharded
    from ..training.together import Together
    from .ensemble_data import EnsemblePreparation


def prepare(
    ensemble: EnsemblePreparation, X: Sharded, y: Any, plan: EnsemblePlan
) -> tuple[Together, EnsembleData]:
    """Prepare members and rows for a plan. If this raises an error, the ensemble is unchanged.

    Parameters
    ----------
    ensemble : Ensemble
        Ensemble.
    X : Sharded
        Rows.
    y : None
        Its value in the call of fit, which is refused unless it is None.
    plan : EnsemblePlan
        Parameters of fit.
    """
    p = plan.plan
    _check(ensemble, y, plan)
    for network in ensemble._networks:
        check_proximal(network._configuration)
        X.check_plan(p, network._configuration)
    learned = X.learn(_request(ensemble, plan))
    read = _data(ensemble, X, learned, plan)
    members = ensemble._new_members(learned.inputs, learned.statistics)
    set_objectives(members, read.weights, read.masks, read.held_out, ensemble._n_threads)
    rng = new_generator(ensemble._seed)
    together, batches = X.members(members, rng, learned, p)
    ensemble._begin_members(together, Data(learned.sample, None, batches), read, plan, resume=False)  # type: ignore[arg-type]
    return together, read


def _check(ensemble: EnsemblePreparation, y: Any, plan: EnsemblePlan) -> None:
    """Raise ValueError for arguments that cannot be used with sharded rows."""
    refuse_y(y)
    way = plan.validation
    if way is not None and not (isinstance(way, str) and way == "random"):
        name = repr(way) if isinstance(way, str) else "an array"
        raise ValueError(
            f"validation is {name}, but X is ShardedRows, whose validation rows are the same for all members. Pass"
            " validation='random' or None, or validation_data."
        )
    if plan.refit:
        raise ValueError(
            "refit=True cannot be used where X is ShardedRows: it trains on the validation rows as well, which are not"
            " on the workers. Leave it out."
        )
    if ensemble._shared:
        raise ValueError(
            "shared_weights=True cannot be used where X is ShardedRows: shared weights are trained by one process."
            " Leave it out."
        )
    if plan.plan.resume and ensemble._kept:
        raise ValueError(
            "warm_start=True cannot be used where X is ShardedRows: an ensemble starts from its initial weights."
            " Leave it out."
        )


def _request(ensemble: EnsemblePreparation, plan: EnsemblePlan) -> Request:
    c, p = ensemble._configuration, plan.plan
    targets = None
    if p.classes is not None:
        targets = targets_with_classes(None, c.loss, c.n_outputs, p.classes)
    return Request(
        configuration=c,
        seed=int(np.random.SeedSequence(ensemble._seed).generate_state(1)[0]),
        targets=targets,
        n_columns=ensemble._n_columns(),
        class_weight=p.class_weight,
        validation_fraction=None if plan.validation is None else plan.fraction,
        statistics=c.scaling is not None,
        bins=c.bins is not None,
    )


def _data(ensemble: EnsemblePreparation, X: Sharded, learned: Learned, plan: EnsemblePlan) -> EnsembleData:
    held_out, given = learned.held_out, plan.plan.validation_data
    if given is not None:
        c = ensemble._configuration
        held_out = Validation(*read_validation_data(c, given, learned.inputs, learned.targets))
    rows = LearnedRows(X, learned)
    return EnsembleData(learned.inputs, rows, None, learned.targets, None, None, None, held_out)
