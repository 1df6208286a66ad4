"""Parameters of fit, and of networks, that cannot be used with sharded rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..training import lbfgs

if TYPE_CHECKING:
    from ..spec.configuration import Configuration
    from ..training.plan import Plan


def check_plan(mode: str, plan: Plan, configuration: Configuration) -> None:
    """Raise ValueError if a parameter of fit, or of the network, cannot be used with sharded rows.

    Parameters
    ----------
    mode : {"synchronous", "averaging"}
        Mode of the sharded rows.
    plan : Plan
        Parameters of fit.
    configuration : Configuration
        Parameters of the network.
    """
    if plan.sample_weight is not None:
        raise ValueError(
            "sample_weight is given, but X is ShardedRows. Pass the weights of a part in it, as (X, y, sample_weight)."
        )
    for name in ("n_batches", "validation_groups"):
        if getattr(plan, name) is not None:
            raise ValueError(
                f"{name} needs X and y in memory, but X is ShardedRows. Leave {name} out, or pass arrays."
            )
    if plan.gram is True:
        raise ValueError("gram=True needs X and y in memory, but X is ShardedRows. Leave gram out.")
    if configuration.optimizer.name == "lbfgs":
        lbfgs.check(plan, configuration, False)
        return
    if mode == "synchronous" and configuration.has_batch_norm:
        raise ValueError(
            'norm="batch" normalises over the rows of a batch, which mode="synchronous" divides among shards. Use'
            ' mode="averaging", or norm="layer".'
        )
    if mode == "synchronous" and plan.drop_last:
        raise ValueError(
            'drop_last=True has no effect with mode="synchronous", whose batches have the same size within an epoch.'
            " Leave drop_last out."
        )
