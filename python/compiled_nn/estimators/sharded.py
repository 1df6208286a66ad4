"""Sharded rows as the X of an estimator: what is learned from all shards determines its network."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from numpy.random import RandomState

from ..common import clock
from ..spec.configuration import configure
from ..training.plan import Plan
from ..training.sharded import LearnedRows, Request, refuse_y
from .parameters import STOCHASTIC

if TYPE_CHECKING:
    from ..spec.configuration import Configuration
    from ..training.sharded import Learned, Sharded
    from .creation import Creation


def check(model: Creation, rows: Sharded, y: Any, sample_weight: Any, groups: Any, *, partial: bool) -> None:
    """Raise ValueError for arguments and parameters that cannot be used with sharded rows."""
    if partial:
        raise ValueError(
            "partial_fit takes X and y in memory, but X is ShardedRows. Use fit with warm_start=True, which"
            " continues from the present weights."
        )
    check_arguments(y, sample_weight, groups)
    if model.solver not in STOCHASTIC:
        raise ValueError(
            f"solver={model.solver!r} needs X and y in memory, but X is ShardedRows. Use solver='adam' or 'sgd'."
        )
    plan = Plan(epochs=1, batch_size=1, shuffle=model.shuffle, drop_last=bool(model.drop_last))
    rows.check_plan(plan, _template(model))


def check_arguments(y: Any, sample_weight: Any, groups: Any) -> None:
    """Raise ValueError for an argument of fit that the parts of sharded rows have, or that they cannot have."""
    refuse_y(y)
    if sample_weight is not None:
        raise ValueError(
            "sample_weight is given, but X is ShardedRows. Pass the weights of a part in it, as (X, y, sample_weight)."
        )
    if groups is not None:
        raise ValueError(
            "validation_groups needs X and y in memory, but X is ShardedRows. Pass validation_data in its place."
        )


def learn(
    model: Creation, rows: Sharded, random: RandomState, fraction: float | None, deadline: float
) -> LearnedRows:
    """Return the rows with what was learned from all shards; create or change the network of the estimator.

    Parameters
    ----------
    model : Creation
        Estimator.
    rows : Sharded
        Rows.
    random : RandomState
        Generator of the initial weights.
    fraction : float or None
        Fraction of the rows of each part that is held out; None for no rows.
    deadline : float
        Time of `perf_counter` at which learning ends with an error.
    """
    resume = hasattr(model, "network_") and bool(model.warm_start)
    net = model.network_ if resume else None
    c = _template(model) if net is None else net._configuration
    request = Request(
        configuration=c,
        seed=_seed_of_split(random),
        inputs=None if net is None else net.inputs,
        targets=None if net is None else net._known_targets(),
        class_weight=model._weight_options(None).get("class_weight"),
        validation_fraction=fraction,
        statistics=c.scaling is not None and (net is None or net._lacks_statistics(net._fitted())),
        bins=c.bins is not None and net is None,
        make_targets=model._make_targets,
    )
    learned: Learned = clock.run_until(deadline, rows.learn, request)
    if net is not None:
        if learned.counts is not None:
            model._check_new_targets(learned.targets.classes[learned.counts > 0], False)  # type: ignore[index]
        model._apply_parameters(random)
        return LearnedRows(rows, learned)
    inputs = learned.inputs
    model._create_for(
        inputs.n_columns,
        learned.targets,
        random,
        encoder=inputs.encoder,
        names=inputs.names,
        shape=inputs.shape,
        bins=inputs.bins,
        seen=inputs.seen,
    )
    model.network_.inputs.set_in(model.network_._fitted(), learned.statistics)
    return LearnedRows(rows, learned)


def _template(model: Creation) -> Configuration:
    """Return a configuration that reads X and y as the network does, before the number of outputs is known."""
    loss = model._loss_of(several=False)
    layers = model._layers(loss.n_outputs(2 if loss.classifies else 1))
    return configure(layers, loss, optimizer=model._optimizer(), **model._network_options())


def _seed_of_split(random: RandomState) -> int:
    """Return a seed for the validation rows; the initial weights stay those of a fit without them."""
    return int(copy.deepcopy(random).randint(1 << 31))
