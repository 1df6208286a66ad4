"""Sharded rows as the X of a tabular estimator: the properties of its table, learned from all shards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...artefact.read_rows import ReadRows
from ...common import clock
from ...training.sharded import KnownRows, Request
from .. import sharded
from .recipe import FRACTION
from .table import Table, template
from .target_kinds import ONE_VALUE

if TYPE_CHECKING:
    from ...data.arrays import Array
    from ...network.network import Network
    from ...training.sharded import Sharded
    from ...training.targets import Targets
    from .parameters import TabularParameters
    from .target_kinds import TargetKind


def check(model: TabularParameters, y: Any, sample_weight: Any, groups: Any) -> None:
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


def read_shards(
    model: TabularParameters,
    rows: Sharded,
    targets_of: Callable[[Array], Targets],
    kind_of: Callable[[Array, Array | None, Array | None], TargetKind],
    *,
    classifies: bool,
    holds_out: bool,
    deadline: float,
) -> Table:
    """Return the table of a fit: a sample of the rows, and properties that were learned from all of them.

    Parameters
    ----------
    model : TabularParameters
        Estimator, with checked parameters.
    rows : Sharded
        Rows.
    targets_of : callable
        Function of an y with all labels, or some values, that returns their encoding.
    kind_of : callable
        Function of the y of a sample, the classes and their numbers of rows that returns the kind of y.
    classifies : bool
        Whether y has classes.
    holds_out : bool
        Whether a part of the rows is held out for validation.
    deadline : float
        Time of `perf_counter` at which learning ends with an error.
    """
    encodes = model.categorical_features is not None
    request = Request(
        configuration=template(model, encodes, classifies=classifies)._configuration,
        seed=0,
        make_targets=targets_of,
    )
    learned = clock.run_until(deadline, rows.learn, request)
    sample: Any = learned.sample
    kind, n_all = kind_of(learned.sample_y, learned.targets.classes, learned.counts), sum(learned.n_rows)
    if kind.name == ONE_VALUE and len(learned.sample_y) < n_all:
        kind = replace(kind, name="values", reason="numbers, equal in a sample of the rows")
    fraction = (model._given("validation_fraction") or FRACTION) if holds_out else None
    return Table(
        read=ReadRows(learned.inputs, sample),
        y=learned.sample_y,
        weights=None,
        groups=None,
        used=None,
        n_given=n_all,
        marks=(),
        kind=kind,
        encodes=encodes,
        sparse=not isinstance(sample, np.ndarray) and learned.inputs.encoder is None,
        n_all=n_all,
        trained=rows.trained(learned, fraction),
    )


def rows_for(network: Network, rows: Sharded, table: Table) -> KnownRows:
    """Return the rows for networks that scale them as this one does."""
    read = table.rows_for(network)
    return KnownRows(rows, read.inputs.replace(seen=read.inputs.new_seen()), read.targets)
