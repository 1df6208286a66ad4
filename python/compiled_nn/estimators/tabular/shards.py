"""Sharded rows as the X of a tabular estimator: the properties of its table, learned from all shards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...artefact.read_rows import ReadRows
from ...common import clock
from ...training.sharded import KnownRows, Request
from .. import sharded
from .recipe import FRACTION
from .table import Table, template

if TYPE_CHECKING:
    from ...network.network import Network
    from ...training.sharded import Sharded
    from .base import TabularBase


def check(model: TabularBase, y: Any, sample_weight: Any, groups: Any) -> None:
    """Raise ValueError for arguments and parameters that cannot be used with sharded rows."""
    sharded.check_arguments(y, sample_weight, groups)
    stated = {
        "shared_weights=True": (model.shared_weights, "shared weights are trained by one process"),
        "refit=True": (model.refit, "it trains on the validation rows as well, which are not on the workers"),
        "validation='folds'": (model.validation == "folds", "all members validate the same rows"),
    }
    for name, (is_given, reason) in stated.items():
        if is_given:
            raise ValueError(f"{name} cannot be used where X is ShardedRows: {reason}. Leave it out.")


def read_shards(model: TabularBase, rows: Sharded, *, holds_out: bool, deadline: float) -> Table:
    """Return the table of a fit: a sample of the rows, and properties that were learned from all of them.

    Parameters
    ----------
    model : TabularBase
        Estimator, with checked parameters.
    rows : Sharded
        Rows.
    holds_out : bool
        Whether a part of the rows is held out for validation.
    deadline : float
        Time of `perf_counter` at which learning ends with an error.
    """
    encodes = model.categorical_features is not None
    request = Request(
        configuration=template(model, encodes, classifies=model._kind == "classifier")._configuration,
        seed=0,
        make_targets=model._targets_of,
    )
    learned = clock.run_until(deadline, rows.learn, request)
    sample: Any = learned.sample
    fraction = (model._given("validation_fraction") or FRACTION) if holds_out else None
    return Table(
        read=ReadRows(learned.inputs, sample),
        y=learned.sample_y,
        weights=None,
        groups=None,
        used=None,
        n_given=sum(learned.n_rows),
        marks=(),
        kind=model._kind_of_counts(learned.sample_y, learned.targets.classes, learned.counts),
        encodes=encodes,
        sparse=not isinstance(sample, np.ndarray) and learned.inputs.encoder is None,
        n_all=sum(learned.n_rows),
        longest=rows.longest(learned, fraction),
    )


def rows_for(network: Network, rows: Sharded, table: Table) -> KnownRows:
    """Return the rows for networks that scale them as this one does."""
    read = table.rows_for(network)
    return KnownRows(rows, read.inputs.replace(seen=read.inputs.new_seen()), read.targets)
